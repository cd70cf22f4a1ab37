"""Portal writers and askers go on while Chroma and the service are killed: nothing is lost, and no index put aside."""

import pytest

from indexer.settings import Settings
from tests.chaos.portal import run_portal
from tests.leftovers import assert_nothing_runs
from tests.provider import Provider

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_a_portal_loses_nothing_while_chroma_and_service_are_killed(
    settings: Settings, provider: Provider
) -> None:
    """Every acknowledged ticket is there and found; no answer was wrong, no error anything but 503 or a dead connection."""
    outcome = run_portal(
        settings, provider, seconds=12, writers=4, askers=4, kills={"chroma": 4, "service": 1}
    )
    assert outcome.acknowledged > 4
    assert outcome.asked > 4
    assert (outcome.lost, outcome.wrong, outcome.put_aside) == ([], [], set())
    assert [len(found) for found in outcome.ready.values()] == [4, 1]
    assert not {status for status in outcome.refused if status.isdigit()} - {"429", "503"}
    assert_nothing_runs(settings.data_dir)
