"""All that answers a ticket, opened together: for the service, and for commands that ask as it does."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from indexer.chat_limits import ChatLimits
from indexer.language import language_of
from indexer.provider import open_provider
from indexer.rate_limiter import open_limiter
from indexer.settings import Settings
from service.background import end_task
from service.breaker import Breaker
from service.deliveries import Outbox
from service.drafting.drafter import Drafter, KeptReplies
from service.drafting.house_style import read_style
from service.embedders import PATIENCE
from service.hosted_priority.classifier import HostedClassifier
from service.intervals import Intervals
from service.pools import Pools
from service.runtime import Runtime, open_runtime
from service.triage import Pipeline

__all__ = ["Answering", "open_answering"]


@dataclass(frozen=True, slots=True)
class Answering:
    """What was opened."""

    runtime: Runtime
    pipeline: Pipeline
    outbox: Outbox
    breakers: dict[str, Breaker]
    """Of what is asked of the provider, by its name."""


@contextlib.asynccontextmanager
async def open_answering(
    settings: Settings, pools: Pools, intervals: Intervals, *, keep: bool
) -> AsyncIterator[Answering]:
    """Open it while the block runs; the index and the first forest come in the background.

    :param keep: whether answers are kept, given again, delivered, and cleared when they are old.
    :raises PrecedentError: settings and what is stored do not fit together.
    """
    limiter = open_limiter(settings)
    async with contextlib.AsyncExitStack() as stack:
        runtime = await stack.enter_async_context(
            open_runtime(settings, limiter, pools, intervals, keep=keep)
        )
        stack.callback(pools.close)
        # The tables of languages take half a second to load, which no question shall wait for.
        warming = asyncio.create_task(pools.reads.run(language_of, ""))
        stack.push_async_callback(end_task, warming)
        ledger, client = runtime.store.ledger, None
        if settings.provider_configured:
            limits = ChatLimits(settings, ledger, run=pools.writes.run)
            client = open_provider(settings, max_retries=1, patience=PATIENCE, before=limits.take)
            stack.push_async_callback(client.close)
        drafter = Drafter(
            client,
            model=settings.chat_model,
            timeout=settings.provider_timeout,
            limiter=limiter,
            style=read_style(settings.data_dir),
            redact=settings.redact,
            small_model=settings.chat_model_small,
            replies=KeptReplies(ledger, run=pools.reads.run) if keep else None,
            spend=runtime.keeper.spend,
        )
        outbox = Outbox(ledger, settings, intervals)
        if keep:
            await stack.enter_async_context(outbox.running())
        breakers = {"chat": drafter.breaker, "embeddings": runtime.embedding_breaker}
        classifier = None
        if settings.classifier_model is not None and client is not None:
            classifier = HostedClassifier(settings, ledger, client, limiter=limiter, reads=pools.reads)
            breakers["classifier"] = classifier.breaker
            if keep and settings.keep_days:
                await stack.enter_async_context(classifier.keeping())
        yield Answering(runtime, Pipeline(runtime, drafter, outbox, classifier), outbox, breakers)
