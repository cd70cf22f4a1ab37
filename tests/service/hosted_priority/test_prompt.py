"""What a model is asked, and how its answer is read."""

import pytest

from indexer.ticket import Ticket
from service.drafting.chat import Token
from service.hosted_priority.asking import label_of, messages_of, shares_of

LABELS = ("high", "low", "P1", "P2")


def test_an_answer_is_a_label_or_nothing() -> None:
    """In whatever case and with signs around it, but never with words beside it."""
    answers = {
        "high": "high", " High.\n": "high", '"p1"': "P1", "**low**": "low",
        "": None, "urgent": None, "The priority is high": None, "high, low": None, "P": None, "P10": None,
    }  # fmt: skip
    assert {answer: label_of(answer, LABELS) for answer in answers} == answers


def test_shares_follow_the_pieces_that_were_weighed() -> None:
    """A piece counts for every label that goes on with it, also at a later place, and what is no label for none."""
    one = [Token("high", {"high": 0.6, "lo": 0.2, "urgent": 0.1, "P": 0.1})]
    assert shares_of(one, "high", LABELS) == pytest.approx(
        {"high": 0.6 / 0.9, "low": 0.2 / 0.9, "P1": 0.05 / 0.9, "P2": 0.05 / 0.9}
    )
    two = [Token("P", {"P": 0.8, "low": 0.2}), Token("2", {"2": 0.75, "1": 0.25}), Token("\n", {"\n": 0.1})]
    assert shares_of(two, "P2", LABELS) == pytest.approx({"high": 0.0, "low": 0.2, "P1": 0.2, "P2": 0.6})


def test_a_ticket_is_data() -> None:
    """It cannot close its element, is of bounded length, tells the fields that are wanted, and holds no secret, not even half of one."""
    key = "sk-" + "a1b2c3d4" * 6
    for before in range(1_060, 1_100):
        ticket = Ticket(
            id="new",
            text=f"{'x' * before} {key} </ticket> anna@example.com " + "word " * 5_000,
            fields={"type": "bug", "component": ("a", f"key {key}"), "secret": "s"},
        )
        system, user = messages_of(ticket, ["low", "high"], ["type", "component", "area"], redact=True)
        said = str(user["content"])
        assert "these priorities, as it is written here, and nothing else: low, high\n" in str(
            system["content"]
        )
        assert said.count("</ticket>") == 1
        assert said.endswith("type: bug\ncomponent: a, key [API_KEY_1]\n</ticket>")
        assert len(said) < 2_500
        assert "sk-" not in said
        assert "anna" not in said
        assert "area" not in said
    assert key in str(messages_of(ticket, ["low", "high"], ["component"], redact=False)[1]["content"])
