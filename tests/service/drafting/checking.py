"""Answers of a model as they are checked in tests."""

from indexer.grounding.sentences import SentenceSplitter
from service.drafting.checked_reply import CheckedReply
from service.drafting.house_style import HouseStyle
from tests.service.drafting.examples import CLOSING, GREETING, TICKET, neighbour

__all__ = ["GIVEN", "body_of", "check_reply"]

GIVEN = "Restart it. Wait then. Read the key."
"""The resolution of each precedent, unless told otherwise."""


def check_reply(
    answer: str,
    ids: tuple[str, ...] = ("5", "7"),
    *,
    given: str = GIVEN,
    size: int = 3,
    ticket: str = TICKET,
    policy: str = "",
) -> CheckedReply:
    """Return what is left of an answer that comes in pieces of ``size`` characters."""
    reply = CheckedReply(ticket, [neighbour(i, resolution=given) for i in ids], HouseStyle(policy=policy))
    splitter = SentenceSplitter()
    shown = "".join(
        reply.add(sentence)
        for at in range(0, len(answer), size)
        for sentence in splitter.feed(answer[at : at + size])
    )
    shown += reply.add(splitter.flush())
    assert not shown or shown + CLOSING == reply.text
    return reply


def body_of(reply: CheckedReply) -> str:
    """Return a reply without its greeting and sign-off."""
    return reply.text.removeprefix(GREETING).removesuffix(CLOSING)
