"""The page Running: what an operator sees, and has done."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.provider import Provider
from tests.service.console.conftest import Looking, few_tickets
from tests.service.console.test_accessibility import assert_accessible
from tests.service.running import Service

pytestmark = pytest.mark.slow

_PATIENCE = 240_000  # milliseconds, for a command in a process of its own


@pytest.fixture(scope="module")
def sample_service(
    tmp_path_factory: pytest.TempPathFactory, fitted: Path, _provider_process: Provider
) -> Iterator[Service]:
    """A service with few tickets, instead of the sample."""
    with few_tickets(tmp_path_factory.mktemp("operator") / "data", fitted, _provider_process) as service:
        yield service


def test_an_operator_looks_after_it(looking: Looking, sample_service: Service) -> None:
    """Each button asks first, and says what it does; a job is followed to its end; a forget leaves its receipt."""
    page = looking.open("running")
    expect(page.get_by_text("Nothing yet.")).to_be_visible()
    jobs = page.get_by_role("listitem").filter(has=page.locator(".job"))
    dialog = page.get_by_role("dialog")
    page.get_by_role("button", name="Back up").click()
    expect(dialog).to_contain_text("PRECEDENT_BACKUP_DIR")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    button = page.get_by_role("button", name="Check everything")
    button.focus()
    page.keyboard.press("Enter")
    expect(dialog).to_contain_text("Nothing is changed")
    assert_accessible(page)
    looking.picture("running-dialog")
    page.keyboard.press("Enter")
    expect(jobs.first).to_contain_text("Check runs")
    expect(button).to_be_focused()
    assert_accessible(page)
    expect(jobs.first).to_contain_text("Check is done", timeout=_PATIENCE)
    expect(jobs.first).to_contain_text("no problems")
    page.get_by_role("button", name="Rebuild the index").click()
    dialog.get_by_role("button", name="Rebuild", exact=True).click()
    page.get_by_role("button", name="Cancel: Rebuild").click()
    expect(jobs.first).to_contain_text("was cancelled")
    page.get_by_role("button", name="Forget tickets").click()
    dialog.get_by_role("button", name="Erase for good").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Name a ticket")
    looking.picture("running-forget")
    dialog.get_by_label("Ids of tickets").fill("t-19")
    dialog.get_by_role("button", name="Erase for good").click()
    expect(jobs.first).to_contain_text("no trace is left", timeout=_PATIENCE)
    jobs.first.get_by_text("Receipt").click()
    with page.expect_download() as saved:
        jobs.first.get_by_role("button", name="Save it as a file").click()
    assert json.loads(saved.value.path().read_text())["forgotten"] == ["t-19"]
    assert_accessible(page)
    looking.picture("running-done")
    page.set_viewport_size({"width": 390, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390, "nothing is wider than a phone"
    assert sample_service.http.get("/v1/tickets/t-19").status_code == 404


def test_an_operator_looks_after_it_after_a_rebuild(looking: Looking) -> None:
    """With two generations all panels and buttons are there, at once and when the page is opened again; a forget is done and seen."""
    page = looking.open("running")
    jobs = page.get_by_role("listitem").filter(has=page.locator(".job"))
    dialog = page.get_by_role("dialog")
    page.get_by_role("button", name="Rebuild the index").click()
    dialog.get_by_role("button", name="Rebuild", exact=True).click()
    expect(jobs.first).to_contain_text("Rebuild is done", timeout=_PATIENCE)
    for _ in ("live", "opened again"):
        for panel in (
            "Tickets",
            "Forest",
            "Provider",
            "Answers on their way",
            "Disk and memory",
            "Look after it",
        ):
            expect(page.get_by_role("heading", name=panel)).to_be_visible()
        expect(page.locator(".facts > div").filter(has_text="Beside it")).to_contain_text("(retired)")
        expect(page.get_by_role("button", name="Go back a generation")).to_be_visible()
        looking.picture("running-rebuilt")
        page.reload()
    page.get_by_role("button", name="Forget tickets").click()
    dialog.get_by_label("Ids of tickets").fill("t-18")
    dialog.get_by_role("button", name="Erase for good").click()
    expect(jobs.first).to_contain_text("Forget runs")
    expect(jobs.first).to_contain_text("no trace is left", timeout=_PATIENCE)


def test_what_fails_in_the_page_itself_is_seen(looking: Looking) -> None:
    """In its place, and in the browser's console; the other panels and the buttons are there all the same."""
    looking.expected.append("TypeError")
    looking.page.route(
        "**/v1/status/events",
        lambda route: route.fulfill(
            content_type="text/event-stream",
            body="data: " + json.dumps({**looking.page.request.get(f"{looking.origin}/v1/status").json(), "machine": None}) + "\n\n",
        ),
    )  # fmt: skip
    page = looking.open("running")
    expect(page.get_by_role("alert")).to_contain_text("Something went wrong on this page")
    expect(page.get_by_role("heading", name="Forest")).to_be_visible()
    expect(page.get_by_role("button", name="Check everything")).to_be_visible()
    assert any(text.startswith("TypeError") for text in looking.errors)
