"""Renaming files so that the new name survives a power failure."""

import os
from pathlib import Path

__all__ = ["replace_durably"]


def replace_durably(written: Path, file: Path) -> None:
    """Give a file, whose content is on disk, its final name, and have the folder's entry on disk too."""
    written.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
