"""Whether known duplicates are found."""

import numpy as np
import pytest

from indexer.ticket import text_hash
from service.evaluation.cases import make_cases
from service.evaluation.look_back import retrieve
from tests.service.evaluation.making import history, tickets_of


def test_only_earlier_tickets_are_searched() -> None:
    """A later ticket that lies nearer does not push the duplicate down; an earlier one does."""
    cases = history(40, signal=0)
    axes = np.eye(cases.vectors.shape[1], dtype=np.float32)
    cases.vectors[:] = axes[0]
    cases.vectors[10], cases.vectors[20], cases.vectors[30] = axes[1], axes[2], axes[1] * 0.5 + axes[2] * 0.6
    found = retrieve(cases, [("t-30", "t-10")])
    assert found.mrr is not None
    assert found.mrr.value == pytest.approx(1 / 2)
    assert {depth: share.value for depth, share in found.recall.items()} == {1: 0, 5: 1, 10: 1}
    cases.vectors[35] = cases.vectors[30]
    assert retrieve(cases, [("t-30", "t-10")]) == found


@pytest.mark.parametrize("dimension", [384, 1_024])
def test_an_exact_copy_comes_first(dimension: int) -> None:
    """No ticket counts as more like another than its copies do, wherever they lie and however many there are."""
    generator = np.random.default_rng(dimension)
    tickets = tickets_of([None] * 301)
    vectors = generator.normal(size=(301, dimension)).astype(np.float32)
    firsts, copies = np.arange(0, 100, 5), np.arange(200, 300, 5)
    for place in (0, 2, 3):
        vectors[copies + place] = vectors[firsts]
    vectors[generator.choice(100, 10) + 100] = vectors[-1]
    by_text = {text_hash(ticket.text): row for ticket, row in zip(tickets, vectors, strict=True)}
    pairs = [(f"t-{copy + 3}", f"t-{first}") for copy, first in zip(copies, firsts, strict=True)]
    alike = [("t-300", f"t-{row}") for row in np.flatnonzero((vectors[:300] == vectors[-1]).all(axis=1))]
    found = retrieve(make_cases(tickets, by_text), [*pairs, *alike])
    assert found.asked == len(pairs) + len(alike)
    assert found.recall[1].value == 1
    assert found.mrr is not None
    assert found.mrr.value == 1


def test_pairs_that_cannot_be_asked_are_counted() -> None:
    """Unknown ids count as given but not as asked; the direction of a pair does not matter."""
    cases = history(40)
    cases.vectors[30] = cases.vectors[10]
    found = retrieve(cases, [("t-10", "t-30"), ("t-30", "nobody"), ("t-3", "t-3")])
    assert (found.pairs, found.asked, found.resolved) == (3, 1, 1)
    assert found.recall[1].value == 1


def test_without_pairs_nothing_is_claimed() -> None:
    """No pair, no number."""
    found = retrieve(history(40), [("x", "y")])
    assert (found.asked, found.recall, found.mrr) == (0, {}, None)
