"""A receiver of webhooks and a stand-in for Slack's API, on loopback, failing on demand."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["Receiver", "Request", "receiving"]


@dataclass(slots=True)
class Request:
    """A request that came; ``acknowledged`` when it was answered with success."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float
    acknowledged: bool = False

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


@dataclass(slots=True)
class Receiver:
    """What came, and how the next requests are answered."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """For the next requests, one each, before any is acknowledged: a status, ``close``, ``delay`` or ``redirect``."""
    hold: threading.Event = field(default_factory=threading.Event)
    """Ends all delays."""

    def of(self, path: str) -> list[Request]:
        """Return the requests at a path."""
        return [request for request in self.requests if request.path == path]

    def acknowledged(self, path: str) -> list[Request]:
        """Return those of them that were answered with success."""
        return [request for request in self.of(path) if request.acknowledged]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a receiver while the block runs."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.path, headers, body, time.time())
            receiver.requests.append(request)
            fault = receiver.faults.pop(0) if receiver.faults else "200"
            if fault == "close":
                self.close_connection = True
                return
            if fault == "delay":
                receiver.hold.wait(30)
                self.close_connection = True
                return
            answer = b"ok"
            if self.path.startswith("/api/"):
                said = {"ok": fault == "200", "channel": "C1", "ts": str(len(receiver.requests))}
                answer = json.dumps(
                    said | ({} if fault == "200" else {"error": "message_not_found"})
                ).encode()
            redirects, waits = fault == "redirect", fault == "429"
            request.acknowledged = fault == "200"
            self.send_response({"redirect": 302, "gone from slack": 200}.get(fault) or int(fault))
            if redirects:
                self.send_header("Location", f"{receiver.url}/elsewhere")
            if waits:
                self.send_header("Retry-After", "1")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the library's name)
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.hold.set()
        server.shutdown()
        thread.join()
        server.server_close()
