"""Whatever the provider does, the service answers: with less, or with a word on when to try again."""

import pytest

from tests.indexer.making import sentence
from tests.provider import Provider
from tests.provider.state import CHAT_ONLY, EMBEDDINGS_ONLY, KINDS
from tests.service.conftest import MARK
from tests.service.running import KEY, Service, assert_problem

pytestmark = pytest.mark.slow

CHAT_FAILURES = sorted(KINDS - EMBEDDINGS_ONLY)
EMBEDDING_FAILURES = sorted(KINDS - CHAT_ONLY - {"shuffled"})


def new_text(number: int, kind: str) -> str:
    """Return a text near a stored one, which no other test has had embedded."""
    return f"{sentence(number)} {MARK} {kind}"


@pytest.mark.parametrize("kind", CHAT_FAILURES)
def test_a_failing_chat_degrades_the_draft(service: Service, provider: Provider, kind: str) -> None:
    """Priority and neighbours are there, the best resolution is quoted, and the answer says why."""
    provider.fail(kind, times=None, endpoint="chat")
    answer = service.answer("/v1/triage", text=new_text(22, kind))
    assert answer["priority"]["label"]
    assert answer["neighbours"][0]["id"] == "t-22"
    reply = answer["reply"]
    assert (reply["source"], reply["citations"], reply["grounded"]) == ("extractive", ["t-22"], True)
    assert "Restart unit 22." in reply["text"]
    assert reply["degraded"]
    assert KEY not in str(answer)
    assert answer["usage"]["chat_requests"] == provider.stats().requests["chat"] >= 1
    _is_over(service, provider, 22)


@pytest.mark.parametrize("kind", CHAT_FAILURES)
def test_a_failing_chat_ends_a_stream_in_order(service: Service, provider: Provider, kind: str) -> None:
    """The last event is the whole answer, which replaces what was shown before."""
    provider.fail(kind, times=None, endpoint="chat")
    first, *_, last = service.events(text=new_text(23, kind))
    assert (first.name, last.name) == ("triage", "done")
    assert last.data["reply"]["source"] == "extractive"
    assert last.data["reply"]["degraded"]
    _is_over(service, provider, 23)


def _is_over(service: Service, provider: Provider, number: int) -> None:
    """See that the next reply is the model's again."""
    provider.clear()
    assert service.answer("/v1/triage", text=sentence(number))["reply"]["source"] == "llm"


def test_a_provider_that_is_down_is_not_asked_for_a_while(service: Service, provider: Provider) -> None:
    """After five failures no request leaves, for chat and embeddings each by itself; when it works again it is found out."""
    provider.fail("503", times=None)
    for number in range(5):
        assert_problem(service.post("/v1/similar", text=new_text(52, f"open {number}")), 503)
        answer = service.answer("/v1/triage", text=sentence(52))
        assert answer["reply"]["degraded"] == "the provider failed"

    def is_left_alone() -> bool:
        service.post("/v1/similar", text=new_text(52, "open"))
        service.answer("/v1/triage", text=sentence(52))
        return all(one["seconds"] > 6 for one in service.status()["provider"].values())

    # The first pauses are short: too short to look at them on a busy machine.
    service.until(is_left_alone, "further failures have made both pauses longer")
    sent = provider.stats().requests
    said = "failed several times in a row and is not asked for a while"
    problem = assert_problem(service.post("/v1/similar", text=new_text(52, "open")), 503, about=said)
    assert 1 <= problem["retry_after"] <= 60
    answer = service.answer("/v1/triage", text=sentence(52))
    assert answer["reply"]["degraded"] == f"the provider {said}"
    assert (answer["reply"]["source"], answer["usage"]["chat_requests"]) == ("extractive", 0)
    assert provider.stats().requests == sent
    assert {name: one["state"] for name, one in service.status()["provider"].items()} == {
        "chat": "open",
        "embeddings": "open",
    }
    assert 'precedent_provider_open{endpoint="chat"} 1.0' in service.http.get("/metrics").text
    provider.clear()
    service.until(
        lambda: service.answer("/v1/triage", text=sentence(52))["reply"]["source"] == "llm",
        "chat is asked again",
    )
    service.until(
        lambda: service.post("/v1/similar", text=new_text(52, "open")).is_success,
        "embeddings are asked again",
    )
    assert all(one["state"] == "closed" for one in service.status()["provider"].values())
    for line in ("the provider's chat failed 5 times in a row", "over: the provider's chat failed"):
        assert line in service.log


@pytest.mark.parametrize("kind", EMBEDDING_FAILURES)
def test_failing_embeddings_are_a_503(service: Service, provider: Provider, kind: str) -> None:
    """The problem says whose fault it is and when to try again; neither key nor text is in it."""
    provider.fail(kind, times=None, endpoint="embeddings")
    text = new_text(24, kind)
    response = service.post("/v1/triage", text=text)
    problem = assert_problem(response, 503)
    assert problem["type"] == "/problems/provider-unavailable"
    assert "provider" in problem["title"]
    assert int(response.headers["retry-after"]) == problem["retry_after"] >= 1
    assert KEY not in response.text
    assert MARK not in response.text
    provider.clear()
    assert service.answer("/v1/similar", text=text)["neighbours"][0]["id"] == "t-24"


def test_a_stored_text_is_answered_while_embeddings_fail(service: Service, provider: Provider) -> None:
    """Its vector is in the ledger."""
    provider.fail("500", times=None)
    answer = service.answer("/v1/triage", text=sentence(26))
    assert answer["neighbours"][0]["id"] == "t-26"
    assert answer["reply"]["source"] == "extractive"


def test_one_failure_is_tried_again(service: Service, provider: Provider) -> None:
    """A provider that stumbles once is not noticed, but counted."""
    provider.fail("500", endpoint="embeddings")
    provider.fail("500", endpoint="chat")
    answer = service.answer("/v1/triage", text=new_text(27, "stumble"))
    assert answer["reply"]["source"] == "llm"
    assert (answer["usage"]["embedding_requests"], answer["usage"]["chat_requests"]) == (2, 2)


def test_a_provider_that_asks_for_time_is_not_waited_for(service: Service, provider: Provider) -> None:
    """Whoever asked is told how long, instead of kept waiting; a draft is quoted at once."""
    provider.fail("429", times=None, endpoint="embeddings", retry_after=37)
    response = service.post("/v1/triage", text=new_text(28, "patience"))
    assert_problem(response, 503)
    assert response.headers["retry-after"] == "37"
    assert provider.stats().requests["embeddings"] == 1
    provider.reset()
    provider.fail("429", times=None, endpoint="chat", retry_after=37)
    answer = service.answer("/v1/triage", text=new_text(28, "patience"))
    assert answer["reply"]["source"] == "extractive"
    assert provider.stats().requests["chat"] == 1


@pytest.mark.parametrize("kind", ["401", "500", "timeout", "wrong_count", "nan"])
def test_a_ticket_that_cannot_be_embedded_is_not_stored(
    service: Service, provider: Provider, kind: str
) -> None:
    """Nothing is half-stored: the portal is told to come back, and then it works."""
    provider.fail(kind, times=None, endpoint="embeddings")
    path, ticket = f"/v1/tickets/failing-{kind}", {"text": new_text(29, f"{kind}-put")}
    problem = assert_problem(service.http.put(path, json=ticket), 503)
    assert problem["retry_after"] >= 1
    assert_problem(service.http.get(path), 404)
    provider.clear()
    assert service.http.put(path, json=ticket).json()["outcome"] == "added"
    assert service.http.delete(path).status_code == 200


def test_the_log_says_what_failed(service: Service, provider: Provider) -> None:
    """An operator sees the provider's failures; the log has no text and no key, as its fixture checks for all tests."""
    provider.fail("401", times=None, endpoint="chat")
    service.answer("/v1/triage", text=new_text(31, "log"))
    assert "refused the key" in service.log
