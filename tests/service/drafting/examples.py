"""Neighbours and decisions as the stages before the draft hand them over."""

from typing import Literal

from service.drafting.languages import ENGLISH, LANGUAGES
from service.results import Neighbour, PriorityDecision

__all__ = ["CLOSING", "GREETING", "HIGH", "TICKET", "TICKETS", "neighbour", "priority"]

GREETING, CLOSING = LANGUAGES[ENGLISH].frame.opening, LANGUAGES[ENGLISH].frame.closing

TICKET = "API keys rotated this morning and now all requests return 401 Unauthorized."

TICKETS = {
    "en": "Since this morning every call to your interface is rejected with 401.",
    "de": "Seit heute Morgen wird jeder Aufruf eurer Schnittstelle mit 401 abgelehnt.",
    "fr": "Depuis ce matin, tous nos appels à votre interface sont refusés avec 401.",
    "es": "Desde esta mañana todas nuestras llamadas a su interfaz son rechazadas con 401.",
    "it": "Da questa mattina tutte le chiamate alla vostra interfaccia vengono rifiutate con 401.",
    "pt": "Desde esta manhã todas as nossas chamadas à vossa interface são recusadas com 401.",
    "nl": "Sinds vanochtend worden al onze aanroepen van jullie interface geweigerd met 401.",
}
"""The same in each language in which replies are checked."""


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
