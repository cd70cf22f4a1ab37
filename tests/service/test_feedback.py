"""``POST /v1/feedback``: what agents did with answers, and what is learned of it."""

from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from indexer.ticket import Ticket
from tests.indexer.making import make_ticket, sentence
from tests.provider import Provider
from tests.service.conftest import MARK
from tests.service.running import JSON, SOON, Service, assert_problem, running_service


def tell(service: Service, **body: Any) -> Any:
    """Send feedback that must be taken."""
    return service.answer("/v1/feedback", **body)


def stored(service: Service, ticket_id: str) -> Ticket:
    """Return a stored ticket."""
    response = service.http.get(f"/v1/tickets/{ticket_id}")
    assert response.status_code == 200, response.text
    return msgspec.json.decode(response.content, type=Ticket)


def put(service: Service, ticket: Ticket) -> str:
    """Store a ticket and return what became of it."""
    return str(
        service.http.put(
            f"/v1/tickets/{ticket.id}", content=msgspec.json.encode(ticket), headers=JSON
        ).json()["outcome"]
    )


def test_what_became_of_an_answer_is_counted_once(service: Service) -> None:
    """Sent again it changes nothing; the last word on one answer counts."""
    before = service.status()["feedback"]
    answer = service.answer("/v1/triage", text=f"{sentence(16)} {MARK}", draft=False)
    for action in ("accepted", "accepted", "edited"):
        assert tell(service, triage_id=answer["id"], action=action) == {
            "ticket_id": None,
            "outcome": None,
            "review": False,
        }
    another = service.answer("/v1/triage", text=f"{sentence(17)} {MARK}", draft=False)["id"]
    tell(service, triage_id=another, action="rejected", ticket_id="t-16", reply=f"{MARK} sent")
    after = service.status()["feedback"]
    changed = {name: after[name] - before.get(name, 0) for name in after}
    assert changed == {"edited": 1, "rejected": 1, "corrected": 0}


def test_what_became_of_answers_is_counted_by_week(service: Service) -> None:
    """The last of 26 weeks is the present one; another precedent and a corrected label are counted beside the action."""
    before = service.http.get("/v1/feedback").json()["weeks"]
    days = [date.fromisoformat(week["week"]) for week in before]
    assert len(days) == 26
    assert {(later - earlier).days for earlier, later in pairwise(days)} == {7}
    assert 0 <= (datetime.now(UTC).date() - days[-1]).days < 7
    answer = service.answer("/v1/triage", text=f"{sentence(18)} {MARK}", draft=False)
    tell(service, triage_id=answer["id"], action="accepted")
    tell(
        service, triage_id=answer["id"], action="rejected", precedent="t-1", ticket_id="t-18", priority="low"
    )
    service.until(
        lambda: service.http.get("/v1/feedback").json()["weeks"][-1]["answers"] > before[-1]["answers"],
        "the answer is kept",
    )
    after = service.http.get("/v1/feedback").json()["weeks"]
    assert after[:-1] == before[:-1]
    changed = {name: after[-1][name] - before[-1][name] for name in after[-1] if name != "week"}
    assert changed == {
        "answers": changed["answers"], "accepted": 0, "edited": 0, "rejected": 1, "corrected": 1, "other_precedent": 1,
    }  # fmt: skip


def test_a_corrected_priority_is_the_stored_tickets_label(service: Service, provider: Provider) -> None:
    """The next query shows it, nothing else of the ticket changes, and nothing is embedded."""
    put(service, make_ticket(8_100, priority="low"))
    asked = provider.stats().requests["embeddings"]
    learned = tell(service, ticket_id="t-8100", action="edited", priority="high")
    assert learned == {"ticket_id": "t-8100", "outcome": "updated", "review": False}
    assert stored(service, "t-8100") == make_ticket(8_100, priority="high")
    found = service.answer("/v1/similar", text=sentence(8_100), top_k=1)["neighbours"][0]
    assert (found["id"], found["priority"]) == ("t-8100", "high")
    assert tell(service, ticket_id="t-8100", action="edited", priority="high")["outcome"] == "unchanged"
    assert provider.stats().requests["embeddings"] == asked
    assert service.status()["feedback"]["corrected"] >= 1


def test_a_correction_stands_against_an_older_copy(service: Service) -> None:
    """A sync of the same export does not undo it, where tickets say when they were updated; a later version does."""
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)
    old = make_ticket(8_101, priority="low", updated_at=early)
    put(service, old)
    tell(service, ticket_id="t-8101", action="rejected", priority="medium")
    assert put(service, old) == "stale"
    assert stored(service, "t-8101").priority == "medium"
    assert put(service, make_ticket(8_101, priority="high", updated_at=late)) == "updated"
    assert stored(service, "t-8101").priority == "high"


def test_a_new_ticket_is_learned_with_its_text_and_is_no_precedent(service: Service) -> None:
    """It is stored with label and text under the portal's id, and no triage returns it until it has a resolution."""
    text = f"{MARK} lemur gibbon tapir ocelot"
    answer = service.answer("/v1/triage", text=text, draft=False)["id"]
    learned = tell(
        service, triage_id=answer, ticket_id="new-8102", text=text, action="edited", priority="high"
    )
    assert learned == {"ticket_id": "new-8102", "outcome": "added", "review": False}
    ticket = stored(service, "new-8102")
    assert (ticket.text, ticket.priority, ticket.resolution, ticket.source) == (
        text,
        "high",
        None,
        "feedback",
    )
    assert ticket.created_at is not None
    assert service.answer("/v1/similar", text=text, top_k=1)["neighbours"][0]["id"] == "new-8102"
    neighbours = service.answer("/v1/triage", text=text, top_k=50, draft=False)["neighbours"]
    assert "new-8102" not in [neighbour["id"] for neighbour in neighbours]
    put(service, Ticket(id="new-8102", text=text, priority="high", resolution="Fed them."))
    neighbours = service.answer("/v1/triage", text=text, draft=False)["neighbours"]
    assert neighbours[0]["id"] == "new-8102"


def test_a_text_alone_can_be_learned(service: Service) -> None:
    """Without an id it gets one of its own, the same for the same text."""
    body = {"subject": MARK, "body": "walrus dugong manatee", "action": "rejected"}
    answer = service.answer("/v1/triage", subject=MARK, body=body["body"], draft=False)["id"]
    learned = tell(service, triage_id=answer, priority="low", **body)
    assert (learned["ticket_id"][:9], learned["outcome"]) == ("feedback-", "added")
    again = tell(service, priority="medium", **body)
    assert again == {"ticket_id": learned["ticket_id"], "outcome": "updated", "review": False}
    assert stored(service, learned["ticket_id"]).priority == "medium"


@pytest.mark.parametrize(
    ("body", "about"),
    [
        ({}, "action"),
        ({"action": "liked", "triage_id": "1"}, "action"),
        ({"action": "accepted"}, "triage_id"),
        ({"action": "accepted", "triage_id": ""}, "triage_id"),
        ({"action": "accepted", "text": MARK}, "triage_id"),
        ({"action": "edited", "triage_id": "1", "priority": "high"}, "ticket_id"),
        ({"action": "edited", "triage_id": "1", "reply": MARK}, "triage_id"),
        ({"action": "rejected", "ticket_id": "t-1", "precedent": "nobody-has-this"}, "precedent"),
        ({"action": "rejected", "ticket_id": "t-1", "precedent": ""}, "precedent"),
        ({"action": "rejected", "ticket_id": "t-1", "reason": "x" * 2_001}, "reason"),
        ({"action": "edited", "ticket_id": "nobody-has-this", "priority": "high"}, "triage_id"),
        ({"action": "edited", "ticket_id": "t-1", "priority": "two\nlines"}, "priority"),
        ({"action": "edited", "ticket_id": "x" * 201, "priority": "high"}, "id"),
        ({"action": "accepted", "triage_id": "1", "rating": 5}, "rating"),
    ],
)
def test_feedback_that_cannot_be_used_is_refused(service: Service, body: dict[str, Any], about: str) -> None:
    """The detail names what is missing, and nothing is kept."""
    before = service.status()["feedback"]
    assert_problem(service.post("/v1/feedback", **body), 422, about=about)
    assert service.status()["feedback"] == before


def test_nothing_is_kept_while_a_text_cannot_be_embedded(service: Service, provider: Provider) -> None:
    """The portal sends it again, and then it is."""
    before = service.status()["feedback"]
    body = {
        "text": f"{MARK} pangolin axolotl",
        "priority": "low",
        "action": "edited",
        "ticket_id": "new-8103",
        "triage_id": service.answer("/v1/triage", text=MARK, draft=False)["id"],
    }
    provider.fail("500", times=None)
    assert_problem(service.post("/v1/feedback", **body), 503)
    assert service.status()["feedback"] == before
    provider.clear()
    assert tell(service, **body)["outcome"] == "added"


def test_a_correction_is_learned_by_the_next_forest(fitted_dir: Path, provider: Provider) -> None:
    """A label that no ticket had before is one of the forest's after its refit."""
    with running_service(fitted_dir, provider, intervals=SOON) as service:
        put(service, make_ticket(8_199, priority="urgent"))
        for number in range(8_200, 8_212):
            put(service, make_ticket(number, priority="low", resolution=None))
            tell(service, ticket_id=f"t-{number}", action="edited", priority="urgent")

        def is_learned() -> bool:
            last = service.status()["forest"]["last_fit"]  # none before the first refit
            return last is not None and "urgent" in last["report"]["labels"]

        service.until(is_learned, "a refit knows the label")


def test_feedback_needs_an_answer_or_a_ticket_that_there_is(service: Service) -> None:
    """An id that was never given is refused, also one that is nearly right; a label must be that of a ticket."""
    answer = service.answer("/v1/triage", text=f"{sentence(18)} {MARK}", draft=False)["id"]
    for wrong in (
        "1",
        "0" * 48,
        answer[:-1] + ("0" if answer[-1] != "0" else "1"),
        "1" + answer[1:-1] + "\u00e9",
    ):
        assert_problem(
            service.post("/v1/feedback", action="accepted", triage_id=wrong), 422, about="triage_id"
        )
    text = {"text": MARK, "action": "edited"}
    assert_problem(
        service.post("/v1/feedback", **text, priority="low", ticket_id="nobody"), 422, about="triage_id"
    )
    new = {"action": "edited", "ticket_id": "t-1", "priority": "csrf-label"}
    assert_problem(service.post("/v1/feedback", **new), 422, about="PRECEDENT_NEW_LABELS")
    assert stored(service, "t-1").priority != "csrf-label"
    assert tell(service, triage_id=answer, action="accepted")["review"] is False
