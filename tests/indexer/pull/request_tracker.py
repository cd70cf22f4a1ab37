"""A real Request Tracker 5, from Debian's packages: its own database on SQLite, its own server on loopback."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.free_port import free_port

__all__ = ["MISSING", "RequestTracker", "running_rt"]

_SERVER = Path("/usr/share/request-tracker5/libexec/rt-server")
_SETUP = shutil.which("rt-setup-database-5") or "/usr/sbin/rt-setup-database-5"
_PATIENCE = 60.0

MISSING = not (_SERVER.is_file() and Path(_SETUP).is_file())
"""Whether RT is not installed."""

# The password is checked at each request: the usual cost of 12 takes a quarter of a second each time.
_CONFIG = """
Set($rtname, 'precedent');
Set($Organization, 'precedent.example');
Set($DatabaseType, 'SQLite');
Set($DatabaseName, '{folder}/rt.sqlite');
Set($WebDomain, '127.0.0.1');
Set($WebPort, {port});
Set($MailCommand, 'testfile');
Set($LogToSyslog, undef);
Set($LogToSTDERR, 'error');
Set(%GnuPG, Enable => 0);
Set(%SMIME, Enable => 0);
Set($WebSessionClass, 'Apache::Session::File');
Set($BcryptCost, 4);
Set($MasonDataDir, '{folder}/mason');
Set($MasonSessionDir, '{folder}/session');
1;
"""


class RequestTracker:
    """A running RT, used through its REST 2 interface as root, with its first password."""

    token = "root:password"

    def __init__(self, port: int) -> None:
        self.port = port
        self._http = httpx.Client(
            base_url=f"http://127.0.0.1:{port}/REST/2.0", auth=("root", "password"), timeout=_PATIENCE
        )

    def is_up(self) -> bool:
        """Tell whether it answers."""
        try:
            return self._http.get("/rt").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def open_ticket(self, subject: str, content: str, requestor: str = "customer@example.com") -> int:
        """Make a ticket as a customer's mail would, and return its number."""
        made = self._post(
            "/ticket", Queue="General", Subject=subject, Content=content, ContentType="text/plain", Requestor=requestor
        )  # fmt: skip
        return int(made["id"])

    def answer(self, ticket: int, content: str) -> None:
        """Answer the customer."""
        self._post(f"/ticket/{ticket}/correspond", Content=content, ContentType="text/plain")

    def comment(self, ticket: int, content: str) -> None:
        """Write what only the staff sees."""
        self._post(f"/ticket/{ticket}/comment", Content=content, ContentType="text/plain")

    def resolve(self, ticket: int) -> None:
        """Set the ticket resolved."""
        self._http.put(f"/ticket/{ticket}", json={"Status": "resolved"}).raise_for_status()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _post(self, path: str, **body: Any) -> Any:
        answer = self._http.post(path, json=body)
        assert answer.is_success, answer.text
        return answer.json()


@contextmanager
def running_rt(folder: Path) -> Iterator[RequestTracker]:
    """Set up an RT in the folder and serve it while the block runs."""
    port = free_port()
    for name in ("mason", "session", "conf.d"):
        (folder / name).mkdir()
    (folder / "RT_SiteConfig.pm").write_text(_CONFIG.format(folder=folder, port=port))
    environment = os.environ | {
        "RT_SITE_CONFIG": str(folder / "RT_SiteConfig.pm"),
        "RT_SITE_CONFIG_DIR": str(folder / "conf.d"),
    }
    setup = subprocess.run(
        [_SETUP, "--action", "init", "--skip-create"],
        check=False,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert setup.returncode == 0, setup.stdout + setup.stderr
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [_SERVER, "--port", str(port), "--host", "127.0.0.1"],
            env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    tracker = RequestTracker(port)
    try:
        deadline = time.monotonic() + _PATIENCE
        while not tracker.is_up():
            assert server.poll() is None, (folder / "server.log").read_text()
            assert time.monotonic() < deadline, (folder / "server.log").read_text()
            time.sleep(0.1)
        yield tracker
    finally:
        tracker.close()
        os.killpg(server.pid, 9)
        server.wait()
