"""The console where little is as usual: no tickets, a key, a path prefix, hostile texts."""

import contextlib
import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from indexer.ledger import Ledger
from tests.indexer.making import make_tickets
from tests.prefixed import prefixed
from tests.provider import Provider
from tests.service.console.conftest import Looking, few_tickets
from tests.service.console.test_accessibility import assert_accessible
from tests.service.running import Service, running_service

pytestmark = pytest.mark.slow

_MOST_BYTES = 250_000
_PATIENCE = 240_000  # milliseconds, for a command in a process of its own
_KEY = "sk-console-0123456789"


@pytest.fixture(scope="module")
def sample_service(
    tmp_path_factory: pytest.TempPathFactory, fitted: Path, _provider_process: Provider
) -> Iterator[Service]:
    """A service with few tickets, instead of the sample: it is soon there."""
    with few_tickets(tmp_path_factory.mktemp("edges") / "data", fitted, _provider_process) as service:
        yield service


def _see(page: Page, name: str, timeout: float = 5_000) -> None:
    expect(page.get_by_text(name).first).to_be_visible(timeout=timeout)


def test_the_first_visit_says_what_to_do_and_does_it(
    browser: Browser, data_dir: Path, provider: Provider
) -> None:
    """Without tickets and without a key: tickets are pasted, stored, and answer the first question."""
    lines = "\n".join(
        json.dumps({"id": str(n), "text": f"The printer of room {n} is out of paper", "resolution": "Open the drawer."})
        for n in range(4)
    )  # fmt: skip
    with running_service(data_dir, provider) as service, browser.new_context() as context:
        looking = Looking(context.new_page(), service.url)
        page = looking.open()
        _see(page, "First, it needs resolved tickets")
        page.get_by_text("By a command").click()
        _see(page, "make index FILE=tickets.jsonl")
        looking.picture("first")
        page.get_by_label("Or paste tickets").fill(f"{lines}\nnot a ticket")
        page.get_by_role("button", name="Store these tickets").click()
        _see(page, "Rejected records")
        expect(page.locator(".facts > div").filter(has_text="New").locator("dd")).to_have_text("4")
        page.get_by_role("link", name="Answer a ticket").click()
        page.get_by_label("What the customer wrote").fill("The printer of room 2 is out of paper again")
        page.get_by_role("button", name="Answer", exact=True).click()
        expect(page.get_by_role("article")).to_have_count(4)
        looking.assert_well()


def test_a_key_is_asked_for_once_and_kept_for_the_tab(
    browser: Browser, fitted_dir: Path, provider: Provider
) -> None:
    """A wrong one is told; another tab has none, and one that may only ask or write is offered nothing of an operator's."""
    with contextlib.closing(Ledger(None, fitted_dir)) as ledger:
        less = [ledger.keys.add("agent", "ask"), ledger.keys.add("portal", "write")]
    with (
        running_service(fitted_dir, provider, api_keys=_KEY) as service,
        browser.new_context() as context,
    ):
        looking = Looking(context.new_page(), service.url)
        looking.expected.append("Failed to load resource: the server responded with a status of 401")
        page = looking.open("find")
        dialog = page.get_by_role("dialog")
        _see(page, "This service needs a key")
        looking.picture("key")
        dialog.get_by_label("Key").fill("sk-wrong-0123456789")
        dialog.get_by_role("button", name="Use this key").click()
        expect(dialog.get_by_role("alert")).to_contain_text("did not take that key")
        dialog.get_by_label("Key").fill(_KEY)
        dialog.get_by_role("button", name="Use this key").click()
        expect(page.locator(".rows > li")).to_have_count(50)
        page.reload()
        expect(page.locator(".rows > li")).to_have_count(50)
        for key in less:
            other = Looking(context.new_page(), service.url)
            dialog = other.open("running").get_by_role("dialog")
            dialog.get_by_label("Key").fill(key)
            dialog.get_by_role("button", name="Use this key").click()
            _see(other.page, "It works")
            _see(other.page, "it needs one of scope admin")
            expect(other.page.get_by_role("button", name="Rebuild")).to_have_count(0)
            other.open("quality")
            _see(other.page, "The back-test")
            _see(other.page, "it needs one of scope admin")
            expect(other.page.get_by_role("button", name="Run the back-test")).to_have_count(0)
            other.open("bring-in")
            _see(other.page, "may only ask" if key == less[0] else "A file of JSON or JSONL")
            expect(other.page.get_by_label("Or paste tickets")).to_have_count(0 if key == less[0] else 1)
        looking.assert_well()


def test_it_works_under_a_path_prefix(browser: Browser, sample_service: Service) -> None:
    """Behind a proxy that serves several: every page, and a search."""
    with prefixed(sample_service.url, "/tools/precedent") as address, browser.new_context() as context:
        looking = Looking(context.new_page(), address)
        page = looking.open("find?q=invoice")
        expect(page.get_by_role("article").first).to_be_visible(timeout=_PATIENCE)
        for route, shown in (
            ("answer", "Try one of these"),
            ("ticket/t-1", "What resolved it"),
            ("running", "It works"),
        ):
            # Such a proxy holds the live state back, which is waited for before the page asks for it.
            _see(looking.open(route), shown, _PATIENCE)
        looking.assert_well()


@pytest.mark.parametrize("where", ["find?source=hostile", "ticket/hostile"])
def test_hostile_tickets_show_as_text(looking: Looking, sample_service: Service, where: str) -> None:
    """Scripts, mark-up, overrides of direction, long words and many fields do nothing but stand there."""
    hostile = '<img src=x onerror="window.harm=1"><script>window.harm=1</script>'
    ticket = {
        "text": f"{hostile}\n\n\u202egnp.exe\u202c {'w' * 100_000} ${{7*7}} {{{{7*7}}}}",
        "resolution": f"Do this: {hostile}",
        "source": "hostile",
        "tags": [hostile],
        "fields": {f"field {number}": hostile for number in range(99)},
        "thread": [{"author": "agent", "text": hostile}],
    }
    sample_service.http.put("/v1/tickets/hostile", json=ticket).raise_for_status()
    page = looking.open(where)
    _see(page, "<script>window.harm=1</script>")
    assert page.evaluate("window.harm") is None
    assert page.evaluate("document.querySelectorAll('main img, main script').length") == 0
    page.set_viewport_size({"width": 390, "height": 900})
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390, "nothing is wider than a phone"
    sample_service.http.delete("/v1/tickets/hostile")


def test_a_text_beyond_the_limit_is_told_before_it_is_sent(looking: Looking) -> None:
    """What the service would refuse is not drawn, sent or waited for."""
    page = looking.open("answer")
    text = page.get_by_label("What the customer wrote")
    # Hidden, since the browser takes long to break millions of characters into lines.
    text.evaluate("field => { field.style.display = 'none'; field.value = 'x'.repeat(8_000_000); }")
    asked = len(looking.requests)
    page.get_by_role("button", name="Answer", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("That is too long")
    assert not any(url.endswith("/v1/triage") for url in looking.requests[asked:])


def test_the_files_are_small_and_run_nothing_else(sample_service: Service) -> None:
    """All script and style together stay below the bound; no page may load or run anything from elsewhere."""
    page = sample_service.http.get("/")
    policy = page.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]*src=)|\sstyle=|\son\w+=", page.text)
    for path, kind in (
        ("/", "html"),
        ("/console/app.js", "javascript"),
        ("/docs/assets/swagger-ui.css", "css"),
    ):
        assert sample_service.http.get(path).headers["content-type"] == f"text/{kind}; charset=utf-8"
    names = [path.name for path in Path("service/console").iterdir() if path.suffix in (".js", ".css")]
    sizes = {name: len(sample_service.http.get(f"/console/{name}").content) for name in names}
    assert all(sizes.values())
    assert sum(sizes.values()) < _MOST_BYTES
    again = sample_service.http.get(
        "/console/app.js", headers={"If-None-Match": _tag(sample_service, "app.js")}
    )
    assert again.status_code == 304
    assert sample_service.http.get("/console/nothing.js").status_code == 404
    assert sample_service.http.get("/console/..%2F__init__.py").status_code == 404


def _tag(service: Service, name: str) -> str:
    return httpx.get(f"{service.url}/console/{name}").headers["etag"]


def test_a_provider_that_cannot_embed_is_told_in_plain_words(
    browser: Browser, data_dir: Path, provider: Provider
) -> None:
    """The page says when to try again, and what was written stays."""
    with running_service(data_dir, provider) as service, browser.new_context() as context:
        service.store(make_tickets(6))
        looking = Looking(context.new_page(), service.url)
        page = looking.open("answer")
        provider.fail("503", times=None)
        looking.expected.append("Failed to load resource: the server responded with a status of 503")
        page.get_by_label("What the customer wrote").fill("Words that nobody has embedded before.")
        page.get_by_role("button", name="Answer", exact=True).click()
        problem = page.get_by_role("alert")
        expect(problem).to_contain_text("Not at the moment")
        expect(problem).to_contain_text(re.compile(r"Try again in \d+ second"))
        expect(page.get_by_label("What the customer wrote")).to_have_value(re.compile("nobody has embedded"))
        looking.picture("unavailable")
        looking.assert_well()


def test_what_is_too_long_or_cannot_be_sent_is_told(looking: Looking) -> None:
    """A text beyond the limit, and no connection at all."""
    looking.expected.append("Failed to load resource")
    page = looking.open("answer")
    text = page.get_by_label("What the customer wrote")
    send = page.get_by_role("button", name="Answer", exact=True)
    problem = page.get_by_role("alert")
    # Hidden, since the browser takes long to break so many characters into lines.
    text.evaluate("field => { field.style.display = 'none'; field.value = 'x'.repeat(1_000_001); }")
    send.click()
    expect(problem).to_contain_text("That cannot be used")
    text.evaluate("field => { field.value = ''; field.style.display = ''; }")
    text.fill("Nobody hears this.")
    page.context.set_offline(True)
    send.click()
    expect(problem).to_contain_text("The service does not answer")


def test_an_export_is_looked_at_changed_stopped_and_gone_on_with(
    looking: Looking, sample_service: Service, provider: Provider, tmp_path: Path
) -> None:
    """Columns that nobody understands are named on the page; what is hostile in it stands there as text; nothing is stored before."""
    hostile = '<img src=x onerror="window.harm=1">\u202etxet'
    columns = ["Number", "What", "Sev", "Cure", hostile, *(f"More {number}" for number in range(110))]
    rows = [
        [f"export-{number}", f"Wombat {number} digs {hostile} {'w' * 100_000 if number == 1 else ''}", "P1", "Fence it."]
        for number in range(3)
    ]  # fmt: skip
    path = tmp_path / "wombats.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([*row, hostile, *["x"] * 110] for row in [*rows, ["export-9", "", "P1", ""]])
    page = looking.open("bring-in")
    page.get_by_label("An export of your helpdesk").set_input_files(path)
    _see(page, "it makes no tickets", _PATIENCE)
    _see(page, "Wombat 0 digs <img")
    looking.picture("bring-in-unknown")
    for column, holds in (("Number", "Id"), ("What", "Body"), ("Sev", "Body")):
        page.get_by_label(f"What {column} holds").select_option(holds)
    page.get_by_role("button", name="Look again").click()
    _see(page, "Two columns are chosen for Body")
    for column, holds in (("Sev", "Priority"), ("Cure", "Resolution")):
        page.get_by_label(f"What {column} holds").select_option(holds)
    page.get_by_role("button", name="Look again").click()
    _see(page, "4 records: 3 to store, 0 left out, 1 rejected", _PATIENCE)
    _see(page, "in 1 request to the provider", _PATIENCE)
    assert sample_service.http.get("/v1/tickets/export-0").status_code == 404
    page.get_by_text("The first three as they would be stored").click()
    assert page.evaluate("window.harm") is None
    assert page.evaluate("document.querySelectorAll('main img, main script').length") == 0
    assert_accessible(page)
    looking.picture("bring-in-looked")
    page.set_viewport_size({"width": 390, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390, "nothing is wider than a phone"
    provider.configure(latency=20.0)
    page.get_by_role("button", name="Store these tickets").first.click()
    page.get_by_role("button", name="Stop it").click()
    _see(page, "It was stopped", _PATIENCE)
    looking.picture("bring-in-stopped")
    # Who comes back later finds it there.
    page.reload()
    _see(page, "Sent before, and not stored yet")
    provider.configure(latency=0.0)
    page.get_by_role("button", name="Go on").click()
    _see(page, "They are found at once", _PATIENCE)
    _see(page, "line 5")
    looking.picture("bring-in-stored")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save the rejected records").click()
    assert "export-9" in saved.value.path().read_text()
    assert sample_service.http.get("/v1/tickets/export-2").json()["resolution"] == "Fence it."
    assert sample_service.http.get("/v1/uploads").json() == {"uploads": []}
    looking.open("running")
    _see(page, "Storing an export is done", _PATIENCE)
    _see(page, "Planning what an export would store is done")
    for number in range(3):
        sample_service.http.delete(f"/v1/tickets/export-{number}")


def test_a_file_that_is_no_export_can_only_be_removed(looking: Looking, tmp_path: Path) -> None:
    """It says why, with its name as it is written, and offers nothing that cannot be done."""
    path = tmp_path / "fake.csv"
    path.write_bytes(b"%PDF-1.7\n\x00\xff\xfe" * 30)
    page = looking.open("bring-in")
    page.get_by_label("An export of your helpdesk").set_input_files(path)
    _see(page, "fake.csv is", _PATIENCE)
    page.reload()
    _see(page, "Sent before, and cannot be stored")
    waiting = page.get_by_role("listitem").filter(has_text="fake.csv")
    expect(waiting).to_contain_text("0.4 kB")
    expect(waiting).to_contain_text("fake.csv is")
    expect(page.get_by_text("not stored yet")).to_have_count(0)
    expect(waiting.get_by_role("button")).to_have_text(["Delete the file"])
    looking.picture("bring-in-useless")
    looking.open("running")
    done = page.get_by_role("listitem").filter(has_text="Look at an export").first
    expect(done).to_contain_text(": fake.csv is")
    looking.picture("running-failed")
    looking.open("bring-in")
    waiting.get_by_role("button").click()
    expect(waiting).to_have_count(0)
    # Of this one the columns can be named.
    path = tmp_path / "odd.csv"
    path.write_text("Nr;Was\n1;Wombat\n")
    page.get_by_label("An export of your helpdesk").set_input_files(path)
    _see(page, "odd.csv: it makes no tickets", _PATIENCE)
    page.reload()
    _see(page, "Sent before, and not stored yet")
    waiting = page.get_by_role("listitem").filter(has_text="odd.csv")
    expect(waiting.get_by_role("button")).to_have_text(["Look at it", "Delete the file"])
    waiting.get_by_role("button", name="Delete").click()
    expect(waiting).to_have_count(0)


def test_many_pasted_tickets_can_be_stopped(looking: Looking, provider: Provider) -> None:
    """More than is stored at once becomes a job, which says what it has stored when it is stopped."""
    lines = ["no ticket"] * 1_001
    for number in (0, 500, 1_000):  # one in each chunk
        lines[number] = json.dumps({"id": f"kettle-{number}", "text": f"Kettle {number} stays cold"})
    provider.configure(latency=4.0)
    page = looking.open("bring-in")
    page.get_by_label("Or paste tickets").fill("\n".join(lines))
    page.get_by_role("button", name="Store these tickets").click()
    page.get_by_role("button", name="Stop it").click()
    _see(page, "It was stopped", 60_000)
    expect(page.locator(".facts > div").filter(has_text="New").locator("dd")).to_have_text(re.compile("[12]"))
    _see(page, "Rejected records")
