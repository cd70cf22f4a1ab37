"""Which records of a source are stored: the resolved tickets, and the open ones where the settings keep them."""

from indexer.parsing import parse_ticket
from indexer.sources import SourceRecord
from indexer.ticket import Ticket, TicketError

__all__ = ["LeftOutError", "stored_ticket"]


class LeftOutError(TicketError):
    """A record is right, and no resolved ticket: it is open, or a pull request, for example."""


def stored_ticket(record: SourceRecord, *, source: str | None = None, keep_open: bool = False) -> Ticket:
    """Return the ticket that is stored of a record.

    :param source: the name of the source; it goes before what the record says.
    :param keep_open: return a ticket that is not resolved, too.
    :raises LeftOutError: it is no resolved ticket.
    :raises TicketError: it is no ticket, or could not be read.
    """
    if record.value is None or (record.left_out and not keep_open):
        reason = record.error or "not a record"
        raise LeftOutError(reason) if record.left_out else TicketError(reason)
    ticket = parse_ticket(record.value, source=source)
    if ticket.is_open and not keep_open:
        msg = f"the ticket is not resolved: its status is {ticket.status!r}"
        raise LeftOutError(msg)
    return ticket
