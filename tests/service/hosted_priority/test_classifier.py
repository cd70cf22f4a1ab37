"""The hosted classifier: calibrated by a command, then asked about new tickets."""

import asyncio
import contextlib
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

import service.cli  # noqa: F401 (adds the command)
from indexer.ledger import Classification, Ledger
from indexer.provider import open_provider
from indexer.rate_limiter import open_limiter
from indexer.settings import Settings
from indexer.ticket import Ticket
from service.drafting.chat import ChatCall
from service.hosted_priority.calibrated import calibrated_on, calibration_file, save
from service.hosted_priority.classifier import HostedClassifier
from service.pools import Pool
from service.results import PriorityDecision
from tests.indexer.command import report_of, run_command
from tests.indexer.making import SPACE, make_ticket, sentence, store_vectors
from tests.provider import Provider
from tests.service.evaluation.making import DAY_ONE
from tests.service.running import running_service

_MODEL = "hosted:ft:small:team"
_BY_FOREST = PriorityDecision(
    label="low",
    confidence=0.6,
    probabilities={"high": 0.3, "low": 0.6, "medium": 0.1},
    decision="automatic",
)
_TELLING = {"codelow": "low", "codemedium": "medium", "codehigh": "high"}


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with 300 tickets whose texts tell the priority, to be copied."""
    folder = tmp_path_factory.mktemp("stored")
    tickets = [
        make_ticket(
            number,
            text=f"{sentence(number)} code{label}",
            priority=label,
            created_at=DAY_ONE + timedelta(days=number),
        )
        for number, label in enumerate(["low", "medium", "high", "high"] * 75)
    ]
    with contextlib.closing(Ledger(None, folder)) as ledger:
        store_vectors(ledger, tickets)
        ledger.generations.ensure_live(SPACE)
        ledger.tickets.write(tickets)
    return folder


@pytest.fixture
def settings(data_dir: Path, stored: Path, provider: Provider) -> Settings:
    """Settings of that store, and of a model that reads the priority in the texts."""
    shutil.copytree(stored, data_dir)
    provider.configure(telling=_TELLING)
    return Settings(
        data_dir=data_dir, api_base=provider.url, classifier=_MODEL, prices={"ft:small:team": "1/2"}
    )


def _calibrate(settings: Settings, *options: str, status: int | None = 0, **changes: str) -> Any:
    given = {"CLASSIFIER": _MODEL, "PRICES": "ft:small:team=1/2"} | changes
    return run_command(settings, "calibrate", "--json", *options, status=status, **given)


def _decide(
    settings: Settings, *texts: str, by_forest: PriorityDecision = _BY_FOREST
) -> tuple[list[PriorityDecision], list[ChatCall]]:
    """Ask about texts, one after the other, in an event loop of their own."""

    async def run() -> tuple[list[PriorityDecision], list[ChatCall]]:
        calls: list[ChatCall] = []
        pool = Pool("reads", threads=1, waiting=9)
        client = open_provider(settings, max_retries=0)
        with contextlib.closing(Ledger(None, settings.data_dir)) as ledger:
            classifier = HostedClassifier(
                settings, ledger, client, limiter=open_limiter(settings), reads=pool
            )
            async with client, classifier.keeping():
                found = [
                    await classifier.decide(Ticket(id="new", text=text), by_forest, calls) for text in texts
                ]
        pool.close()
        return found, calls

    return asyncio.run(run())


def test_it_is_calibrated_at_a_price_that_is_told_first(settings: Settings, provider: Provider) -> None:
    """The newest fifth is asked about, once; the answers are kept, and what was spent is noted."""
    planned = report_of(_calibrate(settings, "--dry-run"))
    assert (planned["asked"]["requests"], provider.stats().requests["chat"]) == (60, 0)
    assert not calibration_file(settings.data_dir).exists()
    done = _calibrate(settings)
    report = report_of(done)
    assert "to ask about 60 tickets: up to 60 requests to ft:small:team" in done.stderr
    assert provider.stats().requests["chat"] == 60
    asked, found = report["asked"], report["calibrated"]
    assert asked["cost"] == pytest.approx((asked["prompt_tokens"] + 2 * asked["completion_tokens"]) / 1e6)
    assert (found["tickets"], found["outside"], found["macro_f1"]) == (60, 0, 1.0)
    assert found["abstention"]["threshold"] is not None
    with contextlib.closing(Ledger(None, settings.data_dir)) as ledger:
        (spent,) = (one for one in ledger.spend.since("") if one.kind == "chat")
    assert (spent.model, spent.requests) == ("ft:small:team", 60)
    body = provider.stats().bodies[-1]
    assert (body["temperature"], body["top_logprobs"], body["max_tokens"]) == (0, 5, 8)
    again = report_of(_calibrate(settings, "--tickets", "40"))
    assert (again["asked"]["kept"], again["asked"]["requests"], again["calibrated"]["tickets"]) == (40, 0, 40)
    assert provider.stats().requests["chat"] == 60


def test_its_answers_become_calibrated_decisions(settings: Settings, provider: Provider) -> None:
    """By its probabilities, within the error budget, and a question that was asked before costs nothing."""
    _calibrate(settings)
    (first, again), calls = _decide(settings, "Screen broken codehigh", "Screen broken codehigh")
    assert (first.label, first.decision, first.source, first.degraded) == ("high", "automatic", _MODEL, None)
    assert sum(first.probabilities.values()) == pytest.approx(1)
    assert first.confidence == first.probabilities["high"] > 0.8
    assert first.why == "ft:small:team answered high (90% before calibration), the forest low (60%)"
    assert first == again or len(calls) == 2  # the first answer is kept in the background
    (third,), later = _decide(settings, "Screen broken codehigh")
    assert (third, later) == (first, [])


@pytest.mark.parametrize("change", [{"takes_logprobs": False}, {"tells_logprobs": False}])
def test_without_probabilities_the_labels_are_calibrated(
    settings: Settings, provider: Provider, change: dict[str, bool]
) -> None:
    """Confidence is then what held-out tickets showed of answers like it: here every tenth is wrong."""
    wrong = {f"Case c{number:06d}: ": "low" for number in range(242, 300, 10)}
    provider.configure(telling={**wrong, **_TELLING}, **change)
    found = report_of(_calibrate(settings))["calibrated"]
    assert (found["uses_shares"], found["tickets"]) == (False, 60)
    (decision,), _ = _decide(settings, "Screen broken codehigh")
    assert decision.label == "high"
    assert 0.7 < decision.confidence < 1.0
    if "takes_logprobs" in change:
        assert provider.stats().requests["chat"] > 61, "refused requests come first"


def test_until_then_every_decision_goes_to_review(settings: Settings, provider: Provider) -> None:
    """And again when settings that a calibration depends on are others; a damaged file is said to be one."""
    _calibrate(settings)
    file = calibration_file(settings.data_dir)
    other = msgspec.structs.replace(settings, max_error=0.1)
    cases: list[tuple[Settings, Callable[[], object], str]] = [
        (other, lambda: None, "calibrated under another MAX_ERROR: run `precedent calibrate`; until then"),
        (settings, lambda: file.write_bytes(b"{"), "calibration cannot be read"),
        (settings, file.unlink, "the model is not calibrated"),
    ]
    for given, change, why in cases:
        change()
        (decision,), _ = _decide(given, f"Screen broken codehigh {why}")
        assert (decision.label, decision.decision, decision.source) == ("high", "review", _MODEL)
        assert decision.confidence == pytest.approx(0.9)
        assert why in (decision.degraded or ""), decision
    nothing = PriorityDecision(label=None, confidence=0.0, probabilities={}, decision="review")
    (decision,), calls = _decide(settings, "Screen broken codehigh", by_forest=nothing)
    assert decision.degraded == "the forest decided, because which priorities there are is not known yet"
    assert calls == []


def test_where_it_fails_the_forest_decides(settings: Settings, provider: Provider) -> None:
    """Whatever it answers or does not: the label is one of the forest's, and the reason is told."""
    outside = "the answer of ft:small:team is none of the priorities"
    cases = [
        ("urgent", None, outside),
        ("It is high, I think.", None, outside),
        ("high " * 500, None, outside),
        ("high", "empty", outside),
        ("high", "503", "the provider failed"),
        ("high", "html_200", "the provider gave an answer that cannot be used"),
        ("high", "timeout", "the provider did not answer in time"),
    ]
    for number, (reply, fault, why) in enumerate(cases):
        provider.configure(reply=reply)
        if fault:
            provider.fail(fault)
        seconds = 0.5 if fault == "timeout" else 30.0
        (decision,), _ = _decide(
            msgspec.structs.replace(settings, provider_timeout=seconds), f"Screen {number}"
        )
        assert decision == msgspec.structs.replace(
            _BY_FOREST, degraded=f"the forest decided, because {why}"
        ), (reply, fault)


def test_calibration_that_fails_goes_on_where_it_was(settings: Settings, provider: Provider) -> None:
    """What was answered is kept; limits are kept to; without a model, or with one that never answers a label, nothing is calibrated."""
    limited = _calibrate(settings, status=2, CHAT_PER_DAY="50")
    assert "the limit of 50 a day on requests to ft:small:team is reached" in limited.stderr
    assert report_of(_calibrate(settings))["asked"]["requests"] == 10
    assert (
        "set PRECEDENT_CLASSIFIER=hosted:MODEL" in _calibrate(settings, status=2, CLASSIFIER="forest").stderr
    )
    provider.configure(reply="I cannot say.")
    useless = _calibrate(settings, status=2, CLASSIFIER="hosted:other")
    assert "none of the 60 answers of hosted:other is one of the priorities" in useless.stderr


def test_a_service_asks_it(data_dir: Path, provider: Provider) -> None:
    """Triage and classify tell who decided; the same question costs nothing more, and with the provider down the forest decides."""
    labels = ("high", "low", "medium")
    said = [Classification(key=label, input_hash="", label=label) for label in labels]
    found = calibrated_on(Settings(classifier=_MODEL), said, labels, labels)
    data_dir.mkdir()
    save(found, data_dir)
    provider.configure(telling={"broken": "medium"})
    with running_service(data_dir, provider, classifier=_MODEL) as service:
        service.store([make_ticket(number, priority="low") for number in range(4)])  # no forest is fitted
        first = service.answer("/v1/triage", text="Screen broken")
        decided = first["priority"]
        assert (decided["label"], decided["source"], decided["decision"]) == ("medium", _MODEL, "review")
        assert decided["why"] == "ft:small:team answered medium (90% before calibration)"
        assert first["usage"]["chat_requests"] == 1
        assert "medium" in first["note"]["text"]
        service.until(
            lambda: service.answer("/v1/classify", text="Screen broken")["usage"]["chat_requests"] == 0,
            "the answer is kept",
        )
        provider.fail("503", times=None, endpoint="chat")
        for number in range(6):
            decided = service.answer("/v1/classify", text=f"Screen broken {number}")["priority"]
            assert (decided["source"], decided["label"], decided["decision"]) == ("forest", None, "review")
        assert decided["degraded"] == (
            "the forest decided, because the provider failed several times in a row and is not asked for a while"
        )
        assert service.status()["provider"]["classifier"]["state"] == "open"
        service.until(lambda: service.status()["answers"]["kept"] == 1, "the answer is kept")
        kept = service.http.get(f"/v1/triage/{first['id']}").json()
        assert kept["priority"] == first["priority"]
