"""The bundled sample is sound: what the first run of a new user indexes, classifies and cites."""

import re
from collections import Counter
from datetime import UTC, datetime

import msgspec
import pytest

from indexer.parsing import parse_ticket
from indexer.sample import SAMPLE
from indexer.ticket import Ticket, embedding_text

_EXAMPLES = {
    "1": ("high", ("database", "deploy"), ("roll back the migration", "ssl enabled")),
    "2": ("low", ("logo", "safari"), ("flex-center",)),
    "3": ("high", ("500", "checkout"), ("larger redis connection pool",)),
    "4": ("low", ("dark-mode toggle",), ("v2.4.1", "settings > appearance")),
    "5": ("high", ("webhook signatures", "validate"), ("hmac-sha256 over the raw body", "code sample")),
}


@pytest.fixture(scope="module")
def tickets() -> list[Ticket]:
    lines = SAMPLE.read_text(encoding="utf-8").splitlines()
    return [parse_ticket(msgspec.json.decode(line)) for line in lines]


def test_the_sample_is_large_enough_to_learn_from(tickets: list[Ticket]) -> None:
    """It has about 400 tickets, all with a label; up to a tenth are without a resolution."""
    without = [ticket for ticket in tickets if ticket.resolution is None]
    assert 390 <= len(tickets) <= 420
    assert 20 <= len(without) <= len(tickets) / 10
    assert all(ticket.priority for ticket in tickets)


def test_some_resolutions_are_drawn_from_conversations(tickets: list[Ticket]) -> None:
    """Of the tickets with a conversation, most have their resolution from it, and some have none."""
    talked = [ticket for ticket in tickets if ticket.thread]
    drawn = [ticket for ticket in talked if ticket.resolution_from]
    assert len(drawn) >= 15
    assert all(ticket.resolution is None for ticket in talked if ticket not in drawn)
    assert len(drawn) < len(talked)


def test_most_tickets_have_fields_of_closed_sets(tickets: list[Ticket]) -> None:
    """Nine of ten tickets have a type and nine of ten a component, out of few names that each come several times."""
    types = Counter(ticket.fields.get("type") for ticket in tickets)
    components = Counter(ticket.fields.get("component") for ticket in tickets)
    assert set(types) == {None, "question", "incident", "bug", "request", "billing"}
    for counts in (types, components):
        assert 0 < counts[None] <= len(tickets) * 0.12
        assert min(counts.values()) >= 10
    assert len(components) <= 15


def test_ids_and_texts_are_unique(tickets: list[Ticket]) -> None:
    """No id, no embedded text and no resolution comes twice."""
    resolutions = [ticket.resolution for ticket in tickets if ticket.resolution is not None]
    for values in (
        [ticket.id for ticket in tickets],
        [embedding_text(ticket.text).casefold() for ticket in tickets],
        resolutions,
    ):
        assert len(set(values)) == len(values)


def test_no_two_texts_are_near_copies(tickets: list[Ticket]) -> None:
    """Any two tickets share less than a quarter of their three-word runs: none is another with words exchanged."""
    words = [re.findall(r"\w+", ticket.text.casefold()) for ticket in tickets]
    runs = [set(zip(w, w[1:], w[2:], strict=False)) for w in words]
    for position, one in enumerate(runs):
        for other in runs[:position]:
            assert len(one & other) < 0.25 * min(len(one), len(other))


def test_four_priorities_are_each_learnable(tickets: list[Ticket]) -> None:
    """There are exactly four labels, and each has at least a dozen tickets."""
    counts = Counter(ticket.priority for ticket in tickets)
    assert set(counts) == {"urgent", "high", "medium", "low"}
    assert min(counts.values()) >= 12


def test_ten_areas_have_several_tickets(tickets: list[Ticket]) -> None:
    """At least ten areas have five tickets or more, and every ticket has an area."""
    areas = [[tag for tag in ticket.tags if not tag.startswith("customer:")] for ticket in tickets]
    assert all(areas)
    counts = Counter(tag for tags in areas for tag in tags)
    assert sum(count >= 5 for count in counts.values()) >= 10


def test_times_are_ordered(tickets: list[Ticket]) -> None:
    """Tickets stand in the order of creation, within the documented span, and are resolved after it."""
    created = [ticket.created_at for ticket in tickets if ticket.created_at is not None]
    assert len(created) == len(tickets)
    assert created == sorted(created)
    assert created[0] >= datetime(2025, 1, 1, tzinfo=UTC)
    for ticket in tickets:
        assert ticket.created_at is not None
        if ticket.resolution is not None:
            assert ticket.resolved_at is not None
        if ticket.resolved_at is not None:
            assert ticket.created_at < ticket.resolved_at < datetime(2026, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize("ticket_id", _EXAMPLES)
def test_the_worked_example_is_in_it(tickets: list[Ticket], ticket_id: str) -> None:
    """The five tickets of the README's example have their priority and the words their answers rest on."""
    priority, said, done = _EXAMPLES[ticket_id]
    (ticket,) = [ticket for ticket in tickets if ticket.id == ticket_id]
    assert ticket.priority == priority
    assert ticket.resolution is not None
    assert all(word in ticket.text.casefold() for word in said)
    assert all(word in ticket.resolution.casefold() for word in done)


def test_no_address_outside_reserved_names(tickets: list[Ticket]) -> None:
    """Every web or mail address is under a name that RFC 2606 reserves, so the sample points at nobody."""
    address = re.compile(r"(?:https?://|\w@)([\w.-]+\w)")
    hosts = {
        host for ticket in tickets for host in address.findall(f"{ticket.text}\n{ticket.resolution or ''}")
    }
    assert hosts
    assert all(re.search(r"(?:^|\.)(?:example\.com|test)$", host) for host in hosts)


def test_the_question_of_the_quick_start_is_not_in_it(tickets: list[Ticket]) -> None:
    """The quick start asks about rotated API keys: precedents are there, the question itself is not."""
    question = "api keys rotated this morning and now all requests return 401 unauthorized."
    assert all(question not in embedding_text(ticket.text).casefold() for ticket in tickets)
    relevant = [
        ticket
        for ticket in tickets
        if "api-keys" in ticket.tags
        and ticket.resolution is not None
        and re.search(r"\b401\b|unauthori[sz]ed|invalid_api_key", ticket.text)
    ]
    assert len(relevant) >= 5
