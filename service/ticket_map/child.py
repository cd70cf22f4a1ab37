"""The child process that makes the map: ``python -m service.ticket_map.child``, its order on standard input."""

import numpy as np

from indexer.ledger import Ledger
from service.child_process import ChildOrder, answer_order
from service.ticket_map.files import map_path, save
from service.ticket_map.maps import LEAST_POINTS, MOST_POINTS
from service.ticket_map.projection import make_map


def made(order: ChildOrder) -> bytes:
    """Make the map of a generation, save it beside its forest if there are tickets enough, and return how many there are."""
    settings = order.settings
    ledger = Ledger(settings.database_url, settings.data_dir)
    generation = ledger.generations.named(order.generation)
    path = map_path(settings.data_dir, ledger, generation)
    stored = ledger.tickets.count()
    sample = ledger.nearest.sample(generation.space, MOST_POINTS)
    row = {ticket_id: number for number, ticket_id in enumerate(sample.ids)}
    tickets = [ticket for ticket, _ in ledger.tickets.sound(sample.ids) if not ticket.is_open]
    ledger.close()
    if len(tickets) >= LEAST_POINTS:
        vectors = sample.vectors[np.array([row[ticket.id] for ticket in tickets], np.int64)]
        save(path, make_map(generation.name, tickets, vectors, stored), vectors)
    return str(len(tickets)).encode()


if __name__ == "__main__":
    answer_order(ChildOrder, made)
