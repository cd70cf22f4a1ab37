"""``GET /v1/tickets``: stored tickets in pages, narrowed by fields, tags, source and dates."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from indexer.distillation.prompt import VERSION, thread_hash
from indexer.ledger import Ledger
from indexer.ledger.distillate_table import Distillate
from indexer.parsing import parse_ticket
from tests.provider import Provider
from tests.service.running import Service, assert_problem, running_service

_COUNT = 25


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory, _provider_process: Provider) -> Iterator[Service]:
    with running_service(tmp_path_factory.mktemp("listed") / "data", _provider_process) as service:
        lines = [
            {
                "id": f"L/{number:02}", "subject": f"Export {number}", "body": "it stops " * (200 if number == 3 else 2),
                "tags": ["export", "EU"] if number % 2 else ["export"], "source": "portal",
                "fields": {"Product Line": "API" if number % 5 else ["CLI", "API"]},
                "url": f"https://desk.example/{number}", "outcome": "Fixed",
                "thread": [{"author": "agent", "text": "Look at the log.", "at": "2025-03-01T08:00:00Z"}],
                "created_at": f"2025-03-{number % 28 + 1:02}T00:00:00Z",
                "resolution": "Raised the limit." if number % 2 else None,
            }
            for number in range(_COUNT)
        ]  # fmt: skip
        stored = service.http.post("/v1/tickets/batch", json=lines)
        assert stored.json()["added"] == _COUNT, stored.text
        yield service


def _pages(service: Service, **query: Any) -> list[list[str]]:
    pages: list[list[str]] = []
    cursor = ""
    while True:
        answer = service.http.get("/v1/tickets", params=httpx.QueryParams({**query, "cursor": cursor}))
        assert answer.status_code == 200, answer.text
        pages.append([ticket["id"] for ticket in answer.json()["tickets"]])
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            return pages


@pytest.mark.parametrize("limit", [1, 7, 24, 25, 26])
def test_pages_have_every_ticket_once(listed: Service, limit: int) -> None:
    """The last page says that it is the last, also where it is full."""
    pages = _pages(listed, limit=limit)
    assert [ticket for page in pages for ticket in page] == [f"L/{n:02}" for n in range(_COUNT)]
    assert len(pages) == -(-_COUNT // limit)


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ({"tag": "eu"}, range(1, _COUNT, 2)),
        ({"tag": ["eu", "export"], "field": "product_line:cli"}, range(5, _COUNT, 10)),
        ({"field": ["Product Line:cli", "Product Line:api"]}, range(_COUNT)),
        ({"field": "product line:CLI"}, range(0, _COUNT, 5)),
        ({"source": "elsewhere"}, ()),
        ({"created_after": "2025-03-20T00:00:00Z"}, range(19, _COUNT)),
        ({"created_before": "2025-03-20T00:00:00"}, range(19)),
    ],
)
def test_a_list_is_narrowed(listed: Service, query: dict[str, Any], numbers: range) -> None:
    """Every condition counts, names and values whatever their case."""
    assert _pages(listed, limit=200, **query) == [[f"L/{n:02}" for n in numbers]]


def test_a_listed_ticket_is_short_and_a_read_one_whole(listed: Service) -> None:
    """The list has the beginning of a text; reading the ticket gives all that was stored."""
    listing = listed.http.get("/v1/tickets", params={"limit": 4}).json()["tickets"][3]
    whole = listed.http.get("/v1/tickets/L/03").json()
    assert len(listing["text"]) <= 500
    assert listing["text"].endswith(" … (cut)")
    assert whole["text"].startswith(listing["text"].removesuffix(" … (cut)"))
    assert len(whole["text"]) > 1_500
    assert whole["thread"] == [{"author": "agent", "text": "Look at the log.", "at": "2025-03-01T08:00:00Z"}]
    for name in ("subject", "url", "outcome", "tags", "fields", "created_at", "source"):
        assert listing[name] == whole[name]
    assert listing["has_resolution"]
    assert whole["fields"] == {"product_line": "API"}


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 201}, "limit"),
        ({"field": "product"}, "name:value"),
        ({"product": "api"}, "product"),
        ({"created_after": "soon"}, "created_after"),
    ],
)
def test_a_wrong_parameter_is_named(listed: Service, query: dict[str, Any], word: str) -> None:
    """Nothing is guessed from it."""
    answer = listed.http.get("/v1/tickets", params=httpx.QueryParams(query))
    assert_problem(answer, 422)
    assert word in json.dumps(answer.json())


def test_a_ticket_keeps_what_was_distilled_of_it(listed: Service) -> None:
    """Also where a portal sends it again without a resolution; reading it tells where the resolution came from."""
    record = {"text": "It stops.", "thread": [{"author": "agent", "text": "Try it again, please."}]}
    made = Distillate(
        ticket_id="distilled",
        prompt=VERSION,
        thread_hash=thread_hash(parse_ticket(record | {"id": "distilled"})),
        model="m",
        problem="It stops.",
        resolution="Try it again.",
    )
    with contextlib.closing(Ledger(None, listed.data_dir)) as ledger:
        ledger.distillates.keep([made])
    assert listed.http.put("/v1/tickets/distilled", json=record).json()["outcome"] == "added"
    found = listed.http.get("/v1/tickets/distilled").json()
    assert (found["resolution"], found["resolution_from"]) == (
        "Try it again.",
        "distilled from the thread by m",
    )
    assert (found["problem"], found["problem_from"]) == ("It stops.", "distilled from the thread by m")
    assert listed.http.put("/v1/tickets/distilled", json=record).json()["outcome"] == "unchanged"
    changed = record | {"text": "It stops at noon."}
    assert listed.http.put("/v1/tickets/distilled", json=changed).json()["outcome"] == "updated"
    assert "problem" not in listed.http.get("/v1/tickets/distilled").json()
    listed.http.delete("/v1/tickets/distilled")
