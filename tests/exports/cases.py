"""Tickets that are not yet in any tool's shape, and what is stored of them in every one."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

__all__ = ["Case", "common", "iso", "without_thread"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One ticket, whatever tool it is in. ``said`` is its conversation, the second message of which resolved it."""

    number: int
    subject: str
    paragraphs: tuple[str, ...]
    points: tuple[str, ...]
    apart: str | None
    """A quoted mail or a signature behind the message, in tools that keep mails as text."""
    said: tuple[tuple[str, datetime, str], ...]
    """Author, time and text of each message; ``note`` is an agent's that the customer does not see."""
    created: datetime
    resolved: datetime | None
    updated: datetime
    level: int
    """From 0, low, to 3, urgent."""
    tags: tuple[str, ...]
    team: str

    @property
    def plain(self) -> str:
        return "\n\n".join(
            [*self.paragraphs, *(["\n".join(f"- {point}" for point in self.points)] if self.points else [])]
        )

    @property
    def html(self) -> str:
        points = "".join(f"<li>{point}</li>" for point in self.points)
        return "".join(f"<p>{text}</p>" for text in self.paragraphs) + (
            f"<ul>{points}</ul>" if points else ""
        )

    @property
    def mail(self) -> str:
        return f"{self.plain}\n\n{self.apart}" if self.apart else self.plain

    @property
    def shown(self) -> list[tuple[str, datetime, str]]:
        return [message for message in self.said if message[0] != "note"]


def iso(at: datetime | None) -> str | None:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ") if at else None


def common(case: Case, *, mail: bool, by: str = "message 2 of the thread") -> dict[str, Any]:
    stored: dict[str, Any] = {
        "id": str(case.number), "text": f"{case.subject}\n\n{case.plain}", "subject": case.subject, "resolved_at": case.resolved,
        "created_at": case.created, "updated_at": case.updated, "tags": list(case.tags), "resolution": case.said[1][2],
        "resolution_from": by,
        "thread": [{"author": author, "at": at, "text": text} for author, at, text in case.shown],
    }  # fmt: skip
    return stored | ({"set_apart": case.apart} if mail and case.apart else {})


def without_thread(case: Case) -> dict[str, Any]:
    return {
        name: value
        for name, value in common(case, mail=True).items()
        if name not in {"resolution", "resolution_from", "thread"}
    }
