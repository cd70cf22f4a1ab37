"""A running service fits its forest again when labels change, and goes on when that fails."""

from pathlib import Path
from typing import Any

from tests.indexer.making import make_ticket, make_tickets
from tests.provider import Provider
from tests.service.running import Service, running_service


def fitted_on(service: Service, tickets: int) -> bool:
    """Tell whether the forest that serves was given so many labelled tickets."""
    return bool(forest(service)["report"] and forest(service)["report"]["tickets"] == tickets)


def forest(service: Service) -> Any:
    """Return what the service says of its forest."""
    return service.status()["forest"]


def test_a_label_that_is_taken_away_is_unlearned(data_dir: Path, provider: Provider) -> None:
    """One of sixty is more than a hundredth, however many tickets have no label at all."""
    with running_service(data_dir, provider) as service:
        service.store([*make_tickets(60), *(make_ticket(n, priority=None) for n in range(60, 260))])
        service.until(lambda: fitted_on(service, 60), "a forest is fitted")
        service.store([make_ticket(0, priority=None)])
        service.until(lambda: fitted_on(service, 59), "a forest is fitted without the label")
