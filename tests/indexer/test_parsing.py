"""What a record becomes: cleaned texts, an outcome that is no resolution, a resolution out of the conversation."""

import pytest
from msgspec import to_builtins

from indexer.parsing import parse_ticket
from indexer.ticket import Ticket, TicketError

_ASKED = "The export stops at row 7 since this morning."
_ANSWER = "Raise export.max_rows to 20000 and start the export again, it stopped at the old limit."
_MAIL = f"{_ASKED}\n\nBest regards,\nJane Doe\nHead of Operations\nACME Ltd\n\nOn Mon, 3 Mar 2025 at 10:11, Support wrote:\n> Please send the log.\n"


def _ticket(**record: object) -> Ticket:
    return parse_ticket({"id": "1", "subject": "Export", "body": _ASKED} | record)


def test_quoted_mail_and_signature_are_set_apart() -> None:
    """What is embedded and shown is the message; nothing is thrown away."""
    ticket = _ticket(body=_MAIL)
    assert ticket.text == f"Export\n\n{_ASKED}"
    assert ticket.body == _ASKED
    assert ticket.set_apart is not None
    for kept in ("Jane Doe", "Please send the log."):
        assert kept in ticket.set_apart


def test_mark_up_becomes_plain_text() -> None:
    """In the text, in the resolution and in the conversation."""
    ticket = _ticket(
        body=f"<p>{_ASKED}</p><ul><li>browser: Firefox</li></ul>",
        resolution=f"<div>{_ANSWER}</div>",
        thread=[{"author": "customer", "text": "<p>It is urgent.</p>"}],
    )
    assert "<" not in ticket.text + (ticket.resolution or "") + ticket.thread[0].text
    assert "browser: Firefox" in ticket.text
    assert ticket.resolution == _ANSWER


def test_a_question_is_cleaned_as_a_stored_ticket_is() -> None:
    """So that both have one vector."""
    assert (
        parse_ticket({"id": "new", "text": _MAIL}).text_hash
        == parse_ticket({"id": "2", "text": _ASKED}).text_hash
    )


@pytest.mark.parametrize(
    "word", ["Fixed", "Done", "Won't fix", "completed", "not_planned", "Duplicate", "Erledigt"]
)
def test_a_word_of_status_is_an_outcome(word: str) -> None:
    """It says how the ticket ended, and is never quoted as what resolved it."""
    ticket = _ticket(resolution=word)
    assert (ticket.resolution, ticket.outcome) == (None, word)


def test_the_resolution_is_drawn_from_the_conversation() -> None:
    """The agent's last words that say something, with where they stand; a given resolution goes before."""
    thread = [
        {"author": "customer", "at": "2025-03-03T10:00:00Z", "text": _ASKED},
        {"author": "agent", "at": "2025-03-03T11:00:00Z", "text": _ANSWER},
        {"author": "customer", "at": "2025-03-03T12:00:00Z", "text": "That works, thank you!"},
        {"author": "agent", "at": "2025-03-03T12:05:00Z", "text": "Glad to hear it. Closing this ticket."},
    ]
    drawn = _ticket(thread=thread, resolved_at="2025-03-03T12:06:00Z")
    assert (drawn.resolution, drawn.resolution_from) == (_ANSWER, "message 2 of the thread")
    given = _ticket(thread=thread, resolution="Restarted the exporter by hand.")
    assert (given.resolution, given.resolution_from) == ("Restarted the exporter by hand.", None)
    unsolved = _ticket(thread=thread, resolution="Won't fix")
    assert (unsolved.resolution, unsolved.outcome) == (None, "Won't fix")


def test_a_ticket_that_was_read_back_is_the_same() -> None:
    """Whatever `GET` gives can be `PUT` again without a change."""
    ticket = _ticket(
        body=_MAIL, url="https://desk.example/1", status="solved", fields={"Product": "API", "seats": 7},
        thread=[{"author": "agent", "text": _ANSWER, "at": "2025-03-03T11:00:00+01:00"}], tags="a,b",
    )  # fmt: skip
    again = parse_ticket(to_builtins(ticket))
    assert again == ticket
    assert again.record_hash == ticket.record_hash
    assert ticket.fields == {"product": "API", "seats": "7"}


@pytest.mark.parametrize(
    ("status", "is_open"),
    [("Open", True), ("In Progress", True), ("waiting_on_customer", True), ("on-hold", True), ("Offen", True),
     ("Solved", False), ("Closed", False), ("resolved", False), ("Done", False), ("Verified by QA", False),
     ("Waiting for approval", True), ("In QA", True), ("Closed - Duplicate", False), (None, False)],
)  # fmt: skip
def test_open_tickets_are_told_by_their_status(status: str | None, *, is_open: bool) -> None:
    """By the first word, of those that helpdesks have by default: any other status counts as resolved."""
    assert _ticket(status=status).is_open is is_open


@pytest.mark.parametrize(
    ("record", "word"),
    [
        ({"thread": "hello"}, "thread"),
        ({"thread": [{"author": "boss", "text": "x"}]}, "author"),
        ({"fields": ["x"]}, "fields"),
        ({"fields": {str(n): "x" for n in range(101)}}, "100"),
    ],
)
def test_what_cannot_be_kept_is_refused(record: dict[str, object], word: str) -> None:
    """With the field's name."""
    with pytest.raises(TicketError, match=word):
        _ticket(**record)


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "ftp://x", "https://a b", "https://" + "x" * 2_000, 7]
)
def test_an_address_that_no_browser_should_open_is_dropped(url: object) -> None:
    """The ticket is kept."""
    assert _ticket(url=url).url is None
