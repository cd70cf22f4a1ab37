"""Replies that the chat model writes to later tickets, at a price that is told first."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from indexer.errors import ProviderError
from indexer.ledger import Ledger
from indexer.progress import Progress
from indexer.rate_limiter import characters_of, tokens_of
from indexer.settings import Settings
from service.drafting.chat import MAX_TOKENS, provider_for_command
from service.drafting.house_style import read_style
from service.drafting.languages import reply_language
from service.drafting.model_writer import ModelWriter, Written
from service.drafting.precedents import select_precedents
from service.drafting.prompt import ask_again, build_messages
from service.evaluation.cases import Cases, EvaluationError
from service.evaluation.look_back import Ranker, count_draft
from service.evaluation.result import Drafts
from service.results import Neighbour
from service.usage import Requests, requests_of, requests_to

__all__ = ["DraftPlan", "drafted", "plan_drafts", "require_model"]


class DraftPlan(NamedTuple):
    """Texts of later tickets that have a precedent, with their neighbours; ``expected`` is what the drafts cost at most.

    :param asked: how many tickets were looked at.
    """

    asked: int
    tickets: list[tuple[str, tuple[Neighbour, ...]]]
    expected: Requests


def require_model(settings: Settings) -> None:
    """Refuse to work without a model.

    :raises EvaluationError: no provider is configured.
    """
    if not settings.provider_configured:
        msg = "no model can be asked for drafts: set OXLO_API_KEY, or PRECEDENT_API_BASE to a server of your own"
        raise EvaluationError(msg)


def plan_drafts(settings: Settings, cases: Cases, later: Sequence[tuple[str, float]], most: int) -> DraftPlan:
    """Return what the model would be asked for later tickets, at most so many, evenly; tokens are an estimate by lengths.

    :param later: as of `look_back`.
    """
    ranker, style = Ranker(cases, settings), read_style(settings.data_dir)
    chosen = later[:: max(1, -(-len(later) // most))]
    tickets, prompts = [], 0
    for ticket_id, moment in chosen:
        row = ranker.row_of[ticket_id]
        text, neighbours = cases.tickets[row].text, ranker.best(ranker.by(moment), *ranker.of_row(row))
        if precedents := select_precedents(neighbours):
            tickets.append((text, neighbours))
            language, _ = reply_language(text, style.language)
            messages = build_messages(text, precedents, style, language)
            # An answer without a form is asked for once more.
            for sent in (messages, ask_again(messages, "x" * MAX_TOKENS * 4)):
                prompts += tokens_of(characters_of(sent))
    requests = 2 * len(tickets)
    expected = requests_to(
        settings,
        settings.chat_model,
        requests=requests,
        prompt_tokens=prompts,
        completion_tokens=requests * MAX_TOKENS,
    )
    return DraftPlan(len(chosen), tickets, expected)


async def drafted(settings: Settings, ledger: Ledger, planned: DraftPlan, *, progress: Progress) -> Drafts:
    """Have the model write what is planned, and return what became of it; no draft is kept.

    :raises ProviderError: it answered none of them.
    """
    style = read_style(settings.data_dir)
    turns = asyncio.Semaphore(settings.embedding_concurrency)
    done = 0
    async with provider_for_command(settings, ledger, "drafts") as (provider, calls):
        writer = ModelWriter(provider, style=style, redact=settings.redact)

        async def write(text: str, neighbours: tuple[Neighbour, ...]) -> Written:
            nonlocal done
            language, _ = reply_language(text, style.language)
            found = Written(None, "", None, {})
            async with (
                turns,
                contextlib.aclosing(
                    writer.write(settings.chat_model, text, neighbours, calls, language)
                ) as pieces,
            ):
                async for piece in pieces:
                    found = piece if isinstance(piece, Written) else found
            done += 1
            progress("draft", done, len(planned.tickets))
            return found

        written = await asyncio.gather(*(write(*ticket) for ticket in planned.tickets))
    failed = [one for one in written if one.kind is not None]
    if failed and len(failed) == len(written):
        msg = f"{settings.chat_model} wrote no draft: {failed[0].failure}"
        raise ProviderError(msg, kind=failed[0].kind or "")
    counts = Counter({"asked": planned.asked, "near": 0, "failed": len(failed)})
    for one in written:
        counts.update(count_draft(one.draft, len(one.draft.sentences) if one.draft else 0, one.cuts))
    return msgspec.convert({**counts, "took": requests_of(settings, settings.chat_model, calls)}, Drafts)
