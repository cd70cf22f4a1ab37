"""Other weights of subject and date, held against those in settings on pairs that are known."""

import msgspec
import numpy as np

from indexer.ledger import Candidates
from indexer.settings import Settings
from service.evaluation.result import Weights
from service.evaluation.summary import next_steps
from service.evaluation.weights import choices, compare_weights, reciprocal_ranks
from service.ranking import QueryVectors, Ranking, Whitening
from tests.service.evaluation.test_first_screen import SCREEN

_DAY = 86_400.0


def test_the_place_of_the_right_one_follows_the_weights() -> None:
    """The one alike is old, the one with the same subject is new; what is not there has none."""
    axes = np.eye(3, dtype=np.float32)
    vectors, subjects = axes[[0, 0, 1]], axes[[1, 2, 0]]
    vectors[1] = (axes[0] + axes[1]) / np.sqrt(2)
    found = Candidates(
        ("old", "new", "other"), np.ones(3), vectors, subjects, 1e9 - np.array([900.0, 1.0, 1.0]) * _DAY
    )
    query = QueryVectors(axes[0], axes[2], 1e9)
    ranking = Ranking(Whitening.learn(vectors), 0.3, 0.05, 0.0)
    weights = ((0.0, 0.0), (0.6, 0.0), (0.0, 0.1))
    assert reciprocal_ranks(ranking, query, found, {"old"}, weights) == [1.0, 0.5, 0.5]
    assert reciprocal_ranks(ranking, query, found, {"nobody"}, weights) == [0.0, 0.0, 0.0]


def test_weights_are_changed_only_where_that_is_no_chance() -> None:
    """Chosen on the older half, held against those in settings on the newer; with few tickets nothing is said."""
    weights = choices(Settings())
    assert (weights[0], len(weights), len(set(weights))) == ((0.3, 0.05), 16, 16)
    noise = np.random.default_rng(0).choice([0.2, 0.5, 1.0], (120, len(weights)))
    assert compare_weights(noise[:59].tolist(), weights) is None
    chance = _weights(noise, weights)
    assert not chance.better
    alike = _weights(np.repeat(noise[:, :1], len(weights), axis=1), weights)
    assert (alike.best, alike.gain.value, alike.better) == (weights[0], 0.0, False)
    noise[:, 5] = np.minimum(1.0, noise[:, 0] + 0.3)
    found = _weights(noise, weights)
    assert (found.best, found.better, found.tickets) == (weights[5], True, 120)
    # What did better only once is not chosen.
    noise[60:, 5] = 0.0
    assert not _weights(noise, weights).better
    screens = [msgspec.structs.replace(SCREEN, weights=one) for one in (found, chance, None)]
    said = [" ".join(next_steps(screen, 0.2, 0.1)) for screen in screens]
    subject, date = found.best
    assert f"Set PRECEDENT_SUBJECT_WEIGHT={subject:g} and PRECEDENT_DATE_WEIGHT={date:g}: " in said[0]
    assert not any("PRECEDENT_SUBJECT_WEIGHT" in one for one in said[1:])


def _weights(ranks: np.ndarray, weights: tuple[tuple[float, float], ...]) -> Weights:
    found = compare_weights(ranks.tolist(), weights)
    assert found is not None
    return found
