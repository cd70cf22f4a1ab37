"""The body of a kept answer, as far as the ledger must know it: where it names tickets, and what it quotes of them.

A body is the JSON object of `service.kept_answer.AnswerBody`.
"""

from collections.abc import Container, Iterator, Sequence
from typing import Any

__all__ = ["Body", "tickets_in", "without", "words_in"]

Body = dict[str, Any]

_SAME = 0.9
"""Cosine from which on a question is taken for the text of the ticket itself, with a word more or less."""


def tickets_in(body: Body) -> set[str]:
    """Return the ids of all tickets that the body names."""
    named = [body["neighbours"], *(one["evidence"] for one in (body["priority"], *_others(body).values()))]
    return {one["id"] for part in named for one in part} | set(body["asked"]["exclude"])


def without(body: Body, gone: Container[str]) -> Body:
    """Return the body without these tickets: their ids, and each text that rests on one of them, whole.

    Of a question that is as good as the text of one of them no text stays. ``forgotten`` says that it was more.
    """
    if not any(ticket_id in gone for ticket_id in tickets_in(body)):
        return body
    asked = body["asked"]
    lost = [one["id"] for one in body["neighbours"] if one["id"] in gone]
    own = any(one["id"] in gone and one["similarity"] >= _SAME for one in body["neighbours"])
    return body | {
        "text": None if own else body["text"],
        "neighbours": [one for one in body["neighbours"] if one["id"] not in gone],
        "priority": _decision_without(body["priority"], gone, lost, own=own),
        "decisions": {
            field: _decision_without(one, gone, lost, own=own) for field, one in _others(body).items()
        },
        "asked": asked | {"exclude": [one for one in asked["exclude"] if one not in gone]},
        "note": _text_without(body["note"], gone, whole=own),
        "reply": _text_without(body["reply"], gone, whole=own),
        "forgotten": True,
    }


def words_in(body: Body) -> Iterator[str]:
    """Yield everything in words that the body holds."""
    for text in (body["text"], body["note"]["text"], body["reply"]["text"]):
        if text:
            yield text


def _others(body: Body) -> dict[str, Body]:
    """Return the decisions on other fields than the priority; bodies of before have none."""
    found: dict[str, Body] = body.get("decisions", {})
    return found


def _decision_without(decision: Body, gone: Container[str], lost: Sequence[str], *, own: bool) -> Body:
    evidence = [one for one in decision["evidence"] if one["id"] not in gone]
    # `why` names words of the question, and may name a neighbour.
    named = any(f"[{ticket_id}]" in (decision.get("why") or "") for ticket_id in lost)
    return decision | {"evidence": evidence} | ({"why": None} if own or named else {})


def _text_without(part: Body, gone: Container[str], *, whole: bool) -> Body:
    cited = [one for one in part["citations"] if one not in gone]
    if len(cited) == len(part["citations"]) and not whole:
        return part
    return part | {"text": "", "citations": cited} | ({"sentences": []} if "sentences" in part else {})
