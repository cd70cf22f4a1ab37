"""Whether known duplicates are found."""

import numpy as np
import pytest

from service.evaluation.retrieval import retrieve
from tests.service.evaluation.making import history


def test_only_earlier_tickets_are_searched() -> None:
    """A later ticket that lies nearer does not push the duplicate down; an earlier one does."""
    cases = history(40, signal=0)
    axes = np.eye(cases.vectors.shape[1], dtype=np.float32)
    cases.vectors[:] = axes[0]
    cases.vectors[10], cases.vectors[20], cases.vectors[30] = axes[1], axes[2], axes[1] * 0.5 + axes[2] * 0.6
    found = retrieve(cases, [("t-30", "t-10")], 0)
    assert found.mrr is not None
    assert found.mrr.value == pytest.approx(1 / 2)
    assert {depth: share.value for depth, share in found.recall.items()} == {1: 0, 5: 1, 10: 1}
    cases.vectors[35] = cases.vectors[30]
    assert retrieve(cases, [("t-30", "t-10")], 0) == found


def test_pairs_that_cannot_be_asked_are_counted() -> None:
    """Unknown ids count as given but not as asked; the direction of a pair does not matter."""
    cases = history(40)
    cases.vectors[30] = cases.vectors[10]
    found = retrieve(cases, [("t-10", "t-30"), ("t-30", "nobody"), ("t-3", "t-3")], 0)
    assert (found.pairs, found.asked, found.resolved) == (3, 1, 1)
    assert found.recall[1].value == 1


def test_without_pairs_nothing_is_claimed() -> None:
    """No pair, no number."""
    found = retrieve(history(40), [("x", "y")], 0)
    assert (found.asked, found.recall, found.mrr) == (0, {}, None)
