"""A support portal feeds tickets: one by one, in bulk, several at once, beside a sync."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from urllib.parse import quote

import msgspec
import pytest

from indexer.settings import Settings
from indexer.ticket import Ticket
from tests.indexer.command import fork_command, report_of
from tests.indexer.making import make_ticket, make_tickets, sentence
from tests.provider import Provider
from tests.service.conftest import MARK
from tests.service.running import JSON, NEVER, Service, assert_problem, running_service

pytestmark = pytest.mark.slow

LINES = {"Content-Type": "application/x-ndjson"}
WRITERS = 8
EACH = 12
SYNCED = 200


@pytest.fixture(scope="module")
def _portal(tmp_path_factory: pytest.TempPathFactory, _provider_process: Provider) -> Iterator[Service]:
    data_dir = tmp_path_factory.mktemp("portal") / "data"
    with running_service(data_dir, _provider_process, intervals=NEVER) as running:
        yield running
    assert "Case c" not in running.log


@pytest.fixture
def portal(_portal: Service, provider: Provider) -> Service:
    """A service whose store is empty before the first of these tests."""
    return _portal


def put(service: Service, ticket: Ticket) -> str:
    """Store a ticket and return what became of it."""
    response = service.http.put(f"/v1/tickets/{ticket.id}", content=msgspec.json.encode(ticket), headers=JSON)
    assert response.status_code == 200, response.text
    assert response.json()["id"] == ticket.id
    return str(response.json()["outcome"])


def nearest(service: Service, text: str) -> dict[str, object]:
    """Return the stored ticket that is most like the text."""
    found: dict[str, object] = service.answer("/v1/similar", text=text, top_k=1)["neighbours"][0]
    return found


def test_an_empty_store_says_what_to_do_and_answers_from_the_first_ticket_on(portal: Service) -> None:
    """It is ready to take tickets, answers 503 with the remedy until there is one, and then answers at once."""
    ready = portal.http.get("/health/ready")
    assert ready.status_code == 200
    assert "make index" in ready.json()["stage"]
    assert portal.status()["index"] is None
    for path in ("/v1/triage", "/v1/classify", "/v1/similar"):
        assert_problem(portal.post(path, text=sentence(0)), 503, about="make index")
    assert put(portal, make_ticket(0)) == "added"
    answer = portal.answer("/v1/triage", text=sentence(0))
    assert answer["neighbours"][0]["id"] == "t-0"
    assert answer["priority"]["label"] is None
    assert answer["priority"]["decision"] == "review"
    assert answer["index"]["tickets"] == 1


def test_putting_again_changes_nothing(portal: Service, provider: Provider) -> None:
    """It is idempotent, and costs nothing."""
    ticket = make_ticket(1)
    assert [put(portal, ticket) for _ in range(3)] == ["added", "unchanged", "unchanged"]
    assert provider.stats().texts == 1


def test_a_change_is_seen_by_the_next_query(portal: Service, provider: Provider) -> None:
    """Another text is embedded; another priority or resolution alone is not, and a lost one is gone."""
    put(portal, make_ticket(2, resolution="The old way.", priority="low"))
    assert put(portal, make_ticket(2, resolution="The new way.", priority="high")) == "updated"
    found = nearest(portal, sentence(2))
    assert (found["resolution"], found["priority"]) == ("The new way.", "high")
    assert provider.stats().texts == 1
    assert put(portal, make_ticket(2, resolution=None, priority=None)) == "updated"
    found = nearest(portal, sentence(2))
    assert (found["resolution"], found["priority"]) == (None, None)
    assert put(portal, make_ticket(2, text=sentence(902))) == "updated"
    assert nearest(portal, sentence(902))["id"] == "t-2"
    assert provider.stats().texts == 2


def test_a_ticket_is_read_back_as_stored(portal: Service) -> None:
    """All fields, times in UTC."""
    ticket = make_ticket(
        3, tags=("db", "deploy"), source="portal", created_at=datetime(2026, 5, 1, 12, 30, tzinfo=UTC)
    )
    put(portal, ticket)
    response = portal.http.get("/v1/tickets/t-3")
    assert msgspec.json.decode(response.content, type=Ticket) == ticket


def test_a_deleted_ticket_is_found_by_nobody(portal: Service) -> None:
    """Neither by id nor by query; deleting it again says that there is none."""
    put(portal, make_ticket(4))
    assert portal.http.delete("/v1/tickets/t-4").json() == {"id": "t-4", "deleted": True}
    assert portal.http.delete("/v1/tickets/t-4").json() == {"id": "t-4", "deleted": False}
    assert_problem(portal.http.get("/v1/tickets/t-4"), 404)
    assert nearest(portal, sentence(4))["id"] != "t-4"


def test_the_later_version_stays(portal: Service) -> None:
    """By the ticket's own ``updated_at``; without it, the last that arrives."""
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    assert put(portal, make_ticket(5, updated_at=late, resolution="Late.")) == "added"
    assert put(portal, make_ticket(5, updated_at=early, resolution="Early.")) == "stale"
    assert nearest(portal, sentence(5))["resolution"] == "Late."
    assert put(portal, make_ticket(5, resolution="Without a time.")) == "updated"
    assert nearest(portal, sentence(5))["resolution"] == "Without a time."


def test_batches_as_array_object_and_lines(portal: Service, provider: Provider) -> None:
    """All three are the same batch; sent again, nothing is embedded."""
    tickets = make_tickets(100, start=100)
    array = msgspec.json.encode(tickets)
    first = portal.http.post("/v1/tickets/batch", content=array, headers=JSON).json()
    assert (first["read"], first["added"], first["embedding_requests"], first["embedded_texts"]) == (
        100,
        100,
        2,
        100,
    )
    again = portal.http.post("/v1/tickets/batch", content=b'{"tickets": ' + array + b"}", headers=JSON).json()
    assert (again["unchanged"], again["embedding_requests"]) == (100, 0)
    lines = msgspec.json.Encoder().encode_lines(tickets)
    for kind in ("application/x-ndjson", "application/jsonl; charset=utf-8"):
        answer = portal.http.post("/v1/tickets/batch", content=lines, headers={"Content-Type": kind}).json()
        assert (answer["read"], answer["unchanged"]) == (100, 100)
    assert nearest(portal, sentence(150))["id"] == "t-150"


def test_a_stream_of_lines_needs_no_length(portal: Service) -> None:
    """Lines may come in pieces of any size, the last one without an end."""
    body = msgspec.json.Encoder().encode_lines(make_tickets(30, start=300)).rstrip(b"\n")

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(body), 77):
            yield body[start : start + 77]

    answer = portal.http.post("/v1/tickets/batch", content=pieces(), headers=LINES).json()
    assert (answer["read"], answer["added"]) == (30, 30)


def test_the_last_of_equal_ids_in_a_batch_stays(portal: Service) -> None:
    """As if they had come one after another."""
    tickets = [make_ticket(6, resolution=f"Version {n}.") for n in range(3)]
    answer = portal.http.post("/v1/tickets/batch", content=msgspec.json.encode(tickets), headers=JSON).json()
    assert (answer["read"], answer["added"], answer["updated"], answer["repeated"]) == (3, 1, 0, 2)
    assert nearest(portal, sentence(6))["resolution"] == "Version 2."


def test_the_newest_of_equal_ids_in_a_batch_stays(portal: Service) -> None:
    """By `updated_at`, wherever it stands; an older one is not even embedded."""
    times = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 3, 2)]
    tickets = [make_ticket(7, resolution=f"Of day {at.day}.", updated_at=at) for at in times]
    between = make_tickets(600, start=7_000)
    answer = portal.http.post(
        "/v1/tickets/batch", content=msgspec.json.encode([*tickets[:2], *between, tickets[2]]), headers=JSON
    ).json()
    assert (answer["read"], answer["added"], answer["repeated"]) == (603, 601, 2)
    assert nearest(portal, sentence(7))["resolution"] == "Of day 3."


def test_rejections_name_the_line(portal: Service) -> None:
    """Blank lines are no records, but they count where a line is named."""
    body = b'\n{"id": "8001", "text": "a text"}\n\n\n{"id": "8002"}\n{nothing\n'
    answer = portal.http.post("/v1/tickets/batch", content=body, headers=LINES).json()
    assert (answer["read"], answer["added"], answer["rejected"]) == (3, 1, 2)
    assert [rejected["record"] for rejected in answer["rejections"]] == [5, 6]


def test_a_text_that_the_provider_refuses_is_told(portal: Service, provider: Provider) -> None:
    """It is the ticket's fault, not the provider's: 422 for one, a rejection in a batch."""
    put(portal, make_ticket(1))
    provider.fail("400", times=None, endpoint="embeddings")
    ticket = {"id": "refused", "text": f"{MARK} refused"}
    problem = assert_problem(portal.http.put("/v1/tickets/refused", json=ticket), 422)
    assert MARK not in problem["detail"]
    answer = portal.http.post("/v1/tickets/batch", json=[ticket, msgspec.to_builtins(make_ticket(1))]).json()
    assert (answer["read"], answer["unchanged"], answer["rejected"]) == (2, 1, 1)
    assert answer["rejections"][0]["record"] == 1
    assert_problem(portal.http.get("/v1/tickets/refused"), 404)


def test_writers_and_a_sync_at_once_lose_nothing(portal: Service, provider: Provider) -> None:
    """Eight portals write while the command line syncs a file: every ticket is there, and found by its text.

    Who is told to come back since others write for long, comes back.
    """
    path = portal.data_dir.parent / "export.jsonl"
    path.write_bytes(msgspec.json.Encoder().encode_lines(make_tickets(SYNCED, start=10_000)))
    settings = Settings(data_dir=portal.data_dir, api_base=provider.url)

    def write(writer: int) -> None:
        for number in range(20_000 + writer * EACH, 20_000 + (writer + 1) * EACH):
            path, ticket = f"/v1/tickets/t-{number}", msgspec.to_builtins(make_ticket(number))
            portal.until(partial(_is_taken, portal, path, ticket), f"{path} is stored")

    syncing = fork_command(settings, "sync", str(path), "--json")
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))
    assert syncing.wait(120) == 0, syncing.output
    assert report_of(syncing)["added"] == SYNCED
    numbers = [*range(10_000, 10_000 + SYNCED), *range(20_000, 20_000 + WRITERS * EACH)]
    with ThreadPoolExecutor(WRITERS) as pool:
        found = list(pool.map(lambda number: nearest(portal, sentence(number))["id"], numbers))
    assert found == [f"t-{number}" for number in numbers]
    assert portal.status()["index"]["pending"] == 0


def _is_taken(portal: Service, path: str, ticket: dict[str, object]) -> bool:
    response = portal.http.put(path, json=ticket)
    assert response.status_code in (200, 503), response.text
    return response.status_code == 200


def test_six_thousand_tickets_in_one_request(portal: Service, provider: Provider) -> None:
    """All are stored, in as few requests to the provider as its batches allow."""
    tickets = [Ticket(id=f"many-{n}", text=f"{MARK} number many{n}") for n in range(6_000)]
    taken_on = portal.http.post("/v1/tickets/batch", content=msgspec.json.encode(tickets), headers=JSON)
    answer = portal.ended(taken_on)["result"]
    assert (answer["read"], answer["added"], answer["rejections"]) == (6_000, 6_000, [])
    assert provider.stats().requests["embeddings"] == answer["embedding_requests"] <= 96
    for number in (0, 2_999, 5_999):
        assert nearest(portal, tickets[number].text)["similarity"] == pytest.approx(1, abs=1e-5)
        assert portal.http.get(f"/v1/tickets/many-{number}").status_code == 200


def test_every_id_that_is_stored_can_be_addressed(portal: Service) -> None:
    """Percent-encoded, whatever is in it; what no address can name is refused with a reason, by all ways in."""
    for ticket_id in ("PROJ-1", "#123", "a/b", "a//b/", "/a", "a?b", "ä 1", "50%", "a..b", "batches"):
        path = f"/v1/tickets/{quote(ticket_id, safe='')}"
        written = portal.http.put(path, json={"text": f"{MARK} of {ticket_id}"})
        assert (written.status_code, written.json()["id"]) == (200, ticket_id)
        assert portal.http.get(path).json()["id"] == ticket_id
        assert portal.http.delete(path).json() == {"id": ticket_id, "deleted": True}
    refused = ["batch", ".", "..", "/", "//", "./.."]
    answer = portal.http.post(
        "/v1/tickets/batch", json=[{"id": ticket_id, "text": "a text"} for ticket_id in refused]
    ).json()
    assert answer["rejected"] == len(refused)
    assert_problem(portal.http.put("/v1/tickets/%20a", json={"text": "a text"}), 422, about="blank")
    assert_problem(portal.http.get("/v1/tickets/a"), 404)


def test_a_ticket_with_a_long_log_is_stored_and_asked(portal: Service) -> None:
    """133,000 characters are stored whole, found by a short question, and taken as a question."""
    log = "\n".join(f"12:00 INFO step {n} is done" for n in range(4_900))
    text = f"{MARK} exportlog breaks\n\n{log}\nERROR disk quota exceeded\n"
    assert len(text) > 130_000
    response = portal.http.put("/v1/tickets/long", json={"text": text, "resolution": log})
    assert response.json() == {"id": "long", "outcome": "added"}
    assert portal.http.get("/v1/tickets/long").json()["text"] == text.strip()
    found = portal.answer("/v1/similar", text=text, top_k=1)["neighbours"][0]
    assert (found["id"], found["similarity"]) == ("long", pytest.approx(1, abs=1e-5))
