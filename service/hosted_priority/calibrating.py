"""Asking the model about held-out tickets, at a price that is told first, and calibrating it by its answers."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from indexer.errors import ProviderError
from indexer.ledger import Classification, Ledger
from indexer.progress import Progress
from indexer.rate_limiter import characters_of, tokens_of
from indexer.settings import Settings
from indexer.ticket import Ticket
from service.drafting.chat import provider_for_command
from service.hosted_priority.asking import Asker, Question, answer_characters, question_of
from service.usage import Requests, requests_of, requests_to

__all__ = ["Asked", "Plan", "answered", "plan"]

_CHUNK = 50  # tickets that are asked about and kept together
_THOUSAND = 1_000
_LABEL_TOKENS = 2  # of a usual answer


class Asked(Requests, frozen=True, kw_only=True):
    """Requests about tickets, or what they would be; ``kept`` is how many answers were known before."""

    tickets: int
    kept: int
    cost_of_thousand: float | None
    """Of a thousand answers like these, by an estimate."""

    @property
    def words(self) -> str:
        """It in a line."""
        each = (
            "" if self.cost_of_thousand is None else f"; 1,000 answers cost about {self.cost_of_thousand:g}"
        )
        return f"{super().words}; {self.kept:,} answers are kept from before{each}"


class Plan(NamedTuple):
    """What is asked about tickets, in their order, and what is kept of it; ``expected`` is what the rest costs at most."""

    questions: list[Question]
    kept: dict[str, Classification]
    expected: Asked


def plan(settings: Settings, ledger: Ledger, tickets: Sequence[Ticket], labels: Sequence[str]) -> Plan:
    """Return what would be asked about tickets; tokens are an estimate by the lengths of the texts.

    :param labels: the priorities to choose from.
    """
    questions = [question_of(settings, ticket, labels, secret=ledger.secret) for ticket in tickets]
    kept = ledger.classifications.of({one.key for one in questions})
    new = {one.key: one for one in questions if one.key not in kept}.values()
    expected = requests_to(
        settings,
        settings.classifier_model or "",
        requests=len(new),
        prompt_tokens=sum(tokens_of(characters_of(one.messages)) for one in new),
        completion_tokens=len(new) * answer_characters(labels),
    )
    return Plan(questions, kept, _asked(settings, questions, len(kept), expected))


async def answered(
    settings: Settings, ledger: Ledger, planned: Plan, *, progress: Progress
) -> tuple[list[Classification], Asked]:
    """Ask what is planned, as far as it is not kept, and keep the answers; return all of them, in order, and what it took.

    :raises ProviderError: the provider failed; what was answered by then is kept.
    """
    known = dict(planned.kept)
    new = list({one.key: one for one in planned.questions if one.key not in known}.values())
    turns = asyncio.Semaphore(settings.embedding_concurrency)
    async with provider_for_command(settings, ledger, "classifier") as (provider, calls):
        asker = Asker(settings, provider)

        async def ask(question: Question) -> Classification | ProviderError:
            async with turns:
                try:
                    return await asker.ask(question, calls)
                except ProviderError as error:
                    return error

        for start in range(0, len(new), _CHUNK):
            found = await asyncio.gather(*map(ask, new[start : start + _CHUNK]))
            said = [one for one in found if isinstance(one, Classification)]
            await asyncio.to_thread(ledger.classifications.keep, said)
            known |= {one.key: one for one in said}
            for one in found:
                if isinstance(one, ProviderError):
                    raise one
            progress("ask", min(start + _CHUNK, len(new)), len(new))
    took = requests_of(settings, settings.classifier_model or "", calls)
    asked = _asked(settings, planned.questions, len(planned.kept), took)
    return [known[one.key] for one in planned.questions], asked


def _asked(settings: Settings, questions: Sequence[Question], kept: int, took: Requests) -> Asked:
    mean = sum(tokens_of(characters_of(one.messages)) for one in questions) / max(1, len(questions))
    thousand = requests_to(
        settings,
        took.model,
        requests=_THOUSAND,
        prompt_tokens=round(_THOUSAND * mean),
        completion_tokens=_THOUSAND * _LABEL_TOKENS,
    )
    return Asked(
        **msgspec.structs.asdict(took),
        tickets=len(questions),
        kept=kept,
        cost_of_thousand=thousand.cost,
    )
