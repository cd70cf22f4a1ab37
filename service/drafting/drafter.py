"""The draft stage: the model's reply where it is grounded, an extract of the best precedent where not."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING

import msgspec

from indexer.errors import ProviderError
from indexer.rate_limiter import RateLimiter
from indexer.ticket import shorten
from service.drafting.chat import ChatCall
from service.drafting.extractive import extractive_draft
from service.drafting.grounding import GroundedText
from service.drafting.precedents import TICKET_CHARACTERS, select_precedents, why_none
from service.drafting.prompt import build_messages
from service.drafting.sentences import EndlessTextError, SentenceSplitter
from service.results import Draft, Neighbour

if TYPE_CHECKING:
    import openai
    from openai.types.chat import ChatCompletionMessageParam

__all__ = ["DraftResult", "Drafter"]

_log = logging.getLogger(__name__)

_REASONS = {
    "unreachable": "the provider cannot be reached",
    "unauthorized": "the provider refused the key",
    "rate_limited": "the provider asks for fewer requests",
    "over_limit": "the configured limit on requests to the provider is reached",
    "quota_exhausted": "the account at the provider is used up",
    "refused": "the provider refused the request",
    "unusable_answer": "the provider did not send a chat answer",
    "broken_off": "the provider's answer broke off",
    "filtered": "the provider's content filter stopped the answer",
}
_BREAKS_OFF = frozenset({"unreachable", "server_error", "unusable_answer"})  # once an answer has begun


class DraftResult(msgspec.Struct, frozen=True, kw_only=True):
    """A finished draft, and what it took; tokens as the provider reported them, 0 where it did not."""

    draft: Draft
    chat_requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Drafter:
    """Drafts replies. It never fails: what keeps the model from answering is told in ``degraded``."""

    def __init__(
        self,
        client: "openai.AsyncOpenAI | None",
        *,
        model: str,
        timeout: float,
        limiter: RateLimiter | None = None,
    ) -> None:
        """Make a drafter.

        :param client: of the provider, ``None`` where none is configured; whoever opened it closes it. Few
            repetitions suit it (``max_retries`` 0 or 1), since a draft has a fallback and a person waits for it.
        :param timeout: seconds for one draft, repetitions included.
        :param limiter: the process's own, if the provider has limits.
        """
        self._client = client
        self._model = model
        self._timeout = timeout
        self._limiter = limiter

    async def draft(
        self, text: str, neighbours: Sequence[Neighbour]
    ) -> AsyncGenerator[str | DraftResult, None]:
        """Yield pieces of the model's text that may be shown at once, each grounded, and at last the result.

        The result alone is authoritative: when the answer breaks off, or cites nothing in the end, the draft is the
        extractive one, which is not streamed and replaces the pieces that were shown. Whoever does not stream takes
        the last item. Closing the generator early ends the request to the provider.

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
            fallback = extractive_draft(text, precedents, degraded="no provider key is set")
            yield DraftResult(draft=fallback)
            return
        call = ChatCall(self._client, model=self._model, timeout=self._timeout, limiter=self._limiter)
        grounded = GroundedText(shorten(text, TICKET_CHARACTERS), precedents)
        endless = None
        try:
            async with contextlib.aclosing(_sentences(call, build_messages(text, precedents))) as sentences:
                async for sentence in sentences:
                    if shown := grounded.add(sentence):
                        yield shown
                    await asyncio.sleep(
                        0
                    )  # many sentences may come at once: others have their turn between them
            failure = _not_grounded(grounded)
        except EndlessTextError as error:
            endless = f"{error}: it was ended there"
            failure = _not_grounded(grounded, endless)
            _log.warning("the request to %s was ended: %s", self._model, error)
        except ProviderError as error:
            failure = self._reason(error, begun=call.begun)
            _log.warning("the best resolution is quoted, because the model's draft failed: %s", error)
        else:
            if failure:
                _log.warning("the best resolution is quoted, because %s", failure)
        yield DraftResult(
            draft=extractive_draft(text, precedents, degraded=failure)
            if failure
            else _draft(grounded, endless or _cut_short(call)),
            chat_requests=call.requests,
            prompt_tokens=call.prompt_tokens,
            completion_tokens=call.completion_tokens,
        )

    def _reason(self, error: ProviderError, *, begun: bool) -> str:
        """Say for a support lead, who does not run the service, what the log says for who does."""
        if error.kind == "timeout":
            return f"the provider did not answer within {self._timeout:g} s"
        kind = "broken_off" if begun and error.kind in _BREAKS_OFF else error.kind
        return _REASONS.get(kind, "the provider failed")


async def _sentences(
    call: ChatCall, messages: "Sequence[ChatCompletionMessageParam]"
) -> AsyncGenerator[str, None]:
    splitter = SentenceSplitter()
    async with contextlib.aclosing(call.pieces(messages)) as pieces:
        async for piece in pieces:
            for sentence in splitter.feed(piece):
                yield sentence
    rest = splitter.flush()
    if call.finish_reason != "length" or rest.rstrip().endswith((".", "!", "?")):
        yield rest


def _not_grounded(grounded: GroundedText, endless: str | None = None) -> str | None:
    """Say why the text cannot be the draft, if it cannot."""
    if grounded.citations:
        return None
    if grounded.left_out:
        return f"grounding failed: {grounded.left_out}, and nothing else cites a ticket"
    if endless:
        return endless
    return (
        "grounding failed: the model cited no ticket"
        if grounded.text
        else "the provider sent an empty answer"
    )


def _cut_short(call: ChatCall) -> str | None:
    if call.finish_reason != "length":
        return None
    return "the answer reached its length limit, its end is missing"


def _draft(grounded: GroundedText, incomplete: str | None) -> Draft:
    return Draft(
        text=grounded.text,
        citations=grounded.citations,
        source="llm",
        grounded=True,
        uncited=grounded.uncited,
        degraded="; ".join(filter(None, (grounded.left_out, incomplete))) or None,
    )
