"""The documentation, as a browser shows it."""

import re

import pytest

from tests.browser import NoBrowserError, Visit, visit
from tests.prefixed import prefixed
from tests.service.running import Service

_TRY = b"""
(async () => {
  for (const step of [".opblock-summary-control", ".try-out__btn", ".execute"]) {
    let found;
    while (!(found = document.querySelector("#operations-operations-live " + step)))
      await new Promise(done => setTimeout(done, 50));
    found.click();
  }
})();
"""
"""Clicks that a person would make to try an operation out."""


def seen(address: str) -> Visit:
    """Look at a page, if there is a browser."""
    try:
        return visit(address)
    except NoBrowserError as error:
        pytest.skip(f"not seen in a browser: {error}")


def assert_shows_every_operation(page: Visit, service: Service, origin: str) -> None:
    """See that the page has each operation, and that nothing but the origin was asked for anything."""
    document = service.http.get("/docs/openapi.json").json()
    operations = {
        operation["operationId"] for methods in document["paths"].values() for operation in methods.values()
    }
    assert len(operations) > 10
    shown = set(re.findall(r'id="operations-(?!tag-)\w+?-(\w+)"', page.dom))
    assert shown == operations, page.dom[:2000]
    assert "Unable to render" not in page.dom
    assert f"{origin}/docs/openapi.json" in page.requests
    others = [address for address in page.requests if not address.startswith((origin, "data:"))]
    assert not others


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/docs", "/docs/"])
def test_a_browser_shows_the_documentation(service: Service, path: str) -> None:
    """Every operation is there, and no other host is asked for anything."""
    assert_shows_every_operation(seen(service.url + path), service, service.url)


@pytest.mark.slow
def test_the_documentation_works_under_any_path(service: Service) -> None:
    """Behind a proxy that serves several services; what is tried out goes through it too."""
    with prefixed(service.url, "/support/precedent", added={"start.js": _TRY}) as address:
        page = seen(f"{address}/docs")
        assert_shows_every_operation(page, service, address)
        assert f"{address}/health/live" in page.requests
