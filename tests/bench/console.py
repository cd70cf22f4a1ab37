"""How fast the console is with many tickets: ``python -m tests.bench console --tickets 100000 --folder FOLDER``.

Times are those of the browser, from the key or click until what it brings is drawn. The folder is filled once, with generated
tickets, and kept.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

from tests.bench.million import fill, text_of
from tests.bench.world import MODEL, make_settings
from tests.browser import chromium
from tests.service.running import Service, running_service

__all__ = ["main"]

_ROUNDS = 15
_PATIENCE = 7_200.0
_DRAWN = """async ([act, there]) => {
    const begun = performance.now();
    new Function(act)();
    const drawn = new Function(`return ${there}`);
    while (!drawn()) await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);
    return performance.now() - begun;
}"""
_PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


def main(arguments: Sequence[str]) -> None:
    """Fill the folder where that is needed, and print a table of what was measured."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench console", description=__doc__)
    parser.add_argument("--tickets", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, required=True, help="made if it is not there, and kept")
    given = parser.parse_args(arguments)
    folder: Path = given.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "data").exists():
        fill(folder, given.tickets)
    settings = make_settings(folder / "data")
    with running_service(
        folder / "data", api_base=settings.api_base, embedding_model=MODEL, embedder="hosted"
    ) as service:
        tickets = _wait(service)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
            # Trusted types, which the console asks for, would refuse this file's own functions.
            page = browser.new_context(bypass_csp=True).new_page()
            print("\n".join(_measured(page, service, tickets)), flush=True)
            browser.close()


def _wait(service: Service) -> int:
    """Wait for forest and map, and return how many tickets there are."""
    until = time.monotonic() + _PATIENCE
    for ready in (
        lambda: service.status()["forest"]["report"],
        lambda: service.http.get("/v1/map").status_code == 200,
    ):
        while not ready():
            assert time.monotonic() < until, service.log
            time.sleep(1)
    return int(service.status()["index"]["tickets"])


def _measured(page: Page, service: Service, tickets: int) -> list[str]:
    def times(act: Callable[[int], str], there: Callable[[int], str], before: str) -> list[float]:
        found = []
        for number in range(_ROUNDS):
            page.evaluate(
                _DRAWN, [f"location.hash = {before!r}", f"document.querySelector({_PLACE[before]!r})"]
            )
            found.append(float(page.evaluate(_DRAWN, [act(number), there(number)])))
        return found

    paints = []
    for _ in range(_ROUNDS):
        page.goto(f"{service.url}/#/answer")
        page.wait_for_selector("textarea")
        paints.append(float(page.evaluate(_PAINT)))
        page.goto("about:blank")
    page.goto(f"{service.url}/#/answer")
    page.wait_for_selector("textarea")
    files = Path("service/console").iterdir()
    size = sum(path.stat().st_size for path in files if path.suffix in {".js", ".css"})
    searches = times(
        # The text is stored, so its vector comes from the ledger: no embedding in what is measured.
        lambda number: (
            f"location.hash = '#/find?' + new URLSearchParams({{q: {text_of(number * tickets // _ROUNDS)!r}}})"
        ),
        lambda _: "document.querySelectorAll('article').length >= 20",
        "#/answer",
    )
    maps = times(
        lambda _: "location.hash = '#/map'",
        lambda _: "document.querySelector('.plan canvas')?.width > 300 && document.querySelector('.rows li')",
        "#/answer",
    )
    moves = times(
        lambda number: (
            f"const one = document.querySelector('#budget'); one.value = {2 * number + 1}; one.dispatchEvent(new Event('input'))"
        ),
        lambda number: f"document.querySelector('output').textContent.startsWith('{2 * number + 2}%')",
        "#/quality",
    )
    return [
        f"| {tickets:,} tickets | median | longest | at most |",
        "|---|---|---|---|",
        *(
            f"| {name} | {np.median(found):,.0f} ms | {max(found):,.0f} ms | {most} ms |"
            for name, found, most in (
                ("first paint", paints, 300),
                ("search", searches, 200),
                ("map", maps, 200),
                ("slider", moves, 200),
            )
        ),
        f"| script and style | {size / 1_000:,.0f} KB | | 250 KB |",
    ]


_PLACE = {"#/answer": "textarea", "#/quality": "#budget"}
"""What shows that a page is there."""
