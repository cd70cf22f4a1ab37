"""What a forest reads of a ticket, and the columns that are made of it."""

import numpy as np
import pytest

from service.arrays import IntArray
from service.priority import Forest, TrainingSet, features_of, fit
from service.priority.predictors import fit_predictors
from service.priority.training import draws
from service.priority.words import BUCKETS, bucket_of
from tests.service.priority.data import of_vectors, ticket, told_by_words

NO_VECTORS = np.zeros((1, 2), np.float32)


def test_words_and_values() -> None:
    """Words count by a hash, more often a little more; the fields that are named are read, in whatever case."""
    asked = ticket(
        "Login failed. LOGIN again", fields={"Type": "Bug", "team": "x"}, components=["iOS", "Core"]
    )
    found = features_of([asked], NO_VECTORS, ["type", "component", "absent"])
    assert found.values == (("type=bug", "component=ios", "component=core"),)
    assert found.words is not None
    count = found.words.sparse().toarray()[0]
    assert count.shape == (BUCKETS,)
    assert count[bucket_of("login")] == pytest.approx(1 + np.log(2))
    assert count[bucket_of("failed")] == count[bucket_of("type=bug")] == 1
    assert np.count_nonzero(count) == 6


def test_a_ticket_that_is_gone() -> None:
    """Of a ticket that cannot be read only the vector is known."""
    found = features_of([None], NO_VECTORS, ["type"])
    assert found.words is not None
    assert (found.words.bucket.tolist(), found.values) == ([], ((),))


def label_of(training: TrainingSet) -> IntArray:
    """Return each ticket's label as its number in sorted order."""
    return np.unique(np.array(training.labels), return_inverse=True)[1]


def test_words_and_fields_decide() -> None:
    """A forest learns from them what no vector says; without them it knows little, and says so."""
    found = fit(told_by_words(300))
    assert isinstance(found, Forest)
    later = told_by_words(200, seed=1)
    right = found.classify(later.features).predicted == label_of(later)
    assert right.mean() > 0.9
    alone = found.classify(of_vectors(later.vectors))
    assert (
        alone.probabilities.max(axis=1).mean()
        < found.classify(later.features).probabilities.max(axis=1).mean()
    )
    assert (alone.predicted == label_of(later)).mean() < 0.7


def test_no_ticket_tells_its_own_label() -> None:
    """What the models think of a ticket they were fitted on is what models of the others thought."""
    noise = told_by_words(200)
    label = np.random.default_rng(5).integers(2, size=200)
    fitted, columns = fit_predictors(noise.features, label, 2, noise.groups)
    own = fitted.matrix(noise.features)
    thought = slice(fitted.dimension, fitted.dimension + 4)
    assert columns.shape == own.shape == (200, fitted.width)
    right = [(matrix[:, thought][:, 2:].argmax(axis=1) == label).mean() for matrix in (columns, own)]
    assert right[0] < 0.6 < right[1]


def test_copies_do_not_tell_each_other_apart() -> None:
    """Tickets of one problem are held out together: else one tells the label of the others."""
    noise = told_by_words(200)
    label = np.repeat(np.random.default_rng(5).integers(2, size=50), 4)
    same = noise.features.take(np.repeat(np.arange(50), 4))
    held_out = fit_predictors(same, label, 2, np.repeat(np.arange(50), 4))[1]
    leaking = fit_predictors(same, label, 2, np.arange(200))[1]
    right = [(matrix[:, 10:12].argmax(axis=1) == label).mean() for matrix in (held_out, leaking)]
    assert right[0] < right[1]


@pytest.mark.parametrize(("rows", "labels"), [(49, 3), (200, 61)])
def test_vectors_alone(rows: int, labels: int) -> None:
    """Too few tickets or too many labels for models of their own: the columns are the vector and the fields."""
    given = told_by_words(rows)
    fitted, columns = fit_predictors(given.features, np.arange(rows) % labels, labels, given.groups)
    assert (fitted.words, fitted.meaning) == (None, None)
    assert sorted(fitted.values) == ["type=incident", "type=task"]
    assert columns.shape == (rows, 8 + 2)


@pytest.mark.parametrize("label", [np.zeros(60, np.int64), np.repeat([0, 1], [59, 1])], ids=["one", "once"])
def test_a_label_that_a_fold_lacks(label: IntArray) -> None:
    """A model that never saw a label finds it improbable."""
    given = told_by_words(60)
    fitted, columns = fit_predictors(given.features, label, 3, np.zeros(60, np.int64))
    assert np.isfinite(columns).all()
    assert fitted.words is not None
    assert (fitted.matrix(given.features)[:, [10, 13]] < 0.01).all()


def test_a_linear_model_learns_from_the_newest() -> None:
    """Of a long history from the newest 20,000, also where it says what it thinks of tickets that it did not see."""
    rows = 41_000
    right = np.random.default_rng(0).integers(2, size=rows)
    vectors = (right[:, None] * np.array([2.0, 0.0]) - 1).astype(np.float32)
    label = np.where(np.arange(rows) < 1_000, 1 - right, right)  # the labels' meaning changed
    fitted, columns = fit_predictors(of_vectors(vectors), label, 2, np.arange(rows))
    assert fitted.meaning is not None
    assert (fitted.meaning.probabilities(vectors)[:, 1].round() == right).all()
    assert (columns[:, -1].round() == right).all()


def test_a_tree_draws_more_of_a_longer_history() -> None:
    """All of a short history; of a longer one more tickets, and a smaller share of it."""
    sizes = (5, 3_000, 3_001, 9_000, 20_000, 100_000, 1_000_000)
    drawn = [draws(rows) for rows in sizes]
    assert drawn[:2] == [5, 3_000]
    assert drawn == sorted(drawn)
    assert drawn[3:6] == [3_948, 4_821, 7_208]
    shares = [count / rows for count, rows in zip(drawn, sizes, strict=True)]
    assert shares == sorted(shares, reverse=True)
