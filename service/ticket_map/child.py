"""The child process that makes the map: ``python -m service.ticket_map.child``, its order on standard input."""

import sys

import numpy as np

from indexer.errors import PrecedentError
from indexer.forest_folder import forest_folder
from indexer.ledger import Ledger
from service.child_process import ChildOrder, read_order
from service.ticket_map.files import map_path, save
from service.ticket_map.maps import LEAST_POINTS, MOST_POINTS
from service.ticket_map.projection import make_map


def main() -> None:
    """Make the map of a generation, save it beside its forest if there are tickets enough, and write how many there are."""
    order = read_order(ChildOrder)
    settings = order.settings
    # The lock is that of a fit: whoever erases tickets waits for the map, and then removes it.
    with forest_folder(settings.data_dir, exclusive=False):
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
    sys.stdout.write(str(len(tickets)))


if __name__ == "__main__":
    try:
        main()
    except PrecedentError as error:
        sys.exit(str(error))
