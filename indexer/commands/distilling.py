"""``--distil``: ask the chat model about the tickets of a file before they are stored, or about those of a helpdesk after."""

from asyncio import to_thread
from collections.abc import Iterable, Iterator

from indexer.admission import stored_ticket
from indexer.commands.output import RETRIES
from indexer.commands.storing import Storing
from indexer.console import say
from indexer.distillation import Distilled, distil, with_distillates
from indexer.errors import SettingsError
from indexer.ledger import pages
from indexer.settings import KEY_NAME, Settings
from indexer.sources import SourceRecord
from indexer.ticket import Ticket, TicketError

__all__ = [
    "distil_tickets",
    "require_provider",
    "store_distilled",
    "stored_of",
    "tell_expected",
    "tickets_of",
]


def require_provider(settings: Settings) -> None:
    """Refuse to distil without a provider.

    :raises SettingsError: there is none.
    """
    if not settings.provider_configured:
        msg = f"--distil needs the provider's chat model: set {KEY_NAME}"
        raise SettingsError(msg)


def tell_expected(report: Distilled) -> Distilled:
    """Say what distilling would cost, and return it."""
    say(f"to distil: up to {_words(report)}")
    return report


async def distil_tickets(run: Storing, tickets: Iterable[Ticket]) -> Distilled:
    """Distil tickets, say what came of it, and return it."""
    report = await distil(run.settings, run.ledger, tickets, limiter=run.limiter, retries=RETRIES)
    say(f"distilled: {report.resolutions:,} resolutions by {_words(report)}")
    if report.failed:
        why = f": {report.failure}" if report.failure else ""
        say(f"{report.failed:,} tickets could not be distilled, and are as they are without{why}")
    return report


def tickets_of(records: Iterable[SourceRecord]) -> Iterator[Ticket]:
    """Yield the tickets of records; what is none is said when they are stored."""
    for record in records:
        try:
            yield stored_ticket(record)
        except TicketError:
            continue


def stored_of(run: Storing) -> Iterator[Ticket]:
    """Yield the stored tickets of a run's source."""
    for page in pages(run.ledger.tickets.ids(run.source)):
        yield from run.ledger.tickets.get(page).values()


async def store_distilled(run: Storing) -> int:
    """Store the tickets of a run's source with the resolutions that were distilled of them; return how many changed."""
    changed = 0
    for page in pages(await to_thread(list, run.ledger.tickets.ids(run.source))):
        found = await to_thread(run.ledger.tickets.get, page)
        made = await to_thread(with_distillates, run.ledger, list(found.values()))
        new = [ticket for ticket in made if ticket is not found[ticket.id]]
        if not new:
            continue
        written = await run.write(new)
        if written.generation is not None:
            await to_thread(
                run.store.replay, written.generation, only=[ticket.id for ticket in written.tickets]
            )
        changed += len(written.tickets)
    return changed


def _words(report: Distilled) -> str:
    tokens = report.prompt_tokens + report.completion_tokens
    cost = "" if report.cost is None else f", cost {report.cost:g}"
    return f"{report.requests:,} requests, {tokens:,} tokens{cost}"
