"""Tickets, vectors and settings that the benchmarks share."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from indexer.chroma.server import LocalServer
from indexer.embedding import Matrix
from indexer.ledger import Space
from indexer.settings import Settings
from indexer.store import Store
from indexer.ticket import RECIPE, Ticket, text_hash

DIMENSION = 384
MODEL = "bench"
LABELS = ("low", "medium", "high", "urgent")


def make_settings(folder: Path, api_base: str = "http://127.0.0.1:9/v1") -> Settings:
    """Return settings with a data directory of their own and the model of the generated vectors."""
    return Settings(data_dir=folder, api_base=api_base, embedding_model=MODEL, embedder="hosted")


@contextlib.contextmanager
def opened(settings: Settings) -> Iterator[Store]:
    """Open what the settings name while the block runs, and leave no server behind."""
    store = Store(settings)
    try:
        store.prepare()
        yield store
    finally:
        store.close()
        LocalServer(settings.data_dir).stop()


def make_tickets(count: int) -> list[Ticket]:
    """Return tickets of about 500 characters, every second with a resolution."""
    rng = np.random.default_rng(1)
    words = [
        "server",
        "login",
        "invoice",
        "webhook",
        "timeout",
        "export",
        "deploy",
        "cache",
        "token",
        "mobile",
    ]
    return [
        Ticket(
            id=str(number),
            text=f"ticket {number}: " + " ".join(rng.choice(words, 70)),
            priority=LABELS[number % len(LABELS)],
            resolution="Raised the pool size and restarted the workers. " * 3 if number % 2 else None,
        )
        for number in range(count)
    ]


def make_vectors(count: int, dimension: int = DIMENSION) -> Matrix:
    """Return unit vectors around a hundred centres, as real texts lie."""
    rng = np.random.default_rng(2)
    centres = rng.normal(size=(100, dimension))
    rows = centres[rng.integers(0, 100, count)] + rng.normal(size=(count, dimension))
    unit: Matrix = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


def store_vectors(store: Store, tickets: Sequence[Ticket], vectors: Matrix) -> Space:
    """Store the vectors in the ledger, as if they had been paid for before."""
    space = Space("hosted", MODEL, vectors.shape[1], RECIPE)
    for start in range(0, len(tickets), 1_000):
        page = tickets[start : start + 1_000]
        store.vectors.store(space, [text_hash(t.text) for t in page], vectors[start : start + 1_000])
    return space
