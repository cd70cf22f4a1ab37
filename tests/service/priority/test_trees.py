"""The plain arrays against scikit-learn and against the definition of the evidence."""

from collections.abc import Mapping

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from service.priority.trees import extract
from tests.service.priority.data import clustered, columns

WAYS: list[Mapping[str, object]] = [
    {},
    {"min_samples_leaf": 10, "max_samples": 100},
    {"max_features": 1.0, "max_depth": 1},
    {"min_samples_leaf": 400},
]


@pytest.mark.parametrize("way", WAYS, ids=["defaults", "large leaves", "stumps", "no split"])
@pytest.mark.parametrize("rows", [1, 2, 600])
def test_votes_are_those_of_scikit_learn(way: Mapping[str, object], rows: int) -> None:
    """The votes are `predict_proba`'s to 1e-6, for one vector and for many, also on a threshold."""
    training = clustered(300, noise=0.3)
    weights = np.random.default_rng(1).random(300) + 0.1
    label = columns(training)
    fitted = RandomForestClassifier(n_estimators=40, random_state=0, **way).fit(
        training.vectors, label, weights
    )
    trees, leaves = extract(fitted, training.vectors)
    vectors = clustered(600, seed=5).vectors.copy()
    inner = trees.feature[trees.leaf < 0]
    for row, node in enumerate(np.flatnonzero(trees.leaf < 0)[:300]):
        # A value on a threshold, or as near as float32 gets to it, goes the way scikit-learn sends it.
        vectors[row, inner[row]] = trees.threshold[node]
    vectors = vectors[:rows]
    found = leaves.votes(label, 3).mean(trees.walk(vectors))
    assert np.abs(found - fitted.predict_proba(vectors)).max() < 1e-6


def test_weights_are_the_shares_of_the_draws() -> None:
    """A ticket's weight is its share of the draws in the leaf reached, averaged over the trees."""
    training = clustered(120, noise=0.3)
    label = columns(training)
    weights = np.where(label == 0, 5.0, 1.0)
    fitted = RandomForestClassifier(n_estimators=25, min_samples_leaf=4, random_state=3).fit(
        training.vectors, label, weights
    )
    trees, leaves = extract(fitted, training.vectors)
    vectors = clustered(10, seed=8).vectors
    probabilities = fitted.predict_proba(vectors)
    for row, vector in enumerate(vectors):
        expected = np.zeros(120)
        for tree, drawn in zip(fitted.estimators_, fitted.estimators_samples_, strict=True):
            where = tree.apply(training.vectors)
            together = [ticket for ticket in drawn if where[ticket] == tree.apply(vector[None])[0]]
            for ticket in together:
                expected[ticket] += 1 / len(together) / 25
        found = leaves.weights(trees.walk(vector[None])[0], 120)
        assert found == pytest.approx(expected, abs=1e-12)
        assert found.sum() == pytest.approx(1)
        assert np.bincount(label, found) == pytest.approx(probabilities[row], abs=1e-6)
