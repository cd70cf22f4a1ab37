"""Tickets with what was distilled of them."""

from collections.abc import Sequence

import msgspec

from indexer.distillation.prompt import VERSION, is_wanted, thread_hash
from indexer.ledger import Ledger
from indexer.ledger.distillate_table import Distillate
from indexer.ticket import Ticket

__all__ = ["problem_of", "with_distillates"]


def with_distillates(ledger: Ledger, tickets: Sequence[Ticket]) -> list[Ticket]:
    """Return the tickets, each as its export has it or, where that has no resolution, with the one that is kept of it.

    Every way in uses it: a ticket that comes again without a resolution is then the ticket that is stored.
    """
    wanted = [ticket.id for ticket in tickets if is_wanted(ticket)]
    kept = ledger.distillates.of(wanted, VERSION) if wanted else {}
    if not kept:
        return list(tickets)
    found = []
    for ticket in tickets:
        made = kept.get((ticket.id, thread_hash(ticket))) if is_wanted(ticket) else None
        if made is not None and made.resolution:
            origin = _origin(made)
            ticket = msgspec.structs.replace(ticket, resolution=made.resolution, resolution_from=origin)  # noqa: PLW2901 (the same ticket)
        found.append(ticket)
    return found


def problem_of(ledger: Ledger, ticket: Ticket) -> tuple[str, str] | None:
    """Return the problem that was distilled of a stored ticket, and where it came from; ``None`` where none was."""
    if not ticket.thread:
        return None
    made = ledger.distillates.of([ticket.id], VERSION).get((ticket.id, thread_hash(ticket)))
    return (made.problem, _origin(made)) if made is not None and made.problem else None


def _origin(made: Distillate) -> str:
    return f"distilled from the thread by {made.model}"
