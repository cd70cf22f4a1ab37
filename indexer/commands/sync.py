"""``sync`` and ``sample``: bring the index to what a file of tickets says."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from indexer import sync as engine
from indexer.commands.output import (
    DONE,
    FAILED,
    PROBLEMS,
    RETRIES,
    finish,
    json_option,
    run_closing,
    settings_for_command,
)
from indexer.console import say, showing_progress, summary
from indexer.errors import PrecedentError, ProviderError, SettingsError
from indexer.rejections import Rejections
from indexer.settings import Settings
from indexer.sources import FORMATS, SourceReader, SourceRecord

__all__ = ["sample", "sync"]

_SHOWN_REJECTIONS = 20
_SAMPLE = "sample"


@click.command(
    epilog="Exit status: 0 all stored, 1 some rejected (kept in FILE's .rejected.jsonl), 2 nothing done. "
    "Example: precedent sync tickets.jsonl"
)
@click.argument("file")
@click.option("--format", type=click.Choice(FORMATS), help="Of FILE, where its name does not tell.")
@click.option(
    "--map",
    "columns",
    multiple=True,
    metavar="FIELD=COLUMN",
    help="Which column holds a field, such as body='Issue Text'; repeatable.",
)
@click.option("--source", metavar="NAME", help="Store the tickets under this name.")
@click.option("--delete-missing", is_flag=True, help="Delete what --source no longer has.")
@click.option(
    "--force",
    is_flag=True,
    help="Delete even more than a fifth of the source; continue behind rejected records.",
)
@click.option(
    "--dry-run", is_flag=True, help="Say what would be done, and how many provider requests it takes."
)
@json_option
def sync(*, as_json: bool, **options: Any) -> int:
    """Bring the index to what FILE says.

    FILE is JSONL, JSON or CSV, plain or gzip; a folder of them; or - for standard input. What is new or changed is
    embedded and stored. Run it again any time: what is unchanged costs nothing.
    """
    report, status = _sync(settings_for_command(), _Options(**options))
    finish(report, as_json=as_json)
    return status


@click.command
@click.option("--remove", is_flag=True, help="Delete the sample's tickets.")
def sample(*, remove: bool) -> int:
    """Index the bundled sample of tickets, if nothing is stored yet."""
    from indexer.ledger import Ledger
    from indexer.sample import sample_path

    settings = settings_for_command()
    if remove:
        return _remove_sample(settings)
    with contextlib.closing(Ledger(settings.database_url, settings.data_dir)) as ledger:
        stored = ledger.tickets.count()
    if stored:
        return DONE
    say("nothing is stored yet: indexing the bundled sample")
    return _sync(settings, _Options(file=str(sample_path()), source=_SAMPLE))[1]


class _Options(msgspec.Struct, frozen=True, kw_only=True):
    """The options of a sync, as on the command line."""

    file: str
    format: str | None = None
    columns: tuple[str, ...] = ()
    source: str | None = None
    delete_missing: bool = False
    force: bool = False
    dry_run: bool = False


def _sync(settings: Settings, options: _Options) -> tuple[engine.SyncReport, int]:
    from indexer.embedding.choose import open_embedder
    from indexer.sources import read_source
    from indexer.store import Store

    if options.delete_missing and not options.source:
        msg = "--delete-missing needs --source NAME, so that only what came from there is deleted"
        raise SettingsError(msg)
    mapping = dict(_assignment(given) for given in options.columns)
    # Opened before anything else is started: a file that cannot be read costs nothing.
    records = _Estimate(options.file, read_source(options.file, format=options.format, mapping=mapping))
    rejected = None if options.dry_run else _beside(options.file, ".rejected.jsonl")
    rejections = Rejections(rejected, _first_few())
    status = DONE
    last = engine.SyncReport()
    with (
        contextlib.closing(Store(settings)) as store,
        contextlib.closing(rejections),
        _noticing(rejections),
        showing_progress() as step,
    ):
        embedder = open_embedder(settings, store.ledger, retries=RETRIES)
        say(f"embedding with {embedder.model} ({embedder.kind}: {settings.chosen_embedder[1]})")

        anew = engine.unembedded(store, embedder)
        if anew:
            requests = -(-anew // embedder.batch_size) if embedder.kind == "hosted" else 0
            price = settings.price_per_request
            cost = "" if price is None else f", at a cost of {requests * price:,.2f}"
            say(
                f"{anew:,} stored texts are embedded too, since this release reads long texts otherwise: "
                f"{requests:,} provider requests{cost}"
            )

        def progress(report: engine.SyncReport) -> None:
            nonlocal last
            last = report
            # What was read is not yet stored: a run that is stopped goes on behind what is.
            done = sum(
                (
                    report.added,
                    report.updated,
                    report.unchanged,
                    report.stale,
                    report.repeated,
                    report.rejected,
                )
            )
            step("sync", done, max(records.total, report.read))

        try:
            if options.dry_run:
                last = engine.plan(
                    store, embedder, records, rejections, source=options.source,
                    delete_missing=options.delete_missing, price_per_request=settings.price_per_request,
                )  # fmt: skip
            else:
                store.prepare(step)
                last = run_closing(
                    embedder,
                    engine.sync(
                        store, embedder, records, rejections, source=options.source,
                        delete_missing=options.delete_missing, force=options.force, progress=progress,
                    ),
                )  # fmt: skip
        except ProviderError as error:
            done = last.added + last.updated
            left = "" if not done else f"; {done:,} tickets are stored, the same command goes on from there"
            say(f"error: {error}{left}")
            rejections.broke_off()
            status = PROBLEMS if done else FAILED
        else:
            _keep_cursor(options, records.reader, rejections.lost)
        sample = 0 if options.source == _SAMPLE else store.ledger.tickets.count(_SAMPLE)
    say(summary(last))
    if rejections.count:
        where = f"; they and the reasons are in {rejections.path}" if rejections.path else ""
        say(f"{rejections.count:,} records were rejected{where}")
        stored = last.read - last.rejected
        status = max(status, PROBLEMS if stored else FAILED)
    if sample:
        say(
            f"{sample:,} tickets of the bundled sample are stored beside yours: `precedent sample --remove` deletes them"
        )
    return last, status


def _remove_sample(settings: Settings) -> int:
    from indexer.store import Store

    with contextlib.closing(Store(settings)) as store, showing_progress() as step:
        store.prepare(step)
        gone = store.ledger.tickets.delete(list(store.ledger.tickets.ids(_SAMPLE)))
        live = store.ledger.generations.live()
        if live is not None:
            store.replay(live, step, only=gone)
    say(f"deleted {len(gone):,} tickets of the sample")
    return DONE


@contextlib.contextmanager
def _noticing(rejections: Rejections) -> Iterator[None]:
    try:
        yield
    except BaseException:
        rejections.broke_off()
        raise


def _keep_cursor(options: _Options, reader: SourceReader, lost: int) -> None:
    if reader.cursor is None or options.dry_run or options.file == "-":
        return
    if lost and not options.force:
        say(
            f"where the next export continues is not kept, since it would not bring the {lost:,} rejected records again: "
            "mend them and run the same again, or say --force"
        )
        return
    path = _beside(options.file, ".cursor.json")
    path.write_bytes(msgspec.json.encode(reader.cursor) + b"\n")
    say(f"the next export continues at {reader.cursor.field}={reader.cursor.value}, kept in {path}")


def _assignment(given: str) -> tuple[str, str]:
    field, equals, column = given.partition("=")
    if not equals:
        msg = f"--map {given!r} is not FIELD=COLUMN, such as body='Issue Text'"
        raise PrecedentError(msg)
    return field.strip(), column.strip()


def _beside(file: str, ending: str) -> Path:
    if file == "-":
        return Path(f"stdin{ending}")
    path = Path(file)
    if path.name in ("", ".."):
        path = path.resolve()
    # The whole name: t.csv and t.jsonl may stand side by side.
    return path.with_name(path.name + ending)


class _Estimate:
    """How many records a file holds, from its size and the length of those read so far."""

    def __init__(self, file: str, reader: SourceReader) -> None:
        path = Path(file)
        self._size = path.stat().st_size if path.is_file() and path.suffix != ".gz" else 0
        self.reader = reader
        self._read = self._characters = 0

    def __iter__(self) -> Iterator[SourceRecord]:
        for record in self.reader:
            self._read += 1
            self._characters += len(record.raw)
            yield record

    @property
    def total(self) -> int:
        """Return the estimate; zero when there is none."""
        return self._read * self._size // self._characters if self._characters else 0


def _first_few() -> Callable[[str], None]:
    shown = 0

    def report(text: str) -> None:
        nonlocal shown
        shown += 1
        if shown <= _SHOWN_REJECTIONS:
            say(f"rejected: {text}")
        elif shown == _SHOWN_REJECTIONS + 1:
            say("rejected: more, not shown here")

    return report
