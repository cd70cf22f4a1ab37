"""What is learned from at a cut, and what is tested on."""

from dataclasses import replace

import numpy as np
import pytest

from service.evaluation.cases import Cases, Cut, EvaluationError, roll
from tests.service.evaluation.making import history

_DAY = 86_400


def _assert_leak_free(cases: Cases, cut: Cut) -> None:
    """No ticket is learned from that was not resolved by the cut, or that one tested on repeats."""
    unit = cases.vectors / np.linalg.norm(cases.vectors, axis=1, keepdims=True)
    assert (cases.known[cut.learned] <= cut.moment).all(), "learned before it was resolved"
    assert (cases.times[cut.tested] >= cut.moment).all(), "tested on the past"
    assert not set(cut.learned) & set(cut.tested), "tested on what was learned"
    assert (unit[cut.tested] @ unit[cut.learned].T < 0.95).all(), "a near-duplicate across the cut"
    assert not set(cases.groups[cut.tested]) & set(cases.groups[cut.learned]), "one problem across the cut"


def test_every_cut_is_free_of_leaks() -> None:
    """Whatever the cut, nothing of the future is learned, and nothing is known by heart."""
    cases = history(200)
    # Every seventh ticket nearly repeats the one twenty before it; every ninth is a known duplicate of another.
    cases.vectors[20::7] = cases.vectors[:-20:7][: len(cases.vectors[20::7])] + np.float32(1e-3)
    cases.groups[50::9] = cases.groups[:-50:9][: len(cases.groups[50::9])]
    cuts = roll(cases, 5)
    assert len(cuts) == 5
    assert sum(cut.repeated for cut in cuts) > 20
    for cut in cuts:
        _assert_leak_free(cases, cut)


@pytest.mark.parametrize("leak", ["future", "tested", "repeat"])
def test_a_leaky_cut_would_be_caught(leak: str) -> None:
    """The check above fails on a cut that learns from the future, from what is tested on, or from a copy of it."""
    cases = history(200)
    cut = roll(cases, 5)[2]
    if leak == "repeat":
        cases.vectors[cut.learned[0]] = cases.vectors[cut.tested[0]]
    else:
        more = cut.tested[-1:] + 1 if leak == "future" else cut.tested[:1]
        cut = replace(cut, learned=np.append(cut.learned, more))
    with pytest.raises(AssertionError, match=r"learned|duplicate"):
        _assert_leak_free(cases, cut)


def test_a_ticket_teaches_only_once_it_is_resolved() -> None:
    """Tickets that took thirty days are missing from what is learned for thirty days."""
    cases = history(200, days_to_resolve=30)
    for cut in roll(cases, 5):
        begin = int(cut.tested[0])
        assert cut.learned.tolist() == list(range(begin - 29))
        assert cut.moment == pytest.approx(cases.times[begin])


def test_a_ticket_of_unknown_resolution_teaches_from_its_creation() -> None:
    """Without times of resolution all tickets created before the cut are learned from."""
    cases = history(100)
    cut = roll(replace(cases, known=cases.times), 2)[0]
    assert cut.learned.tolist() == list(range(40))


def test_without_times_the_given_order_holds() -> None:
    """Each block is tested on after learning from all before it."""
    cuts = roll(history(100, timed=False), 3)
    assert [cut.learned.tolist() for cut in cuts] == [list(range(end)) for end in (40, 60, 80)]
    assert [cut.tested.tolist() for cut in cuts] == [list(range(end, end + 20)) for end in (40, 60, 80)]
    assert all(np.isnan(cut.moment) for cut in cuts)


def test_a_short_history_is_cut_less_often() -> None:
    """Blocks have ten tickets at least."""
    assert [len(cut.tested) for cut in roll(history(40), 5)] == [12, 12]


def test_too_few_tickets_are_refused() -> None:
    """Ten tickets say nothing."""
    with pytest.raises(EvaluationError, match="10 tickets have a priority: at least 30 are needed"):
        roll(history(10), 5)


def test_one_class_is_refused() -> None:
    """Where all is one priority there is nothing to predict."""
    with pytest.raises(EvaluationError, match="all 50 tickets have the priority 'low'"):
        roll(history(50, labels=("low",)), 5)


def test_tickets_that_are_all_alike_are_refused() -> None:
    """Where every ticket repeats the first there is nothing to test on."""
    cases = history(50)
    cases.vectors[:] = 1
    with pytest.raises(EvaluationError, match="no later ticket is left to test on: 49 of 50"):
        roll(cases, 5)
