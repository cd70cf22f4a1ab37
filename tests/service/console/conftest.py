"""A service with the bundled sample, and a browser that looks at it."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser import NoBrowserError, chromium
from tests.indexer.making import make_ticket
from tests.provider import Provider
from tests.provider.chat import structured
from tests.service.running import NEVER, Service, running_service

__all__ = ["EXAMPLE", "Looking", "few_tickets"]

EXAMPLE = "401 after a key rotation"
"""The question that most tests ask."""

_WIDTHS = (390, 1280, 1920)


class Looking:
    """A page of the console, what it asked for, and what went wrong on it."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page = page
        self.origin = origin
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.expected: list[str] = []
        """Beginnings of errors that a test brings about, such as a 503."""
        page.set_default_timeout(30_000)
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on(
            "console",
            lambda said: self.errors.append(said.text) if said.type in ("error", "warning") else None,
        )

    def open(self, route: str = "") -> Page:
        """Go to a route of the console, such as ``find?tag=billing``."""
        self.page.goto(f"{self.origin}/#/{route}" if route else f"{self.origin}/")
        return self.page

    def answered(self, example: str = EXAMPLE) -> Page:
        """Ask one of the examples, and wait for the whole answer."""
        self.open("answer").get_by_role("button", name=example).click()
        expect(self.page.get_by_text("Done in")).to_be_visible()
        return self.page

    def picture(self, name: str) -> None:
        """Take the page's picture in each width and colour scheme, when ``SCREENSHOTS`` names a folder."""
        folder = os.environ.get("SCREENSHOTS")
        if not folder:
            return
        for scheme in ("light", "dark"):
            self.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            for width in _WIDTHS:
                self.page.set_viewport_size({"width": width, "height": 900})
                path = Path(folder) / f"{name}-{width}-{scheme}.png"
                self.page.screenshot(path=path, full_page=True)

    def assert_well(self) -> None:
        """See that nothing went wrong, and that only the service was asked."""
        elsewhere = [url for url in self.requests if not url.startswith(f"{self.origin}/")]
        assert not elsewhere
        unexpected = [text for text in self.errors if not text.startswith(tuple(self.expected))]
        assert not unexpected


_REPLY = structured(
    ("Run `ferry restart --service orders --all`, so that the running instances load the new key.", ["1008"]),
    ("For the next rotation keep the 24-hour overlap.", ["1008"]),
    ("Restart before the old key is revoked.", ["1008"]),
)
"""What the model writes."""


@pytest.fixture(scope="package")
def sample_service(
    tmp_path_factory: pytest.TempPathFactory, indexed_sample: Path, _provider_process: Provider
) -> Iterator[Service]:
    """A service with the sample, whose replies the stand-in writes."""
    data_dir = tmp_path_factory.mktemp("console") / "data"
    shutil.copytree(indexed_sample, data_dir)
    # The embedded model, so that what is shown is like what it is asked for.
    with running_service(
        data_dir, _provider_process, intervals=NEVER, embedder="local", decide="priority,component"
    ) as service:
        yield service


@contextlib.contextmanager
def few_tickets(data_dir: Path, fitted: Path, provider: Provider) -> Iterator[Service]:
    """Run a service with few tickets, which is soon there."""
    shutil.copytree(fitted, data_dir)
    with running_service(data_dir, provider, intervals=NEVER) as service:
        service.store([make_ticket(number, source="sample") for number in range(20)])
        yield service


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    try:
        program = chromium()
    except NoBrowserError as error:
        pytest.skip(f"not seen in a browser: {error}")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])


@pytest.fixture
def looking(browser: Browser, sample_service: Service, provider: Provider) -> Iterator[Looking]:
    """The console of the service with the sample."""
    provider.configure(reply=_REPLY)
    with browser.new_context(permissions=["clipboard-read", "clipboard-write"]) as context:
        found = Looking(context.new_page(), sample_service.url)
        yield found
        found.assert_well()
