"""Tests of the draft that needs no model, and of the priority in words."""

import pytest

from service.drafting.extractive import extractive_draft
from service.drafting.precedents import select_precedents, why_none
from service.drafting.wording import priority_sentence
from service.results import Draft, Neighbour, PriorityDecision
from tests.service.drafting.examples import HIGH, neighbour, priority


def _draft(*neighbours: Neighbour, decision: PriorityDecision = HIGH) -> Draft:
    return extractive_draft(decision, select_precedents(neighbours), degraded="the provider failed")


def test_quotes_the_nearest_resolution() -> None:
    """The draft acknowledges, states the priority, quotes the best resolution with its id, and is marked."""
    draft = _draft(neighbour("7", similarity=0.5), neighbour("5"))
    assert draft.text == (
        "Thank you for your report. It resembles a ticket that was resolved before, [5] (similarity 0.71).\n\n"
        "The predicted priority is high (probability 83%); 2 of the 2 similar tickets had it.\n\n"
        "What resolved [5]:\n> Restarted the gateway so that it reads the new key.\n\n"
        "Quoted from the records; a person has to check that it fits."
    )
    assert draft.citations == ("5",)
    assert (draft.source, draft.grounded, draft.degraded) == ("extractive", True, "the provider failed")


def test_quotes_a_second_one_that_is_as_near() -> None:
    """Where two are equally near and say different things, both are quoted; a third never is."""
    draft = _draft(
        neighbour("5"),
        neighbour("7", similarity=0.70, resolution="Rolled back."),
        neighbour("8", similarity=0.70, resolution="Waited."),
    )
    assert "As near is [7]. What resolved it:\n> Rolled back." in draft.text
    assert "Waited" not in draft.text
    assert draft.citations == ("5", "7")


@pytest.mark.parametrize(
    "second", [neighbour("7", similarity=0.70), neighbour("7", similarity=0.66, resolution="Rolled back.")]
)
def test_a_second_one_that_adds_nothing_is_left_out(second: Neighbour) -> None:
    """The same resolution twice, or one that is clearly less near, is not quoted."""
    draft = _draft(neighbour("5"), second)
    assert draft.citations == ("5",)
    assert "[7]" not in draft.text


def test_what_a_resolution_has_in_brackets_is_no_citation() -> None:
    """A reference inside a quoted resolution is shown, but not as a citation of this draft; code stays code."""
    resolution = (
        "Same as [99] and [7].\n\nSet `ports = [80, 443]`, then items[0]:\n```\n[1]\n```\n[ERROR] is gone."
    )
    draft = _draft(neighbour("5", resolution=resolution), neighbour("7", similarity=0.3))
    assert (
        "> Same as (99) and (7).\n>\n> Set `ports = [80, 443]`, then items[0]:\n> ```\n> [1]\n> ```\n> [ERROR] is gone."
        in draft.text
    )
    assert draft.citations == ("5",)


def test_a_long_resolution_is_cut() -> None:
    """The draft stays short, and says where it cut."""
    draft = _draft(neighbour(resolution="restart it and wait " * 200))
    assert len(draft.text) < 1_000
    assert "… (cut)" in draft.text


def test_an_uncertain_priority_is_called_uncertain() -> None:
    """Without a label, or where a person has to look, nothing is stated as a fact."""
    review = _draft(neighbour(), decision=priority("low", confidence=0.41, decision="review"))
    assert "The priority is uncertain and a person should confirm it: low is the most likely" in review.text
    unknown = _draft(neighbour(), decision=priority(None, confidence=0.0, decision="review"))
    assert "The priority is uncertain: none could be predicted, so a person has to set it." in unknown.text


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["high", "low", "high"], "; 2 of the 3 similar tickets had it."),
        (["High", "low"], "; 1 of the 2 similar tickets had it."),
        (["low", "low"], "; none of the 2 similar tickets had it."),
        (["high", None], "; the similar ticket had it too."),
        (["low"], "; the similar ticket had priority low."),
        ([None], "(probability 83%)."),
    ],
)
def test_the_reason_counts_the_similar_tickets(labels: list[str | None], said: str) -> None:
    """Why a priority was predicted is told by how many precedents had it."""
    neighbours = [neighbour(str(i), label=label) for i, label in enumerate(labels)]
    assert priority_sentence(HIGH, neighbours).endswith(said)


def test_labels_and_ids_bring_no_markup_into_the_reply() -> None:
    """A label is said without mark-up or address; a ticket whose id is mark-up is no precedent."""
    linked = _draft(neighbour(), decision=priority("[high](https://evil.example/a) <b>"))
    assert "evil" not in linked.text
    assert "<b>" not in linked.text
    assert "](" not in linked.text
    marked = neighbour("x](https://evil.example/a)[y", similarity=0.9)
    assert [n.id for n in select_precedents([marked, neighbour()])] == ["5"]
    assert select_precedents([marked]) == ()
    assert "id that can be cited" in why_none([marked])
