"""A running service fits its forest again when labels change, and goes on when that fails."""

import os
import shutil
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.indexer.making import make_ticket, make_tickets, sentence
from tests.provider import Provider
from tests.service.running import NEVER, SOON, Service, running_service
from tests.service.test_recovery import fitting

KILLED = "its process was killed, as happens where memory is short"


def fitted_on(service: Service, tickets: int) -> bool:
    """Tell whether the forest that serves was given so many labelled tickets."""
    return bool(forest(service)["report"] and forest(service)["report"]["tickets"] == tickets)


def forest(service: Service) -> Any:
    """Return what the service says of its forest."""
    return service.status()["forest"]


@pytest.fixture(scope="module")
def refitted(
    tmp_path_factory: pytest.TempPathFactory, fitted: Path, _provider_process: Provider
) -> Iterator[tuple[Service, Path]]:
    """A service that has learned that one of its sixty labels is taken away, and the file of the forest that served before.

    All files of forests were of the future meanwhile, and there were more of them than are kept.
    """
    data_dir = tmp_path_factory.mktemp("refitted") / "data"
    shutil.copytree(fitted, data_dir)
    with running_service(data_dir, _provider_process, intervals=SOON) as service:
        (path,) = (data_dir / "forests").glob("*.npz")
        for name in ("tickets-0001-0.npz", "tickets-0000-0.npz"):
            shutil.copy(path, path.with_name(name))
        for each in (data_dir / "forests").iterdir():
            os.utime(each, (4e9, 4e9))
        service.store(make_tickets(200, start=60, priority=None))
        service.store([make_ticket(0, priority=None)])
        service.until(lambda: forest(service)["last_fit"], "a forest is fitted")
        yield service, path


def test_a_label_that_is_taken_away_is_unlearned(refitted: tuple[Service, Path]) -> None:
    """One of sixty is more than a hundredth, however many tickets have no label at all."""
    service, _ = refitted
    service.until(lambda: fitted_on(service, 59), "a forest is fitted without the label")


def test_a_clock_that_is_set_back_costs_no_forest(refitted: tuple[Service, Path]) -> None:
    """Which forest is the newest is told by the ledger's revision: files of the future stay behind it."""
    service, before = refitted
    service.until(lambda: fitted_on(service, 59), "the new one serves")
    kept = set((service.data_dir / "forests").glob("*.npz"))
    assert len(kept) == 2
    assert before in kept


def test_the_first_forest_is_fitted_beside_answers_and_again_when_that_fails(
    fitted_dir: Path, provider: Provider
) -> None:
    """Meanwhile it answers from the start on: what is similar, and a triage whose priority a person has to set.

    It is tried again without another label, after a pause, and said so; a forest that is there goes on serving.
    """
    for path in (fitted_dir / "forests").glob("*.npz"):
        path.unlink()
    with running_service(fitted_dir, provider, intervals=SOON) as service:
        service.until(lambda: fitting(service), "a forest is being fitted")
        for child in fitting(service):
            os.kill(child, signal.SIGSTOP)
        try:
            assert service.http.get("/health/ready").status_code == 200
            assert service.answer("/v1/similar", text=sentence(7))["neighbours"][0]["id"] == "t-7"
            answer = service.answer("/v1/triage", text=sentence(7))
            assert (answer["priority"]["label"], answer["priority"]["decision"]) == (None, "review")
            assert answer["index"]["forest"] == "the first forest is being fitted"
            assert answer["neighbours"]
        finally:
            kill_the_fit(service)  # which also ends what is stopped
        without = forest(service)
        assert without["state"] == f"fitting failed: {KILLED}; it is tried again"
        assert (without["report"], without["last_fit"]["promoted"]) == (None, False)
        service.until(lambda: fitted_on(service, 60), "it is tried again")
        assert service.answer("/v1/classify", text=sentence(7))["priority"]["label"]
        service.store(make_tickets(20, start=60))
        kill_the_fit(service)
        assert fitted_on(service, 60)
        assert forest(service)["state"].startswith("fitted on 60 tickets")
        service.until(lambda: fitted_on(service, 80), "that is tried again too")
        assert forest(service)["last_fit"]["promoted"]
        assert service.log.count("fitting failed") == 2


def kill_the_fit(service: Service) -> None:
    """Kill the process that fits, as the system does where memory is short, and wait until the service has seen it."""
    service.until(lambda: fitting(service), "a forest is being fitted")
    for child in fitting(service):
        os.kill(child, signal.SIGKILL)
    why = f"fitting failed: {KILLED}"
    service.until(lambda: (forest(service)["last_fit"] or {}).get("why") == why, "the failure is seen")


def test_a_label_that_no_ticket_has_is_a_warning(fitted_dir: Path, provider: Provider) -> None:
    """It names setting, value and the labels that there are: when a forest was learned, and at a start with one that was."""

    def warned(service: Service) -> list[str]:
        return [
            line.partition(": ")[2]
            for line in service.log.splitlines()
            if " WARNING service.forest.forests: " in line
        ]

    there = "which is the priority of no ticket: there are high, low, medium"
    of_order = "PRECEDENT_PRIORITY_ORDER: the order of priorities (low, high) leaves out 'medium'"
    given = {
        "alert": "hgih",
        "costs": "urgnet=3,HIGH=2",
        "slack_priorities": "high,hihg",
        "priority_order": "low,high",
    }
    with running_service(fitted_dir, provider, intervals=None, **given) as service:
        service.wait_for_forest()
        service.until(lambda: len(warned(service)) >= 4, "all is told")
        assert sorted(warned(service)) == [
            f"PRECEDENT_ALERT names 'hgih', {there}",
            f"PRECEDENT_COSTS names 'urgnet', {there}",
            of_order,
            f"PRECEDENT_SLACK_PRIORITIES names 'hihg', {there}",
        ]
    (fitted_dir.parent / "service.log").write_text("")
    with running_service(fitted_dir, provider, intervals=NEVER, **given) as service:
        service.wait_for_forest()
        assert len(warned(service)) == 4


def test_a_forest_whose_file_is_lost_is_replaced(fitted_dir: Path, provider: Provider) -> None:
    """Removed or damaged, there is nothing left to compare with: the new one serves, instead of every fit failing."""
    with running_service(fitted_dir, provider, intervals=SOON) as service:
        for path in (fitted_dir / "forests").glob("*.npz"):
            path.unlink()
        service.store(make_tickets(5, start=60))
        service.until(lambda: fitted_on(service, 65), "another serves")
        assert forest(service)["last_fit"]["why"] == "the one that serves cannot be read"
        for path in (fitted_dir / "forests").glob("*.npz"):
            path.write_bytes(b"not a forest")
        service.store(make_tickets(5, start=65))
        service.until(lambda: fitted_on(service, 70), "another serves")
        assert forest(service)["last_fit"]["why"] == "the one that serves cannot be read"


@pytest.mark.slow
def test_an_endless_half_life_is_not_an_unset_one(data_dir: Path, provider: Provider) -> None:
    """With infinity, age is not tried; without the setting it is, and the forest of before does not serve."""
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    with running_service(data_dir, provider, intervals=SOON, half_life_days="inf") as service:
        service.store([make_ticket(n, created_at=begin + timedelta(days=n)) for n in range(160)])
        service.until(lambda: fitted_on(service, 160), "a forest is fitted")
        assert ages_tried(service) == {None}
    with running_service(data_dir, provider, intervals=SOON, half_life_days="inf") as service:
        assert forest(service)["last_fit"] is None, "the stored one serves"
    with running_service(data_dir, provider, intervals=SOON) as service:
        service.until(lambda: fitted_on(service, 160), "a forest is fitted")
        assert ages_tried(service) == {None, 180.0}


def ages_tried(service: Service) -> set[float | None]:
    """Return the half-lives that were tried for the forest that serves."""
    return {candidate["half_life_days"] for candidate in forest(service)["report"]["candidates"]}
