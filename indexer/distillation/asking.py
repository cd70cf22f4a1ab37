"""Asking the chat model about tickets, within the provider's limits, and checking what it says."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from indexer.chat_limits import ChatLimits
from indexer.distillation.prompt import ANSWER_TOKENS, VERSION, is_wanted, messages_of, thread_hash
from indexer.errors import ProviderError
from indexer.grounding.facts import Facts
from indexer.grounding.sentences import EndlessTextError, SentenceSplitter
from indexer.grounding.support import is_supported
from indexer.ledger import Ledger, Spent, spent_now
from indexer.ledger.distillate_table import Distillate
from indexer.prices import cost
from indexer.provider import open_provider, provider_errors
from indexer.rate_limiter import RateLimiter, characters_of, tokens_of
from indexer.redaction import Redactor
from indexer.resolution import is_courtesy
from indexer.settings import Settings
from indexer.suspicion import suspicion_of
from indexer.ticket import Ticket

if TYPE_CHECKING:
    import openai

__all__ = ["Distilled", "distil", "expected"]

_CHUNK = 100  # tickets that are looked up, asked about and kept together
_FAILURES = 5  # in a row, after which the provider is not asked any more
_UNSENT = frozenset({"over_limit", "uncounted"})  # by limits of our own
_OF_ONE_REQUEST = frozenset({"refused", "filtered", "unusable_answer"})  # the next ticket may do better


class Distilled(msgspec.Struct, kw_only=True):
    """What was asked, or would be; ``resolutions`` is how many tickets got one, ``failed`` how many were not answered."""

    requests: int = 0
    resolutions: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None
    """By the prices in settings; ``None`` where the model has none."""
    failure: str | None = None
    """Why the provider was not asked about the rest."""


class _Answer(msgspec.Struct):
    problem: str = ""
    resolution: str = ""


def expected(
    settings: Settings, ledger: Ledger, tickets: Iterable[Ticket], *, report: Distilled | None = None
) -> Distilled:
    """Report what `distil` would ask: the tokens are an estimate by the lengths of the texts, answers at their longest.

    :param report: that of other tickets, which is counted further.
    """
    report = report or Distilled()
    for chunk in _wanted(ledger, tickets):
        for ticket in chunk:
            report.requests += 1
            report.prompt_tokens += tokens_of(characters_of(messages_of(ticket)))
            report.completion_tokens += ANSWER_TOKENS
    report.cost = cost(settings, [_spent(settings, report)])
    return report


async def distil(
    settings: Settings, ledger: Ledger, tickets: Iterable[Ticket], *, limiter: RateLimiter, retries: int
) -> Distilled:
    """Ask about each ticket that is not kept yet, and keep what the conversation supports of the answers.

    A provider that fails leaves tickets as they are without; they are asked about the next time.

    :param retries: how often a request that failed is repeated.
    """
    report = Distilled()
    limits = ChatLimits(settings, ledger)
    client = open_provider(settings, max_retries=retries, before=limits.take)
    turns = asyncio.Semaphore(settings.embedding_concurrency)
    asking = _Asking(settings, client, limiter, report, turns)
    try:
        wanted = _wanted(ledger, tickets)
        while not report.failure and (chunk := await asyncio.to_thread(next, wanted, None)) is not None:
            found = [one for one in await asyncio.gather(*map(asking.about, chunk)) if one is not None]
            await asyncio.to_thread(ledger.distillates.keep, found)
            report.resolutions += sum(one.resolution is not None for one in found)
    finally:
        await client.close()
        if report.requests:
            await asyncio.to_thread(ledger.spend.add, [_spent(settings, report)])
    report.cost = cost(settings, [_spent(settings, report)])
    return report


@dataclass(slots=True)
class _Asking:
    """Asks about tickets, a few at a time, until the provider fails for all of them."""

    settings: Settings
    client: "openai.AsyncOpenAI"
    limiter: RateLimiter
    report: Distilled
    turns: asyncio.Semaphore
    failures: int = 0

    async def about(self, ticket: Ticket) -> Distillate | None:
        """Return what is to be kept of a ticket, ``None`` where the provider failed."""
        async with self.turns:
            if self.report.failure:
                return None
            redactor = Redactor()
            try:
                answer = await self._ask(redactor, ticket)
            except ProviderError as error:
                self.report.failed += 1
                self.report.requests += error.sent or error.kind not in _UNSENT
                self.failures += 1
                if error.kind not in _OF_ONE_REQUEST or self.failures == _FAILURES:
                    self.report.failure = str(error)
                return None
            self.failures = 0
        customer = Facts(ticket.text, *(one.text for one in ticket.thread if one.author == "customer"))
        team = Facts(*(one.text for one in ticket.thread if one.author == "agent"))
        resolution = _supported(redactor.restore(answer.resolution), team)
        return Distillate(
            ticket_id=ticket.id,
            prompt=VERSION,
            thread_hash=thread_hash(ticket),
            model=self.settings.chat_model,
            problem=_supported(redactor.restore(answer.problem), customer),
            resolution=None if resolution is None or is_courtesy(resolution) else resolution,
        )

    async def _ask(self, redactor: Redactor, ticket: Ticket) -> _Answer:
        messages = messages_of(ticket, redactor.redact if self.settings.redact else str)
        admission = await self.limiter.admit(characters_of(messages))
        with provider_errors():
            answer = await self.client.chat.completions.create(
                model=self.settings.chat_model, messages=messages, temperature=0, max_tokens=ANSWER_TOKENS
            )
        # The SDK builds its objects without validation: any field may be missing or of another type.
        usage = getattr(answer, "usage", None)
        used = [getattr(usage, name, None) or 0 for name in ("prompt_tokens", "completion_tokens")]
        self.report.requests += 1
        self.report.prompt_tokens += used[0]
        self.report.completion_tokens += used[1]
        self.limiter.settle(admission, requests=1, tokens=sum(used) or None)
        choices = getattr(answer, "choices", None)
        content = getattr(getattr(choices[0], "message", None), "content", None) if choices else None
        if not isinstance(content, str):
            msg = f"what came with status 200 was no answer of {self.settings.chat_model} in the OpenAI protocol"
            raise ProviderError(msg, kind="unusable_answer")
        return _read(content)


def _read(content: str) -> _Answer:
    """Return the answer's object; an empty one where it has none, since the model is asked once."""
    start, end = content.find("{"), content.rfind("}")
    try:
        return msgspec.json.decode(content[start : end + 1], type=_Answer)
    except msgspec.DecodeError:
        return _Answer()


def _supported(text: str, texts: Facts) -> str | None:
    """Return the sentences of a text that are supported, ``None`` where none is."""
    splitter = SentenceSplitter()
    sentences: list[str] = []
    try:
        sentences.extend(splitter.feed(text))
        sentences.append(splitter.flush())
    except EndlessTextError:
        pass  # what came before it counts
    return "".join(one for one in sentences if one.strip() and is_supported(one, texts)).strip() or None


def _wanted(ledger: Ledger, tickets: Iterable[Ticket]) -> Iterator[Sequence[Ticket]]:
    """Yield the tickets that are to be asked about, in chunks; of several with one id, each conversation once.

    A flagged ticket is none of them: no draft rests on it, and what it says is not for a model.
    """
    candidates = filter(is_wanted, tickets)
    asked: set[tuple[str, str]] = set()
    while chunk := list(islice(candidates, _CHUNK)):
        kept = ledger.distillates.of([ticket.id for ticket in chunk], VERSION)
        new = {(ticket.id, thread_hash(ticket)): ticket for ticket in chunk}
        # Looked at last: each pull comes by all tickets of its address, of which most are kept.
        wanted = {
            key: ticket
            for key, ticket in new.items()
            if key not in kept and key not in asked and suspicion_of(ticket) is None
        }
        asked |= wanted.keys()
        if wanted:
            yield list(wanted.values())


def _spent(settings: Settings, report: Distilled) -> Spent:
    return spent_now(
        "chat",
        settings.chat_model,
        requests=report.requests,
        prompt_tokens=report.prompt_tokens,
        completion_tokens=report.completion_tokens,
    )
