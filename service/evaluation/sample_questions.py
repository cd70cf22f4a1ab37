"""The questions about the bundled sample: what is said of each, and whether it keeps the rules of notes and replies."""

import re
from collections.abc import Sequence
from typing import Literal

import msgspec

from indexer.parsing import parse_ticket
from indexer.sample import QUESTIONS, SAMPLE
from indexer.ticket import Ticket
from service.drafting.extractive import extractive_draft
from service.drafting.languages import reply_language
from service.drafting.note import agent_note
from service.drafting.precedents import select_precedents
from service.evaluation.result import AskedQuestion
from service.results import Draft, Neighbour, Note, PriorityDecision

__all__ = ["Question", "faults", "is_sample", "judge", "questions"]

_SHOWN = 3
_NOTE = re.compile(r"Issue: .+\n\nPriority: .+\n\n(?:What resolved \[|Resolution: )", re.DOTALL)
_MONTH = "January|February|March|April|May|June|July|August|September|October|November|December"
_DATE = re.compile(
    rf"\b\d{{1,2}} (?:{_MONTH})\b|\b(?:{_MONTH}) \d{{1,2}}\b|(?<![\d:.])[0-2]?\d:[0-5]\d(?!\d)|\b\d{{4}}-\d\d-\d\d\b"
)
_AMOUNT = re.compile(r"[$€£] ?\d|\b\d[\d.,]* ?(?:USD|EUR|GBP)\b")
_PROBABILITY = re.compile(r"\b(?:probabilit|priorit|similarit|relevance)\w*|\b0\.\d\d\b", re.IGNORECASE)
_CUSTOMER = "customer:"
"""Begins the sample's tags that name a customer."""


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a customer writes; of one about the sample also the right label and acceptable precedents."""

    text: str
    kind: Literal["about the sample", "out of scope", "hostile"]
    subject: str | None = None
    priority: str | None = None
    precedents: tuple[str, ...] = ()

    def ticket(self) -> Ticket:
        """Return it as a ticket that is asked about."""
        said = {"subject": self.subject, "body": self.text} if self.subject else {"text": self.text}
        return parse_ticket({"id": "question", **said})


def questions() -> tuple[Question, ...]:
    """Return all of them."""
    decode = msgspec.json.Decoder(Question).decode
    return tuple(decode(line) for line in QUESTIONS.read_text(encoding="utf-8").splitlines())


def is_sample(tickets: Sequence[Ticket]) -> bool:
    """Whether these are the sample's tickets, all and no others."""
    ids = {str(msgspec.json.decode(line)["id"]) for line in SAMPLE.read_bytes().splitlines()}
    return {ticket.id for ticket in tickets} == ids


def judge(question: Question, decision: PriorityDecision, neighbours: Sequence[Neighbour]) -> AskedQuestion:
    """Write note and reply, and look for what neither may have."""
    text = question.ticket().text
    note = agent_note(text, decision, neighbours)
    precedents = select_precedents(neighbours)
    language, _ = reply_language(text)
    reply = (
        extractive_draft(text, precedents, degraded="no model is asked", language=language)
        if precedents
        else None
    )
    return AskedQuestion(
        kind=question.kind,
        text=question.text,
        precedents=tuple(one.id for one in neighbours[:_SHOWN]),
        wanted=question.precedents,
        label=decision.label,
        wanted_label=question.priority,
        reply=_steps(reply),
        faults=faults(text, note, reply, neighbours),
    )


def _steps(reply: Draft | None) -> str:
    return " ".join(one.text for one in reply.sentences if one.citations) if reply else ""


def faults(text: str, note: Note, reply: Draft | None, neighbours: Sequence[Neighbour]) -> tuple[str, ...]:
    """Say what is wrong: a part of the note that is missing, and what a reply must not have of other tickets."""
    faults = [] if _NOTE.match(note.text) else ["the note lacks a part"]
    steps = _steps(reply)
    own = (
        re.sub("\N{LEFT DOUBLE QUOTATION MARK}.*?\N{RIGHT DOUBLE QUOTATION MARK}", "", reply.text)
        if reply
        else ""
    )
    # An id of one digit cannot be told from a number of the resolution.
    ids = (one.id for one in neighbours if len(one.id) > 1 and one.id not in text)
    names = (
        tag.removeprefix(_CUSTOMER) for one in neighbours for tag in one.tags if tag.startswith(_CUSTOMER)
    )
    for what, found in (
        ("an id", any(re.search(rf"\b{re.escape(one)}\b", own) for one in ids)),
        ("a probability or a priority", _PROBABILITY.search(own)),
        ("a date of another ticket", _DATE.search(steps)),
        ("an amount of another ticket", _AMOUNT.search(steps)),
        (
            "a name of another ticket",
            any(name in steps.casefold() for name in names if name not in text.casefold()),
        ),
    ):
        if found:
            faults.append(f"the reply has {what}")
    return tuple(faults)
