"""Replacing files so that the new content survives a power failure."""

import os
from pathlib import Path

__all__ = ["replace_durably", "unfinished", "write_durably"]


def replace_durably(written: Path, file: Path) -> None:
    """Give a file, whose content is on disk, its final name, and have the folder's entry on disk too."""
    written.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_durably(file: Path, content: bytes) -> None:
    """Replace the content of a file as a whole: whoever reads it has the old one or the new one."""
    with unfinished(file).open("wb") as new:
        new.write(content)
        new.flush()
        os.fsync(new.fileno())
    replace_durably(unfinished(file), file)


def unfinished(file: Path) -> Path:
    """Return the file that `write_durably` leaves beside this one when it is killed."""
    return file.with_name(f"{file.name}.new")
