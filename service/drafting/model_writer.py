"""A draft by a model: asked, checked sentence by sentence, and asked once more where its answer is of no use."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from indexer.errors import ProviderError
from indexer.grounding.sentences import EndlessTextError
from indexer.redaction import Redactor
from indexer.ticket import shorten
from service.drafting.answer import FORMAT, AnswerReader, Claim
from service.drafting.chat import ChatCall, ChatProvider
from service.drafting.checked_reply import CheckedReply
from service.drafting.house_style import HouseStyle
from service.drafting.languages import ENGLISH, in_another, language_named, written_in
from service.drafting.precedents import (
    RESOLUTION_CHARACTERS,
    TEXT_CHARACTERS,
    TICKET_CHARACTERS,
    select_precedents,
)
from service.drafting.prompt import ask_again, build_messages
from service.provider_words import said_of
from service.results import Draft, Neighbour

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam

__all__ = ["ModelWriter", "Written"]

_log = logging.getLogger(__name__)
_CUT_SHORT = "the answer reached its length limit, its end is missing"
_BREAKS_OFF = frozenset({"unreachable", "server_error", "unusable_answer"})  # once an answer has begun


@dataclass(frozen=True, slots=True)
class Written:
    """What a model wrote: a draft, or why it is none, in words.

    :param kind: of the `ProviderError` that ended it, if one did.
    :param cuts: how many sentences were left out, by what was wrong with them.
    """

    draft: Draft | None
    failure: str
    kind: str | None
    cuts: dict[str, int]


@dataclass(slots=True)
class _Asked:
    """What was asked for one draft, and what was answered last."""

    model: str
    calls: list[ChatCall]
    answer: str = ""
    well_formed: bool = False


class ModelWriter:
    """Has models at the provider write drafts."""

    def __init__(self, provider: ChatProvider, *, style: HouseStyle, redact: bool) -> None:
        """Make one.

        :param provider: its timeout is that of one draft, however often it is asked for.
        :param redact: as of `Drafter`.
        """
        self._provider = provider
        self._style = style
        self._redact = redact
        self._takes_format = True

    async def write(
        self,
        model: str,
        text: str,
        neighbours: Sequence[Neighbour],
        calls: list[ChatCall],
        language: str = ENGLISH,
    ) -> AsyncGenerator[str | Written, None]:
        """Yield pieces that may be shown, each checked, and at last what was written.

        :param neighbours: those of them that `select_precedents` returns are what the draft rests on, at least one.
        :param calls: gets each request that is made.
        :param language: of the reply, one of `LANGUAGES`.
        """
        asked = _Asked(model, calls)
        precedents = select_precedents(neighbours)
        reply = CheckedReply(shorten(text, TICKET_CHARACTERS), precedents, self._style, language=language)
        redactor = Redactor()
        sent = _redacted(redactor, text, neighbours, precedents) if self._redact else (text, precedents)
        endless = kind = None
        try:
            async with contextlib.aclosing(
                self._claims(asked, build_messages(*sent, self._style, language), reply)
            ) as claims:
                async for claim in claims:
                    if shown := reply.add(redactor.restore(claim.text), claim.ids):
                        yield shown
                    # Many sentences may come at once: others have their turn between them.
                    await asyncio.sleep(0)
            failure = _unsupported(reply, answered=bool(asked.answer.strip())) or _foreign(reply, language)
        except EndlessTextError as error:
            endless = f"{error}: it was ended there"
            failure = _unsupported(reply, answered=True, endless=endless)
            _log.warning("the request to %s was ended: %s", model, error)
        except ProviderError as error:
            failure, kind = self._reason(error, begun=calls[-1].begun), error.kind
            # That the breaker is open is logged when it opens, not for each answer.
            level = {"circuit_open": logging.DEBUG, "over_limit": logging.INFO}.get(kind, logging.WARNING)
            _log.log(level, "the model's draft failed: %s", error)
        else:
            if failure:
                _log.warning("the model's draft is not used, because %s", failure)
        if failure:
            yield Written(None, failure, kind, reply.cuts)
        else:
            yield self._style.frame(language).closing
            incomplete = endless or (_CUT_SHORT if calls[-1].finish_reason == "length" else None)
            yield Written(_draft(reply, language, precedents, incomplete), "", None, reply.cuts)

    async def _claims(
        self,
        asked: _Asked,
        messages: "Sequence[ChatCompletionMessageParam]",
        reply: CheckedReply,
    ) -> AsyncGenerator[Claim, None]:
        """Yield the sentences of the model's answer; of a second one where the first has no form and no use."""
        until = asyncio.get_running_loop().time() + self._provider.timeout
        for _ in range(2):
            async with contextlib.aclosing(self._answer(asked, messages, until)) as claims:
                async for claim in claims:
                    yield claim
            if reply.citations or asked.well_formed or not asked.answer.strip():
                return
            messages = ask_again(messages, asked.answer)

    async def _answer(
        self,
        asked: _Asked,
        messages: "Sequence[ChatCompletionMessageParam]",
        until: float,
    ) -> AsyncGenerator[Claim, None]:
        """Ask once; a server that refuses to be asked for a form is asked without, now and from now on."""
        formats = (FORMAT, None) if self._takes_format else (None,)
        for answer_format in formats:
            left = max(0.0, until - asyncio.get_running_loop().time())
            call = ChatCall(self._provider._replace(timeout=left), model=asked.model)
            asked.calls.append(call)
            reader, asked.answer = AnswerReader(), ""
            try:
                async with contextlib.aclosing(call.pieces(messages, answer_format=answer_format)) as pieces:
                    async for piece in pieces:
                        asked.answer += piece
                        for claim in reader.feed(piece):
                            yield claim
            except ProviderError as error:
                if error.kind == "refused" and answer_format is not None:
                    continue
                raise
            finally:
                asked.well_formed = reader.well_formed
            self._takes_format = answer_format is not None
            for claim in reader.flush():
                if call.finish_reason != "length" or claim.text.rstrip().endswith((".", "!", "?")):
                    yield claim
            return

    def _reason(self, error: ProviderError, *, begun: bool) -> str:
        """Say for a support lead, who does not run the service, what the log says for who does."""
        if error.kind == "timeout":
            return f"the provider did not answer within {self._provider.timeout:g} s"
        kind = "broken_off" if begun and error.kind in _BREAKS_OFF else error.kind
        return said_of(kind)


def _redacted(
    redactor: Redactor, text: str, neighbours: Sequence[Neighbour], precedents: Sequence[Neighbour]
) -> tuple[str, Sequence[Neighbour]]:
    """Return the ticket and the precedents redacted before anything of them is cut: half of a secret is not known for one."""
    whole = {n.id: n for n in neighbours}
    return redactor.redact(text[: 2 * TICKET_CHARACTERS]), [
        msgspec.structs.replace(
            n,
            text=redactor.redact(whole[n.id].text[: 2 * TEXT_CHARACTERS]),
            resolution=redactor.redact((whole[n.id].resolution or "")[: 2 * RESOLUTION_CHARACTERS]),
        )
        for n in precedents
    ]


def _unsupported(reply: CheckedReply, *, answered: bool, endless: str | None = None) -> str | None:
    """Say why the text cannot be the draft, if it cannot."""
    if reply.citations:
        return None
    if reply.left_out:
        return f"grounding failed: {reply.left_out}, and nothing else rests on a ticket"
    if endless:
        return endless
    if reply.sentences:
        return "grounding failed: the model cited no ticket"
    return "the provider's answer had no sentence in it" if answered else "the provider sent an empty answer"


def _foreign(reply: CheckedReply, language: str) -> str | None:
    """Say that all sentences together, each too short to tell, are in another language, if they are."""
    if in_another(" ".join(sentence.text for sentence in reply.sentences), language):
        return f"the model did not write in {language_named(language)}"
    return None


def _draft(
    reply: CheckedReply, language: str, precedents: Sequence[Neighbour], incomplete: str | None
) -> Draft:
    unchecked = None
    if reply.across:
        theirs = sorted({language_named(written_in(n) or "") for n in precedents if n.id in reply.across})
        unchecked = (
            f"the reply is in {language_named(language)}, what it rests on in {' and '.join(theirs)}: its numbers, names, code and"
            " addresses were checked, its other words could not be"
        )
    return Draft(
        text=reply.text,
        citations=reply.citations,
        source="llm",
        grounded=not reply.across,
        sentences=reply.sentences,
        degraded="; ".join(filter(None, (reply.left_out, incomplete, unchecked))) or None,
        language=language,
    )
