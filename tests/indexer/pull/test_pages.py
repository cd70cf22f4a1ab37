"""Asking hosted helpdesks: every ticket comes, whatever fails in between, and no request comes before its time."""

from collections.abc import Iterator
from typing import Any

import pytest

from indexer.errors import SourceError
from indexer.pull import Page, pages, parse_address
from tests.indexer.pull.helpdesk import Helpdesk, running

_COUNT = 130
_TOKENS = {
    "ZENDESK_TOKEN": "a@example.com/token:secret",
    "JIRA_TOKEN": "a@example.com:secret",
    "FRESHDESK_TOKEN": "secret",
    "GITHUB_TOKEN": "secret",
    "RT_TOKEN": "1-14-secret",
}
_ADDRESSES = {"zendesk": "", "jira": "/REP", "freshdesk": "", "github": "/acme/tool"}
_TOOLS = sorted(_ADDRESSES)


@pytest.fixture
def helpdesk() -> Iterator[Helpdesk]:
    with running(Helpdesk(_COUNT)) as served:
        yield served


def _pull(helpdesk: Helpdesk, tool: str, cursor: dict[str, str] | None = None) -> list[Page]:
    address = parse_address(f"{tool}://127.0.0.1:{helpdesk.port}{_ADDRESSES[tool]}", _TOKENS)
    assert address is not None
    return list(pages(address, cursor or {}, lambda _: None))


def _tickets(found: list[Page]) -> list[dict[str, Any]]:
    of_all: list[dict[str, Any]] = []
    for page in found:
        document = page.document
        names = ("tickets", "issues")
        of_all += (
            document
            if isinstance(document, list)
            else next(document[name] for name in names if name in document)
        )
    return of_all


def _number(ticket: dict[str, Any]) -> int:
    return int(ticket.get("number") or ticket.get("id") or ticket["key"].partition("-")[2])


def _all_of(tool: str) -> set[int]:
    return {n for n in range(1, _COUNT + 1) if tool != "github" or n % 10}


@pytest.mark.parametrize("tool", _TOOLS)
def test_every_ticket_comes_with_what_was_answered(helpdesk: Helpdesk, tool: str) -> None:
    """Several pages, several tickets of one moment: none is passed over, and each has the agent's words."""
    found = _tickets(_pull(helpdesk, tool))
    assert {_number(ticket) for ticket in found} == _all_of(tool)
    assert all(helpdesk.reply(_number(ticket)) in str(ticket) for ticket in found)


@pytest.mark.parametrize("tool", _TOOLS)
def test_only_what_changed_since_comes_next_time(helpdesk: Helpdesk, tool: str) -> None:
    """The cursor of the last page goes on behind what was seen."""
    cursor = _pull(helpdesk, tool)[-1].cursor
    helpdesk.touch(7)
    helpdesk.touch(8)
    again = {_number(ticket) for ticket in _tickets(_pull(helpdesk, tool, cursor))}
    assert {7, 8} <= again
    assert len(again) < 20


@pytest.mark.parametrize("tool", _TOOLS)
def test_a_pull_goes_on_behind_any_of_its_pages(helpdesk: Helpdesk, tool: str) -> None:
    """Killed after a page, the next run brings the rest; what it brings twice is little."""
    first = _pull(helpdesk, tool)
    rest = _tickets(_pull(helpdesk, tool, first[0].cursor))
    numbers = {_number(ticket) for ticket in _tickets(first[:1]) + rest}
    assert numbers == _all_of(tool)
    assert len(rest) < _COUNT


@pytest.mark.parametrize("tool", _TOOLS)
@pytest.mark.parametrize("header", ["Retry-After", "X-RateLimit-Reset"])
def test_no_request_comes_before_its_time(helpdesk: Helpdesk, tool: str, header: str) -> None:
    """A limit is kept to the moment, and nothing is lost by it."""
    helpdesk.faults = [(429, {header: "1"}), (429, {header: "1"})]
    found = {_number(ticket) for ticket in _tickets(_pull(helpdesk, tool))}
    assert found == _all_of(tool)
    times = [at for at, _ in helpdesk.requests[:3]]
    assert times[1] - times[0] >= 1
    assert times[2] - times[1] >= 1


@pytest.mark.parametrize("tool", _TOOLS)
def test_what_breaks_off_or_fails_for_a_moment_is_asked_again(helpdesk: Helpdesk, tool: str) -> None:
    """An answer cut in the middle and a server's own error cost nothing but time."""
    helpdesk.faults = [(502, {})]
    helpdesk.break_after = 3
    assert {_number(ticket) for ticket in _tickets(_pull(helpdesk, tool))} == _all_of(tool)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_names_what_is_wrong(helpdesk: Helpdesk, status: int) -> None:
    """It is not asked again, and no token stands in the message."""
    helpdesk.faults = [(status, {})]
    with pytest.raises(SourceError, match=str(status)) as raised:
        _pull(helpdesk, "zendesk")
    assert len(helpdesk.requests) == 1
    assert "secret" not in str(raised.value)


def test_a_limit_of_hours_ends_the_pull(helpdesk: Helpdesk) -> None:
    """Who runs it is told how long, instead of being kept waiting."""
    helpdesk.faults = [(429, {"Retry-After": "7300"})]
    with pytest.raises(SourceError, match="122 minutes"):
        _pull(helpdesk, "zendesk")


@pytest.mark.parametrize("tool", _TOOLS)
def test_the_token_is_sent(helpdesk: Helpdesk, tool: str) -> None:
    """Each tool has its own way."""
    _pull(helpdesk, tool)
    kind = "Bearer secret" if tool == "github" else "Basic "
    assert helpdesk.authorization.startswith(kind)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("zendesk://", "zendesk://acme"),
        ("github://acme", "owner/repository"),
        ("zendesk://me:secret@acme", "holds no password"),
        ("freshdesk://acme", "FRESHDESK_TOKEN is not set"),
    ],
)
def test_an_address_that_cannot_be_asked_is_refused(text: str, wrong: str) -> None:
    """The message says what to write."""
    with pytest.raises(SourceError, match=wrong) as raised:
        parse_address(text, {"ZENDESK_TOKEN": "x"})
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "base", "path"),
    [
        ("zendesk://acme", "https://acme.zendesk.com", ""),
        ("jira://acme.atlassian.net/REP", "https://acme.atlassian.net", "REP"),
        ("freshdesk://help.acme.com", "https://help.acme.com", ""),
        ("github://acme/tool", "https://api.github.com", "acme/tool"),
        ("rt://rt.acme.com/support?queue=VPN", "https://rt.acme.com/support", ""),
        ("rt://localhost:8080", "http://localhost:8080", ""),
    ],
)
def test_addresses_name_hosts(text: str, base: str, path: str) -> None:
    """A name without a dot is the vendor's cloud; only this machine is asked without TLS."""
    address = parse_address(text, _TOKENS)
    assert address is not None
    assert (address.base, address.path) == (base, path)
    assert "secret" not in repr(address)


def test_a_file_is_no_address() -> None:
    """What is not one of the schemes is a file's name."""
    assert parse_address("tickets.jsonl") is None
    assert parse_address("https://example.com/x.csv") is None
