"""Answers that never end, of a real service and a model that loops: nobody else has to wait."""

import threading
import time
from typing import Self

import httpx
import pytest

from indexer.grounding.sentences import EndlessTextError
from service.drafting.answer import AnswerReader, Claim
from tests.indexer.making import sentence
from tests.provider import Provider
from tests.service.conftest import MARK
from tests.service.running import Service

_LONGEST = 5.0  # seconds without an answer to anybody else; it was 15 to 184


class _Watch:
    """Asks again and again whether the service lives, and keeps the longest time that took."""

    def __init__(self, url: str) -> None:
        self.longest = 0.0
        self._url = url
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _ask(self) -> None:
        with httpx.Client(base_url=self._url, timeout=300) as http:
            while not self._over.is_set():
                began = time.perf_counter()
                assert http.get("/health/live").status_code == 200
                self.longest = max(self.longest, time.perf_counter() - began)
                time.sleep(0.01)


@pytest.mark.parametrize(
    ("reply", "chunk"),
    [
        ("Restart unit 7 [{id}]. " + "It works." + "." * 8_000, 16),
        ("Restart unit 7 [{id}]. " + "It works." + "." * 8_000, 1),
        ("Restart unit 7 [{id}]. " + "*_`" * 30_000, 180),
        ("Restart unit 7 [{id}].\n" + "a. b " * 40_000, 400),
        ("Restart unit 7 [{id}]. " + "- " * 45_000 + "x", 180),
        ("Restart unit 7 [{id}]. " + "[" * 90_000, 180),
        ("Restart unit 7 [{id}]. " + "We restart it. " * 63_000, 950_000),
        ("Restart unit 7 [{id}]. " + "X" * 400_000, 950_000),
    ],
    ids=["dots", "dots one by one", "markup", "no end", "dashes", "brackets", "950 KB", "one word"],
)
def test_an_endless_answer_is_ended_and_holds_nobody_up(
    service: Service, provider: Provider, reply: str, chunk: int
) -> None:
    """The request is ended at a bound, what passed before stands, and the service answers others meanwhile."""
    provider.configure(reply=reply.format(id="t-7"), chunk=chunk)
    with _Watch(service.url) as watch:
        answer = service.answer("/v1/triage", text=f"{sentence(7)} {MARK}")["reply"]
    assert watch.longest < _LONGEST
    assert answer["source"] == "llm"
    assert answer["text"].startswith("Hello,\n\nRestart unit 7.")
    assert len(answer["text"]) <= 8_100
    assert "it was ended there" in answer["degraded"]


def test_an_endless_answer_without_a_citation_is_replaced(service: Service, provider: Provider) -> None:
    """Where nothing that rests on a ticket came before the bound, the reply is made without a model."""
    provider.configure(reply="It works." + "." * 8_000, chunk=16)
    answer = service.answer("/v1/triage", text=f"{sentence(7)} {MARK}")["reply"]
    assert answer["source"] == "extractive"
    assert answer["degraded"] == "the answer has a sentence of more than 1,000 characters: it was ended there"


@pytest.mark.parametrize("chunk", [1, 16, 950_000])
@pytest.mark.parametrize(
    "end",
    [
        '{"text": "' + "x" * 100_000,
        '{"text": "It works."}' * 40_000,
        "{" * 100_000,
        "[" * 100_000,
        '"}' * 50_000,
    ],
    ids=["text", "items", "braces", "brackets", "ends"],
)
def test_an_endless_structure_is_ended(end: str, chunk: int) -> None:
    """What was whole stands, then the bound; reading it takes no longer than its length."""
    reader = AnswerReader()
    text = '{"sentences": [{"text": "Restart it.", "ids": ["5"]}, ' + end
    claims: list[Claim] = []

    def read() -> None:
        for at in range(0, len(text), chunk):
            claims.extend(reader.feed(text[at : at + chunk]))

    with pytest.raises(EndlessTextError):
        read()
    assert claims[0] == Claim(text="Restart it.", ids=("5",))
    assert reader.well_formed
