"""What a browser is shown."""

import re
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urljoin

import pytest

from tests.browser import NoBrowserError, Visit, visit
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


@contextmanager
def prefixed(service: Service, prefix: str) -> Iterator[str]:
    """Serve the service under a path, as a proxy in front of several does; yield that path's address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not self.path.startswith(prefix + "/"):
                self.send_error(404)
                return
            address = service.url + self.path.removeprefix(prefix)
            with urllib.request.urlopen(address, timeout=60) as answer:
                body = answer.read()
                if self.path.endswith("start.js"):
                    body += _TRY
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.headers["Content-Type"])
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{prefix}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


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
    with prefixed(service, "/support/precedent") as address:
        page = seen(f"{address}/docs")
        assert_shows_every_operation(page, service, address)
        assert f"{address}/health/live" in page.requests


def test_the_front_page_leads_to_the_others(service: Service) -> None:
    """Its links are relative, and each is there."""
    front = service.http.get("/")
    assert "text/html" in front.headers["content-type"]
    links = re.findall(r'href="([^"]+)"', front.text)
    assert {"docs", "v1/status", "health/ready", "metrics"} <= set(links)
    for link in links:
        assert not link.startswith("/")
        assert service.http.get(urljoin(service.url + "/", link)).status_code == 200
