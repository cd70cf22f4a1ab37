"""A reverse proxy as teams put one before their own Chroma: it asks for a token, and may fall silent."""

import contextlib
import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["Proxy"]


class Proxy:
    """Passes requests on to a server on loopback, and notes what it saw."""

    def __init__(self, port: int, *, require: tuple[str, str] | None = None, prefix: str = "") -> None:
        self.requests: list[str] = []
        """Method and path of each request."""
        self.largest = 0
        """Bytes of the largest body."""
        self.largest_answer = 0
        """Bytes of the largest answer's body."""
        self.refused = 0
        self.silent_for: str | None = None
        """A request whose path contains this is not answered until the proxy ends."""
        self._ended = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                outer.requests.append(f"{self.command} {self.path}")
                outer.largest = max(outer.largest, len(body))
                if outer.silent_for is not None and outer.silent_for in self.path:
                    outer._ended.wait()
                    self.close_connection = True
                    return
                if require is not None and self.headers.get(require[0]) != require[1]:
                    outer.refused += 1
                    self._answer(401, b"<h1>Unauthorized</h1>", "text/html")
                    return
                headers = {n: v for n, v in self.headers.items() if n.lower() not in ("host", "connection")}
                upstream = http.client.HTTPConnection("127.0.0.1", port)
                with contextlib.closing(upstream):
                    upstream.request(self.command, self.path.removeprefix(prefix), body, headers)
                    response = upstream.getresponse()
                    kind = response.getheader("content-type") or "application/json"
                    self._answer(response.status, response.read(), kind)

            do_GET = do_POST = do_PUT = do_DELETE = _pass_on  # noqa: N815 (named by the base class)

            def _answer(self, status: int, body: bytes, kind: str) -> None:
                outer.largest_answer = max(outer.largest_answer, len(body))
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}{prefix}"

    @contextlib.contextmanager
    def running(self) -> Iterator["Proxy"]:
        """Answer for as long as the ``with`` block lasts."""
        thread = threading.Thread(target=self._server.serve_forever)
        thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            self._server.shutdown()
            thread.join()
            self._server.server_close()
