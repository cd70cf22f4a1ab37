"""``sync`` and ``sample``: store the tickets of a file."""

import contextlib
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import click
import msgspec

from indexer import sync as engine
from indexer.commands.distilling import distil_file, require_distillable, tell_distillation
from indexer.commands.file_options import (
    FileOptions,
    columns_line,
    file_options,
    reading_options,
    source_name,
)
from indexer.commands.output import (
    DONE,
    FAILED,
    PROBLEMS,
    RETRIES,
    finish,
    json_option,
    opened_ledger,
    opened_store,
    run_closing,
    settings_for_command,
)
from indexer.console import say, showing_progress
from indexer.embedding import Embedder, expected_requests
from indexer.errors import ProviderError, SettingsError, SourceError
from indexer.mapping_file import ReadingOptions, beside
from indexer.pull import Address, parse_address, pull, pull_file
from indexer.rate_limiter import RateLimiter, open_limiter
from indexer.rejections import Rejections
from indexer.sample import SAMPLE
from indexer.settings import Settings
from indexer.sources import SourceReader, SourceRecord
from indexer.store import Store

__all__ = ["sample", "sync"]

_SHOWN_REJECTIONS = 20
_SAMPLE_SOURCE = "sample"


@click.command(
    epilog="""\b
Examples:
  precedent sync tickets.jsonl
  precedent sync export.csv --map body='Issue Text' --source helpdesk
  precedent sync export.csv --dry-run
  ZENDESK_TOKEN=me@acme.com/token:KEY precedent sync zendesk://acme

Exit status: 0 all stored, 1 some records rejected, 2 nothing stored."""
)
@click.argument("file")
@file_options
@click.option("--source", metavar="NAME", help="Store the tickets under this source name.")
@click.option("--delete-missing", is_flag=True, help="Delete tickets of --source that FILE no longer has.")
@click.option(
    "--force",
    is_flag=True,
    help="Delete even more than a fifth of the source, and let the next export continue behind rejected records.",
)
@click.option(
    "--distil",
    is_flag=True,
    help="Have the chat model write the resolution from the conversation where FILE has none; once per ticket ever.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be done, with requests and cost; do nothing.")
@json_option
def sync(*, as_json: bool, **options: Any) -> int:
    """Store the resolved tickets of FILE.

    FILE is JSONL, JSON or CSV, plain or gzip, a folder of such files, or - for standard input. Only new and changed
    tickets are embedded, so it is cheap to run again. Records that are not tickets are reported and kept in
    FILE.rejected.jsonl; the others are stored. In a folder, files of Zendesk's comments are joined with its tickets.

    FILE may also be the address of a helpdesk: zendesk://NAME, jira://HOST[/PROJECT], freshdesk://NAME,
    github://OWNER/REPOSITORY or rt://HOST[?queue=NAME], with its token in ZENDESK_TOKEN, JIRA_TOKEN and so on. Each run
    asks for what changed since the last one.
    """
    settings, given = settings_for_command(), _Options(**options)
    address = parse_address(given.file)
    report, status = (
        _sync_file(settings, given) if address is None else _sync_helpdesk(settings, given, address)
    )
    finish(report, as_json=as_json)
    return status


@click.command
@click.option("--remove", is_flag=True, help="Delete the sample's tickets instead.")
def sample(*, remove: bool) -> int:
    """Store the bundled sample of tickets, if nothing is stored yet."""
    if remove:
        return _remove_sample()
    with opened_ledger() as (settings, ledger):
        if ledger.tickets.count():
            return DONE
    say("nothing is stored yet: indexing the bundled sample")
    return _sync_file(settings, _Options(file=str(SAMPLE), source=_SAMPLE_SOURCE))[1]


class _Options(FileOptions, frozen=True, kw_only=True):
    """The options of a sync, as on the command line."""

    source: str | None = None
    delete_missing: bool = False
    force: bool = False
    distil: bool = False
    dry_run: bool = False


_Progress = Callable[[engine.SyncReport], None]
_Work = Callable[[Store, Embedder, _Progress], engine.SyncReport]
"""Stores the records of a source, and passes the report so far to its last argument."""


def _sync_file(settings: Settings, options: _Options) -> tuple[engine.SyncReport, int]:
    if options.delete_missing and not options.source:
        msg = "--delete-missing needs --source NAME, so that only what came from there is deleted"
        raise SettingsError(msg)
    if options.distil:
        require_distillable(settings, options.file)
    reading = reading_options(options)
    # Opened before anything else is started: a file that cannot be read costs nothing.
    records = _Estimate(options.file, reading)
    for found in records.reader.recognised:
        say(f"read as {source_name(found)}{columns_line(found)}")
    rejected = None if options.dry_run else beside(options.file, ".rejected.jsonl")
    rejections = Rejections(rejected, _first_few())
    limiter = open_limiter(settings)

    def work(store: Store, embedder: Embedder, progress: _Progress) -> engine.SyncReport:
        if options.dry_run:
            report = engine.plan(
                store, embedder, records, rejections, source=options.source, keep_open=settings.keep_open,
                delete_missing=options.delete_missing, price_per_request=settings.price_per_request,
            )  # fmt: skip
            if options.distil:
                report.distilled = tell_distillation(settings, store.ledger, reading, options.file)
            return report

        async def whole() -> engine.SyncReport:
            made = (
                await distil_file(settings, store.ledger, reading, options.file, limiter)
                if options.distil
                else None
            )
            return await engine.sync(
                store, embedder, records, rejections, source=options.source, keep_open=settings.keep_open,
                delete_missing=options.delete_missing, force=options.force, progress=progress,
                report=engine.SyncReport(distilled=made),
            )  # fmt: skip

        report = run_closing(embedder, whole())
        _keep_cursor(options, records.reader, rejections.lost)
        return report

    return _store_records(
        settings, options, rejections, work, estimate=lambda: records.total, limiter=limiter
    )


def _sync_helpdesk(settings: Settings, options: _Options, address: Address) -> tuple[engine.SyncReport, int]:
    """Store what changed in a helpdesk since the last time."""
    for name in ("format", "columns", "date_format", "time_zone", "delete_missing", "distil", "dry_run"):
        if getattr(options, name):
            option = "map" if name == "columns" else name.replace("_", "-")
            msg = f"--{option} is for files; a pull from {address.text} has no use for it"
            raise SettingsError(msg)
    kept = pull_file(settings.data_dir, address, ".json")
    rejections = Rejections(pull_file(settings.data_dir, address, ".rejected.jsonl"), _first_few())

    def work(store: Store, embedder: Embedder, progress: _Progress) -> engine.SyncReport:
        pulling = pull(
            store, embedder, address, rejections,
            file=kept, source=options.source or address.text, keep_open=settings.keep_open,
            tell=say, progress=progress,
        )  # fmt: skip
        return run_closing(embedder, pulling)

    return _store_records(settings, options, rejections, work)


def _store_records(
    settings: Settings,
    options: _Options,
    rejections: Rejections,
    work: _Work,
    *,
    estimate: Callable[[], int] = lambda: 0,
    limiter: RateLimiter | None = None,
) -> tuple[engine.SyncReport, int]:
    """Open what the work needs, show its progress, and say how it ended; return its report and the exit status.

    :param estimate: returns how many records there may be in all.
    """
    from indexer.embedding.choose import open_embedder

    report = engine.SyncReport()
    status = DONE
    with contextlib.closing(Store(settings)) as store:
        try:
            with rejections, showing_progress() as step:

                def progress(so_far: engine.SyncReport) -> None:
                    nonlocal report
                    report = so_far
                    step("sync", report.done, max(estimate(), report.read))

                embedder = open_embedder(settings, store.ledger, retries=RETRIES, limiter=limiter)
                say(f"embedding with {embedder.model} ({embedder.kind}: {settings.chosen_embedder[1]})")
                _announce_unembedded(settings, store, embedder)
                if not options.dry_run:
                    store.prepare(step)
                report = work(store, embedder, progress)
        except (ProviderError, SourceError) as error:
            stored = report.added + report.updated
            left = (
                f"; {stored:,} tickets are stored, run the same command again to continue" if stored else ""
            )
            say(f"error: {error}{left}")
            status = PROBLEMS if stored else FAILED
        of_sample = 0 if options.source == _SAMPLE_SOURCE else store.tickets.count(_SAMPLE_SOURCE)
    say(_summary(report))
    if rejections.count:
        where = f", kept with the reasons in {rejections.path}" if rejections.path else ""
        say(f"rejected records: {rejections.count:,}{where}")
        status = max(status, PROBLEMS if report.read > report.rejected else FAILED)
    if report.flagged:
        say("flagged tickets are kept out of drafts: `precedent status --flagged` lists them, and why")
    if of_sample:
        say(
            f"{of_sample:,} tickets of the bundled sample are stored beside yours: `precedent sample --remove` deletes them"
        )
    return report, status


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
    names = (
        "read",
        "added",
        "updated",
        "unchanged",
        "stale",
        "repeated",
        "deleted",
        "left_out",
        "dates_lost",
        "flagged",
        "rejected",
    )
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


def _remove_sample() -> int:
    with opened_store() as (_, store, step):
        store.prepare(step)
        gone = store.tickets.delete(list(store.tickets.ids(_SAMPLE_SOURCE)))
        live = store.generations.live()
        if live is not None:
            store.replay(live, step, only=gone)
    say(f"deleted {len(gone):,} tickets of the sample")
    return DONE


def _keep_cursor(options: _Options, reader: SourceReader, lost: int) -> None:
    if reader.cursor is None or options.dry_run or options.file == "-":
        return
    if lost and not options.force:
        say(
            f"where the next export continues is not kept, since it would not bring the {lost:,} rejected records again: "
            "correct them and run the same command again, or use --force"
        )
        return
    path = beside(options.file, ".cursor.json")
    path.write_bytes(msgspec.json.encode(reader.cursor) + b"\n")
    say(f"the next export continues at {reader.cursor.field}={reader.cursor.value}, kept in {path}")


class _Estimate:
    """How many records a file holds, from its size and the length of those read so far."""

    def __init__(self, file: str, reading: ReadingOptions) -> None:
        path = Path(file)
        self._size = path.stat().st_size if path.is_file() and path.suffix != ".gz" else 0
        self._reading = reading
        self.reader = reading.open(file)
        self._read = self._characters = 0

    def __iter__(self) -> Iterator[SourceRecord]:
        for record in self._reading.relabelled(self.reader):
            self._read += 1
            self._characters += len(record.raw)
            yield record

    @property
    def total(self) -> int:
        """Return the estimate; zero when there is none."""
        return self._read * self._size // self._characters if self._characters else 0


def _first_few() -> Callable[[str], None]:
    numbers = count(1)

    def report(text: str) -> None:
        number = next(numbers)
        if number <= _SHOWN_REJECTIONS:
            say(f"rejected: {text}")
        elif number == _SHOWN_REJECTIONS + 1:
            say("rejected: more, not shown here")

    return report
