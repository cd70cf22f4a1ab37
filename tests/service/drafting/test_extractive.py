"""Tests of the reply that needs no model, of the steps in a resolution, and of the questions."""

import pytest

from service.drafting.extractive import extractive_draft
from service.drafting.precedents import select_precedents, why_none
from service.drafting.questions import QUESTIONS, missing
from service.drafting.steps import steps
from service.results import Draft, Neighbour, ReplySentence
from tests.service.drafting.examples import TICKET, TICKETS, neighbour


def _draft(*neighbours: Neighbour, text: str = TICKET) -> Draft:
    return extractive_draft(text, select_precedents(neighbours), degraded="the provider failed")


def test_tells_the_steps_of_the_best_precedent() -> None:
    """Greeting, the issue in the customer's words, the steps and a sign-off; no id, no similarity, no priority."""
    draft = _draft(
        neighbour(
            "5", resolution="The gateway held the old key. Restart the gateway; keep the overlap next time."
        ),
        neighbour("7", similarity=0.8),
    )
    assert draft.text == (
        "Hello,\n\n"
        "Thank you for your message: “API keys rotated this morning and now all requests return 401 Unauthorized”.\n\n"
        "- Restart the gateway.\n- Keep the overlap next time.\n\n"
        "Kind regards,\nYour support team"
    )
    assert draft.sentences[1:] == (
        ReplySentence(text="Restart the gateway.", citations=("5",), support=1.0),
        ReplySentence(text="Keep the overlap next time.", citations=("5",), support=1.0),
    )
    assert draft.sentences[0].citations == ()
    assert draft.citations == ("5",)
    assert (draft.source, draft.grounded, draft.degraded) == ("extractive", True, "the provider failed")


def test_what_was_done_for_another_customer_is_no_reply() -> None:
    """Without a step the reply is empty, and says where to look."""
    draft = _draft(neighbour(resolution="The second charge was refunded on 20 March."))
    assert (draft.text, draft.sentences, draft.citations) == ("", (), ())
    assert (draft.source, draft.grounded) == ("none", False)
    assert draft.degraded == (
        "the provider failed; the resolution of the best precedent has no step that a customer could take: see the note"
    )


@pytest.mark.parametrize(
    ("resolution", "told"),
    [
        ("Set `a = 1` and restart.", ["Set `a = 1` and restart."]),
        ("Fixed in 5.2.1: raise the package requirement.", ["Raise the package requirement."]),
        ("If you must stay on 5.2.0, set `x = false`.", ["If you must stay on 5.2.0, set `x = false`."]),
        ("`ferry restart --all` fixed both.", ["Run `ferry restart --all`."]),
        ("Rename the folder; it was verified within a minute.", ["Rename the folder."]),
        ("We moved the customer to a dedicated pool.", []),
        ("The quota was lifted for the week.", []),
        ("Set the clock at 04:30 as asked.", []),
        ("Pay the $20 that are open.", []),
        ("The loop is gone.", []),
        ("Restarted the gateway.", []),
        ("Keep it below the limit of 500.", []),
        ("For the next rotation keep the overlap.", []),
        ("Update.", []),
    ],
)
def test_a_step_is_what_a_reader_is_told_to_do(resolution: str, told: list[str]) -> None:
    """Imperatives, commands and settings are steps; what was done, when, for whom and for how much is none."""
    assert steps(resolution) == told


@pytest.mark.parametrize(
    "text",
    [
        "See https://evil.example/reset first",
        "Mail me at a@evil.example",
        "<img src=x> is shown",
        "![x](y) is shown",
        "As in [99]",
        "My password is hunter2 and the login fails",
        "Card 4111 1111 1111 1111 was refused",
        "x" * 300,
    ],
)
def test_an_issue_that_no_reply_repeats_is_not_quoted(text: str) -> None:
    """Addresses, mark-up, brackets and secrets of a ticket stay out of the reply."""
    draft = _draft(neighbour(resolution="Restart the gateway."), text=text)
    assert draft.text.startswith("Hello,\n\nThank you for your message.\n\n")


def test_a_ticket_whose_id_is_markup_is_no_precedent() -> None:
    """Such an id could not be cited."""
    marked = neighbour("x](https://evil.example/a)[y", similarity=0.9)
    assert [n.id for n in select_precedents([marked, neighbour()])] == ["5"]
    assert select_precedents([marked]) == ()
    assert "id that can be cited" in why_none([marked])


def test_asks_for_what_a_ticket_lacks() -> None:
    """At most two questions, none of them about what the ticket says."""
    everything = [question for question, _ in QUESTIONS]
    assert missing("It does not work.") == tuple(everything[:2])
    assert missing("Error 500 in version 2.4") == tuple(everything[2:])
    asked = {code: missing(text, "nl") for code, text in TICKETS.items()}
    assert asked["de"][0] == "Um welches Produkt in welcher Version und um welche Umgebung geht es?"
    assert len({questions[0] for questions in asked.values()}) == len(TICKETS)
    assert missing("??", "nl")[0].startswith("Wat gebeurt er")
    assert missing("Error 500 in version 2.4 since the update, when we click Save") == ()
