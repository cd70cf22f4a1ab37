"""The requests in which tickets are written to Chroma."""

from collections.abc import Iterator, Sequence
from typing import Any

from indexer.embedding import Matrix
from indexer.ledger import IndexEntry

__all__ = ["metadata", "parts", "whole"]

_UPSERT_BYTES = 24 * 2**20  # Chroma refuses a request above 40 MiB
_FLOAT_BYTES = 24  # of one number in JSON, at most
_TEXT_WEIGHT = 10  # Chroma indexes every three letters of a text: about 0.3 MB/s, so that 2 MB take seconds


def metadata(entries: Sequence[IndexEntry]) -> list[dict[str, str | None]]:
    """Return what is stored beside the texts of entries that have a ticket each."""
    # Chroma merges metadata: a field that a ticket lost must be named to be removed.
    return [
        {
            "priority": entry.ticket.priority,
            "resolution": entry.ticket.resolution,
            "text_hash": entry.text_hash,
        }
        for entry in entries
        if entry.ticket
    ]


def whole(entries: Sequence[IndexEntry], vectors: Matrix) -> dict[str, Any]:
    """Return the rows of entries that have a ticket each; the matrix holds their vectors."""
    return {
        "ids": [entry.id for entry in entries],
        "embeddings": vectors[[entry.position for entry in entries]],
        "documents": [entry.ticket.text for entry in entries if entry.ticket],
        "metadatas": metadata(entries),
    }


def parts(entries: Sequence[IndexEntry], dimension: int) -> Iterator[list[IndexEntry]]:
    """Yield entries in as few requests as Chroma takes: long texts make a page of them too large."""
    part: list[IndexEntry] = []
    size = 0
    for entry in entries:
        fields = (entry.ticket.text, entry.ticket.resolution or "") if entry.ticket else ()
        more = dimension * _FLOAT_BYTES + _TEXT_WEIGHT * sum(len(field.encode()) for field in fields)
        if part and size + more > _UPSERT_BYTES:
            yield part
            part, size = [], 0
        part.append(entry)
        size += more
    if part:
        yield part
