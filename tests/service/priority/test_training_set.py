"""What a training set refuses."""

import numpy as np
import pytest

from service.priority import TrainingDataError, TrainingSet
from tests.service.priority.data import clustered, of_vectors


def made(**changes: object) -> TrainingSet:
    """Return a small training set, with some of its arrays replaced."""
    whole = clustered(4)
    fields = {
        name: getattr(whole, name) for name in ("ids", "features", "labels", "times", "known", "groups")
    }
    return TrainingSet(**{**fields, **changes})


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"features": of_vectors(np.zeros(4, np.float32))}, r"shape \(rows, dimension\), found \(4,\)"),
        ({"features": of_vectors(np.zeros((4, 0), np.float32))}, r"found \(4, 0\)"),
        ({"features": of_vectors(np.zeros((4, 3)))}, "must be float32, found float64"),  # type: ignore[arg-type]  # what is refused
        ({"features": of_vectors(np.zeros((3, 3), np.float32))}, "4 ids, so vectors must have as many rows"),
        ({"labels": ("high",)}, "so labels must have as many rows"),
        ({"times": np.zeros(5)}, "so times must have as many rows"),
        ({"groups": np.zeros((4, 1), np.int64)}, "so groups must have as many rows"),
        ({"ids": ("a", "b", "b", "c")}, "1 ids come more than once"),
        ({"times": np.array([0, 1, np.inf, 2])}, "time of ticket 't2' is infinite"),
    ],
)
def test_arrays_that_do_not_fit(changes: dict[str, object], told: str) -> None:
    """Arrays that do not fit together are refused with what was found."""
    with pytest.raises(TrainingDataError, match=told):
        made(**changes)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_vectors_that_are_not_finite(bad: float) -> None:
    """A vector with a value that is not finite is refused, and its ticket is named."""
    vectors = clustered(4).vectors.copy()
    vectors[2, 5] = bad
    with pytest.raises(
        TrainingDataError, match="1 tickets have values that are not finite, first that of ticket 't2'"
    ):
        made(features=of_vectors(vectors))


def test_large_finite_values() -> None:
    """Values whose sum overflows are finite all the same."""
    vectors = np.full((4, 3), np.finfo(np.float32).max, np.float32)
    assert len(made(features=of_vectors(vectors))) == 4


def test_nothing_at_all() -> None:
    """No tickets are a training set too."""
    empty = TrainingSet(
        (), of_vectors(np.zeros((0, 0), np.float32)), (), np.zeros(0), np.zeros(0), np.zeros(0, np.int64)
    )
    assert len(empty) == 0
