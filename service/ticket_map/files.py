"""The map as it is kept and sent, and its file, beside the forests: what is made of tickets is erased with them there.

A map has columns of equal length, so that thousands of points are small.
"""

import io
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
from numpy.lib.npyio import NpzFile

from indexer.durable import write_durably
from indexer.embedding import Matrix
from indexer.ledger import Generation, Ledger
from service.doc import doc

__all__ = ["Cluster", "KeptMap", "MapField", "TicketMap", "find", "load", "map_path", "save"]

_SUFFIX = ".map"


class Cluster(msgspec.Struct, frozen=True, kw_only=True):
    """Points that lie together."""

    words: Annotated[tuple[str, ...], doc("that tell its tickets from the others, the most telling first")]
    points: int
    unresolved: Annotated[int, doc("of these, tickets without a resolution")]
    x: int
    y: int


class MapField(msgspec.Struct, frozen=True, kw_only=True):
    """A field of the points' tickets; of several values of one ticket the first."""

    values: Annotated[tuple[str, ...], doc("the most frequent first")]
    of: Annotated[tuple[int, ...], doc("the place in `values` of each point's, -1 for none or another")]


class TicketMap(msgspec.Struct, frozen=True, kw_only=True):
    """A sample of the stored tickets as points on a plane; texts that are alike lie near one another."""

    generation: str
    made_at: datetime
    tickets: Annotated[int, doc("that were stored when it was made")]
    ids: Annotated[tuple[str, ...], doc("of the points; the columns below are in this order")]
    x: Annotated[tuple[int, ...], doc("from 0 to 1,000")]
    y: Annotated[tuple[int, ...], doc("from 0 to 1,000, downwards")]
    label: Annotated[tuple[int, ...], doc("place in `labels`, -1 for none")]
    labels: tuple[str, ...]
    resolved: Annotated[tuple[int, ...], doc("1 for a ticket with a resolution, else 0")]
    cluster: Annotated[tuple[int, ...], doc("place in `clusters`")]
    clusters: Annotated[tuple[Cluster, ...], doc("the largest first")]
    fields: dict[str, MapField]


@dataclass(frozen=True, slots=True, eq=False)
class KeptMap:
    """A map with the vectors of its points, of unit length, shape (points, dimension)."""

    map: TicketMap
    vectors: Matrix


def map_path(data_dir: Path, ledger: Ledger, generation: Generation) -> Path:
    """Return the file of a map of the generation, made of the ledger as it is now; its folder is made."""
    folder = data_dir / "forests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{generation.name}-{ledger.id}-{ledger.revision()}{_SUFFIX}"


def find(data_dir: Path, ledger: Ledger, generation: Generation) -> Path | None:
    """Return the newest map of this generation of this ledger that is not of a later state of it."""
    name, revision = f"{generation.name}-{ledger.id}-", ledger.revision()
    numbers = {
        int(path.stem.removeprefix(name)): path
        for path in (data_dir / "forests").glob(f"{name}*{_SUFFIX}")
        if path.stem.removeprefix(name).isdecimal()
    }
    return numbers[max(fitting)] if (fitting := [one for one in numbers if one <= revision]) else None


def save(path: Path, made: TicketMap, vectors: Matrix) -> None:
    """Write the map to a file instead of all others; whoever reads at that moment sees the old file or the new one."""
    content = io.BytesIO()
    np.savez(
        content,
        allow_pickle=False,
        map=np.frombuffer(msgspec.json.encode(made), np.uint8),
        vectors=vectors.astype(np.float16),
    )
    write_durably(path, content.getvalue())
    for other in path.parent.glob(f"*{_SUFFIX}"):
        if other != path:
            other.unlink(missing_ok=True)


def load(path: Path) -> KeptMap | None:
    """Read a map that `save` wrote; ``None`` if the file is gone, damaged, or of another release."""
    try:
        with path.open("rb") as file, NpzFile(file, allow_pickle=False) as stored:
            made = msgspec.json.decode(stored["map"].tobytes(), type=TicketMap)
            vectors = stored["vectors"].astype(np.float32)
    # A damaged file raises whatever zipfile and NumPy find in it.
    except Exception:  # noqa: BLE001
        return None
    return KeptMap(made, vectors) if len(vectors) == len(made.ids) else None
