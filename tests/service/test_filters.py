"""``filter``, ``exclude`` and ``texts`` of a question: which stored tickets come with an answer, and how much of them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.indexer.making import sentence
from tests.provider import Provider
from tests.service.running import Service, assert_problem, running_service

_COUNT = 60
_LONG = "Restart the exporter, then raise its limit. " * 40


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory, _provider_process: Provider) -> Iterator[Service]:
    with running_service(tmp_path_factory.mktemp("filters") / "data", _provider_process) as service:
        tickets = [
            {
                "id": f"f{number}", "subject": f"Case {number}", "body": sentence(number), "tags": ["eu"] if number % 2 else ["us"],
                "fields": {"product": "api" if number % 3 else "cli"}, "url": f"https://desk.example/{number}",
                "created_at": f"2025-01-{number % 28 + 1:02}T00:00:00Z",
                "resolution": _LONG if number % 4 else None, "status": "solved", "outcome": "Fixed",
            }
            for number in range(_COUNT)
        ]  # fmt: skip
        assert service.http.post("/v1/tickets/batch", json=tickets).json()["added"] == _COUNT
        yield service


def _ids(answer: Any) -> list[str]:
    return [neighbour["id"] for neighbour in answer["neighbours"]]


def test_neighbours_meet_the_filter(stored: Service) -> None:
    """All of them, as many as there are, best first, of all or of those with a resolution."""
    question = {"text": sentence(9), "top_k": 50, "filter": {"fields": {"Product": "CLI"}, "tags": ["eu"]}}
    wanted = {f"f{n}" for n in range(_COUNT) if n % 3 == 0 and n % 2}
    found = stored.answer("/v1/similar", **question)
    assert set(_ids(found)) == wanted
    assert _ids(found)[0] == "f9"
    scores = [neighbour["score"] for neighbour in found["neighbours"]]
    assert scores == sorted(scores, reverse=True)
    resolved = stored.answer("/v1/similar", **question, with_resolution=True)
    assert set(_ids(resolved)) == {i for i in wanted if int(i[1:]) % 4}
    assert _ids(stored.answer("/v1/triage", **question)) == _ids(resolved)


def test_what_a_filter_leaves_nothing_of_has_no_draft(stored: Service) -> None:
    """No neighbour, no invention, and no error."""
    answer = stored.answer("/v1/triage", text=sentence(9), filter={"tags": ["nowhere"]})
    assert answer["neighbours"] == []
    assert (answer["reply"]["source"], answer["reply"]["text"]) == ("none", "")


def test_a_stored_ticket_does_not_find_itself(stored: Service) -> None:
    """Its own id is excluded, and the answer still has as many as were asked for."""
    itself = stored.answer("/v1/similar", text=f"Case 9\n\n{sentence(9)}", top_k=5)
    assert _ids(itself)[0] == "f9"
    others = stored.answer("/v1/similar", text=f"Case 9\n\n{sentence(9)}", top_k=5, exclude=["f9", "unknown"])
    assert _ids(others)[:4] == _ids(itself)[1:]
    assert len(_ids(others)) == 5


def test_neighbours_say_what_a_portal_shows(stored: Service) -> None:
    """Subject, address, tags, fields, dates; the texts short unless they are asked for whole."""
    short, full = (
        stored.answer("/v1/similar", text=sentence(9), top_k=1, texts=texts)["neighbours"][0]
        for texts in ("short", "full")
    )
    assert full["resolution"] == _LONG.strip()
    assert len(short["resolution"]) <= 500
    assert full["resolution"].startswith(short["resolution"].removesuffix(" … (cut)"))
    for one in (short, full):
        assert one["subject"] == "Case 9"
        assert one["url"] == "https://desk.example/9"
        assert (one["tags"], one["fields"]) == (["eu"], {"product": "cli"})
        assert (one["status"], one["outcome"]) == ("solved", "Fixed")
        assert one["created_at"] == "2025-01-10T00:00:00Z"


def test_a_draft_rests_on_whole_texts(stored: Service, provider: Provider) -> None:
    """What is sent is short; what the model is given is not."""
    provider.reset()
    stored.answer("/v1/triage", text=sentence(9), top_k=1)
    prompt = str(provider.stats().bodies[-1])
    assert prompt.count("Restart the exporter") > 12


def test_many_clients_with_filters_of_their_own(stored: Service) -> None:
    """Nobody gets what another one asked for."""

    def ask(number: int) -> bool:
        tag = "eu" if number % 2 else "us"
        found = stored.answer("/v1/similar", text=sentence(number), top_k=20, filter={"tags": [tag]})
        return all(neighbour["tags"] == [tag] for neighbour in found["neighbours"])

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(40)))


@pytest.mark.parametrize(
    ("question", "word"),
    [
        ({"filter": {"product": "api"}}, "product"),
        ({"filter": {"created_after": "soon"}}, "created_after"),
        ({"exclude": [str(n) for n in range(101)]}, "exclude"),
        ({"texts": "long"}, "texts"),
        ({"subject": "twice"}, "text is the whole ticket"),
        ({"body": "twice"}, "text is the whole ticket"),
    ],
)
def test_a_question_that_cannot_be_meant_is_refused(
    stored: Service, question: dict[str, Any], word: str
) -> None:
    """With the name of what is wrong."""
    for path in ("/v1/similar", "/v1/triage"):
        problem = assert_problem(stored.post(path, text=sentence(1), **question), 422)
        assert word in str(problem)
