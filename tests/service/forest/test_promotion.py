"""When a new forest takes the place of the one that serves."""

from dataclasses import replace

import numpy as np
import pytest

from service.forest.promotion import compare
from service.priority import Forest, TrainingSet, fit
from tests.service.priority.data import clustered, relabelled, shuffled

pytestmark = pytest.mark.slow


def grown(training: TrainingSet) -> Forest:
    """Fit what must become a forest."""
    found = fit(training)
    assert isinstance(found, Forest)
    return found


def older(training: TrainingSet, rows: int) -> TrainingSet:
    """Return the first tickets."""
    return training.take(np.arange(rows))


def test_more_of_the_same_is_promoted() -> None:
    """On the same kind of tickets a forest that knows more of them is not worse."""
    history = clustered(300, noise=0.1, spread=1.5)
    promoted, why = compare(grown(older(history, 200)), grown(history), history)
    assert promoted
    assert "on 100 new tickets" in why


def test_a_new_meaning_of_labels_is_no_reason_to_hold_back() -> None:
    """Labels changed their meaning just before the old forest was fitted: the new one knows it as well, and is promoted."""
    history = clustered(1_000, labels=("high", "low"))
    swap = {"high": "low", "low": "high"}
    labels = [label if row < 780 else swap[label or ""] for row, label in enumerate(history.labels)]
    changed = relabelled(history, labels)
    promoted, why = compare(grown(older(changed, 960)), grown(changed), changed)
    assert promoted, why


def test_a_worse_one_is_held_back() -> None:
    """What learned from labels that were set at random does not replace what knew better."""
    history = clustered(600, spread=1.0)
    spoiled = shuffled(older(history, 500)).labels
    damaged = relabelled(history, [*spoiled, *history.labels[500:]])
    promoted, why = compare(grown(older(history, 500)), grown(damaged), damaged)
    assert not promoted
    assert "on 100 new tickets" in why


def test_few_new_tickets_prove_nothing() -> None:
    """With less than thirty to compare on, the newer forest serves."""
    history = clustered(60)
    promoted, why = compare(grown(older(history, 40)), grown(history), history)
    assert promoted
    assert why == "only 20 new tickets to compare on, 30 are needed"


def test_nothing_in_common() -> None:
    """A forest of quite other tickets is replaced."""
    history = clustered(60)
    other = grown(replace(history, ids=tuple(f"x{row}" for row in range(60))))
    assert compare(other, grown(history), history)[0]
