"""Drafts by the chat model in a back-test: how much of them is supported, what is cut, and what they cost."""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import replace

import msgspec
import pytest

from indexer.errors import ProviderError
from indexer.ledger import Ledger
from indexer.progress import no_progress
from indexer.settings import Settings
from service.evaluation.cases import EvaluationError
from service.evaluation.model_drafts import DraftPlan, drafted, plan_drafts, require_model
from service.evaluation.result import Drafts
from tests.provider import Provider
from tests.provider.chat import structured
from tests.service.evaluation.making import history

_STEP = "Restart the gateway so that it reads the new key."


@pytest.fixture
def asked(settings: Settings) -> Iterator[tuple[Settings, Ledger]]:
    """Settings with prices, and an empty ledger."""
    priced = msgspec.structs.replace(settings, chat_model="m", prices={"m": "1/2"}, similarity_floor=-1.0)
    with contextlib.closing(Ledger(None, settings.data_dir)) as ledger:
        yield priced, ledger


def _planned(settings: Settings, most: int = 6) -> DraftPlan:
    """Ask about tickets of before and after the only resolution."""
    cases = history(40)
    tickets = list(cases.tickets)
    tickets[5] = msgspec.structs.replace(tickets[5], resolution=_STEP)
    later = [(cases.ids[row], float(cases.times[row])) for row in (2, 3, 20, 21, 22, 23)]
    return plan_drafts(settings, replace(cases, tickets=tuple(tickets)), later, most)


def test_counts_what_is_supported_and_cut(asked: tuple[Settings, Ledger], provider: Provider) -> None:
    """Of six tickets four have a precedent; an invented sentence is cut, and where all are, there is no reply."""
    settings, ledger = asked
    planned = _planned(settings)
    assert (planned.asked, len(planned.tickets), planned.expected.requests) == (6, 4, 8)
    counts = []
    for sentences in ([_STEP], [_STEP, "We refunded 40 euros."], ["We refunded 40 euros."]):
        provider.configure(reply=structured(*((one, ("t-5",)) for one in sentences)))
        found = asyncio.run(drafted(settings, ledger, planned, progress=no_progress))
        assert found.took is not None
        assert found.took.requests == 4
        assert 0 < found.took.prompt_tokens < planned.expected.prompt_tokens
        assert found.took.cost == pytest.approx(
            (found.took.prompt_tokens + 2 * found.took.completion_tokens) / 1e6
        )
        counts.append(msgspec.structs.replace(found, took=None))
    assert counts == [
        Drafts(asked=6, near=4, replies=4, whole=4, sentences=4),
        Drafts(asked=6, near=4, replies=4, whole=0, sentences=4, cut=4),
        Drafts(asked=6, near=4, cut=4),
    ]
    assert sum(one.requests for one in ledger.spend.since("2000-01-01")) == 12


def test_few_tickets_are_taken_evenly(settings: Settings) -> None:
    """At most as many as are asked for."""
    assert [(p.asked, len(p.tickets)) for p in (_planned(settings, most) for most in (1, 2, 3, 5))] == [
        (1, 0), (2, 1), (3, 2), (3, 2),
    ]  # fmt: skip


def test_a_failing_provider_is_told(asked: tuple[Settings, Ledger], provider: Provider) -> None:
    """Where it answers some, the others are counted; where it answers none, that is an error; and without one nothing is asked."""
    settings, ledger = asked
    planned = _planned(settings)
    provider.configure(reply=structured((_STEP, ("t-5",))))
    provider.fail("cut", endpoint="chat")
    found = asyncio.run(drafted(settings, ledger, planned, progress=no_progress))
    assert (found.near, found.replies, found.failed) == (4, 3, 1)
    provider.fail("401", times=None, endpoint="chat")
    with pytest.raises(ProviderError, match="m wrote no draft: "):
        asyncio.run(drafted(settings, ledger, planned, progress=no_progress))
    with pytest.raises(EvaluationError, match="set OXLO_API_KEY"):
        require_model(Settings())
