"""The bundled sample: resolved tickets of Ferrywharf, an invented hosting platform."""

from pathlib import Path

__all__ = ["QUESTIONS", "SAMPLE"]

SAMPLE = Path(__file__).with_name("tickets.jsonl")
"""JSONL, one ticket a line."""

QUESTIONS = Path(__file__).with_name("questions.jsonl")
"""Questions about it, others that are out of its scope, and hostile ones: JSONL, one a line."""
