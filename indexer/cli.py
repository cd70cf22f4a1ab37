"""The commands of ``python -m indexer``."""

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from indexer.commands import add_commands
from indexer.console import say, showing_progress, summary
from indexer.errors import PrecedentError, ProviderError
from indexer.logs import configure_logging
from indexer.rejections import Rejections
from indexer.settings import Settings, load_settings
from indexer.sources import FORMATS, SourceRecord
from indexer.sync import SyncReport, plan, sync

__all__ = ["main"]

OK, SOME_REJECTED, NOTHING_DONE, INTERRUPTED = 0, 1, 2, 130
_SHOWN_REJECTIONS = 20
_RETRIES = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = _parser().parse_args(arguments)
    # `kill` and `make stop` end a command as Ctrl-C does: in order.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        settings = load_settings()
        configure_logging(settings.log_level)
        status: int = options.run(settings, options)
    except PrecedentError as error:
        say(f"error: {error}")
        return NOTHING_DONE
    except KeyboardInterrupt:
        say("interrupted: what was acknowledged is stored; the same command goes on from there")
        return INTERRUPTED
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m indexer",
        description="Keep resolved tickets: in the ledger (the truth) and in Chroma (for search).",
        epilog="Settings come from the environment and .env; the README lists them.",
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    add = commands.add_parser(
        "sync",
        help="bring the index to what a file of tickets says",
        description="Read tickets, embed what is new or changed, and store it. Run it again any time: what is unchanged costs nothing.",
        epilog="Exit status: 0 all stored, 1 some rejected (kept in FILE's .rejected.jsonl), 2 nothing done. "
        "Example: python -m indexer sync tickets.jsonl",
    )
    add.add_argument(
        "file",
        metavar="FILE",
        help="JSONL, JSON or CSV, plain or gzip; a folder of them; or - for standard input",
    )
    add.add_argument("--format", choices=FORMATS, help="of FILE, where its name does not tell")
    add.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="FIELD=COLUMN",
        help="which column holds a field, such as body='Issue Text'; repeatable",
    )
    add.add_argument("--source", metavar="NAME", help="store the tickets under this name")
    add.add_argument("--delete-missing", action="store_true", help="delete what --source no longer has")
    add.add_argument("--force", action="store_true", help="delete even more than a fifth of the source")
    add.add_argument(
        "--dry-run",
        action="store_true",
        help="say what would be done, and how many provider requests it takes",
    )
    add.add_argument(
        "--json", action="store_true", help="end with the report as one line of JSON on standard output"
    )
    add.set_defaults(run=_sync)
    sample = commands.add_parser(
        "sample", help="index the bundled sample of tickets, if nothing is stored yet"
    )
    sample.set_defaults(run=_sample)
    status = commands.add_parser("status", help="say what is stored")
    status.add_argument("--json", action="store_true", help="as one line of JSON")
    status.set_defaults(run=_status)
    add_commands(commands)
    stop = commands.add_parser("stop", help="stop the service and the Chroma server of the data directory")
    stop.set_defaults(run=_stop)
    return parser


def _sync(settings: Settings, options: argparse.Namespace) -> int:
    from indexer.embedding.choose import open_embedder
    from indexer.knowledge.knowledge import Knowledge
    from indexer.sources import read_source

    mapping = dict(_assignment(given) for given in options.map)
    # Opened before anything else is started: a file that cannot be read costs nothing.
    records = _Estimate(options.file, read_source(options.file, format=options.format, mapping=mapping))
    embedder = open_embedder(settings, retries=_RETRIES)
    say(f"embedding with {embedder.model} ({embedder.kind}: {settings.chosen_embedder[1]})")
    rejections = Rejections(_rejected_path(options.file), _first_few())
    status = OK
    last = SyncReport()
    with (
        contextlib.closing(Knowledge(settings)) as knowledge,
        contextlib.closing(rejections),
        showing_progress() as step,
    ):

        def progress(report: SyncReport) -> None:
            nonlocal last
            last = report
            step("sync", report.read, max(records.total, report.read))

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
            status = SOME_REJECTED if done else NOTHING_DONE
    say(summary(last))
    if rejections.count:
        say(f"{rejections.count:,} records were rejected; they and the reasons are in {rejections.path}")
        stored = last.added + last.updated + last.unchanged + last.stale
        status = max(status, SOME_REJECTED if stored else NOTHING_DONE)
    if options.json:
        sys.stdout.write(msgspec.json.encode(last).decode() + "\n")
    return status


def _sample(settings: Settings, _options: argparse.Namespace) -> int:
    from indexer.ledger import Ledger
    from indexer.sample import sample_path

    with contextlib.closing(Ledger(settings.database_url, settings.data_dir)) as ledger:
        stored = ledger.tickets.count()
    if stored:
        say(f"{stored:,} tickets are stored already: the sample is not needed")
        return OK
    return _sync(settings, _parser().parse_args(["sync", str(sample_path()), "--source", "sample"]))


def _status(settings: Settings, options: argparse.Namespace) -> int:
    from indexer.ledger import Ledger

    with contextlib.closing(Ledger(settings.database_url, settings.data_dir)) as ledger:
        live = ledger.generations.live()
        found = {
            "tickets": ledger.tickets.count(),
            "generation": live.name if live else None,
            "embedding_model": live.space.model if live else None,
            "dimension": live.space.dimension if live else None,
            "pending": ledger.generations.count_pending(live) if live else 0,
            "generations": [
                {"name": g.name, "model": g.space.model, "status": g.status} for g in ledger.generations.all()
            ],
        }
    if options.json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    else:
        for name, value in found.items():
            sys.stdout.write(f"{name}: {value}\n")
    return OK


def _stop(settings: Settings, _options: argparse.Namespace) -> int:
    from indexer.knowledge.server import LocalServer
    from indexer.processes import stop_services

    services = stop_services(settings.data_dir)
    chroma = LocalServer(settings.data_dir).stop()
    say(
        f"stopped {services} service(s){' and Chroma' if chroma else ''}"
        if services or chroma
        else "nothing was running"
    )
    return OK


def _assignment(given: str) -> tuple[str, str]:
    field, equals, column = given.partition("=")
    if not equals:
        msg = f"--map {given!r} is not FIELD=COLUMN, such as body='Issue Text'"
        raise PrecedentError(msg)
    return field.strip(), column.strip()


def _rejected_path(file: str) -> Path:
    if file == "-":
        return Path("stdin.rejected.jsonl")
    path = Path(file)
    return path.with_name(path.name.removesuffix(".gz").rsplit(".", 1)[0] + ".rejected.jsonl")


class _Estimate:
    """How many records a file holds, from its size and the length of those read so far."""

    def __init__(self, file: str, records: Iterator[SourceRecord]) -> None:
        path = Path(file)
        self._size = path.stat().st_size if path.is_file() and path.suffix != ".gz" else 0
        self._records = records
        self._read = self._characters = 0

    def __iter__(self) -> Iterator[SourceRecord]:
        for record in self._records:
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
