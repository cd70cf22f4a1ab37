"""What stands around each page: the menu, and what is said of an address without a page."""

import pytest
from playwright.sync_api import expect

from tests.service.console.conftest import Looking

pytestmark = pytest.mark.slow

_PAGES = ("answer", "find", "answers", "quality", "map", "bring-in", "running")


@pytest.mark.parametrize("width", [390, 1280])
def test_the_menu_stays_where_it_is(looking: Looking, width: int) -> None:
    """Whichever page is shown no entry moves or grows; on a phone they are one row, in which the page that is shown is seen."""
    page = looking.open("answer")
    page.set_viewport_size({"width": width, "height": 844})
    page.reload()
    places = "[...document.querySelectorAll('.top nav a')].map(one => [one.offsetLeft, one.offsetWidth])"
    before = page.evaluate(places)
    for name in _PAGES:
        looking.open(name)
        current = page.locator(".top nav a[aria-current]")
        expect(current).to_have_attribute("href", f"#/{name}")
        assert page.evaluate(places) == before
        box = current.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    header = page.locator(".top").bounding_box()
    assert header is not None
    assert header["height"] < 100
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if width < 500:
        looking.picture("menu")


@pytest.mark.parametrize("address", ["nosuch", "constructor", "nosuch/1?q=a"])
def test_an_address_without_a_page_is_told(looking: Looking, address: str) -> None:
    """With a link to where one can go on; no entry of the menu is marked."""
    page = looking.open(address)
    expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()
    expect(page.locator("nav [aria-current]")).to_have_count(0)
    looking.picture("no-such-page")
    page.get_by_role("main").get_by_role("link", name="Answer a ticket").click()
    expect(page.get_by_label("What the customer wrote")).to_be_visible()
