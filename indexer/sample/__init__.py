"""The bundled sample: resolved tickets of Ferrywharf, an invented hosting platform."""

from pathlib import Path

__all__ = ["sample_path"]


def sample_path() -> Path:
    """Return the path of the sample, a JSONL file with one ticket a line."""
    return Path(__file__).with_name("tickets.jsonl")
