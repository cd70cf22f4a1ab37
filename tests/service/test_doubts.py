"""What stored tickets say against a forest's label."""

import pytest

from service.decider import more_urgent_precedent, too_short, unconfirmed, without_label
from service.drafting.note import agent_note
from service.drafting.wording import priority_sentence
from service.results import Alert, Evidence, PriorityDecision
from tests.service.drafting.examples import neighbour

_DECISION = PriorityDecision(
    label="medium",
    confidence=0.6,
    probabilities={"low": 0.1, "medium": 0.6, "urgent": 0.3},
    decision="automatic",
    evidence=(Evidence(id="5", priority="medium", weight=0.2),),
    why="its words point to medium",
    alert=Alert(at_least="urgent", raised=False, probability=0.3, decision="automatic"),
)


def test_a_text_unlike_all_gets_no_label() -> None:
    """A person decides on label and alert, and is told why, in the note too; what the forest thinks can still be read."""
    found = without_label(_DECISION, 0.18, 0.26)
    assert (found.label, found.confidence, found.decision, found.evidence) == (None, 0.0, "review", ())
    assert found.probabilities == _DECISION.probabilities
    assert found.alert is not None
    assert found.alert.decision == "review"
    assert "no stored ticket is like it: the nearest has a relevance of 0.18" in priority_sentence(found, ())
    nothing = PriorityDecision(label=None, confidence=0.0, probabilities={}, decision="review")
    assert without_label(nothing, 0.18, 0.26) == nothing


def test_a_text_of_few_words_is_not_automatic() -> None:
    """Label and alert are for a person to confirm; of what a person looks at anyway nothing is said."""
    found = too_short(_DECISION)
    assert (found.label, found.decision) == ("medium", "review")
    assert found.alert is not None
    assert found.alert.decision == "review"
    assert (found.why or "").endswith("; it has fewer than 5 words that carry a meaning")
    assert too_short(found) == found


def test_what_cannot_be_looked_up_is_not_automatic() -> None:
    """The label stays, and a person looks."""
    found = unconfirmed(_DECISION)
    assert (found.label, found.decision) == ("medium", "review")
    assert (found.why or "").startswith("its words point to medium; whether any stored ticket is like it")


@pytest.mark.parametrize(
    ("label", "relevance", "chance", "order", "said"),
    [
        ("Urgent", 0.7, 0.3, (), True),
        ("urgent", 0.59, 0.3, (), False),  # not near enough
        ("low", 0.7, 0.3, (), False),  # less urgent
        ("medium", 0.7, 0.3, (), False),  # the same
        ("low", 0.7, 0.3, ("urgent", "medium", "low"), True),  # as settings say
        ("low", 0.7, 0.3, ("urgent",), False),  # which leave labels out
        ("other", 0.7, 0.3, (), False),
        ("urgent", 0.7, None, (), False),
    ],
)
def test_a_very_near_precedent_that_was_more_urgent(
    label: str, relevance: float, chance: float | None, order: tuple[str, ...], said: bool
) -> None:
    """It is named with how probable its priority is here, in `why` and in the note."""
    near = [neighbour("5", label=label, similarity=relevance), neighbour("6", label="urgent", similarity=0.5)]
    found, words = more_urgent_precedent(_DECISION, near, chance, order)
    assert (words is not None) is said
    assert found.label == "medium"
    if words is None:
        assert found == _DECISION
        return
    assert words.startswith("[5], which is very near (relevance 0.70), had ")
    assert found.why == f"its words point to medium; {words}"
    note = agent_note("It is down.", found, near, doubt=words)
    assert f"But {words}." in note.text
    assert "5" in note.citations
