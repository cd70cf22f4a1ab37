"""The first screen of the report: what one would have had of it, in plain words."""

import math
from collections import Counter
from pathlib import Path

import msgspec
import numpy as np
import pytest

from indexer.settings import Settings
from service.drafting.note import agent_note
from service.evaluation.cases import Cases, make_cases
from service.evaluation.first_screen import Later, first_screen
from service.evaluation.loading import load
from service.evaluation.look_back import look_back
from service.evaluation.result import Drafts, FirstScreen, Outcome, Precedents
from service.evaluation.sample_questions import faults
from service.evaluation.summary import next_steps, summary
from service.priority import NoForest
from service.results import Draft, Note, ReplySentence
from service.usage import Requests
from tests.service.drafting.examples import HIGH, neighbour
from tests.service.evaluation.making import tickets_of

OUTCOME = Outcome(tested=200, right=120, automatic=62, wrong=10, commonest_label="low", commonest=90)
_BY_MODEL = Drafts(
    asked=100, near=75, replies=60, whole=60, sentences=180, failed=2,
    took=Requests(model="m", requests=80, prompt_tokens=60_000, completion_tokens=8_000, cost=0.05),
)  # fmt: skip
SCREEN = FirstScreen(
    outcome=OUTCOME,
    precedents=Precedents(asked=50, first=30, among=37, by="known pairs"),
    drafts=Drafts(asked=200, near=150, replies=120, whole=110, sentences=300, cut=25),
    examples=(),
    questions=(),
)


def test_says_in_plain_words_what_one_would_have_had() -> None:
    """Counts of a hundred, of fewer tickets as they are, beside the commonest label."""
    assert summary(msgspec.structs.replace(SCREEN, model_drafts=_BY_MODEL), None) == (
        "Of 100 later tickets it would have set 31 priorities by itself, 5 of them wrong, and left the others to a person.",
        (
            "Of the labels that it named, set or not, 60 of 100 were right; always saying “low”, the commonest, would have been right for 45 of 100."
            " (200 later tickets were asked about.)"
        ),
        (
            "For 37 of 50 tickets whose right precedent is known it was among the first three (for 30 of 50 the very first; 50 tickets, known by"
            " known pairs)."
        ),
        (
            "For 75 of 100 a precedent was near enough to rest a reply on; to the others nothing would have been written. Without a model, a reply"
            " could be made of its steps for 60 of 100, each sentence of it checked (25 of 325 sentences were cut, so that 110 of 120 replies are"
            " whole); the others are left to a person or a model."
        ),
        (
            "Of 100 later tickets m was asked to answer the 75 with a near precedent: to 60 it wrote a reply of which each sentence is supported,"
            " and 2 it did not answer (80 requests to m, 68,000 tokens, cost 0.05)."
        ),
    )
    none = msgspec.structs.replace(OUTCOME, automatic=0, wrong=0)
    first, *_ = summary(msgspec.structs.replace(SCREEN, outcome=none), "too few tickets.")
    assert first == "It would have set no priority by itself: too few tickets."


@pytest.mark.parametrize(
    ("changes", "bound", "said"),
    [
        ({}, 0.19, "Act on priorities whose decision is `automatic`"),
        ({}, 0.25, "on too few tickets to be sure"),
        ({"wrong": 30}, 0.6, "More than 20% of the automatic ones were wrong"),
        ({"automatic": 0, "wrong": 0}, None, "Have a person confirm every priority for now"),
        ({"right": 90}, 0.19, "no better than always saying the commonest"),
    ],
)
def test_says_what_to_do_next(changes: dict[str, int], bound: float | None, said: str) -> None:
    """By what was decided and how well."""
    screen = msgspec.structs.replace(SCREEN, outcome=msgspec.structs.replace(OUTCOME, **changes))
    assert said in " ".join(next_steps(screen, 0.2, bound))


def test_says_what_is_missing() -> None:
    """Pairs, near precedents and steps; nothing of it where they are there."""
    few = Drafts(asked=200, near=40, replies=5)
    said = " ".join(next_steps(msgspec.structs.replace(SCREEN, precedents=None, drafts=few), 0.2, 0.1))
    for words in ("--duplicates FILE", "bring in more resolved ones", "tell what was done"):
        assert words in said
    assert len(next_steps(SCREEN, 0.2, 0.1)) == 1


def _history(resolutions: dict[int, str]) -> Cases:
    """Return sixty tickets of unlike texts, a day each and resolved two days later, of which some have a resolution."""
    axes = np.eye(60, dtype=np.float32)
    tickets = [
        msgspec.structs.replace(ticket, resolution=resolutions.get(number))
        for number, ticket in enumerate(tickets_of(["low", "high"] * 30))
    ]
    vectors = {ticket.text_hash: axes[number] for number, ticket in enumerate(tickets)}
    for number in (40, 50):  # like the tenth
        vectors[tickets[number].text_hash] = axes[10] + 0.1 * axes[number]
    return make_cases(tickets, vectors)


def test_shows_what_was_resolved_when_a_ticket_came() -> None:
    """Never the future; of pairs and of equal resolutions the earlier one is right; steps make a reply."""
    step = "Restart the gateway so that it reads the new key."
    cases = _history({10: step, 39: "We moved it to another pool for the customer.", 40: step, 55: step})
    moment = float(cases.times[30])
    later = [(cases.ids[row], moment) for row in range(31, 60)]
    settings = Settings(similarity_floor=0.5)
    given = look_back(
        cases, later, settings, duplicates=[("t-50", "t-10"), ("t-40", "t-10"), ("t-10", "nobody")]
    )
    assert given.precedents == Precedents(asked=2, first=1, among=2, by="known pairs")
    by_itself = look_back(cases, later, settings)
    assert by_itself.precedents == Precedents(asked=1, first=1, among=1, by="one resolution, word for word")
    assert given.drafts == Drafts(asked=29, near=2, replies=2, whole=2, sentences=2)
    shown = {ticket_id: one.id for ticket_id, one in given.shown.items() if one}
    assert shown["t-40"] == "t-10"
    assert shown["t-41"] != "t-40"  # resolved a day after t-41 came
    assert shown["t-55"] == "t-40"


def test_nothing_is_known_without_resolutions() -> None:
    """No precedent, no draft, and no claim."""
    found = look_back(_history({}), [("t-50", math.nan)], Settings())
    assert found.precedents is None
    assert found.drafts == Drafts(asked=1, near=0, replies=0)
    assert found.shown == {"t-50": None}


def test_note_and_reply_of_the_sample_questions_are_sound(
    sample_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of sixty-five questions no reply has an id, a probability, or a name, amount or date of another ticket."""
    settings = Settings(data_dir=sample_dir, embedder="local")
    loaded = load(settings, None, (), lambda *_: None)
    columns = np.zeros(5, np.int64)
    later = Later(
        tickets=[(ticket_id, math.nan) for ticket_id in loaded.cases.ids[-5:]],
        true=columns,
        said=columns,
        automatic=columns > 0,
        commonest=columns,
        reason=None,
        bound=None,
    )
    # Without a forest: the labels are another test's.
    nothing = NoForest("none is fitted")
    found = first_screen(
        loaded.cases, later, ["low"], settings, lambda _: nothing, max_error=0.2, questions=loaded.questions
    )
    asked = found.questions
    assert Counter(one.kind for one in asked) == {"about the sample": 40, "out of scope": 15, "hostile": 10}
    assert [one for one in asked if one.faults] == []
    near = sum(not set(one.wanted).isdisjoint(one.precedents) for one in asked if one.wanted)
    assert f"For {near} of the 40 questions about the sample" in " ".join(found.summary)
    replies = sum(bool(one.reply) for one in asked)
    with capsys.disabled():
        print(
            f"\nof 40 questions {near} with the precedent among three; replies to {replies} of 65, all sound"
        )
    assert near >= 38
    assert replies >= 10


@pytest.mark.parametrize(
    ("step", "fault"),
    [
        ("Set `a = 1` as in 1008.", "an id"),
        ("It helps with a probability of 0.81.", "a probability or a priority"),
        ("Start it again as on 20 March.", "a date of another ticket"),
        ("Pay the $49.90 that are open.", "an amount of another ticket"),
        ("Ask Northfold about it.", "a name of another ticket"),
    ],
)
def test_a_fault_is_told(step: str, fault: str) -> None:
    """What a reply must not have is found where it has it, and a note without its parts too."""
    near = [msgspec.structs.replace(neighbour("1008"), tags=("customer:northfold",))]
    note = agent_note("It fails.", HIGH, near)
    sentence = ReplySentence(text=step, citations=("1008",), support=1.0)
    reply = Draft(
        text=f"Hello,\n\n{step}", citations=("1008",), source="llm", grounded=True, sentences=(sentence,)
    )
    assert f"the reply has {fault}" in faults("It fails.", note, reply, near)
    assert faults("It fails.", note, None, near) == ()
    assert faults("It fails.", Note(text="Issue: x", citations=()), None, near) == ("the note lacks a part",)
