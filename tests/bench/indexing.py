"""Indexing with vectors that the ledger has, against bare Chroma upserts of the same rows."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from indexer.embedding.choose import open_embedder
from indexer.knowledge.index import HNSW
from indexer.knowledge.knowledge import Knowledge
from indexer.rejections import Rejections
from indexer.sources import SourceRecord
from indexer.sync import sync
from indexer.ticket import Ticket, text_hash
from tests.bench.world import make_settings, make_tickets, make_vectors, store_vectors

_ROWS = 10_000
_BATCH = 250


def run(folder: Path) -> None:
    """Indexing rate with precomputed vectors against bare Chroma upserts (goal: at least 0.8)."""
    tickets, vectors = make_tickets(_ROWS), make_vectors(_ROWS)
    bare = _bare(folder / "bare", tickets, vectors)
    ours = _ours(folder / "ours", tickets, vectors)
    print(
        f"{_ROWS:,} x {vectors.shape[1]}: bare upserts {bare:,.0f} rows/s, sync {ours:,.0f} rows/s, ratio {ours / bare:.2f}"
    )


def _bare(folder: Path, tickets: list[Ticket], vectors: object) -> float:
    knowledge = Knowledge(make_settings(folder))
    knowledge.prepare()
    client = knowledge.index._client  # noqa: SLF001 (the same client, without our code)
    collection = client.create_collection("bare", configuration={"hnsw": HNSW}, embedding_function=None)
    began = time.perf_counter()
    for start in range(0, len(tickets), _BATCH):
        page = tickets[start : start + _BATCH]
        collection.upsert(
            ids=[t.id for t in page],
            embeddings=vectors[start : start + _BATCH],  # type: ignore[index]
            documents=[t.text for t in page],
            metadatas=[
                {"priority": t.priority, "resolution": t.resolution, "text_hash": text_hash(t.text)}
                for t in page
            ],
        )
    rate = len(tickets) / (time.perf_counter() - began)
    knowledge.close()
    return rate


def _ours(folder: Path, tickets: list[Ticket], vectors: object) -> float:
    settings = make_settings(folder)
    knowledge = Knowledge(settings)
    knowledge.prepare()
    store_vectors(knowledge, tickets, vectors)  # type: ignore[arg-type]
    rejections = Rejections(folder / "bench.rejected.jsonl", print)
    began = time.perf_counter()
    report = asyncio.run(sync(knowledge, open_embedder(settings, retries=0), _records(tickets), rejections))
    rate = len(tickets) / (time.perf_counter() - began)
    rejections.close()
    assert (report.added, report.embedding_requests) == (len(tickets), 0), report
    knowledge.close()
    return rate


def _records(tickets: list[Ticket]) -> Iterator[SourceRecord]:
    for number, ticket in enumerate(tickets, 1):
        raw = msgspec.json.encode(ticket)
        yield SourceRecord(place=f"line {number}", value=msgspec.json.decode(raw), raw=raw.decode())
