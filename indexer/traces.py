"""Traces of tickets in files: pieces of bytes that no other ticket has, and where they are found."""

import contextlib
import hashlib
import json
import mmap
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np

from indexer.embedding import Matrix
from indexer.errors import PrecedentError
from indexer.ticket import Ticket

__all__ = ["File", "Traces", "scan", "traces_of"]

_PIECE = 32  # characters
_SHORTEST = 12  # bytes; what is shorter may stand anywhere by chance
_PIECES = 6
_RUN = 12  # components of a vector
_DISTINCT = 4
_CHUNK = 2**22  # components looked at together
_ULPS = 2e-6  # by which Chroma's unit vectors differ from ours, at most
_ALIKE = 1e-4


class Traces(msgspec.Struct, kw_only=True):
    """What to look for: bytes by kind (``text``, ``resolution``, ``id``, ``vector``), and vectors of unit length.

    ``unmarked`` names what cannot be told apart from what stays, and why.
    """

    pieces: dict[str, list[bytes]] = {}
    vectors: list[bytes] = []
    """float32, little-endian."""
    unmarked: list[str] = []
    skip: str = ""
    """Name of the file that holds these traces themselves."""

    def join(self, other: "Traces") -> None:
        """Add what another one looks for."""
        for kind, pieces in other.pieces.items():
            self.pieces.setdefault(kind, []).extend(pieces)
        self.vectors.extend(other.vectors)
        self.unmarked.extend(other.unmarked)


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was read to its end, and how many different traces of each kind are in it."""

    name: str
    size: int
    sha256: str
    found: dict[str, int]


def traces_of(
    tickets: Sequence[Ticket],
    vectors: Iterable[Matrix],
    remaining: Iterable[Ticket],
    others: Iterable[Matrix],
) -> Traces:
    """Return what only these tickets leave in files.

    :param vectors: of their texts, one row for each, in any space.
    :param remaining: all tickets that stay.
    :param others: the vectors that stay, in matrices.
    """
    fields = {
        (ticket.id, kind): _pieces(value)
        for ticket in tickets
        for kind, value in (("text", ticket.text), ("resolution", ticket.resolution or ""))
    } | {(ticket.id, "id"): [ticket.id] for ticket in tickets}
    for ticket in remaining:
        whole = "\0".join((ticket.id, ticket.text, ticket.resolution or "", *ticket.tags))
        for key, pieces in fields.items():
            fields[key] = [piece for piece in pieces if piece not in whole]
    traces = Traces()
    for (ticket_id, kind), pieces in fields.items():
        usable = [piece for piece in pieces if len(piece.encode()) >= _SHORTEST]
        for piece in usable:
            traces.pieces.setdefault(kind, []).extend(_coded(piece))
        if not usable and kind == "text":
            traces.unmarked.append(
                f"the text of {ticket_id!r} is too short to be told apart, or stands in a ticket that stays"
            )
    own = _unlike(list(vectors), others)
    for vector in own:
        traces.pieces.setdefault("vector", []).extend(_runs(vector))
    traces.vectors = [_unit(vector).tobytes() for vector in own]
    return traces


def scan(folder: Path, traces: Traces) -> list[File]:
    """Read every file under the folder, other than ``traces.skip``, and return what is in it.

    A child process reads. To close a file that SQLite has open in the same process ends SQLite's locks on it
    (POSIX advisory locks are so), and then another process may remove the write-ahead log under a living connection.

    :raises PrecedentError: the files cannot be read.
    """
    child = subprocess.run(  # noqa: S603 (our own interpreter and module)
        [sys.executable, "-m", "indexer.traces", str(folder.resolve())],
        input=msgspec.json.encode(traces), capture_output=True, check=False, cwd=Path(__file__).parent.parent,
    )  # fmt: skip
    if child.returncode:
        words = child.stderr.decode(errors="replace").strip().splitlines()
        msg = (
            f"the files in {folder} could not be read: {words[-1] if words else f'status {child.returncode}'}"
        )
        raise PrecedentError(msg)
    return msgspec.json.decode(child.stdout, type=list[File])


def _read_all(folder: Path, traces: Traces) -> list[File]:
    files = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.name != traces.skip):
        with contextlib.suppress(FileNotFoundError):  # it vanished meanwhile
            files.append(_read(path, path.relative_to(folder), traces))
    return files


def _read(path: Path, name: Path, traces: Traces) -> File:
    with path.open("rb") as file:
        size = path.stat().st_size
        if size == 0:
            return File(name=str(name), size=0, sha256=hashlib.sha256().hexdigest(), found={})
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            found = {
                kind: sum(content.find(piece) >= 0 for piece in pieces)
                for kind, pieces in traces.pieces.items()
            }
            near = sum(_holds(content, np.frombuffer(vector, "<f4")) for vector in traces.vectors)
            found["vector"] = found.get("vector", 0) + near
            digest = hashlib.sha256(content).hexdigest()
    return File(name=str(name), size=size, sha256=digest, found={k: n for k, n in found.items() if n})


def _holds(content: mmap.mmap, unit: Matrix) -> bool:
    """Tell whether the vector stands there in unit length, as Chroma's index keeps it, rounded in its own way."""
    place = int(np.argmax(np.abs(unit)))
    for offset in range(4):
        count = (len(content) - offset) // 4
        for start in range(0, count - len(unit) + 1, _CHUNK):
            stop = min(count, start + _CHUNK + len(unit))
            # Copied: a view would keep the file mapped.
            values = np.frombuffer(content[offset + 4 * start : offset + 4 * stop], "<f4")
            with np.errstate(invalid="ignore"):
                (hits,) = np.nonzero(np.abs(values - unit[place]) <= _ULPS)
            for hit in hits - place:
                if (
                    hit >= 0
                    and np.allclose(values[hit : hit + len(unit)], unit, rtol=0, atol=_ULPS)
                    and (hit + len(unit) <= len(values))
                ):
                    return True
    return False


def _pieces(text: str) -> list[str]:
    if len(text) <= _PIECE:
        return [text]
    starts = np.linspace(0, len(text) - _PIECE, _PIECES).astype(int)
    return [text[start : start + _PIECE] for start in dict.fromkeys(starts.tolist())]


def _coded(piece: str) -> list[bytes]:
    """Return the piece as plain text and as JSON writes it, escaped to ASCII or not."""
    forms = (piece, msgspec.json.encode(piece).decode()[1:-1], json.dumps(piece)[1:-1])
    return [form.encode() for form in dict.fromkeys(forms)]


def _runs(vector: Matrix) -> Iterator[bytes]:
    for start in range(0, len(vector), _RUN):
        run = vector[start : start + _RUN]
        if len(run) >= _DISTINCT and len(np.unique(run[run != 0])) >= _DISTINCT:
            yield run.astype("<f4").tobytes()


def _unlike(vectors: list[Matrix], others: Iterable[Matrix]) -> list[Matrix]:
    """Return the vectors that none of the others is as good as equal to."""
    left = vectors
    for matrix in others:
        left = [
            vector
            for vector in left
            if matrix.shape[1] != len(vector) or not (np.abs(matrix - vector).max(axis=1) < _ALIKE).any()
        ]
    return left


def _unit(vector: Matrix) -> Matrix:
    unit: Matrix = (vector / np.linalg.norm(vector)).astype("<f4")
    return unit


if __name__ == "__main__":
    found = _read_all(Path(sys.argv[1]), msgspec.json.decode(sys.stdin.buffer.read(), type=Traces))
    sys.stdout.buffer.write(msgspec.json.encode(found))
