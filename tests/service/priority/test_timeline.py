"""Order in time, repeats and held-out stretches."""

import numpy as np

from service.priority import TrainingSet
from service.priority.timeline import NEAR_DUPLICATE, later_blocks, newest_labelled, repeats
from tests.service.priority.data import clustered


def test_newest_labelled() -> None:
    """The newest labelled tickets come oldest first; one without a time counts as older than all others."""
    training = TrainingSet(
        ids=("new", "unlabelled", "untimed", "old", "untimed too"),
        vectors=np.eye(5, dtype=np.float32),
        labels=("high", None, "low", "low", "high"),
        times=np.array([9.0, 8.0, np.nan, 1.0, np.nan]),
        groups=np.arange(5),
    )
    assert newest_labelled(training, 10).ids == ("untimed", "untimed too", "old", "new")
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
    vectors[[2_047, 2_048, 4_999]] = vectors[[2_046, 3, 7]]
    assert np.flatnonzero(repeats(vectors, training.groups)).tolist() == [2_047, 2_048, 4_999]


def test_later_blocks() -> None:
    """Each stretch is later than all it is tested against, and holds no repeat."""
    repeated = np.zeros(100, dtype=bool)
    repeated[[65, 90]] = True
    blocks = later_blocks(repeated)
    assert [block.end for block in blocks] == [60, 80]
    assert all((block.rows >= block.end).all() for block in blocks)
    assert np.concatenate([block.rows for block in blocks]).tolist() == [
        row for row in range(60, 100) if row not in {65, 90}
    ]
