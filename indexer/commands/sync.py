"""``sync`` and ``sample``: store the tickets of a file."""

from typing import Any

import click
import msgspec

from indexer import sync as engine
from indexer.commands.distilling import distil_tickets, require_provider, tell_expected, tickets_of
from indexer.commands.file_options import columns_line, file_options, reading_options, source_name
from indexer.commands.output import (
    DONE,
    finish,
    json_option,
    opened_ledger,
    opened_store,
    run_closing,
    settings_for_command,
)
from indexer.commands.storing import SAMPLE_SOURCE, Storing, SyncOptions, storing
from indexer.commands.sync_helpdesk import sync_helpdesk
from indexer.console import say
from indexer.distillation import expected
from indexer.errors import SettingsError
from indexer.mapping_file import ReadingOptions, beside
from indexer.pull import parse_address
from indexer.sample import SAMPLE
from indexer.settings import Settings
from indexer.sources import SourceReader

__all__ = ["sample", "sync"]


@click.command(
    epilog="""\b
Examples:
  precedent sync tickets.jsonl
  precedent sync export.csv --map body='Issue Text' --source helpdesk
  precedent sync export.csv --dry-run
  ZENDESK_TOKEN=me@acme.com/token:KEY precedent sync zendesk://acme

Exit status: 0 every record is stored or left out, 1 some are rejected, 2 all are, or there is none."""
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
    help="Have the chat model write the resolution from the conversation where there is none; once per ticket ever.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be done, with requests and cost; do nothing.")
@json_option
def sync(*, as_json: bool, **options: Any) -> int:
    """Store the resolved tickets of FILE.

    FILE is JSONL, JSON or CSV, plain or gzip, a folder of such files, or - for standard input. Only new and changed
    tickets are embedded, so it is cheap to run again. Records that are not tickets are reported and kept in
    FILE.rejected.jsonl; the others are stored. In a folder, files of Zendesk's or Salesforce's comments are joined with its tickets.

    FILE may also be the address of a helpdesk: zendesk://NAME, jira://HOST[/PROJECT], freshdesk://NAME,
    github://OWNER/REPOSITORY or rt://HOST[?queue=NAME], with its token in ZENDESK_TOKEN, JIRA_TOKEN and so on. Each run
    asks for what changed since the last one. --distil then looks at all tickets stored of it.
    """
    settings, given = settings_for_command(), SyncOptions(**options)
    address = parse_address(given.file)
    run = _sync_file(settings, given) if address is None else sync_helpdesk(settings, given, address)
    return finish(run.report, run.status, as_json=as_json)


@click.command
@click.option("--remove", is_flag=True, help="Delete the sample's tickets instead.")
def sample(*, remove: bool) -> int:
    """Store the bundled sample of tickets, if nothing is stored yet."""
    if remove:
        return _remove_sample()
    with opened_ledger(makes=True) as (settings, ledger):
        if stored := ledger.tickets.count():
            say(f"{stored:,} tickets are stored already: the sample is for an empty store")
            return DONE
    say("nothing is stored yet: indexing the bundled sample")
    return _sync_file(settings, SyncOptions(file=str(SAMPLE), source=SAMPLE_SOURCE)).status


def _sync_file(settings: Settings, options: SyncOptions) -> Storing:
    if options.delete_missing and not options.source:
        msg = "--delete-missing needs --source NAME, so that only what came from there is deleted"
        raise SettingsError(msg)
    if options.distil:
        require_provider(settings)
        if options.file == "-":
            msg = "--distil reads FILE twice, which standard input cannot be: name a file"
            raise SettingsError(msg)
    reading = reading_options(options)
    # Opened before anything else is started: a file that cannot be read costs nothing.
    reader = reading.open(options.file)
    told = _told(reader, set())
    rejected = beside(options.file, ".rejected.jsonl")
    with storing(settings, options, options.source, rejected, expected=lambda: reader.expected) as run:
        if options.dry_run:
            price = settings.price_per_request
            run.report = engine.plan(
                run, reader, delete_missing=options.delete_missing, price_per_request=price
            )
            if options.distil:
                tickets = tickets_of(reading.open(options.file))
                run.report.distilled = tell_expected(expected(settings, run.store.ledger, tickets))
        else:
            run_closing(run.embedder, _store(run, reading, reader))
            _told(reader, told)
            _keep_cursor(options, reader, run.rejections.lost)
    return run


def _told(reader: SourceReader, told: set[str]) -> set[str]:
    """Say what files were read as so far, with names that their first record may lack, as far as it is not told yet."""
    lines = {f"read as {source_name(found)}{columns_line(found)}": None for found in reader.recognised}
    for line in [line for line in lines if line not in told][:10]:
        say(line)
    return told | lines.keys()


async def _store(run: Storing, reading: ReadingOptions, reader: SourceReader) -> None:
    options = run.options
    if options.distil:
        run.report.distilled = await distil_tickets(run, tickets_of(reading.open(options.file)))
    await engine.sync(run, reader, delete_missing=options.delete_missing, force=options.force)


def _remove_sample() -> int:
    with opened_store() as (_, store, step):
        store.prepare(step)
        gone = store.tickets.delete(list(store.tickets.ids(SAMPLE_SOURCE)))
        live = store.generations.live()
        if live is not None:
            store.replay(live, step, only=gone)
    say(f"deleted {len(gone):,} tickets of the sample")
    return DONE


def _keep_cursor(options: SyncOptions, reader: SourceReader, lost: int) -> None:
    if reader.cursor is None or options.file == "-":
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
