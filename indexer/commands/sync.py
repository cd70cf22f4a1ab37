"""``sync`` and ``sample``: bring the index to what a file of tickets says."""

import argparse
import asyncio
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from indexer.commands.output import DONE, FAILED, PROBLEMS, RETRIES, Commands, add_json, finish
from indexer.console import say, showing_progress, summary
from indexer.errors import PrecedentError, ProviderError, SettingsError
from indexer.rejections import Rejections
from indexer.settings import Settings
from indexer.sources import FORMATS, SourceReader, SourceRecord
from indexer.sync import SyncReport, plan, sync

__all__ = ["add"]

_SHOWN_REJECTIONS = 20
_SAMPLE = "sample"


def add(commands: Commands) -> None:
    """Add the commands."""
    parser = commands.add_parser(
        "sync",
        help="bring the index to what a file of tickets says",
        description="Read tickets, embed what is new or changed, and store it. Run it again any time: what is unchanged costs nothing.",
        epilog="Exit status: 0 all stored, 1 some rejected (kept in FILE's .rejected.jsonl), 2 nothing done. "
        "Example: python -m indexer sync tickets.jsonl",
    )
    parser.add_argument(
        "file",
        metavar="FILE",
        help="JSONL, JSON or CSV, plain or gzip; a folder of them; or - for standard input",
    )
    parser.add_argument("--format", choices=FORMATS, help="of FILE, where its name does not tell")
    parser.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="FIELD=COLUMN",
        help="which column holds a field, such as body='Issue Text'; repeatable",
    )
    parser.add_argument("--source", metavar="NAME", help="store the tickets under this name")
    parser.add_argument("--delete-missing", action="store_true", help="delete what --source no longer has")
    parser.add_argument("--force", action="store_true", help="delete even more than a fifth of the source")
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="say what would be done, and how many provider requests it takes",
    )
    add_json(parser)
    parser.set_defaults(run=_sync)
    sample = commands.add_parser(
        "sample", help="index the bundled sample of tickets, if nothing is stored yet"
    )
    sample.add_argument("--remove", action="store_true", help="delete the sample's tickets")
    sample.set_defaults(run=_sample)


def _sync(settings: Settings, options: argparse.Namespace) -> int:
    from indexer.embedding.choose import open_embedder
    from indexer.knowledge.knowledge import Knowledge
    from indexer.sources import read_source

    if options.delete_missing and not options.source:
        msg = "--delete-missing needs --source NAME, so that only what came from there is deleted"
        raise SettingsError(msg)
    mapping = dict(_assignment(given) for given in options.map)
    # Opened before anything else is started: a file that cannot be read costs nothing.
    records = _Estimate(options.file, read_source(options.file, format=options.format, mapping=mapping))
    rejections = Rejections(_beside(options.file, ".rejected.jsonl"), _first_few())
    status = DONE
    last = SyncReport()
    with (
        contextlib.closing(Knowledge(settings)) as knowledge,
        contextlib.closing(rejections),
        showing_progress() as step,
    ):
        embedder = open_embedder(settings, knowledge.ledger, retries=RETRIES)
        say(f"embedding with {embedder.model} ({embedder.kind}: {settings.chosen_embedder[1]})")

        def progress(report: SyncReport) -> None:
            nonlocal last
            last = report
            # What was read is not yet stored: a run that is stopped goes on behind what is.
            done = report.added + report.updated + report.unchanged + report.stale + report.rejected
            step("sync", done, max(records.total, report.read))

        try:
            if options.dry_run:
                last = plan(
                    knowledge, embedder, records, rejections, source=options.source,
                    delete_missing=options.delete_missing, price_per_request=settings.price_per_request,
                )  # fmt: skip
            else:
                knowledge.prepare(step)
                last = asyncio.run(
                    sync(
                        knowledge, embedder, records, rejections, source=options.source,
                        delete_missing=options.delete_missing, force=options.force, progress=progress,
                    )
                )  # fmt: skip
        except ProviderError as error:
            done = last.added + last.updated
            left = "" if not done else f"; {done:,} tickets are stored, the same command goes on from there"
            say(f"error: {error}{left}")
            status = PROBLEMS if done else FAILED
        else:
            _keep_cursor(options, records.reader)
        sample = 0 if options.source == _SAMPLE else sum(1 for _ in knowledge.ledger.tickets.ids(_SAMPLE))
    say(summary(last))
    if rejections.count:
        say(f"{rejections.count:,} records were rejected; they and the reasons are in {rejections.path}")
        stored = last.added + last.updated + last.unchanged + last.stale
        status = max(status, PROBLEMS if stored else FAILED)
    if sample:
        say(
            f"{sample:,} tickets of the bundled sample are stored beside yours: `python -m indexer sample --remove` deletes them"
        )
    finish(options, last)
    return status


def _sample(settings: Settings, options: argparse.Namespace) -> int:
    from indexer.ledger import Ledger
    from indexer.sample import sample_path

    if options.remove:
        return _remove_sample(settings)
    with contextlib.closing(Ledger(settings.database_url, settings.data_dir)) as ledger:
        stored = ledger.tickets.count()
    if stored:
        return DONE
    say("nothing is stored yet: indexing the bundled sample")
    parser = argparse.ArgumentParser()
    add(parser.add_subparsers())
    return _sync(settings, parser.parse_args(["sync", str(sample_path()), "--source", _SAMPLE]))


def _remove_sample(settings: Settings) -> int:
    from indexer.knowledge.knowledge import Knowledge

    with contextlib.closing(Knowledge(settings)) as knowledge, showing_progress() as step:
        knowledge.prepare(step)
        gone = knowledge.ledger.tickets.delete(list(knowledge.ledger.tickets.ids(_SAMPLE)))
        live = knowledge.ledger.generations.live()
        if live is not None:
            knowledge.replay(live, step, only=gone)
    say(f"deleted {len(gone):,} tickets of the sample")
    return DONE


def _keep_cursor(options: argparse.Namespace, reader: SourceReader) -> None:
    if reader.cursor is None or options.dry_run or options.file == "-":
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
    return path.with_name(path.name.removesuffix(".gz").rsplit(".", 1)[0] + ending)


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
