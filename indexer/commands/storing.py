"""Storing what a source has: what it needs is opened, its progress shown, and its end told."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from indexer import sync as engine
from indexer.commands.file_options import FileOptions
from indexer.commands.output import DONE, FAILED, PROBLEMS, RETRIES
from indexer.console import say, showing_progress
from indexer.embedding import Embedder, expected_requests
from indexer.errors import ProviderError, SourceError
from indexer.rate_limiter import RateLimiter, open_limiter
from indexer.rejections import Rejections
from indexer.settings import Settings
from indexer.store import Store

__all__ = ["SAMPLE_SOURCE", "Storing", "SyncOptions", "storing"]

SAMPLE_SOURCE = "sample"
"""The name that the bundled sample is stored under."""
_SHOWN_REJECTIONS = 20


class SyncOptions(FileOptions, frozen=True, kw_only=True):
    """The options of a sync, as on the command line."""

    source: str | None = None
    delete_missing: bool = False
    force: bool = False
    distil: bool = False
    dry_run: bool = False


@dataclass(kw_only=True)
class Storing(engine.Run):
    """A run by a command, with the options that were given; ``status`` is the exit status."""

    settings: Settings
    options: SyncOptions
    limiter: RateLimiter
    status: int = DONE


@contextlib.contextmanager
def storing(
    settings: Settings,
    options: SyncOptions,
    source: str | None,
    rejected: Path,
    *,
    expected: Callable[[], int] = lambda: 0,
) -> Iterator[Storing]:
    """Open what storing needs while the block runs, and say how it ended; that source or provider failed is an end, too.

    :param source: the name that tickets are stored under.
    :param rejected: the file of rejected records; a dry run writes none.
    :param expected: returns how many records there may be in all.
    """
    from indexer.embedding.choose import open_embedder

    limiter = open_limiter(settings)

    def told(text: str) -> None:
        if rejections.count <= _SHOWN_REJECTIONS + 1:
            say(f"rejected: {text if rejections.count <= _SHOWN_REJECTIONS else 'more, not shown here'}")

    rejections = Rejections(None if options.dry_run else rejected, told)
    with contextlib.closing(Store(settings)) as store:
        embedder = open_embedder(settings, store.ledger, retries=RETRIES, limiter=limiter)
        say(f"embedding with {embedder.model} ({embedder.kind}: {settings.chosen_embedder[1]})")
        _announce_unembedded(settings, store, embedder)
        if not options.dry_run:
            with showing_progress() as step:
                store.prepare(step)
        try:
            with rejections, showing_progress() as step:

                def shown(report: engine.SyncReport) -> None:
                    step("sync", report.done, max(expected(), report.read))

                run = Storing(
                    store, embedder, rejections, source, settings.keep_open, shown,
                    settings=settings, options=options, limiter=limiter,
                )  # fmt: skip
                yield run
                step("sync", run.report.done, run.report.done)
        except (ProviderError, SourceError) as error:
            stored = run.report.added + run.report.updated
            left = f"; {stored:,} tickets are stored, run the same command again to continue"
            say(f"error: {error}{left if stored else ''}")
            run.status = PROBLEMS if stored else FAILED
        of_sample = 0 if options.source == SAMPLE_SOURCE else store.tickets.count(SAMPLE_SOURCE)
    report = run.report
    say(_summary(report))
    if rejections.count:
        where = f", kept with the reasons in {rejections.path}" if rejections.path else ""
        say(f"rejected records: {rejections.count:,}{where}")
        run.status = max(run.status, PROBLEMS if report.read > report.rejected else FAILED)
    if report.flagged:
        say("flagged tickets are kept out of drafts: `precedent status --flagged` lists them, and why")
    if of_sample:
        say(
            f"{of_sample:,} tickets of the bundled sample are stored beside yours: `precedent sample --remove` deletes them"
        )


def _announce_unembedded(settings: Settings, store: Store, embedder: Embedder) -> None:
    texts = engine.count_unembedded(store, embedder)
    if texts:
        requests = expected_requests(embedder, texts)
        price = settings.price_per_request
        cost = "" if price is None else f", at a cost of {requests * price:,.2f}"
        say(
            f"{texts:,} stored texts are embedded again, since this release shortens long texts otherwise: "
            f"{requests:,} provider requests{cost}"
        )


def _summary(report: engine.SyncReport) -> str:
    always = ("read", "added", "updated", "unchanged", "rejected")
    names = (*always[:-1], "stale", "repeated", "deleted", "left_out", "dates_lost", "flagged", "rejected")
    counts = [
        f"{value:,} {name.replace('_', ' ')}"
        for name in names
        if (value := getattr(report, name)) or name in always
    ]
    would = "would be " if report.dry_run else ""
    requests = f" in {report.embedding_requests:,} provider requests" if report.embedding_requests else ""
    cost = "" if report.cost is None else f", cost {report.cost:g}"
    embedded = f"{report.embedded_texts:,} texts {would}embedded{requests}{cost}"
    return f"{', '.join(counts)}; {embedded}; {report.seconds:.1f} s"
