"""A ticket to forget, and a search for it in every file by other means than the code under test."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from indexer.forget import Receipt, forget
from indexer.progress import no_progress
from indexer.settings import Settings
from indexer.store import Store
from indexer.ticket import Ticket
from tests.indexer.making import fill_store, make_tickets, prepared

__all__ = ["FEW", "MANY", "SECRET", "WORDS", "files_with", "forget_tickets", "holding", "near_vectors"]

SECRET = Ticket(
    id="customer-4711-ticket-98765",
    text='Grüße, my "card" 4929 1111 2222 ends\nin tears: the vault of Ignatius Featherstonehaugh will not open for me.',
    priority="high",
    resolution="Told Ignatius Featherstonehaugh the code of the vault again, by courier.",
    tags=("customer:featherstonehaugh",),
)
WORDS = (b"Featherstonehaugh", b"card", b"4929 1111 2222 ends", b"by courier", b"customer-4711-ticket-98765")
"""What stands in files for as long as it is there: words of its text and resolution, and its id."""
FEW = 40
MANY = 1_100
"""So many that Chroma has written its vectors to files, which it does after every thousand."""


@contextlib.contextmanager
def holding(settings: Settings, count: int) -> Iterator[Store]:
    """Open a store that has `SECRET` and that many other tickets."""
    with prepared(settings) as opened:
        fill_store(opened, [SECRET, *make_tickets(count)])
        yield opened


def forget_tickets(store: Store, settings: Settings, *ids: str) -> Receipt:
    """Forget the tickets, or go on with what is unfinished, and return the receipt."""
    return forget(store, settings.data_dir, ids, progress=no_progress)


def files_with(data_dir: Path, *pieces: bytes) -> dict[str, int]:
    """Search the files by other means than the code under test: grep."""
    found = {}
    for path in data_dir.rglob("*"):
        if path.is_file():
            count = sum(
                subprocess.run(
                    ["grep", "-q", "-a", "-F", "-e", piece.decode(), str(path)], check=False
                ).returncode == 0
                for piece in pieces
            )  # fmt: skip
            if count:
                found[path.name] = count
    return found


def near_vectors(data_dir: Path, vector: np.ndarray[tuple[int], np.dtype[np.float32]]) -> list[str]:
    """Find the vector in Chroma's own files, at any length: by its cosine with every aligned run of floats."""
    found = []
    for path in (data_dir / "index").rglob("*.bin"):
        with np.errstate(invalid="ignore"):  # what is no number there is none here
            values = np.frombuffer(path.read_bytes()[: path.stat().st_size // 4 * 4], "<f4").astype(
                np.float64
            )
        if len(values) < len(vector):
            continue
        runs = np.lib.stride_tricks.sliding_window_view(
            np.nan_to_num(values, posinf=0, neginf=0), len(vector)
        )
        with np.errstate(all="ignore"):
            cosines = runs @ vector / np.linalg.norm(runs, axis=1)
        if (cosines > 0.99999).any():
            found.append(path.name)
    return found
