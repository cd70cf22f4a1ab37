"""What the served forest says, and which tickets it names."""

from dataclasses import replace

import numpy as np
import pytest

from service.priority import Forest, NoForest, TrainingSet
from service.results import PriorityDecision
from tests.service.priority.data import alone, clustered, columns, of_vectors, weights


def test_decision_is_one_record(forest: Forest) -> None:
    """A decision holds the label that it would cost most to miss, its calibrated probability, and probabilities that sum to 1."""
    for vector in clustered(40, seed=3).vectors:
        found = forest.decide(alone(vector))
        assert found.label == max(
            found.probabilities, key=lambda label: found.probabilities[label] * forest.report.costs[label]
        )
        assert found.confidence == found.probabilities[found.label]
        assert tuple(found.probabilities) == forest.labels == ("high", "low", "medium")
        assert sum(found.probabilities.values()) == pytest.approx(1)


def test_one_by_one_and_all_at_once(forest: Forest) -> None:
    """Many vectors are classified as each of them alone."""
    vectors = clustered(700, seed=3).vectors
    found = forest.classify(of_vectors(vectors))
    assert found.automatic.any()
    assert not found.automatic.all()
    for row in range(0, 700, 7):
        single = forest.decide(alone(vectors[row]))
        assert single.label == forest.labels[found.predicted[row]]
        assert single.confidence == pytest.approx(found.probabilities[row, found.predicted[row]], abs=1e-12)
        assert (single.decision == "automatic") == found.automatic[row]


def test_threshold_parts_automatic_from_review(forest: Forest) -> None:
    """What reaches the threshold is automatic, what does not goes to review."""
    threshold = forest.report.abstention.threshold
    assert threshold is not None
    for vector in clustered(100, seed=3, spread=1.5).vectors:
        found = forest.decide(alone(vector))
        assert (found.decision == "automatic") == (found.confidence >= threshold)


def test_evidence_names_both_sides(forest: Forest, history: TrainingSet) -> None:
    """The evidence is the heaviest tickets for the label, then the heaviest against, with their weights."""
    label = columns(history)
    for vector in clustered(30, seed=4, spread=1.5).vectors:
        found = forest.decide(alone(vector), evidence=6)
        assert found.label is not None
        weight = weights(forest, vector)
        agrees = label == forest.labels.index(found.label)
        for_ = [entry for entry in found.evidence if entry.priority == found.label]
        against = [entry for entry in found.evidence if entry.priority != found.label]
        assert list(found.evidence) == for_ + against
        assert len(found.evidence) == 6
        assert len(for_) >= 3
        assert [e.weight for e in for_] == pytest.approx(np.sort(weight[agrees])[::-1][: len(for_)])
        assert [e.weight for e in against] == pytest.approx(np.sort(weight[~agrees])[::-1][: len(against)])
        for entry in found.evidence:
            row = history.ids.index(entry.id)
            assert (history.labels[row], weight[row]) == (entry.priority, entry.weight)


@pytest.mark.parametrize("limit", [0, 1, 2, 5, 1_000])
def test_as_much_evidence_as_asked_for(forest: Forest, limit: int) -> None:
    """No more evidence than asked for, no ticket twice, and none without weight."""
    vector = clustered(1, seed=6).vectors[0]
    found = forest.decide(alone(vector), evidence=limit).evidence
    assert len(found) == min(limit, int((weights(forest, vector) > 0).sum()))
    assert len({entry.id for entry in found}) == len(found)
    assert all(entry.weight > 0 for entry in found)


def test_weights_decompose_the_vote(forest: Forest, history: TrainingSet) -> None:
    """The weights sum to 1, and those of a label to the vote for it."""
    vectors = clustered(50, seed=5, spread=1.5).vectors
    votes = forest.votes(of_vectors(vectors))
    for vector, vote in zip(vectors, votes, strict=True):
        weight = weights(forest, vector)
        assert weight.sum() == pytest.approx(1)
        assert np.bincount(columns(history), weight) == pytest.approx(vote, abs=1e-9)


@pytest.mark.parametrize("shape", [(1, 31), (1, 33), (32,), ()])
def test_vector_of_another_shape(forest: Forest, shape: tuple[int, ...]) -> None:
    """A vector of another length is refused with both lengths."""
    with pytest.raises(ValueError, match="vectors of length 32, found the shape"):
        forest.decide(replace(alone(np.zeros(32, np.float32)), vectors=np.zeros(shape, np.float32)))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_vector_that_is_not_finite(forest: Forest, bad: float) -> None:
    """A vector with a value that is not finite is refused."""
    vector = np.zeros(32, np.float32)
    vector[3] = bad
    with pytest.raises(ValueError, match="not finite"):
        forest.decide(alone(vector))


def test_no_vectors(forest: Forest) -> None:
    """No vectors get no decisions."""
    assert forest.classify(of_vectors(np.zeros((0, 32), np.float32))).probabilities.shape == (0, 3)


def test_state_in_one_line(forest: Forest) -> None:
    """The state says what the forest was fitted on, and how much it decides."""
    assert forest.state.startswith("fitted on 200 tickets with 3 labels; about ")
    assert forest.state.endswith("% of decisions are automatic")


def test_no_forest_decides_nothing() -> None:
    """Without a forest there is no label, and a person looks."""
    found = NoForest(state="no labelled tickets").decide(alone(np.zeros(32, np.float32)))
    assert found == PriorityDecision(label=None, confidence=0.0, probabilities={}, decision="review")
