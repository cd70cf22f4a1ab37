"""The outbox in the ledger: claimed by one at a time, retried, dead, repeated, and without what is forgotten."""

import msgspec

from indexer.ledger import Delivery, Ledger, Outgoing, hash_of_question
from tests.indexer.making import make_ticket, make_tickets

_NOW = 1_000.0


def _outgoing(name: str, *tickets: str, text_hash: str = "", target: str = "webhook") -> Outgoing:
    data = {
        "neighbours": [{"text": f"text of {one}", "resolution": None} for one in tickets],
        "note": {"text": f"note of {name}"},
        "reply": {"text": f"reply of {name}"},
    }
    body = msgspec.json.encode({"data": data}).decode()
    return Outgoing(
        id=f"{name}-{target}", answer=name, target=target, at=_NOW, input_hash=text_hash, tickets=tickets,
        body=body, next_at=_NOW,
    )  # fmt: skip


def _states(ledger: Ledger) -> dict[str, str]:
    return {one.id: one.state for one in ledger.deliveries.all()}


def _claimed(ledger: Ledger, now: float = _NOW) -> Delivery | None:
    return ledger.deliveries.claim("webhook", now, lease=10.0)


def test_one_at_a_time_has_a_delivery(ledger: Ledger) -> None:
    """Until its lease ends; who took too long has no say then, unless it was acknowledged."""
    ledger.deliveries.record([_outgoing("a"), _outgoing("a", target="slack")])
    ledger.deliveries.record([_outgoing("a")])  # known already
    first = _claimed(ledger)
    assert first is not None
    assert (first.id, first.tries, first.body is None) == ("a-webhook", 1, False)
    assert _claimed(ledger) is None
    second = _claimed(ledger, _NOW + 10)
    assert second is not None
    assert second.tries == 2
    ledger.deliveries.failed(first, "late", again_at=_NOW)
    assert _claimed(ledger, _NOW + 11) is None
    ledger.deliveries.succeeded(first)
    assert _states(ledger) == {"a-webhook": "delivered", "a-slack": "waiting"}
    ledger.deliveries.failed(second, "late", again_at=None)
    assert _states(ledger)["a-webhook"] == "delivered"
    assert ledger.deliveries.counts() == {"waiting": 1, "dead": 0}


def test_dead_deliveries_can_be_repeated(ledger: Ledger) -> None:
    """Failed ones come back when they are due; dead ones when the operator says so, with all their tries."""
    ledger.deliveries.record([_outgoing("a"), _outgoing("b"), _outgoing("c", target="slack")])
    for again_at in (_NOW + 5, None):
        claimed = _claimed(ledger)
        assert claimed is not None
        ledger.deliveries.failed(claimed, "answered 500", again_at=again_at)
    assert _claimed(ledger, _NOW + 4) is None
    assert ledger.deliveries.repeat(["a-webhook", "nobody"], _NOW) == []
    assert ledger.deliveries.repeat(None, _NOW + 1) == ["b-webhook"]
    again = _claimed(ledger, _NOW + 1)
    assert again is not None
    assert (again.id, again.tries, again.error) == ("b-webhook", 1, "answered 500")
    assert ledger.deliveries.give_up(["webhook"]) == 1
    assert _states(ledger) == {"a-webhook": "waiting", "b-webhook": "waiting", "c-slack": "dead"}
    assert ledger.deliveries.clear(_NOW + 1) == 1
    assert ledger.deliveries.counts() == {"waiting": 2, "dead": 0}


def test_what_is_forgotten_is_not_delivered(ledger: Ledger) -> None:
    """Neither by its id nor as the question itself; a deleted ticket is told to nobody either."""
    ledger.tickets.write(make_tickets(5))
    own = hash_of_question(ledger.secret, make_ticket(3).text_hash)
    ledger.deliveries.record([
        _outgoing("a", "t-1", "t-2"), _outgoing("b", "t-2", "not stored"), _outgoing("c", text_hash=own),
        _outgoing("d", "t-4"),
    ])  # fmt: skip
    assert ledger.deliveries.named(["t-1", "not stored"]) == {"t-1"}
    assert ledger.deliveries.words(["t-1"])["t-1"] == [
        "note of a",
        "reply of a",
        "text of t-1",
        "text of t-2",
    ]
    assert "reply of a" not in list(ledger.deliveries.words_of_others({"t-1"}))
    ledger.tickets.erase(["t-1", "t-3"])
    assert _states(ledger) == {
        "a-webhook": "dead", "b-webhook": "waiting", "c-webhook": "dead", "d-webhook": "waiting",
    }  # fmt: skip
    assert list(ledger.deliveries.words_of_others(())) == [
        "note of b", "reply of b", "text of t-2", "text of not stored", "note of d", "reply of d", "text of t-4",
    ]  # fmt: skip
    ledger.tickets.delete(["t-2"])
    claimed = _claimed(ledger)
    assert claimed is not None
    assert claimed.id == "d-webhook"
    assert _states(ledger)["b-webhook"] == "dead"
    assert ledger.deliveries.repeat(None, _NOW) == []
