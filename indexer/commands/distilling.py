"""``--distil``: ask the chat model about the tickets of a file before they are stored, or about those of a helpdesk after."""

from asyncio import to_thread
from collections.abc import Iterable, Iterator

from indexer.admission import stored_ticket
from indexer.commands.output import RETRIES
from indexer.console import say
from indexer.distillation import Distilled, distil, with_distillates
from indexer.embedding import Embedder
from indexer.errors import SettingsError
from indexer.ledger import Ledger, pages
from indexer.rate_limiter import RateLimiter
from indexer.settings import KEY_NAME, Settings
from indexer.sources import SourceRecord
from indexer.store import Store
from indexer.ticket import Ticket, TicketError
from indexer.writing import write_tickets

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


async def distil_tickets(
    settings: Settings, ledger: Ledger, tickets: Iterable[Ticket], limiter: RateLimiter
) -> Distilled:
    """Distil tickets, say what came of it, and return it."""
    report = await distil(settings, ledger, tickets, limiter=limiter, retries=RETRIES)
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


def stored_of(ledger: Ledger, source: str) -> Iterator[Ticket]:
    """Yield the stored tickets of a source."""
    for page in pages(ledger.tickets.ids(source)):
        yield from ledger.tickets.get(page).values()


async def store_distilled(store: Store, embedder: Embedder, source: str) -> int:
    """Store the tickets of a source with the resolutions that were distilled of them; return how many changed."""

    async def live() -> Embedder:
        return embedder

    changed = 0
    for page in pages(await to_thread(list, store.ledger.tickets.ids(source))):
        found = await to_thread(store.ledger.tickets.get, page)
        made = await to_thread(with_distillates, store.ledger, list(found.values()))
        new = [ticket for ticket in made if ticket is not found[ticket.id]]
        if not new:
            continue
        written = await write_tickets(store.ledger, live, new)
        if written.generation is not None:
            await to_thread(store.replay, written.generation, only=[ticket.id for ticket in written.tickets])
        changed += len(written.tickets)
    return changed


def _words(report: Distilled) -> str:
    tokens = report.prompt_tokens + report.completion_tokens
    cost = "" if report.cost is None else f", cost {report.cost:g}"
    return f"{report.requests:,} requests, {tokens:,} tokens{cost}"
