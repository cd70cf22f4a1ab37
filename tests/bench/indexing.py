"""Indexing with vectors that the ledger has, against bare Chroma upserts of the same rows."""

import asyncio
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from indexer.chroma.index import HNSW
from indexer.embedding import Matrix
from indexer.embedding.choose import open_embedder
from indexer.rejections import Rejections
from indexer.sources import SourceRecord
from indexer.sync import Run, sync
from indexer.ticket import Ticket, text_hash
from tests.bench.world import make_settings, make_tickets, make_vectors, opened, store_vectors
from tests.indexer.making import client_of

_ROUNDS = 5
_ROWS = 4_000
_BATCH = 250


def run(folder: Path) -> None:
    """Indexing rate with precomputed vectors against bare Chroma upserts (goal: at least 0.8)."""
    tickets, vectors = make_tickets(_ROWS), make_vectors(_ROWS)
    # In turns, so that whatever else the machine does falls on both.
    rounds = [
        (_bare(folder / f"bare{turn}", tickets, vectors), _ours(folder / f"ours{turn}", tickets, vectors))
        for turn in range(_ROUNDS)
    ]
    bare, ours = (statistics.median(rates) for rates in zip(*rounds, strict=True))
    print(
        f"{_ROUNDS} x {_ROWS:,} x {vectors.shape[1]}: bare upserts {bare:,.0f} rows/s, sync {ours:,.0f} rows/s, "
        f"ratio {statistics.median(mine / theirs for theirs, mine in rounds):.2f} "
        f"({', '.join(f'{mine / theirs:.2f}' for theirs, mine in rounds)})"
    )


def _bare(folder: Path, tickets: list[Ticket], vectors: Matrix) -> float:
    with opened(make_settings(folder)) as store:
        client = client_of(store)  # the same client, without our code
        collection = client.create_collection("bare", configuration={"hnsw": HNSW}, embedding_function=None)
        began = time.perf_counter()
        for start in range(0, len(tickets), _BATCH):
            page = tickets[start : start + _BATCH]
            collection.upsert(
                ids=[t.id for t in page],
                embeddings=vectors[start : start + _BATCH],
                documents=[t.text for t in page],
                metadatas=[
                    {"priority": t.priority, "resolution": t.resolution, "text_hash": text_hash(t.text)}
                    for t in page
                ],
            )
        return len(tickets) / (time.perf_counter() - began)


def _ours(folder: Path, tickets: list[Ticket], vectors: Matrix) -> float:
    settings = make_settings(folder)
    with opened(settings) as store:
        store_vectors(store, tickets, vectors)
        with Rejections(folder / "bench.rejected.jsonl", print) as rejections:
            embedder = open_embedder(settings, retries=0)  # never asked; loading the SDK takes a second
            began = time.perf_counter()
            report = asyncio.run(sync(Run(store, embedder, rejections), _records(tickets)))
            rate = len(tickets) / (time.perf_counter() - began)
        assert (report.added, report.embedding_requests) == (len(tickets), 0), report
        return rate


def _records(tickets: list[Ticket]) -> Iterator[SourceRecord]:
    for number, ticket in enumerate(tickets, 1):
        raw = msgspec.json.encode(ticket)
        yield SourceRecord(place=f"line {number}", value=msgspec.json.decode(raw), raw=raw.decode())
