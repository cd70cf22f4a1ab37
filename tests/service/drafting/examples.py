"""Neighbours and decisions as the stages before the draft hand them over."""

from typing import Literal

from service.results import Neighbour, PriorityDecision

__all__ = ["HIGH", "TICKET", "neighbour", "priority"]

TICKET = "API keys rotated this morning and now all requests return 401 Unauthorized."


def neighbour(
    id: str = "5",  # noqa: A002 (the record's own field name)
    *,
    text: str = "Every call answers 401 after the key rotation.",
    label: str | None = "high",
    resolution: str | None = "Restart the gateway so that it reads the new key.",
    similarity: float = 0.71,
    above_floor: bool = True,
) -> Neighbour:
    """Make a neighbour that supports a draft, unless told otherwise."""
    return Neighbour(
        id=id,
        text=text,
        priority=label,
        resolution=resolution,
        similarity=similarity,
        relevance=similarity,
        score=similarity,
        why="similar text",
        above_floor=above_floor,
    )


def priority(
    label: str | None = "high",
    *,
    confidence: float = 0.83,
    decision: Literal["automatic", "review"] = "automatic",
) -> PriorityDecision:
    """Make a decision of the forest."""
    probabilities = {} if label is None else {label: confidence}
    return PriorityDecision(
        label=label, confidence=confidence, probabilities=probabilities, decision=decision
    )


HIGH = priority()
