"""``/v1/triage``, ``/v1/classify`` and ``/v1/similar`` of a running service."""

import asyncio
import re
from collections.abc import AsyncGenerator

import pytest
from litestar.response import ServerSentEventMessage

from service.api.triage_routes import events_of
from service.results import IndexInfo, Note, PriorityDecision, Triage, Triaged
from tests.indexer.making import sentence
from tests.provider import Provider
from tests.service.conftest import MARK
from tests.service.running import Service, assert_problem, read_events


def like(number: int, *, word: str = MARK) -> str:
    """Return a new text that is near that of a stored ticket."""
    return f"{sentence(number)} {word}"


def test_triage_answers_with_priority_neighbours_and_a_grounded_draft(
    service: Service, provider: Provider
) -> None:
    """The whole answer names the nearest resolved ticket, cites it, and counts what it took."""
    answer = service.answer("/v1/triage", text=like(7))
    assert answer["neighbours"][0]["id"] == "t-7"
    assert len(answer["neighbours"]) == 5
    assert all(n["resolution"] for n in answer["neighbours"])
    scores = [n["score"] for n in answer["neighbours"]]
    assert scores == sorted(scores, reverse=True)
    priority = answer["priority"]
    assert set(priority["probabilities"]) >= {"low", "medium", "high"}
    assert sum(priority["probabilities"].values()) == pytest.approx(1)
    assert priority["probabilities"][priority["label"]] == pytest.approx(priority["confidence"])
    assert priority["decision"] in ("automatic", "review")
    assert priority["evidence"]
    assert answer["reply"]["source"] == "llm"
    assert answer["reply"]["citations"] == ["t-7"]
    assert answer["reply"]["grounded"] is True
    assert (
        answer["reply"]["text"]
        == f"Hello,\n\n{' '.join(like(7).split()[-3:])}. Restart unit 7.\n\nKind regards,\nYour support team"
    )
    assert [s["citations"] for s in answer["reply"]["sentences"]] == [[], ["t-7"]]
    assert re.search(r"^Issue: .*\n\nPriority: .*\n\nWhat resolved \[t-7\] ", answer["note"]["text"])
    assert set(answer["note"]["citations"]) <= {n["id"] for n in answer["neighbours"]}
    assert answer["questions"] == answer["warnings"] == []
    assert answer["index"]["embedding_model"] == "bge-large"
    assert set(answer["timings_ms"]) == {"embed", "classify", "retrieve", "draft"}
    seen = provider.stats()
    assert seen.requests == {"embeddings": 1, "chat": 1, "models": 0}
    usage = answer["usage"]
    assert (usage["embedding_requests"], usage["chat_requests"]) == (1, 1)
    assert usage["completion_tokens"] > 0
    assert usage["prompt_tokens"] > usage["completion_tokens"]


def test_subject_and_body_make_the_text(service: Service) -> None:
    """A ticket given in two parts is embedded as a stored one would be."""
    answer = service.answer("/v1/similar", subject="Broken", body=sentence(11), top_k=1)
    assert answer["neighbours"][0]["id"] == "t-11"


def test_a_stored_text_is_not_embedded_again(service: Service, provider: Provider) -> None:
    """The ledger has its vector, so no request is made and none is counted."""
    answer = service.answer("/v1/triage", text=sentence(8))
    assert answer["neighbours"][0]["id"] == "t-8"
    assert answer["neighbours"][0]["similarity"] == pytest.approx(1, abs=1e-5)
    assert answer["usage"]["embedding_requests"] == 0
    assert provider.stats().requests["embeddings"] == 0


def test_without_a_draft_no_chat_is_requested(service: Service, provider: Provider) -> None:
    """With ``draft`` false the reply is empty and says so."""
    answer = service.answer("/v1/triage", text=like(7), draft=False)
    assert answer["reply"] == {
        "text": "", "citations": [], "source": "none", "grounded": False, "degraded": None,
        "sentences": [], "kept_from": None, "language": None,
    }  # fmt: skip
    assert answer["note"]["text"].startswith("Issue: ")
    assert answer["usage"]["chat_requests"] == 0
    assert provider.stats().requests["chat"] == 0


def test_without_a_precedent_near_enough_nothing_is_invented(service: Service, provider: Provider) -> None:
    """Below the floor there is no chat request, and the answer says why the draft is empty."""
    answer = service.answer("/v1/triage", text="okapi quokka numbat")
    assert not any(n["above_floor"] for n in answer["neighbours"])
    assert answer["reply"]["source"] == "none"
    assert answer["reply"]["text"] == ""
    assert "near enough" in answer["reply"]["degraded"]
    assert "no precedent is near enough" in answer["note"]["text"]
    assert 1 <= len(answer["questions"]) <= 2
    assert provider.stats().requests["chat"] == 0


def test_secrets_and_personal_data_do_not_reach_the_provider(service: Service, provider: Provider) -> None:
    """Neither the embedding nor the chat request holds them, and the answer warns of the secret."""
    private = ("anna@example.com", "sk-abcdefghijklmnop1234", "hunter2!")
    answer = service.answer(
        "/v1/triage", text=f"{like(14)} mail {private[0]}, key {private[1]}, password={private[2]}"
    )
    bodies = provider.stats().bodies
    assert {body["endpoint"] for body in bodies} == {"embeddings", "chat"}
    assert not any(value in str(bodies) for value in private)
    assert "[EMAIL_1]" in str(bodies)
    assert [warning.split(":")[0] for warning in answer["warnings"]] == [
        "the ticket holds an API key",
        "the ticket holds a password",
    ]


def test_classify_embeds_and_decides_only(service: Service, provider: Provider) -> None:
    """It returns what a triage of the same text says of the priority, without a chat request."""
    classified = service.answer("/v1/classify", text=like(9))
    triaged = service.answer("/v1/triage", text=like(9), draft=False)
    assert classified["priority"] == triaged["priority"]
    assert classified["usage"]["embedding_requests"] == 1
    assert provider.stats().requests["chat"] == 0


def test_similar_tells_what_a_draft_may_rest_on(service: Service) -> None:
    """Every neighbour is above the floor or below it, and ones without a resolution are found too."""
    answer = service.answer("/v1/similar", text=like(10), top_k=50)
    assert len(answer["neighbours"]) == 50
    assert answer["neighbours"][0]["id"] == "t-10"
    assert answer["neighbours"][0]["resolution"] is None
    assert {n["above_floor"] for n in answer["neighbours"]} == {True, False}
    assert all(n["above_floor"] == (n["relevance"] >= answer["floor"]) for n in answer["neighbours"])


def test_similar_with_resolution_leaves_the_others_out(service: Service) -> None:
    """As many resolved tickets as asked for are found behind those that have no resolution."""
    answer = service.answer("/v1/similar", text=like(10), top_k=20, with_resolution=True)
    assert len(answer["neighbours"]) == 20
    assert all(n["resolution"] for n in answer["neighbours"])


@pytest.mark.parametrize("top_k", [1, 50])
def test_top_k_is_what_comes_back(service: Service, top_k: int) -> None:
    """The bounds themselves are allowed."""
    answer = service.answer("/v1/similar", text=like(3), top_k=top_k)
    assert len(answer["neighbours"]) == top_k


@pytest.mark.parametrize("top_k", [0, 51, -1, 1.5, "many"])
@pytest.mark.parametrize("path", ["/v1/triage", "/v1/similar"])
def test_top_k_outside_its_bounds_is_refused(service: Service, path: str, top_k: object) -> None:
    """The error names the field."""
    assert_problem(service.post(path, text=like(3), top_k=top_k), 422, about="top_k")


def test_a_stream_tells_what_is_known_first_then_the_draft(service: Service) -> None:
    """Events come in order: triage, tokens, done; the last is the whole answer."""
    first, *tokens, last = service.events(text=like(12))
    assert first.name == "triage"
    assert first.data["neighbours"][0]["id"] == "t-12"
    assert "reply" not in first.data
    assert {event.name for event in tokens} == {"token"}
    assert last.name == "done"
    assert last.data["id"] == first.data["id"]
    assert last.data["priority"] == first.data["priority"]
    assert last.data["neighbours"] == first.data["neighbours"]
    assert "".join(event.data["text"] for event in tokens) == last.data["reply"]["text"]
    assert last.data["reply"]["citations"] == ["t-12"]


def test_a_stream_without_a_draft_has_two_events(service: Service) -> None:
    """There is nothing between what is known and the whole answer."""
    assert [event.name for event in service.events(text=like(12), draft=False)] == ["triage", "done"]


def test_a_stream_that_cannot_begin_is_a_plain_problem(service: Service) -> None:
    """What fails before anything is sent has its own HTTP status."""
    response = service.http.post("/v1/triage", json={"top_k": 3}, headers={"Accept": "text/event-stream"})
    assert_problem(response, 422, about="text is missing")


def test_a_client_that_leaves_ends_the_request_to_the_provider(service: Service, provider: Provider) -> None:
    """Nobody pays for the rest of a draft that nobody reads; what was paid for is estimated, since no usage came."""
    before = service.status()["spend"]["estimated"]
    provider.configure(reply="Restart unit 13 [t-13]. " + "And so on it goes. " * 500, chunk_delay=0.01)
    headers = {"Accept": "text/event-stream"}
    with service.http.stream("POST", "/v1/triage", json={"text": like(13)}, headers=headers) as response:
        events = read_events(response)
        first = next(events)
        assert first.name == "triage"
        assert next(events).name == "token"
        assert provider.stats().in_flight == 1
    service.until(lambda: provider.stats().in_flight == 0, "the provider's stream is closed")
    assert provider.stats().disconnects == 1
    service.until(lambda: service.status()["spend"]["estimated"] > before, "the estimate is in the ledger")
    kept = service.http.get(f"/v1/triage/{first.data['id']}").json()
    assert kept["reply"]["degraded"] == "who asked left before there was a reply"
    assert (kept["usage"]["chat_requests"], kept["usage"]["estimated"]) == (1, True)
    assert service.answer("/v1/classify", text=like(13))["priority"]["label"]


def test_a_stream_that_fails_ends_with_an_error_event() -> None:
    """The status is sent by then, so the stream itself carries the problem, without what is not for a client."""
    decision = PriorityDecision(label=None, confidence=0.0, probabilities={}, decision="review")
    index = IndexInfo(generation="g", tickets=0, embedding_model="m", forest="none")
    note = Note(text="Issue: none", citations=())
    first = Triaged(
        id="1", priority=decision, neighbours=(), note=note, questions=(), warnings=(), index=index
    )

    async def breaking() -> AsyncGenerator[Triaged | str | Triage, None]:
        yield "Please"
        msg = f"a bug that quotes {MARK}"
        raise RuntimeError(msg)

    async def collected() -> list[ServerSentEventMessage]:
        return [event async for event in events_of(first, breaking())]

    events = asyncio.run(collected())
    assert [event.event for event in events] == ["triage", "token", "error"]
    assert '"status":500' in str(events[-1].data)
    assert MARK not in str(events[-1].data)
