"""The search for remains of erased tickets: byte sequences that no other ticket has, and the files that hold them."""

import contextlib
import hashlib
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from indexer.embedding import Matrix
from indexer.errors import PrecedentError
from indexer.searching import PieceSearch, VectorSearch

__all__ = ["File", "Known", "Traces", "scan", "traces_of"]

_LONG = ("text", "resolution", "reply")  # looked for in pieces
_PIECE = 32  # characters
_SHORTEST = 12  # bytes; what is shorter may stand anywhere by chance
_PIECES = 6
_RUN = 12  # components of a vector
_DISTINCT = 4
_BLOCK = 2**22  # bytes searched together
_ULPS = 2e-6  # by which Chroma's unit vectors differ from ours, at most
_ALIKE = 1e-4


@dataclass(frozen=True, slots=True)
class Known:
    """Something known of a ticket that is to be forgotten: its ``text``, ``resolution``, ``id``, ``hash`` or a ``reply``."""

    ticket_id: str
    kind: str
    value: str


class Traces(msgspec.Struct, kw_only=True):
    """What to look for: bytes by kind (those of `Known`, and ``vector``), and vectors of unit length.

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

    def leave_out(self, words: Iterable[str]) -> bool:
        """Take out what a customer may have said too and stands in these words, coded in any way; tell whether anything did.

        Ids, hashes, resolutions and vectors are nothing that a customer says: they stay looked for.
        """
        coded = (form.decode() for some in words for form in _coded(some))
        pieces = [(kind, piece) for kind in ("text", "reply") for piece in self.pieces.get(kind, ())]
        staying = _in_words([piece for _, piece in pieces], coded)
        for number in staying:
            kind, piece = pieces[number]
            self.pieces[kind].remove(piece)
        if staying:
            self.unmarked.append("words of them were said again meanwhile, by who is not forgotten")
        return bool(staying)


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was read to its end, and how many different traces of each kind are in it."""

    name: str
    size: int
    sha256: str
    found: dict[str, int]


def traces_of(
    known: Sequence[Known], vectors: Iterable[Matrix], remaining: Iterable[str], others: Iterable[Matrix]
) -> Traces:
    """Return what only these tickets leave in files.

    :param known: of all of them.
    :param vectors: of their texts, each of shape (dimension,), in any space.
    :param remaining: the words of everything that stays.
    :param others: the vectors that stay, in matrices.
    """
    pieces = [
        (one, piece)
        for one in known
        for piece in (_pieces(one.value) if one.kind in _LONG else [one.value])
        if len(piece.encode()) >= _SHORTEST
    ]
    staying = _in_words([piece.encode() for _, piece in pieces], remaining)
    traces = Traces()
    marked = set()
    for number, (one, piece) in enumerate(pieces):
        if number not in staying:
            traces.pieces.setdefault(one.kind, []).extend(_coded(piece))
            marked.add((one.ticket_id, one.kind))
    traces.unmarked = [
        f"the text of {one.ticket_id!r} is too short to be told apart, or stands in a ticket that stays"
        for one in known
        if one.kind == "text" and (one.ticket_id, one.kind) not in marked
    ]
    own = _unlike([vector for vector in vectors if np.count_nonzero(vector) >= _DISTINCT], others)
    for vector in own:
        traces.pieces.setdefault("vector", []).extend(_runs(vector))
    traces.vectors = [_units(vector[None])[0].tobytes() for vector in own]
    return traces


def _in_words(pieces: Sequence[bytes], words: Iterable[str]) -> set[int]:
    """Return the numbers of the pieces that stand in any of the words."""
    search, found = PieceSearch(pieces), set[int]()
    block = bytearray()
    for some in words:
        block += some.encode() + b"\0"
        if len(block) > _BLOCK:
            search.find(bytes(block), found)
            block.clear()
    search.find(bytes(block), found)
    return found


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
    kinds = [kind for kind, of_kind in traces.pieces.items() for _ in of_kind]
    pieces = PieceSearch([piece for of_kind in traces.pieces.values() for piece in of_kind])
    vectors = VectorSearch([np.frombuffer(vector, "<f4") for vector in traces.vectors], _ULPS)
    files = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.name != traces.skip):
        with contextlib.suppress(FileNotFoundError):  # it vanished meanwhile
            files.append(_read(path, path.relative_to(folder), kinds, pieces, vectors))
    return files


def _read(path: Path, name: Path, kinds: list[str], pieces: PieceSearch, vectors: VectorSearch) -> File:
    digest, size, shared = hashlib.sha256(), 0, b""
    found: set[int] = set()
    near: set[int] = set()
    overlap = max(pieces.overlap, vectors.overlap)
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            size += len(block)
            block = shared + block  # what two blocks share is searched with the later one
            pieces.find(block, found)
            vectors.find(block, near)
            shared = block[-overlap:] if overlap else b""
    counts = Counter(kinds[number] for number in found) + Counter(vector=len(near))
    return File(name=str(name), size=size, sha256=digest.hexdigest(), found=dict(counts))


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
    """Return the vectors whose direction is as good as that of none of the others."""
    search = VectorSearch([_units(vector[None])[0] for vector in vectors], _ALIKE)
    alike: set[int] = set()
    for matrix in others:
        search.find(_units(matrix).tobytes(), alike, offsets=1)
    return [vector for number, vector in enumerate(vectors) if number not in alike]


def _units(matrix: Matrix) -> Matrix:
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    units: Matrix = (matrix / np.where(lengths > 0, lengths, 1)).astype("<f4")
    return units


if __name__ == "__main__":
    found = _read_all(Path(sys.argv[1]), msgspec.json.decode(sys.stdin.buffer.read(), type=Traces))
    sys.stdout.buffer.write(msgspec.json.encode(found))
