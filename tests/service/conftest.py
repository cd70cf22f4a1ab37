"""One service for all tests that need no service of their own."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.indexer.making import make_ticket
from tests.provider import Provider
from tests.service.running import KEY, NEVER, Service, running_service

__all__ = ["MARK", "SEEDS"]

MARK = "zebrafish"
"""A word that test texts have, so that the log can be searched for them."""

SEEDS = 60
"""Tickets ``t-0`` … that the shared service has from the start; every fifth is without a resolution."""


@pytest.fixture(scope="session")
def _shared_service(
    tmp_path_factory: pytest.TempPathFactory, fitted: Path, _provider_process: Provider
) -> Iterator[Service]:
    data_dir = tmp_path_factory.mktemp("shared") / "data"
    shutil.copytree(fitted, data_dir)
    # The floor is fixed: what other tests store would move a measured one.
    with running_service(
        data_dir, _provider_process, intervals=NEVER, provider_timeout="2", similarity_floor="0.5"
    ) as running:
        running.store([make_ticket(n, resolution=None) for n in range(0, SEEDS, 5)])
        yield running
    assert KEY not in running.log
    assert MARK not in running.log
    assert "Case c" not in running.log, "texts of tickets are in the log"
    assert "Traceback" not in running.log


@pytest.fixture
def service(_shared_service: Service, provider: Provider) -> Service:
    """The service that tests share, with `SEEDS` tickets and a forest that stays; its provider is as if just started."""
    return _shared_service
