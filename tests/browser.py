"""A real browser: Chromium without a window, and what it made of a page."""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

__all__ = ["NoBrowserError", "Visit", "chromium", "visit"]

# The first is made to be without a window, and needs two thirds of the others' time.
_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
_PATIENCE = 120.0


class NoBrowserError(RuntimeError):
    """There is none on this machine."""


class Visit:
    """A page as it was after its scripts had run, and every address that it asked for."""

    def __init__(self, dom: str, requests: list[str]) -> None:
        self.dom = dom
        self.requests = requests


def chromium() -> str:
    """Return the path of the program.

    :raises NoBrowserError: there is none.
    """
    program = next((found for found in map(shutil.which, _NAMES) if found), None)
    if program is None:
        msg = "install Debian's chromium-headless-shell"
        raise NoBrowserError(msg)
    return program


def visit(address: str, *, names: dict[str, str] | None = None, milliseconds: int = 15_000) -> Visit:
    """Open an address and return what became of it.

    :param names: host names, and the addresses that they are made to point to; beside loopback's no others are found.
    :param milliseconds: of the page's own clock, which stands still while it waits for an answer.
    """
    program = chromium()
    points = {**(names or {}), "127.0.0.1": "127.0.0.1", "localhost": "127.0.0.1", "*": "^NOTFOUND"}
    rules = ", ".join(f"MAP {name} {target}" for name, target in points.items())
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as folder:
        log = Path(folder) / "net.json"
        ended = subprocess.run(
            [
                program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage",
                "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
                f"--user-data-dir={folder}/profile", f"--host-resolver-rules={rules}", f"--log-net-log={log}",
                f"--virtual-time-budget={milliseconds}", "--dump-dom", address,
            ],
            capture_output=True, text=True, timeout=_PATIENCE, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        return Visit(ended.stdout, _asked_for(log))


def _asked_for(log: Path) -> list[str]:
    content = log.read_text().rstrip().rstrip(",")
    try:
        found = json.loads(content)
    except json.JSONDecodeError:  # the browser ended before it had closed the list
        found = json.loads(content + "]}")
    kind = found["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    # What the browser asks for itself, such as the time, has no page that began it.
    asked = [
        event["params"]["url"]
        for event in found["events"]
        if event["type"] == kind
        and event.get("params", {}).get("initiator", "not an origin") != "not an origin"
    ]
    return list(dict.fromkeys(asked))
