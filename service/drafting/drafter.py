"""The draft stage: the best reply that is to be had, by a model or without one."""

import contextlib
import hashlib
import hmac
import logging
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from indexer.errors import PrecedentError
from indexer.ledger import Ledger, Spent
from indexer.rate_limiter import RateLimiter
from indexer.ticket import shorten
from indexer.writing import RunInThread
from service.breaker import Breaker
from service.drafting.chat import ChatCall, ChatProvider
from service.drafting.checked_reply import CheckedReply
from service.drafting.extractive import extractive_draft
from service.drafting.house_style import DEFAULTS, HouseStyle
from service.drafting.languages import reply_language
from service.drafting.model_writer import ModelWriter, Written
from service.drafting.precedents import TICKET_CHARACTERS, select_precedents, why_none
from service.drafting.prompt import version_of
from service.results import Draft, Neighbour, no_reply

if TYPE_CHECKING:
    import openai

__all__ = ["DraftResult", "Drafter", "KeptReplies"]

_log = logging.getLogger(__name__)
_OF_ONE_MODEL = frozenset({"over_limit", "rate_limited"})
"""Kinds of failure that another model at the provider may not have."""


class DraftResult(msgspec.Struct, frozen=True, kw_only=True):
    """A finished draft, and what it took."""

    draft: Draft
    model: str | None = None
    """Who wrote the draft, where a model did."""
    cuts: dict[str, int] = {}
    """How many of the model's sentences were left out, by what was wrong with them."""
    reply_key: str | None = None
    """By which the reply is found again, as of `KeptReplies`."""


@dataclass(frozen=True, slots=True)
class KeptReplies:
    """The model's replies in the kept answers, by a key; ``run`` runs what blocks."""

    ledger: Ledger
    run: RunInThread

    def key(
        self, text: str, precedents: Sequence[Neighbour], *, model: str, version: str, language: str
    ) -> str:
        """Return the key of a reply: the same for the same question, model, language, and versions of precedents.

        :param version: of the instructions and of what else the team says of replies.
        """
        rests_on = (text, [(one.id, one.revision) for one in precedents], model, version, language)
        secret = self.ledger.secret.encode()
        return hmac.new(secret, msgspec.json.encode(rests_on), hashlib.sha256).hexdigest()

    async def find(self, key: str) -> Draft | None:
        """Return the newest reply of that key that no agent rejected; ``kept_from`` names its answer.

        :raises PrecedentError: the ledger cannot be read.
        """
        found = await self.run(self.ledger.answers.reply, key)
        if found is None:
            return None
        return msgspec.convert({**found.body["reply"], "kept_from": found.id}, Draft)


class Drafter:
    """Drafts replies. It never fails: what keeps the model from answering is told in ``degraded``.

    Where the model cannot be asked, its earlier reply to the same question is given again, if nothing that it rests on
    has changed; else, where a limit is the reason, the smaller model is asked; else no model is.
    """

    def __init__(
        self,
        client: "openai.AsyncOpenAI | None",
        *,
        model: str,
        timeout: float,
        small_model: str | None = None,
        limiter: RateLimiter | None = None,
        style: HouseStyle = DEFAULTS,
        redact: bool = False,
        replies: KeptReplies | None = None,
        spend: Callable[[Spent], None] | None = None,
    ) -> None:
        """Make a drafter.

        :param client: of the provider, ``None`` where none is configured; whoever opened it closes it. Few
            repetitions suit it (``max_retries`` 0 or 1), since a draft has a fallback and a person waits for it.
        :param timeout: seconds for one draft, repetitions included.
        :param limiter: the process's own, if the provider has limits.
        :param redact: whether secrets and personal data are replaced in what is sent.
        :param replies: where earlier replies are found.
        :param spend: is told what each request took when it has ended, whether or not anybody still waits.
        """
        self._model = model
        self.style = style
        """What the team says of its replies."""
        self.version = version_of(style)
        """Of what the chat model is told, and of what else the team says of replies."""
        self._replies = replies
        self._spend = spend
        self.breaker = Breaker("chat")
        self._writers: list[tuple[str, ModelWriter]] = []
        if client is not None:
            provider = ChatProvider(client, timeout, limiter, self.breaker)
            writer = ModelWriter(provider, style=style, redact=redact)
            self._writers = [(name, writer) for name in (model, small_model) if name]

    async def draft(
        self, text: str, neighbours: Sequence[Neighbour], calls: list[ChatCall]
    ) -> AsyncGenerator[str | DraftResult, None]:
        """Yield pieces of the reply that may be shown at once, each checked, and at last the result.

        The result alone is authoritative: when the answer breaks off, or nothing of it rests on a resolution, the draft
        is the one made without a model, which is not streamed and replaces the pieces that were shown. Whoever does
        not stream takes the last item. Closing the generator early ends the request to the provider.

        Without a precedent the model is not asked, the text is empty, and ``grounded`` is false: there is nothing
        that such a draft rests on, so that who sends grounded drafts only never sends an empty one.

        :param calls: gets each chat request that is made, for who closes the generator early.
        """
        precedents = select_precedents(neighbours)
        language, other = reply_language(text, self.style.language)
        if not precedents:
            yield DraftResult(draft=no_reply(why_none(neighbours), language))
            return
        try:
            written = self._written(text, neighbours, calls, language)
            async with contextlib.aclosing(written) as pieces:
                async for piece in pieces:
                    if isinstance(piece, DraftResult) and other:
                        piece = msgspec.structs.replace(piece, draft=_because(piece.draft, [other]))  # noqa: PLW2901
                    yield piece
        finally:
            if self._spend is not None:
                for call in calls:
                    self._spend(call.spent)

    async def _written(
        self, text: str, neighbours: Sequence[Neighbour], calls: list[ChatCall], language: str
    ) -> AsyncGenerator[str | DraftResult, None]:
        precedents, key = select_precedents(neighbours), None
        if self._replies is not None:
            key = self._replies.key(
                text, precedents, model=self._model, version=self.version, language=language
            )
        why = [] if self._writers else ["no provider key is set"]
        last = Written(None, "", None, {})
        shown = False
        for model, writer in self._writers:
            async with contextlib.aclosing(writer.write(model, text, neighbours, calls, language)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, str):
                        shown = True
                        yield piece
                    else:
                        last = piece
            if last.draft is not None:
                draft = _because(last.draft, [*why, f"{model} wrote this instead"] if why else [])
                yield DraftResult(draft=draft, model=model, cuts=last.cuts, reply_key=None if why else key)
                return
            why.append(last.failure)
            is_first = last.kind and model == self._model
            if is_first and (kept := await self._kept(key, text, precedents, language)):
                kept = _because(kept, [*why, "this reply to the same question was written before"])
                yield DraftResult(draft=kept, model=self._model)
                return
            if last.kind not in _OF_ONE_MODEL or shown:
                break
        because = "; ".join(dict.fromkeys(why))
        extract = extractive_draft(text, precedents, degraded=because, style=self.style, language=language)
        yield DraftResult(draft=extract, cuts=last.cuts)

    async def _kept(
        self, key: str | None, text: str, precedents: Sequence[Neighbour], language: str
    ) -> Draft | None:
        """Return an earlier reply that passes the checks of today, if there is one."""
        if self._replies is None or key is None:
            return None
        try:
            draft = await self._replies.find(key)
        except PrecedentError as error:
            _log.warning("an earlier reply could not be looked for: %s", error)
            return None
        checked = CheckedReply(shorten(text, TICKET_CHARACTERS), precedents, self.style, language=language)
        sound = draft is not None and all(
            checked.add(f"{one.text} ", one.citations) for one in draft.sentences
        )
        return draft if sound else None


def _because(draft: Draft, why: Iterable[str]) -> Draft:
    said = "; ".join([*why, *filter(None, [draft.degraded])])
    return msgspec.structs.replace(draft, degraded=said or None)
