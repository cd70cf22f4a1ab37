"""The draft stage: the model's reply where its sentences are supported, one made without a model where not."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from indexer.errors import ProviderError
from indexer.rate_limiter import RateLimiter
from indexer.redaction import Redactor
from indexer.ticket import shorten
from service.breaker import Breaker
from service.drafting.answer import FORMAT, AnswerReader, Claim
from service.drafting.chat import ChatCall
from service.drafting.checked_reply import CheckedReply
from service.drafting.extractive import extractive_draft
from service.drafting.precedents import TICKET_CHARACTERS, select_precedents, why_none
from service.drafting.prompt import ask_again, build_messages
from service.drafting.sentences import EndlessTextError
from service.drafting.wording import CLOSING
from service.provider_words import said_of
from service.results import Draft, Neighbour

if TYPE_CHECKING:
    import openai
    from openai.types.chat import ChatCompletionMessageParam

__all__ = ["DraftResult", "Drafter"]

_log = logging.getLogger(__name__)

_BREAKS_OFF = frozenset({"unreachable", "server_error", "unusable_answer"})  # once an answer has begun


class DraftResult(msgspec.Struct, frozen=True, kw_only=True):
    """A finished draft, and what it took; tokens as the provider reported them, 0 where it did not."""

    draft: Draft
    chat_requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    model: str | None = None
    """Who wrote the draft, where a model did."""
    cuts: dict[str, int] = {}
    """How many of the model's sentences were left out, by what was wrong with them."""


@dataclass(slots=True)
class _Asked:
    """What was asked of the provider for one draft, and what it answered last."""

    model: str
    calls: list[ChatCall] = field(default_factory=list)
    answer: str = ""
    well_formed: bool = False

    def result(self, draft: Draft, cuts: dict[str, int]) -> DraftResult:
        return DraftResult(
            draft=draft,
            model=self.model if draft.source == "llm" else None,
            cuts=cuts,
            chat_requests=sum(call.requests for call in self.calls),
            prompt_tokens=sum(call.prompt_tokens for call in self.calls),
            completion_tokens=sum(call.completion_tokens for call in self.calls),
        )


class Drafter:
    """Drafts replies. It never fails: what keeps the model from answering is told in ``degraded``."""

    def __init__(
        self,
        client: "openai.AsyncOpenAI | None",
        *,
        model: str,
        timeout: float,
        limiter: RateLimiter | None = None,
        policy: str = "",
        redact: bool = False,
    ) -> None:
        """Make a drafter.

        :param client: of the provider, ``None`` where none is configured; whoever opened it closes it. Few
            repetitions suit it (``max_retries`` 0 or 1), since a draft has a fallback and a person waits for it.
        :param timeout: seconds for one draft, repetitions included.
        :param limiter: the process's own, if the provider has limits.
        :param redact: whether secrets and personal data are replaced in what is sent.
        :param policy: what the team itself states and allows to promise, beside its resolutions.
        """
        self._client = client
        self._model = model
        self._timeout = timeout
        self._limiter = limiter
        self._policy = policy
        self._redact = redact
        self._takes_format = True
        self.breaker = Breaker("chat")

    async def draft(
        self, text: str, neighbours: Sequence[Neighbour]
    ) -> AsyncGenerator[str | DraftResult, None]:
        """Yield pieces of the reply that may be shown at once, each checked, and at last the result.

        The result alone is authoritative: when the answer breaks off, or nothing of it rests on a resolution, the draft
        is the one made without a model, which is not streamed and replaces the pieces that were shown. Whoever does
        not stream takes the last item. Closing the generator early ends the request to the provider.

        Without a precedent the model is not asked, the text is empty, and ``grounded`` is false: there is nothing
        that such a draft rests on, so that who sends grounded drafts only never sends an empty one.
        """
        precedents = select_precedents(neighbours)
        if not precedents:
            nothing = Draft(
                text="", citations=(), source="none", grounded=False, degraded=why_none(neighbours)
            )
            yield DraftResult(draft=nothing)
            return
        if self._client is None:
            yield DraftResult(
                draft=extractive_draft(
                    text, precedents, degraded="no provider key is set", policy=self._policy
                )
            )
            return
        asked = _Asked(self._model)
        reply = CheckedReply(shorten(text, TICKET_CHARACTERS), precedents, self._policy)
        redactor = Redactor()
        sent = _redacted(redactor, text, precedents) if self._redact else (text, precedents)
        endless = None
        try:
            async with contextlib.aclosing(
                self._claims(self._client, asked, build_messages(*sent), reply)
            ) as claims:
                async for claim in claims:
                    if shown := reply.add(redactor.restore(claim.text), claim.ids):
                        yield shown
                    await asyncio.sleep(
                        0
                    )  # many sentences may come at once: others have their turn between them
            failure = _unsupported(reply, answered=bool(asked.answer.strip()))
        except EndlessTextError as error:
            endless = f"{error}: it was ended there"
            failure = _unsupported(reply, answered=True, endless=endless)
            _log.warning("the request to %s was ended: %s", self._model, error)
        except ProviderError as error:
            failure = self._reason(error, begun=asked.calls[-1].begun)
            _log.warning("the reply is made without a model, because the model's draft failed: %s", error)
        else:
            if failure:
                _log.warning("the reply is made without a model, because %s", failure)
        if failure:
            draft = extractive_draft(text, precedents, degraded=failure, policy=self._policy)
            yield asked.result(draft, reply.cuts)
        else:
            yield CLOSING
            yield asked.result(_draft(reply, endless or _cut_short(asked.calls[-1])), reply.cuts)

    async def _claims(
        self,
        client: "openai.AsyncOpenAI",
        asked: _Asked,
        messages: "Sequence[ChatCompletionMessageParam]",
        reply: CheckedReply,
    ) -> AsyncGenerator[Claim, None]:
        """Yield the sentences of the model's answer; of a second one where the first has no form and no use."""
        until = asyncio.get_running_loop().time() + self._timeout
        async with contextlib.aclosing(self._answer(client, asked, messages, until)) as claims:
            async for claim in claims:
                yield claim
        if reply.citations or asked.well_formed or not asked.answer.strip():
            return
        again = ask_again(messages, asked.answer)
        async with contextlib.aclosing(self._answer(client, asked, again, until)) as claims:
            async for claim in claims:
                yield claim

    async def _answer(
        self,
        client: "openai.AsyncOpenAI",
        asked: _Asked,
        messages: "Sequence[ChatCompletionMessageParam]",
        until: float,
    ) -> AsyncGenerator[Claim, None]:
        """Ask once; a server that refuses to be asked for a form is asked without, now and from now on."""
        formats = (FORMAT, None) if self._takes_format else (None,)
        for answer_format in formats:
            left = max(0.0, until - asyncio.get_running_loop().time())
            call = ChatCall(
                client, model=self._model, timeout=left, limiter=self._limiter, breaker=self.breaker
            )
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
            return f"the provider did not answer within {self._timeout:g} s"
        kind = "broken_off" if begun and error.kind in _BREAKS_OFF else error.kind
        return said_of(kind)


def _redacted(
    redactor: Redactor, text: str, precedents: Sequence[Neighbour]
) -> tuple[str, Sequence[Neighbour]]:
    return redactor.redact(text[: 2 * TICKET_CHARACTERS]), [
        msgspec.structs.replace(
            n, text=redactor.redact(n.text), resolution=redactor.redact(n.resolution or "")
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


def _cut_short(call: ChatCall) -> str | None:
    if call.finish_reason != "length":
        return None
    return "the answer reached its length limit, its end is missing"


def _draft(reply: CheckedReply, incomplete: str | None) -> Draft:
    return Draft(
        text=reply.text,
        citations=reply.citations,
        source="llm",
        grounded=True,
        sentences=reply.sentences,
        degraded="; ".join(filter(None, (reply.left_out, incomplete))) or None,
    )
