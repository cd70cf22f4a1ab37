"""The file of a map, beside the forests: what is made of tickets is erased with them there."""

import io
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.lib.npyio import NpzFile

from indexer.durable import write_durably
from indexer.embedding import Matrix
from indexer.ledger import Generation, Ledger
from service.ticket_map.result import TicketMap

__all__ = ["KeptMap", "find", "load", "map_path", "save"]

_SUFFIX = ".map"


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
