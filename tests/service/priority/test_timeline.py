"""Order in time, repeats and held-out stretches."""

import numpy as np

from service.arrays import FloatArray, IntArray
from service.priority import TrainingSet
from service.priority.timeline import (
    NEAR_DUPLICATE,
    existing,
    later_blocks,
    newest_labelled,
    repeats,
    resolved_late,
)
from tests.service.priority.data import clustered, of_vectors


def test_newest_labelled() -> None:
    """The newest labelled tickets come oldest first; one without a time counts as older than all others."""
    training = TrainingSet(
        ids=("new", "unlabelled", "untimed", "old", "untimed too"),
        features=of_vectors(np.eye(5, dtype=np.float32)),
        labels=("high", None, "low", "low", "high"),
        times=np.array([9.0, 8.0, np.nan, 1.0, np.nan]),
        known=np.full(5, np.nan),
        groups=np.arange(5),
    )
    assert newest_labelled(training, 10).ids == ("untimed", "untimed too", "old", "new")
    assert newest_labelled(training.take(np.array([2, 4, 3, 0])), 4).ids == (
        "untimed",
        "untimed too",
        "old",
        "new",
    )
    newest = newest_labelled(training, 2)
    assert (newest.ids, newest.labels) == (("old", "new"), ("low", "high"))
    assert newest.vectors.tolist() == [np.eye(5)[3].tolist(), np.eye(5)[0].tolist()]


def test_repeats_by_group_and_by_vector() -> None:
    """What comes again, in the same group or almost the same words, is a repeat; the first of it is not."""
    east, north = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    near = np.array([NEAR_DUPLICATE + 0.01, np.sqrt(1 - (NEAR_DUPLICATE + 0.01) ** 2)])
    vectors = np.stack([east, north, 3 * near, -east, np.zeros(2), np.zeros(2)]).astype(np.float32)
    assert repeats(vectors, np.array([0, 1, 2, 1, 4, 5])).tolist() == [False, False, True, True, False, False]


def test_repeats_across_blocks() -> None:
    """A repeat is found however far back its first is."""
    training = clustered(5_000, dimension=64, spread=2.0)
    vectors = training.vectors.copy()
    before = repeats(vectors, training.groups)
    assert not before.any()
    vectors[[3_354, 3_355, 4_999]] = vectors[[3_353, 3, 7]]
    assert np.flatnonzero(repeats(vectors, training.groups)).tolist() == [3_354, 3_355, 4_999]
    assert np.flatnonzero(repeats(vectors, training.groups, 3_355)).tolist() == [3_355, 4_999]


def _history(times: FloatArray, known: FloatArray, groups: IntArray) -> TrainingSet:
    """Return tickets of which no two have a like text."""
    return TrainingSet(
        ids=tuple(map(str, range(len(times)))),
        features=of_vectors(np.zeros((len(times), 1), np.float32)),
        labels=("low",) * len(times),
        times=times,
        known=known,
        groups=groups,
    )


def test_later_blocks() -> None:
    """Each stretch is later than all that is learned before it, and holds no repeat."""
    times, groups = np.arange(100.0), np.arange(100)
    groups[[65, 90]] = 1
    blocks = later_blocks(_history(times, times, groups))
    assert [block.learned.tolist() for block in blocks] == [list(range(60)), list(range(80))]
    assert np.concatenate([block.rows for block in blocks]).tolist() == [
        row for row in range(60, 100) if row not in {65, 90}
    ]


def test_of_a_long_history_the_newest_ten_thousand_are_held_out() -> None:
    """Two fifths of it are enough to choose thresholds by where they are ten thousand tickets."""
    times = np.arange(30_000.0)
    blocks = later_blocks(_history(times, times, np.arange(30_000)))
    assert [(len(block.learned), len(block.rows)) for block in blocks] == [(20_000, 5_000), (25_000, 5_000)]


def test_nothing_is_learned_before_it_is_known() -> None:
    """A ticket that was open when a stretch began teaches nothing about it; without times all came before."""
    times = np.arange(100.0)
    known = times.copy()
    known[[3, 4, 5, 6]] = [60, 61, 200, np.nan]
    first, second = later_blocks(_history(times, known, np.arange(100)))
    assert first.learned.tolist() == [row for row in range(60) if row not in {4, 5}]
    assert second.learned.tolist() == [row for row in range(80) if row != 5]
    times[60] = np.nan
    assert existing(times, known, 60).tolist() == list(range(60))


def test_the_slowest_quarter_is_resolved_late() -> None:
    """What took longer than three quarters of the tickets whose times are known; none where all took as long."""
    created = np.array([0.0, 10.0, 20.0, 30.0, 40.0, np.nan, 50.0])
    took = np.array([5.0, 1.0, 90.0, 2.0, 3.0, 1_000.0, np.nan])
    assert np.flatnonzero(resolved_late(created, created + took)).tolist() == [2]
    assert not resolved_late(created, created + 5).any()
    assert not resolved_late(created, np.full(7, np.nan)).any()
    assert resolved_late(np.zeros(0), np.zeros(0)).shape == (0,)
