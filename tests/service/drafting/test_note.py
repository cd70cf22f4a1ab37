"""Tests of the note for the agent, and of the priority in words."""

import datetime as dt

import pytest

from service.drafting.note import agent_note
from service.drafting.wording import issue_of, priority_sentence
from tests.service.drafting.examples import HIGH, TICKET, neighbour, priority


def test_has_three_parts_and_what_to_check() -> None:
    """Issue, priority with its reason, and what resolved the nearest ticket, with ids and similarities."""
    note = agent_note(TICKET, HIGH, [neighbour("5"), neighbour("7", similarity=0.5, label="low")])
    assert note.text == (
        "Issue: API keys rotated this morning and now all requests return 401 Unauthorized.\n\n"
        "Priority: The predicted priority is high (probability 83%); 1 of the 2 similar tickets had it."
        " Similar tickets: [5] 0.71 high, [7] 0.50 low.\n\n"
        "What resolved [5] (similarity 0.71):\n> Restart the gateway so that it reads the new key.\n\n"
        "To check: that the cause is the same."
    )
    assert note.citations == ("5", "7")


def test_tells_which_resolutions_agree_and_which_are_newer() -> None:
    """Tickets as near are grouped by what resolved them; of those that contradict, the newer one is named so."""
    near = [
        neighbour("5", resolution="Restart the gateway so that it reads the new key."),
        neighbour("6", similarity=0.7, resolution="The gateway had to read the new key: restart it."),
        neighbour("7", similarity=0.69, resolution="Delete the credentials file 5.2.1 from the image."),
    ]
    dated = [
        type(n)(
            **{
                **{f: getattr(n, f) for f in n.__struct_fields__},
                "resolved_at": dt.datetime(2025, m, 1, tzinfo=dt.UTC),
            }
        )
        for n, m in zip(near, (1, 2, 3), strict=True)
    ]
    text = agent_note(TICKET, HIGH, dated).text
    assert "[6] (similarity 0.70, 2025-02-01) had the same resolution." in text
    assert (
        "[7] (similarity 0.69, 2025-03-01), which is newer, was resolved otherwise:\n> Delete the credentials file"
        in text
    )
    assert text.endswith("To check: that the cause is the same; which of the resolutions fits.")


def test_names_what_needs_a_look() -> None:
    """A version that the ticket does not have, and a priority that is for a person, are to be checked."""
    note = agent_note(
        TICKET, priority("low", confidence=0.4, decision="review"), [neighbour(resolution="Update to 5.2.1.")]
    )
    assert note.text.endswith("To check: that the cause is the same; that 5.2.1 applies here; the priority.")


def test_says_what_is_nearest_where_nothing_is_near_enough() -> None:
    """Below the floor the three parts are there, and no resolution is quoted."""
    note = agent_note(
        "Hello, the printer smokes.\nPlease help.", HIGH, [neighbour(similarity=0.12, above_floor=False)]
    )
    assert note.text == (
        "Issue: the printer smokes.\n\n"
        "Priority: The predicted priority is high (probability 83%); the similar ticket had it too.\n\n"
        "Resolution: no precedent is near enough: best relevance 0.12. The nearest is [5] (similarity 0.12)."
    )
    assert note.citations == ("5",)
    empty = agent_note(TICKET, HIGH, [])
    assert empty.text.endswith("Resolution: no resolved ticket is stored to rest a draft on.")
    assert empty.citations == ()


def test_what_a_resolution_has_in_brackets_is_no_citation() -> None:
    """A reference inside a quoted resolution is shown, but not as one of this note; code stays code."""
    resolution = (
        "Same as [99] and [7].\n\nSet `ports = [80, 443]`, then items[0]:\n```\n[1]\n```\n[ERROR] is gone."
    )
    note = agent_note(TICKET, HIGH, [neighbour("5", resolution=resolution)])
    assert (
        "> Same as (99) and (7).\n>\n> Set `ports = [80, 443]`, then items[0]:\n> ```\n> [1]\n> ```\n> [ERROR] is gone."
        in note.text
    )


def test_a_long_resolution_is_cut() -> None:
    """The note stays short, and says where it cut."""
    note = agent_note(TICKET, HIGH, [neighbour(resolution="restart it and wait " * 200)])
    assert len(note.text) < 1_200
    assert "… (cut)" in note.text


def test_an_uncertain_priority_is_called_uncertain() -> None:
    """Without a label, or where a person has to look, nothing is stated as a fact."""
    review = agent_note(TICKET, priority("low", confidence=0.41, decision="review"), [neighbour()])
    assert "The priority is uncertain and a person should confirm it: low is the most likely" in review.text
    unknown = agent_note(TICKET, priority(None, confidence=0.0, decision="review"), [neighbour()])
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


def test_a_label_brings_no_markup_into_the_note() -> None:
    """A label is said without mark-up or address."""
    note = agent_note(TICKET, priority("[high](https://evil.example/a) <b>"), [neighbour(label="<b>[x](y)")])
    assert "evil" not in note.text
    assert "<b>" not in note.text
    assert "](" not in note.text


@pytest.mark.parametrize(
    ("text", "issue"),
    [
        ("Login fails\n\nWe cannot sign in.", "Login fails"),
        ("Hi team,\n\nthe export hangs. It did yesterday.", "the export hangs."),
        ("Good morning! The export hangs.", "The export hangs."),
        (" \n", "the ticket has no words"),
        (
            "My password is hunter2 and a@b.example cannot sign in.",
            "My password is [PASSWORD_1] and a@b.example cannot sign in.",
        ),
        (f"{'x' * 990} sk_live_0123456789abcdef", f"{'x' * 990} [API_KEY_"),
    ],
)
def test_the_issue_is_the_subject_or_the_first_sentence(text: str, issue: str) -> None:
    """A greeting is no issue."""
    assert issue_of(text) == issue
