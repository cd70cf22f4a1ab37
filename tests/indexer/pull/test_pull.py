"""The whole way from a helpdesk into the store: incremental, killed in the middle, throttled, with rejected tickets."""

import contextlib
import json
import os
import time
from collections.abc import Iterator
from unittest.mock import patch

import pytest

from indexer.ledger import Filter
from indexer.settings import Settings
from indexer.store import Store
from indexer.ticket import Ticket
from tests.indexer.command import fork_command, report_of, run_command
from tests.indexer.pull.helpdesk import Helpdesk, running
from tests.provider import Provider

pytestmark = pytest.mark.usefixtures("provider")

_COUNT = 650  # more than are stored together, in several pages
_MANY = 1_150  # so many that a pull goes on for long after what is stored first
_TOOLS = {"zendesk": "", "jira": "/REP"}


@pytest.fixture(autouse=True)
def _tokens() -> Iterator[None]:
    with patch.dict(
        os.environ, {"ZENDESK_TOKEN": "secret-token", "JIRA_TOKEN": "a@example.com:secret-token"}
    ):
        yield


@pytest.fixture
def helpdesk() -> Iterator[Helpdesk]:
    with running(Helpdesk(_COUNT)) as served:
        yield served


def _stored(settings: Settings) -> list[Ticket]:
    with contextlib.closing(Store(settings)) as store:
        return store.tickets.page(Filter(), limit=10_000)


def _number(ticket: Ticket) -> int:
    return int(ticket.id.rpartition("-")[2])


@pytest.mark.parametrize("tool", _TOOLS)
def test_tickets_come_with_their_resolution_and_then_only_changes(
    settings: Settings, helpdesk: Helpdesk, tool: str
) -> None:
    """The second run asks for little, the third finds nothing new, and no token is in what is kept."""
    address = f"{tool}://127.0.0.1:{helpdesk.port}{_TOOLS[tool]}"
    first = report_of(run_command(settings, "sync", address, "--json"))
    assert (first["read"], first["added"], first["rejected"]) == (_COUNT, _COUNT, 0)
    stored = _stored(settings)
    assert {_number(ticket) for ticket in stored} == set(range(1, _COUNT + 1))
    for ticket in stored:
        assert helpdesk.text(_number(ticket)) in ticket.text
        assert ticket.resolution == helpdesk.reply(_number(ticket))
        assert ticket.source == address
    helpdesk.touch(7)
    again = report_of(run_command(settings, "sync", address, "--json"))
    assert (again["updated"], again["embedded_texts"]) == (1, 0)
    assert again["read"] < 110
    kept = b"".join(file.read_bytes() for file in (settings.data_dir / "pulls").iterdir())
    assert b"secret-token" not in kept


def test_killed_in_the_middle_nothing_is_lost_or_stored_twice(settings: Settings, helpdesk: Helpdesk) -> None:
    """Kill -9 after the first batch, then again to the end."""
    for number in range(_COUNT + 1, _MANY + 1):
        helpdesk.touch(number)
    address = f"zendesk://127.0.0.1:{helpdesk.port}"
    kept = settings.data_dir / "pulls"
    process = fork_command(settings, "sync", address)
    deadline = time.monotonic() + 120
    while not list(kept.glob("*.json")):
        assert time.monotonic() < deadline
        assert process.poll() is None, process.output
        time.sleep(0.02)
    process.kill()
    process.wait()
    before = len(_stored(settings))
    assert 0 < before < _MANY, "it was killed too late to show anything"
    asked = len(helpdesk.requests)
    report = report_of(run_command(settings, "sync", address, "--json"))
    assert {_number(ticket) for ticket in _stored(settings)} == set(range(1, _MANY + 1))
    assert len(_stored(settings)) == _MANY
    assert report["added"] == _MANY - before
    assert len(helpdesk.requests) - asked < _MANY, "what was stored is not asked for again"


def test_a_helpdesk_that_fails_for_good_keeps_what_was_stored(settings: Settings, helpdesk: Helpdesk) -> None:
    """The error says so, and the same command goes on when the helpdesk is back."""
    address = f"zendesk://127.0.0.1:{helpdesk.port}"
    helpdesk.refuse_after = 600
    broken = run_command(settings, "sync", address, "--json", status=1)
    assert "403" in broken.stderr
    assert "run the same command again" in broken.stderr
    assert report_of(broken)["added"] == len(_stored(settings)) > 0
    helpdesk.refuse_after = None
    run_command(settings, "sync", address)
    assert len(_stored(settings)) == _COUNT


def test_conversations_are_distilled_of_all_that_is_stored(
    settings: Settings, helpdesk: Helpdesk, provider: Provider
) -> None:
    """Once each: also of what came by an earlier pull, or was over a limit. A dry run asks the helpdesk alone."""
    for number in range(13, _COUNT + 1):
        del helpdesk.changed[number]
    made = {"problem": "The export stops.", "resolution": "Raise export.max_rows and start it again."}
    provider.configure(reply=json.dumps(made))
    command = ("sync", f"zendesk://127.0.0.1:{helpdesk.port}", "--json")
    planned = report_of(run_command(settings, *command, "--distil", "--dry-run"))
    assert (planned["added"], planned["distilled"]["requests"]) == (12, 12)
    assert (_stored(settings), list((settings.data_dir / "pulls").iterdir())) == ([], [])
    run_command(settings, *command)
    report = report_of(
        run_command(settings, *command, "--distil", CHAT_PER_DAY="5", EMBEDDING_CONCURRENCY="1")
    )
    assert (report["updated"], report["distilled"]["requests"], report["embedded_texts"]) == (5, 5, 0)
    helpdesk.touch(7)
    planned = report_of(run_command(settings, *command, "--distil", "--dry-run"))
    assert (planned["updated"], planned["distilled"]["requests"]) == (1, 7)
    report = report_of(run_command(settings, *command, "--distil"))
    assert report["distilled"]["requests"] == 7
    assert {ticket.resolution for ticket in _stored(settings)} == {made["resolution"]}
    again = report_of(run_command(settings, *command, "--distil"))
    assert (again["updated"], again["distilled"]["requests"]) == (0, 0)
    assert provider.stats().requests["chat"] == 12


@pytest.mark.parametrize("option", ["--delete-missing", "--format=zendesk", "--map=body=x"])
def test_what_is_for_files_is_refused(settings: Settings, option: str) -> None:
    """Nothing is asked, and the message names the option."""
    nothing = run_command(settings, "sync", "zendesk://127.0.0.1:9", option, status=2)
    assert option.partition("=")[0] in nothing.stderr


def test_without_a_token_the_variable_is_named(settings: Settings) -> None:
    """Which one it is depends on the helpdesk."""
    nothing = run_command(settings, "sync", "freshdesk://acme", status=2)
    assert "FRESHDESK_TOKEN" in nothing.stderr
