"""Kept answers: found again, and without what is forgotten."""

import time
from typing import Any

import pytest

from indexer.ledger import Answer, FeedbackEntry, Ledger, Which, hash_of_question
from tests.indexer.making import make_ticket


def _body(*ids: str, cited: tuple[str, ...] | None = None, text: str | None = None) -> dict[str, Any]:
    cited = ids if cited is None else cited
    return {
        "text": text,
        "asked": {"exclude": ["t-9", "never-stored"]},
        "neighbours": [{"id": ticket_id, "similarity": 0.5} for ticket_id in ids],
        "priority": {"label": "low", "evidence": [{"id": "t-8", "weight": 1.0}]},
        "note": {"text": f"Similar: {', '.join(ids)}", "citations": list(ids)},
        "reply": {"text": f"By {cited}", "citations": list(cited), "sentences": [{"text": "By"}]},
    }


def _answer(answer_id: str, at: float, body: dict[str, Any], text_hash: str = "0") -> Answer:
    return Answer(
        id=answer_id,
        at=at,
        who=None,
        input_hash=hash_of_question("secret", text_hash),
        reply_key="k",
        body=body,
    )


@pytest.fixture
def kept(ledger: Ledger) -> Ledger:
    """A ledger with ten tickets and three answers."""
    ledger.tickets.write([make_ticket(n) for n in range(10)])
    ledger.answers.keep([
        _answer("a", 100.0, _body("t-1", "t-2", cited=("t-1",), text="one")),
        _answer("b", 200.0, _body("t-2", "t-3", cited=("t-3",))),
        _answer("c", 200.0, _body("t-4", "gone-meanwhile")),
    ])  # fmt: skip
    return ledger


def _ids(ledger: Ledger, limit: int = 9, **which: Any) -> list[str]:
    return [answer.id for answer in ledger.answers.page(Which(**which), limit=limit)]


def test_answers_are_listed_newest_first(kept: Ledger) -> None:
    """By time and by a ticket that they name, in pages."""
    assert _ids(kept) == ["c", "b", "a"]
    assert _ids(kept, limit=1) == ["c"]
    assert _ids(kept, before=(200.0, "c")) == ["b", "a"]
    assert _ids(kept, before=(200.0, "b")) == ["a"]
    assert _ids(kept, since=150.0) == ["c", "b"]
    assert _ids(kept, until=200.0) == ["a"]
    assert _ids(kept, ticket_id="t-2") == ["b", "a"]
    assert kept.answers.get("nobody") is None


def test_answers_without_a_precedent_are_found(ledger: Ledger) -> None:
    """Those whose neighbours are all below the floor, among the newest; what a text says of a floor does not matter."""
    ledger.tickets.write([make_ticket(n) for n in range(10)])
    for number, floors in enumerate([(False,), (False, True), (), (False, False), (True,)]):
        body = _body("t-1", text='"above_floor":true')
        body["neighbours"] = [{"id": "t-1", "above_floor": above} for above in floors]
        ledger.answers.keep([_answer(f"a{number}", float(number), body)])

    def found(**asked: int) -> list[str]:
        return [answer.id for answer in ledger.answers.without_precedent(**asked)]

    assert found(among=9, limit=9) == ["a3", "a0"]
    assert found(among=9, limit=1) == ["a3"]
    assert found(among=3, limit=9) == ["a3"]


def test_what_is_not_stored_when_an_answer_is_kept_is_left_out(kept: Ledger) -> None:
    """A ticket may be forgotten between the answer and its keeping."""
    found = kept.answers.get("c")
    assert found is not None
    assert [one["id"] for one in found.body["neighbours"]] == ["t-4"]
    assert found.body["asked"]["exclude"] == ["t-9"]
    assert (found.body["note"]["text"], found.body["reply"]["text"]) == ("", "")
    assert found.body["forgotten"]


def test_a_deleted_ticket_is_not_shown_and_a_forgotten_one_is_gone(kept: Ledger) -> None:
    """Texts that rest on it go whole, what an agent made of them too; others stay, and all ids of it go."""
    for answer in ("a", "b"):
        kept.feedback.take(
            FeedbackEntry(
                action="edited", triage_id=answer, ticket_id=None, priority=None, reply=f"mine {answer}",
                reason=f"why {answer}", precedent="t-3",
            )
        )  # fmt: skip
    kept.tickets.delete(["t-3"])
    for erased in (False, True):
        if erased:
            assert kept.answers.named(["t-3", "t-7"]) == {"t-3"}
            assert sorted(kept.answers.words(["t-3"])["t-3"]) == ["By ('t-3',)", "Similar: t-2, t-3"]
            assert kept.answers.losing_replies(["t-3", "t-7"]) == {"b"}
            left = list(kept.feedback.replies_of_others({"t-3"}, {"b"}))
            assert left == ["mine a", "why a"]
            kept.tickets.erase(["t-3"])
            assert kept.answers.named(["t-3"]) == set()
        a, b = kept.answers.get("a"), kept.answers.get("b")
        assert a is not None
        assert a.told is not None
        assert a.body["reply"]["text"] == "By ('t-1',)"
        assert (a.told.reply, a.told.reason, a.told.precedent) == (
            "mine a",
            "why a",
            None if erased else "t-3",
        )
        assert b is not None
        assert b.told is not None
        assert [one["id"] for one in b.body["neighbours"]] == ["t-2"]
        assert (b.body["note"]["text"], b.body["reply"]["text"], b.body["reply"]["sentences"]) == ("", "", [])
        assert (b.told.reply, b.told.reason) == (None, None)
    assert "t-3" not in str(kept.answers.page(Which(), limit=9))
    assert not [words for words in kept.answers.words_of_others({"t-1"}) if "t-3" in words]


def test_answers_for_a_forgotten_ticket_go_whole(kept: Ledger) -> None:
    """Those to its own text, stored or deleted, and those that feedback says were for it."""
    ticket = make_ticket(5)
    own = hash_of_question(kept.secret, ticket.text_hash)
    kept.answers.keep([
        Answer(id="d", at=1.0, who=None, input_hash=own, reply_key=None, body=_body("t-1")),
        _answer("e", 1.0, _body("t-1")),
    ])  # fmt: skip
    kept.feedback.take(
        FeedbackEntry(
            action="accepted", triage_id="e", ticket_id="t-5", priority=None, reply="sent", reason="x"
        )
    )
    kept.tickets.delete(["t-5"])
    assert _ids(kept, until=50.0) == ["e", "d"]
    kept.tickets.erase(["t-5"])
    assert _ids(kept) == ["c", "b", "a"]


def test_a_question_that_is_nearly_the_text_of_a_forgotten_ticket_goes(kept: Ledger) -> None:
    """Nothing in words stays of its answer, whatever that cites."""
    body = _body("t-6", "t-7", cited=("t-7",), text="Case 6, please")
    body["neighbours"][0]["similarity"] = 0.95
    body["priority"]["why"] = "its words point to low: “case”"
    kept.answers.keep([_answer("d", 1.0, body)])
    kept.tickets.erase(["t-6"])
    found = kept.answers.get("d")
    assert found is not None
    assert (found.body["text"], found.body["note"]["text"], found.body["reply"]["text"]) == (None, "", "")
    assert found.body["reply"]["citations"] == ["t-7"]
    assert found.body["priority"]["why"] is None


def test_old_answers_go_with_what_was_said_of_them(kept: Ledger) -> None:
    """Feedback that names no ticket loses its texts with the answer; it goes on being counted."""
    for answer, ticket_id in (("a", None), ("b", None), ("other", "t-1")):
        kept.feedback.take(
            FeedbackEntry(
                action="edited",
                triage_id=answer,
                ticket_id=ticket_id,
                priority=None,
                reply="sent",
                reason="why",
            )
        )
    assert kept.answers.clear(150.0) == 1
    assert _ids(kept) == ["c", "b"]
    assert kept.answers.clear(time.time() + 9) == 2
    assert kept.answers.count() == 0
    assert kept.feedback.counts()["edited"] == 3
    assert kept.feedback.replies(["t-1"]) == {"t-1": ["sent", "why"]}
    assert list(kept.feedback.replies_of_others((), ())) == ["sent", "why"]
    assert list(kept.answers.words_of_others(())) == []
