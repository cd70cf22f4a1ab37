"""A generation is switched to only when its tickets find themselves and neighbours agree as before."""

from typing import Any

import pytest

from indexer.rebuild import GateRefusedError
from indexer.settings import Settings
from indexer.store import Store
from tests.indexer.command import report_of, run_command
from tests.indexer.making import SPACE, fill_store, make_ticket, make_tickets
from tests.indexer.rebuilding import live_of, rebuild_with
from tests.provider import Provider


def test_the_gate_refuses_a_space_that_cannot_tell_tickets_apart(
    large: Store, settings: Settings, provider: Provider
) -> None:
    """With one dimension nothing finds itself: the switch is refused with the numbers, and the live one stays."""
    provider.configure(models={"blunt": 1})
    before = live_of(large)
    # Chroma finds up to 200 rows at one place, so more tickets than that are needed.
    fill_store(large, make_tickets(500, start=1_000))
    with pytest.raises(GateRefusedError, match="are found by their own vectors, 99% are needed") as refusal:
        rebuild_with(large, settings, "blunt")
    assert refusal.value.gate.self_retrieval < 0.99
    assert live_of(large) == before
    assert [g.status for g in large.generations.all()] == ["live"]
    embedded = provider.stats().embedded

    report = rebuild_with(large, settings, "blunt", force=True)
    assert provider.stats().embedded == embedded, "its vectors were kept"
    assert report.gate is not None
    assert report.gate.reasons
    assert live_of(large).space.model == "blunt"


def test_the_gate_refuses_neighbours_that_agree_less(
    large: Store, settings: Settings, provider: Provider
) -> None:
    """Where labels follow the text, a space in which neighbours have other labels is refused."""
    tickets = [
        make_ticket(5_000 + n, text=f"{topic} {topic} trouble {n} {n * 7919}", priority=topic)
        for n in range(150)
        for topic in (("billing", "network", "printer")[n % 3],)
    ]
    fill_store(large, tickets)
    large.tickets.delete([f"t-{n}" for n in range(120)])
    large.replay(live_of(large))
    provider.configure(models={"blunt": 1})
    with pytest.raises(GateRefusedError, match="agree on the priority") as refusal:
        rebuild_with(large, settings, "blunt")
    gate = refusal.value.gate
    assert gate.agreement is not None
    assert gate.agreement_before is not None
    assert gate.agreement < gate.agreement_before - 0.05


def test_the_command_refuses_with_numbers(store: Store, settings: Settings, provider: Provider) -> None:
    """A refused switch ends with status 1 and the numbers."""
    provider.configure(models={"blunt": 1})
    fill_store(store, make_tickets(500))
    refused = run_command(settings, "rebuild", "--json", status=1, EMBEDDING_MODEL="blunt")
    gate: dict[str, Any] = report_of(refused)
    assert gate["self_retrieval"] < 0.99
    assert "--force" in refused.stderr
    assert live_of(store).space == SPACE
