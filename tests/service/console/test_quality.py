"""The page How good is it?, in a real browser."""

import pytest
from playwright.sync_api import expect

from tests.service.console.conftest import Looking
from tests.service.running import Service

pytestmark = pytest.mark.slow


def test_labels_have_one_order_everywhere(looking: Looking, sample_service: Service) -> None:
    """From least to most urgent: in the matrix, in the legend of the map, and where one is chosen."""
    order = ["low", "medium", "high", "urgent"]
    state = sample_service.status()
    assert state["forest"]["labels"] == order
    component = state["forests"]["component"]
    counts = component["report"]["labels"]
    assert [counts[name] for name in component["labels"]] == sorted(counts.values(), reverse=True)
    page = looking.open("quality")
    expect(page.locator(".heat tbody th")).to_have_text(order)
    expect(page.locator(".heat thead tr").nth(1).locator("th").filter(has_not_text="Label")).to_have_text(
        order
    )
    learned = page.locator("section").filter(has_text="What it learned from").get_by_role("rowheader")
    expect(learned).to_have_text(order)
    looking.open("map")
    legend = page.locator(".legend")
    expect(legend).to_be_visible(timeout=120_000)
    assert [text.split()[0] for text in legend.get_by_role("listitem").all_inner_texts()][:4] == order
    found = sample_service.http.get("/v1/map").json()
    for label in order:
        count = found["label"].count(found["labels"].index(label))
        expect(legend.get_by_role("listitem").filter(has_text=label)).to_contain_text(f" {count}")
    looking.answered()
    expect(page.get_by_label("The right label").locator("option")).to_have_text(order)


def test_how_good_it_is_is_told_in_plain_words(looking: Looking, sample_service: Service) -> None:
    """The figures are those of the forest that serves."""
    report = sample_service.status()["forest"]["report"]
    page = looking.open("quality")
    expect(page.get_by_text(f"{report['later_tickets']} later tickets").first).to_be_visible()
    row = page.get_by_role("row").filter(has_text="Always the commonest label")
    expect(row).to_contain_text(f"{report['majority_macro_f1']:.2f}")
    expect(page.locator(".figure").first).to_contain_text(f"{report['abstention']['coverage']:.0%}")
    bins = report["calibration"]["reliability"]
    assert sum(found["tickets"] for found in bins) == report["calibration"]["tickets"]
    rows = page.locator("section").filter(has_text="Whether its probabilities hold").get_by_role("row")
    expect(rows).to_have_count(len(bins) + 1)
    expect(page.get_by_text("component").first).to_be_visible()
    # Which of two figures to believe stands beside both.
    expect(page.get_by_text("believe the back-test")).to_have_count(2)
    looking.picture("quality")


def test_the_slider_says_at_once_what_a_budget_would_decide(
    looking: Looking, sample_service: Service
) -> None:
    """By keyboard, without a request; it begins with the budget in force, which a button brings back."""
    found = sample_service.http.get("/v1/forest").json()
    page = looking.open("quality")
    slider = page.get_by_label("Share of wrong labels that you would accept")
    expect(page.locator("output")).to_have_text(f"{found['max_error']:.0%}, in force")
    for drawn in (".decided", ".mistakes"):
        expect(page.locator(f".curve {drawn}")).to_be_visible()
    page.wait_for_load_state("networkidle")
    asked = len(looking.requests)
    slider.focus()
    for key, budget in (("Home", found["budgets"][0]), ("End", found["budgets"][-1])):
        page.keyboard.press(key)
        expect(page.locator("output")).to_have_text(f"{budget['max_error']:.0%}")
        said = page.locator(".budget-said")
        expect(said.locator(".figure")).to_contain_text(f"{budget['automatic'] / found['later_tickets']:.0%}")
        expect(said).to_contain_text(
            f"{budget['automatic']} of {found['later_tickets']} later tickets would"
            if budget["automatic"]
            else "Every label goes to a person"
        )
        expect(said).to_contain_text(f"PRECEDENT_MAX_ERROR={budget['max_error']:g} ")
    page.get_by_role("button", name="Back to").click()
    expect(page.locator("output")).to_contain_text("in force")
    assert len(looking.requests) == asked
    page.get_by_role("navigation", name="Decided fields").get_by_role("link", name="component").click()
    other = sample_service.http.get("/v1/forest", params={"field": "component"}).json()
    expect(page.get_by_text(f"counted on {other['later_tickets']} later tickets")).to_be_visible()
    slider.focus()
    page.keyboard.press("Home")
    expect(page.locator(".budget-said")).to_contain_text("PRECEDENT_FIELD_MAX_ERROR=component=0.01 ")


def test_a_confusion_opens_its_tickets(looking: Looking, sample_service: Service) -> None:
    """A cell of the heat map leads to as many tickets as it counts."""
    found = sample_service.http.get("/v1/forest").json()
    labels = found["labels"]
    high, urgent = labels.index("high"), labels.index("urgent")
    count = found["confusions"][high][urgent]
    assert count
    page = looking.open("quality")
    page.get_by_role("link", name=f"{count} tickets with high that were predicted as urgent").click()
    expect(page.get_by_role("heading", name="Later tickets that it was tested on")).to_be_focused()
    expect(page.get_by_text(f"{count} tickets.")).to_be_visible()
    expect(page.get_by_role("listitem")).to_have_count(count)
    looking.picture("later")
    page.get_by_role("listitem").first.get_by_role("link").click()
    expect(page.get_by_role("heading", name="What resolved it")).to_be_visible()


def test_the_back_test_is_run_from_the_page_and_can_be_stopped(looking: Looking) -> None:
    """It begins as a job, says what it does, and ends when it is told to."""
    page = looking.open("quality")
    page.get_by_role("button", name="Run the back-test").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.get_by_role("button", name="Run the back-test")).to_be_disabled()
    # Who comes back finds it where it is.
    page.reload()
    expect(page.get_by_role("progressbar")).to_be_visible()
    page.get_by_role("button", name="Stop it").click()
    expect(page.get_by_text("It was stopped")).to_be_visible(timeout=60_000)
    expect(page.get_by_role("button", name="Run the back-test")).to_be_enabled()


def test_contradictory_labels_are_found_and_mended(looking: Looking, sample_service: Service) -> None:
    """Two tickets that say the same with two priorities: one button makes them agree, and changes nothing else."""
    ticket = {
        "subject": "<img src=x onerror=alert(1)> The barcode scanner beeps twice",
        "body": "It beeps, and the field stays empty.\n\n- twice",
        "resolution": "- Clean the lens.\n- Scan the reset sheet.",
        "thread": [{"author": "agent", "at": "2026-03-01T10:00:00Z", "text": "Clean the lens."}],
        "created_at": "2026-03-01T09:00:00Z",
        "updated_at": "2026-03-02T09:00:00Z",
        "tags": ["scanner"],
        "fields": {"component": "devices"},
    }
    for name, priority in (("scan/1", "low"), ("scan/2", "high")):
        sample_service.http.put(f"/v1/tickets/{name}", json={**ticket, "priority": priority})
    before = sample_service.http.get("/v1/tickets/scan/1").json()
    page = looking.open("quality")
    page.get_by_role("button", name="Look for contradictions").click()
    rows = page.locator(".rows > li")
    expect(rows).to_have_count(1, timeout=120_000)
    expect(rows.get_by_role("link", name="The barcode scanner beeps twice")).to_have_count(2)
    expect(rows.locator("img")).to_have_count(0)
    looking.picture("contradictions")
    rows.get_by_role("button", name="Make scan/1 high").click()
    expect(rows).to_contain_text("They agree")
    assert sample_service.http.get("/v1/tickets/scan/1").json() == {**before, "priority": "high"}
    for name in ("scan/1", "scan/2"):
        sample_service.http.delete(f"/v1/tickets/{name}")
    looking.expected.append("Failed to load resource: the server responded with a status of 404")
    page.reload()
    expect(rows).to_contain_text("is not stored any more")
