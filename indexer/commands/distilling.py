"""``sync --distil``: ask the chat model about the tickets of a file before they are stored."""

from collections.abc import Iterator

from indexer.admission import stored_ticket
from indexer.commands.output import RETRIES
from indexer.console import say
from indexer.distillation import Distilled, distil, expected
from indexer.errors import SettingsError
from indexer.ledger import Ledger
from indexer.mapping_file import ReadingOptions
from indexer.rate_limiter import RateLimiter
from indexer.settings import KEY_NAME, Settings
from indexer.ticket import Ticket, TicketError

__all__ = ["distil_file", "require_distillable", "tell_distillation"]


def require_distillable(settings: Settings, file: str) -> None:
    """Refuse what cannot be distilled.

    :raises SettingsError: there is no provider, or the file cannot be read twice.
    """
    if not settings.provider_configured:
        msg = f"--distil needs the provider's chat model: set {KEY_NAME}"
        raise SettingsError(msg)
    if file == "-":
        msg = "--distil reads FILE twice, which standard input cannot be: name a file"
        raise SettingsError(msg)


def tell_distillation(settings: Settings, ledger: Ledger, reading: ReadingOptions, file: str) -> Distilled:
    """Say what distilling the file's tickets would cost, and return it."""
    report = expected(settings, ledger, _tickets(reading, file))
    say(f"to distil: up to {_words(report)}")
    return report


async def distil_file(
    settings: Settings, ledger: Ledger, reading: ReadingOptions, file: str, limiter: RateLimiter
) -> Distilled:
    """Distil the file's tickets, say what came of it, and return it."""
    report = await distil(settings, ledger, _tickets(reading, file), limiter=limiter, retries=RETRIES)
    say(f"distilled: {report.resolutions:,} resolutions by {_words(report)}")
    if report.failed:
        why = f": {report.failure}" if report.failure else ""
        say(f"{report.failed:,} tickets could not be distilled, and are as they are without{why}")
    return report


def _words(report: Distilled) -> str:
    tokens = report.prompt_tokens + report.completion_tokens
    cost = "" if report.cost is None else f", cost {report.cost:g}"
    return f"{report.requests:,} requests, {tokens:,} tokens{cost}"


def _tickets(reading: ReadingOptions, file: str) -> Iterator[Ticket]:
    """Yield the tickets of a file; what is none is said when they are stored."""
    for record in reading.relabelled(reading.open(file)):
        try:
            yield stored_ticket(record)
        except TicketError:
            continue
