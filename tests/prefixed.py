"""A proxy that serves a service under a path, as one in front of several does."""

import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["prefixed"]


@contextmanager
def prefixed(url: str, prefix: str, *, added: dict[str, bytes] | None = None) -> Iterator[str]:
    """Serve what is at the address under a path; yield that path's address.

    :param added: what is put behind the content of files, by their names.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not self.path.startswith(prefix + "/"):
                self.send_error(404)
                return
            length = int(self.headers.get("Content-Length", 0))
            request = urllib.request.Request(
                url + self.path.removeprefix(prefix),
                data=self.rfile.read(length) if length else None,
                headers={n: v for n in ("Accept", "Content-Type") if (v := self.headers.get(n))},
                method=self.command,
            )
            with urllib.request.urlopen(request, timeout=60) as answer:
                body = answer.read() + (added or {}).get(self.path.rpartition("/")[2], b"")
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.headers["Content-Type"])
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 (as the base class calls it)

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
