"""Finished answers reach a webhook and Slack: none is lost, and none comes twice under one id once it is acknowledged."""

import base64
import contextlib
import hashlib
import hmac
import json
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from indexer.ledger import Ledger
from service.intervals import Intervals
from tests.forked import Forked
from tests.indexer.making import make_tickets, sentence
from tests.provider import Provider
from tests.service.deliveries.receiver import Receiver, Request, receiving
from tests.service.running import Service, environment, running_service, start_service

pytestmark = pytest.mark.slow

_KEY = b"independent of the code under test"
_SECRET = f"whsec_{base64.b64encode(_KEY).decode()}"
_SOON = Intervals(poll=0.1, redeliver=0.1, receive=1.0, grow=0.1)
_SLACK = {"slack_token": "xoxb-test", "slack_channel": "C1"}


@pytest.fixture(scope="module")
def _shared(
    tmp_path_factory: pytest.TempPathFactory, fitted: Path, _provider_process: Provider
) -> Iterator[tuple[Service, Receiver]]:
    """A service with all targets at one receiver, and tickets with their forest."""
    with receiving() as receiver:
        targets = {
            "webhook_url": f"{receiver.url}/hook",
            "webhook_secret": _SECRET,
            "slack_webhook_url": f"{receiver.url}/services/secret",
            "slack_api": f"{receiver.url}/api",
            **_SLACK,
        }
        data_dir = tmp_path_factory.mktemp("deliveries") / "data"
        shutil.copytree(fitted, data_dir)
        with running_service(data_dir, _provider_process, intervals=_SOON, **targets) as service:
            yield service, receiver
            assert "services/secret" not in service.log
            assert "Traceback" not in service.log


@pytest.fixture
def service(_shared: tuple[Service, Receiver], provider: Provider) -> Service:
    """The shared service; its provider is as if just started."""
    del provider
    return _shared[0]


@pytest.fixture
def receiver(_shared: tuple[Service, Receiver]) -> Receiver:
    """The shared receiver, as if nothing had come yet."""
    found = _shared[1]
    found.requests.clear()
    found.faults.clear()
    return found


def settled(service: Service) -> None:
    """Wait until nothing waits to be delivered."""
    service.until(lambda: service.status()["deliveries"]["waiting"] == 0, "all is delivered")


def acknowledged(service: Service, receiver: Receiver, path: str, number: int = 1) -> list[Request]:
    """Wait until so many requests at the path are acknowledged, and nothing waits."""
    service.until(lambda: len(receiver.acknowledged(path)) >= number, f"{path} got {number}")
    settled(service)
    return receiver.acknowledged(path)


def deliveries(data_dir: Path, *arguments: str, status: int = 0) -> list[Any]:
    """Run ``precedent deliveries --json`` and return what it lists."""
    output = data_dir.parent / "deliveries.log"
    output.unlink(missing_ok=True)
    environ = environment(data_dir)
    done = Forked("deliveries", "--json", *arguments, cwd=data_dir.parent, env=environ, output=output)
    assert done.wait(60) == status, done.output
    return [json.loads(line) for line in done.output.splitlines() if line.startswith("{")]


def test_a_webhook_gets_the_answer_signed(service: Service, receiver: Receiver) -> None:
    """The signature is that of the Standard Webhooks specification, over id, time and the body as it was sent."""
    answer = service.answer("/v1/triage", text=sentence(2))
    (got,) = acknowledged(service, receiver, "/hook")
    signed = b".".join(
        (got.headers["webhook-id"].encode(), got.headers["webhook-timestamp"].encode(), got.body)
    )
    expected = base64.b64encode(hmac.digest(_KEY, signed, hashlib.sha256)).decode()
    assert got.headers["webhook-signature"] == f"v1,{expected}"
    assert abs(int(got.headers["webhook-timestamp"]) - time.time()) < 120
    assert got.headers["content-type"] == "application/json"
    assert got.headers["webhook-id"] == f"{answer['id']}-webhook"
    assert (got.json["type"], got.json["data"]) == ("answer.finished", answer)


def test_slack_gets_the_answer_in_both_ways(service: Service, receiver: Receiver) -> None:
    """An incoming webhook and a bot get the same blocks; the bot sends its token and channel."""
    answer = service.answer("/v1/triage", text=sentence(3), draft=False)
    (hook,) = acknowledged(service, receiver, "/services/secret")
    (bot,) = acknowledged(service, receiver, "/api/chat.postMessage")
    assert bot.headers["authorization"] == "Bearer xoxb-test"
    assert bot.json["channel"] == "C1"
    assert bot.json["blocks"] == hook.json["blocks"]
    assert "Issue: " in str(hook.json["blocks"])
    assert answer["neighbours"][0]["id"] in str(hook.json["blocks"])
    assert (hook.json["unfurl_links"], hook.json["unfurl_media"]) == (False, False)


def test_failures_lose_nothing_and_repeat_nothing(service: Service, receiver: Receiver) -> None:
    """A receiver that fails, is slow, is busy, breaks off or redirects gets it again; what it acknowledged, never."""
    receiver.faults += ["500", "429", "close", "delay", "redirect"] * 3 + ["404"]
    ids = [service.answer("/v1/triage", text=sentence(n), draft=False)["id"] for n in range(4)]
    for path in ("/hook", "/services/secret", "/api/chat.postMessage"):
        assert len(acknowledged(service, receiver, path, 4)) == 4
    got = [request.headers["webhook-id"] for request in receiver.acknowledged("/hook")]
    assert sorted(got) == sorted(f"{answer}-webhook" for answer in ids)
    assert not receiver.of("/elsewhere")
    bodies = {request.headers["webhook-id"]: request.body for request in receiver.acknowledged("/hook")}
    assert all(bodies[request.headers["webhook-id"]] == request.body for request in receiver.of("/hook"))
    count = len(receiver.requests)
    time.sleep(1.5)  # longer than a request may take
    assert len(receiver.requests) == count


def test_a_receiver_that_is_busy_is_left_alone(service: Service, receiver: Receiver) -> None:
    """As long as its `Retry-After` says, for whatever is due."""
    receiver.faults += ["429"] * 3
    service.answer("/v1/triage", text=sentence(4), draft=False)
    first, second = (acknowledged(service, receiver, "/hook") and receiver.of("/hook"))[:2]
    assert second.at - first.at >= 1.0


def test_a_dead_delivery_is_listed_and_repeated(service: Service, receiver: Receiver) -> None:
    """410 means never again; the operator may say otherwise. What is delivered has no body left to repeat."""
    service.until(lambda: service.status()["deliveries"]["waiting"] == 0, "nothing waits")
    receiver.faults += ["410"] * 3
    answer = service.answer("/v1/triage", text=sentence(5), draft=False)["id"]
    service.until(lambda: service.status()["deliveries"]["dead"] == 3, "all three are dead")
    service.until(
        lambda: 'precedent_deliveries{state="dead"} 3.0' in service.http.get("/metrics").text, "it is counted"
    )
    dead = deliveries(service.data_dir, "--state", "dead")
    assert {(one["answer"], one["tries"], one["error"]) for one in dead} == {(answer, 1, "answered 410")}
    one, *others = (f"{answer}-{name}" for name in ("webhook", "slack", "slack-webhook"))
    deliveries(service.data_dir, "--repeat", one)
    acknowledged(service, receiver, "/hook")
    deliveries(service.data_dir, "--repeat", one, status=1)
    deliveries(service.data_dir, "--repeat-dead")
    acknowledged(service, receiver, "/services/secret")
    found = {each["id"]: each for each in deliveries(service.data_dir) if each["answer"] == answer}
    assert {each["state"] for each in found.values()} == {"delivered"}, found
    assert found.keys() == {one, *others}
    assert service.status()["deliveries"] == {"waiting": 0, "dead": 0}


def test_slack_shows_a_draft_as_it_grows(service: Service, receiver: Receiver, provider: Provider) -> None:
    """One message is posted, then changed; the last version has the final reply."""
    reply = "Restart unit 6 [t-6]. " * 3
    provider.configure(reply=reply, chunk=4, chunk_delay=0.08)
    done = service.events(text=f"{sentence(6)} growing")[-1].data
    assert "Restart unit 6" in done["reply"]["text"]
    acknowledged(service, receiver, "/hook")
    settled(service)
    (posted,) = receiver.of("/api/chat.postMessage")
    updates = receiver.of("/api/chat.update")
    assert "being written" in str(posted.json)
    assert {update.json["ts"] for update in updates} == {str(receiver.requests.index(posted) + 1)}
    last = updates[-1].json["blocks"]
    assert "being written" not in str(last)
    assert any(block["text"]["text"] == f"Reply\n{done['reply']['text']}" for block in last[1:-1])
    assert not [one for one in receiver.of("/hook") if "being written" in str(one.json)]


def test_slack_is_told_when_a_draft_is_not_finished(
    service: Service, receiver: Receiver, provider: Provider
) -> None:
    """Who asked left: there is no answer to deliver."""
    provider.configure(reply="Restart unit 7 [t-7]. " * 9, chunk=4, chunk_delay=0.1)
    headers = {"Accept": "text/event-stream"}
    asked = {"text": f"{sentence(7)} leaving"}
    with service.http.stream("POST", "/v1/triage", json=asked, headers=headers) as response:
        assert response.status_code == 200
        service.until(lambda: receiver.of("/api/chat.postMessage"), "the draft is shown")
    service.until(lambda: "not finished" in str(receiver.of("/api/chat.update")[-1:]), "its end is told")
    assert not receiver.of("/hook")


def test_a_killed_service_delivers_after_its_restart(data_dir: Path, provider: Provider) -> None:
    """What waited, and what was under way; Slack, which wants urgent tickets only, gets none of it."""
    with receiving() as receiver:
        targets = {
            "webhook_url": f"{receiver.url}/hook", "webhook_secret": _SECRET,
            "slack_webhook_url": f"{receiver.url}/slack", "slack_priorities": "Urgent",
        }  # fmt: skip
        receiver.faults += ["delay", *["503"] * 30]
        service = start_service(data_dir, provider, intervals=_SOON, **targets)
        with contextlib.closing(service.http):
            service.wait()
            service.store(make_tickets(3))
            ids = [service.answer("/v1/triage", text=sentence(n), draft=False)["id"] for n in range(3)]
            service.until(lambda: receiver.requests, "one is under way")
            service.until(lambda: service.status()["deliveries"]["waiting"] == 3, "all are recorded")
            assert service.stop(signal.SIGKILL) == -signal.SIGKILL
        assert not receiver.acknowledged("/hook")
        receiver.faults.clear()
        receiver.hold.set()
        with running_service(data_dir, provider, intervals=_SOON, **targets) as again:
            got = acknowledged(again, receiver, "/hook", 3)
        assert sorted(one.headers["webhook-id"] for one in got) == sorted(f"{one}-webhook" for one in ids)
        assert not receiver.of("/slack")
    with contextlib.closing(Ledger(None, data_dir)) as ledger:
        assert {one.state for one in ledger.deliveries.all()} == {"delivered"}
    # Without the target nothing is recorded any more.
    with running_service(data_dir, provider) as without:
        without.answer("/v1/triage", text=sentence(1), draft=False)
    assert len(deliveries(data_dir)) == 3
