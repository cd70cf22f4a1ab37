"""The console by keyboard alone, and what axe-core finds on its pages."""

import json

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page, expect

from tests.service.console.conftest import EXAMPLE, Looking

pytestmark = pytest.mark.slow

_OF_COLOURS = ["color-contrast", "link-in-text-block"]
"""The rules that a colour scheme can break."""


def test_the_keyboard_is_enough(looking: Looking) -> None:
    """From the first key to a stored opinion: every control is reached by Tab, and is seen to have the focus."""
    page = looking.open()
    expect(page.get_by_role("button", name=EXAMPLE)).to_be_visible()

    def reach(name: str, most: int = 60) -> None:
        for _ in range(most):
            page.keyboard.press("Tab")
            if (
                page.evaluate(
                    "document.activeElement.textContent || document.activeElement.labels?.[0]?.textContent"
                )
                == name
            ):
                style = "getComputedStyle(document.activeElement)"
                assert page.evaluate(f"{style}.outlineStyle") != "none", f"{name} has the focus unseen"
                return
        pytest.fail(f"{name!r} is not reached by Tab")

    reach("Skip to the content")
    page.keyboard.press("Enter")
    reach("Subject (optional)")
    page.keyboard.type("Locked out")
    reach("What the customer wrote")
    page.keyboard.type("All requests return 401 since we rotated the key.")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Done in")).to_be_visible()
    reach("Accept")
    page.keyboard.press("Enter")
    expect(page.get_by_text("You accepted the reply.")).to_be_visible()
    page.reload()
    reach("Find")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Find resolved tickets")).to_be_focused()
    reach("Search by meaning")
    page.keyboard.type("invoice")
    page.keyboard.press("Enter")
    expect(page.get_by_role("article").first).to_be_visible()


def test_a_reply_is_copied(looking: Looking) -> None:
    """By the button, and by one key."""
    page = looking.answered()
    page.get_by_role("button", name="Copy reply").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    # The small numbers of the precedents are not the customer's.
    shown = page.locator(".reply-text").evaluate(
        "node => { const copy = node.cloneNode(true); copy.querySelectorAll('sup').forEach(one => one.remove()); return copy.textContent; }"
    )
    assert page.evaluate("navigator.clipboard.readText()") == shown
    page.evaluate("navigator.clipboard.writeText('')")
    expect(page.get_by_role("button", name="Copy reply")).to_be_visible()
    page.keyboard.press("Alt+c")
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == shown


def test_axe_finds_nothing(looking: Looking) -> None:
    """On no page, in neither scheme, before and after an answer."""
    looking.answered()
    looking.page.get_by_text("Tickets that decided this").first.click()
    looking.page.get_by_role("button", name="Edit").click()
    assert_accessible(looking.page)
    looking.page.get_by_role("button", name="Reject").click()
    assert_accessible(looking.page)
    looking.page.get_by_role("link", name="Link to this answer").click()
    expect(looking.page.get_by_text("How it was made")).to_be_visible()
    assert_accessible(looking.page)
    for route, shown in (
        ("find?q=invoice&tag=billing", "most alike"),
        ("find", "so far"),
        ("ticket/1008", "What resolved it"),
        ("answers", "the newest first"),
        ("quality", "How well"),
        ("later?label=high&said=urgent", "tickets."),
        ("map", "What to write down next"),
        ("bring-in", "Or paste tickets"),
        ("running", "It works"),
    ):
        looking.open(route)
        # The first look at the map has it made.
        expect(looking.page.get_by_text(shown).first).to_be_visible(timeout=120_000)
        assert_accessible(looking.page)
    looking.expected.append("Failed to load resource")
    looking.open("ticket/nobody")
    expect(looking.page.get_by_role("alert")).to_be_visible()
    assert_accessible(looking.page)


def assert_accessible(page: Page) -> None:
    """See that axe-core finds nothing on the page as it is, and nothing in its colours in the dark."""
    _assert_nothing_found(page)
    page.emulate_media(color_scheme="dark")
    assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    _assert_nothing_found(page, _OF_COLOURS)
    page.emulate_media(color_scheme="light")


def _assert_nothing_found(page: Page, rules: list[str] | None = None) -> None:
    # Once a document: the script is large.
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    # Of what is well one example each is enough: all of them, on a page of many rows, take longer to tell than to find.
    options = {"resultTypes": ["violations"]} | ({"runOnly": rules} if rules else {})
    found = page.evaluate("options => axe.run(document, options)", options)
    assert found["passes"], "no rule was looked at"
    assert not found["violations"], json.dumps(
        [
            {
                "rule": one["id"],
                "where": [node["target"] for node in one["nodes"]],
                "how": one["nodes"][0]["failureSummary"],
            }
            for one in found["violations"]
        ],
        indent=1,
    )
