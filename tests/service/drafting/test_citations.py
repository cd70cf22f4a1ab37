"""Ids of tickets in a model's answer: known ones are taken out, a sentence with another one is left out."""

import random
import re

import pytest

from indexer.grounding.sentences import SentenceSplitter
from service.drafting.checked_reply import CheckedReply
from tests.service.drafting.checking import GIVEN, body_of, check_reply
from tests.service.drafting.examples import TICKET, neighbour

pytestmark = pytest.mark.slow

JIRA = ("TIMOB-5", "TIMOB-9")
UUID = "3f2a9c1d-0000-4a1b-8c2d-1234567890ab"
OTHER_UUID = "3f2a9c1d-0000-4a1b-8c2d-1234567890ac"


@pytest.mark.parametrize(
    ("answer", "citations"),
    [
        ("Restart it [5].", ("5",)),
        ("Restart it [5, 7].", ("5", "7")),
        ("Restart it [5; 7 and 5].", ("5", "7")),
        ("Restart it [7] [5].", ("7", "5")),
        ("Restart it [ticket 5].", ("5",)),
        ("Restart it [see ticket no. #5].", ("5",)),
        ("Restart it [id: 5].", ("5",)),
        ("Restart it [**5**].", ("5",)),
        ("Restart it 【5】.", ("5",)),
        ("Restart it 【5†source】.", ("5",)),
        ("Restart it[5].", ("5",)),
    ],
)
def test_citations_are_taken_out_of_the_text(answer: str, citations: tuple[str, ...]) -> None:
    """Whatever shape the model uses for a precedent, the customer reads none, and the sentence carries its id."""
    reply = check_reply(answer)
    assert body_of(reply) == "Restart it."
    assert reply.citations == reply.sentences[0].citations == citations
    assert reply.left_out is None


@pytest.mark.parametrize(
    "invented",
    [
        "As in [99].",
        "As in [5, 99].",
        "As in [99][5].",
        "As in [[99]].",
        "As in [^99].",
        "As in \\[99\\].",
        "As in 【99】.",
        "As in [5-9].",
        "As in [#99].",
        "As in [ticket 99].",
        "As in [Ticket #99: database].",
        "As in [T-99].",
        "As in `[99]`.",
        "Others[99] had it.",
        "As in [5] and ticket 99.",
        "As in ticket 99.",
        "As in Ticket #99.",
        "As in ticket no. 99.",
        "As in ticket number 99.",
        "As in ticket id: 99.",
        "As in ticket (99).",
        "As in ticket **99**.",
        "As in ticket-99.",
        "As in tickets 5 and 99.",
        "As in tickets 5, 7, and 99.",
        "As in tickets [5] and 99.",
        "As in tickets 5-9.",
        "As in ticket\n99 too.",
        "As in case 99.",
        "As in issue ABC-99.",
        "As in incident INC0099999.",
        "As in #99.",
        "```\nsee ticket 99\n```",
    ],
)
def test_a_sentence_with_an_invented_id_is_left_out(invented: str) -> None:
    """In none of the shapes that models use does an id that was not retrieved reach the reader."""
    reply = check_reply(f"Restart it [5].\n{invented}\nWait then [7].")
    assert "9" not in body_of(reply)
    assert body_of(reply).startswith("Restart it.\n")
    assert body_of(reply).endswith("\nWait then.")
    assert reply.citations == ("5", "7")
    assert reply.left_out is not None


@pytest.mark.parametrize(
    ("ids", "invented"),
    [
        (JIRA, "As in TIMOB-777."),
        (JIRA, "As in timob 777."),
        (JIRA, "As in TIMOB\N{EN DASH}777."),
        (JIRA, "As in TIMOB-777-fix."),
        (JIRA, "As in [JIRA-7]."),
        (("INC0012345",), "As in INC0099999."),
        (("INC0012345",), "As in INC 0099999."),
        ((UUID,), f"As in {OTHER_UUID}."),
        ((UUID,), f"As in [{OTHER_UUID}]."),
        (("1048823",), "As in 1048830."),
        (("alpha", "gamma"), "As in [beta]."),
        (("A, B",), "As in [A, 7]."),
        (JIRA, "As in TIMOB-5."),
        (("1048823",), "As in 1048823."),
    ],
)
def test_no_id_is_in_the_text(ids: tuple[str, ...], invented: str) -> None:
    """An id of any form, also one that was retrieved, is of no use to a customer."""
    reply = check_reply(f"{invented} Restart it [{ids[0]}].", ids)
    assert body_of(reply) == "Restart it."
    assert reply.citations == (ids[0],)
    assert reply.left_out is not None


@pytest.mark.parametrize(
    "ids", [('A "quoted" id',), ("A, B",), ("ACME/2024/7",), ("билет-7",), ("5", "55", "555")]
)
def test_ids_of_any_form_can_be_cited(ids: tuple[str, ...]) -> None:
    """An id is whatever the team uses, with blanks, commas, slashes or another script."""
    for ticket_id in ids:
        reply = check_reply(f"Restart it [{ticket_id}].", ids)
        assert body_of(reply) == "Restart it."
        assert reply.citations == (ticket_id,)


def test_ids_that_differ_in_case_alone_are_kept_apart() -> None:
    """An exact id goes before one that is merely alike."""
    assert check_reply("Restart it [ab-1].", ("AB-1", "ab-1")).citations == ("ab-1",)
    assert check_reply("Restart it [AB-1].", ("AB-1", "ab-1")).citations == ("AB-1",)
    assert check_reply("Restart it [timob 5].", JIRA).citations == ("TIMOB-5",)


@pytest.mark.parametrize(
    "sentence",
    [
        "Read `items[0]` and `rows[1][2]`.",
        "```py\nfirst = items[0]\n\nlast = items[99]\n```",
        "Match [0-9]+ and [a-z].",
        "Upgrade to v2.4.1 on port 8080.",
        "This is the issue:\n1. Restart.\n2. Wait.",
        "The issue is solved in 99 % of 100 runs.",
        "Send HMAC-SHA256 in UTF-8.",
        "Colour &#39; and a#99 are text.",
        "Merge PR #4312.",
    ],
)
def test_what_a_resolution_says_is_no_citation(sentence: str) -> None:
    """Code, versions, amounts and lists of the cited resolution are shown as they are."""
    reply = CheckedReply(TICKET, [neighbour("5", resolution=sentence)])
    for part in (*(splitter := SentenceSplitter()).feed(sentence), splitter.flush()):
        reply.add(part, ("5",))
    assert body_of(reply) == sentence
    assert reply.citations == ("5",)
    assert reply.left_out is None


def test_no_stream_brings_an_invented_id_to_the_reader() -> None:
    """Answers put together at random, cut at random: the shown text has no id, and is the same whatever the pieces."""
    parts = [
        *("Restart it ", "ticket ", "tickets 5, ", "case #", "see ", "`", "```\n", "[", "]", "(", ")", " and ", ", ", "#"),
        *("5", "7", "99", "98", "[5]", "[99]", "[5, 7]", "[7, 98]", ". ", ".\n", "\n\n", "1. ", "- ", "v2.4.1", "! A"),
        *("https://evil.example/", " Then wait", "**", "items[0]", "e.g. ", "Restart it [5]. "),
    ]  # fmt: skip
    draw = random.Random(2026)
    shown = 0
    for _ in range(2_000):
        answer = "".join(draw.choices(parts, k=14))
        reply = check_reply(answer, size=draw.randint(1, 9), ticket=GIVEN)
        shown += bool(reply.sentences)
        assert reply.text == check_reply(answer, size=len(answer), ticket=GIVEN).text
        assert "evil" not in reply.text
        assert not re.search(r"9[89]|\[\d|(?i:\b(?:ticket|case)s? #?\d)", reply.text)
    assert shown > 250
