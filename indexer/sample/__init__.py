"""The bundled sample: resolved tickets of Ferrywharf, an invented hosting platform."""

from pathlib import Path

__all__ = ["SAMPLE"]

SAMPLE = Path(__file__).with_name("tickets.jsonl")
"""JSONL, one ticket a line."""
