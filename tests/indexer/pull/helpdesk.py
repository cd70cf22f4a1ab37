"""A stand-in for hosted helpdesks: their documented paths, paging and limits, on loopback, failing on demand."""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

__all__ = ["Helpdesk", "running"]

_START = datetime(2025, 1, 1, tzinfo=UTC)


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class Helpdesk:
    """Tickets of an invented team, and how the next requests are answered."""

    def __init__(self, count: int) -> None:
        self.changed = {number: _START + timedelta(minutes=number // 3) for number in range(1, count + 1)}
        """When each ticket was last changed; several share a moment."""
        self.requests: list[tuple[float, str]] = []
        """When each request came, and its path."""
        self.faults: list[tuple[int, dict[str, str]]] = []
        """Statuses and headers with which the next requests are answered, before any is answered rightly."""
        self.break_after: int | None = None
        """Requests after which the connection is cut in the middle of an answer, once."""
        self.refuse_after: int | None = None
        """Requests after which every one is answered with 403."""
        self.authorization = ""
        self.port = 0

    def text(self, number: int) -> str:
        """Return what the customer of a ticket wrote."""
        return f"the export of report {number} stops at row {number * 7}"

    def reply(self, number: int) -> str:
        """Return what the agent answered."""
        return f"Report {number} was too large: raise export.max_rows to {number * 10} and start it again."

    def touch(self, number: int) -> None:
        """Change a ticket now."""
        self.changed[number] = datetime.now(UTC)

    def answer(self, path: str, query: dict[str, str]) -> Any:
        """Return the JSON that a path answers, ``None`` where there is no such path."""
        parts = path.strip("/").split("/")
        first = query.get("page", "1") == "1"
        answers: dict[str, Callable[[], Any]] = {
            "api v2 incremental tickets cursor.json": lambda: self._zendesk(query),
            "api v2 tickets * comments.json": lambda: self._zendesk_comments(int(parts[3])),
            "rest api 3 search jql": lambda: self._jira(query),
            "api v2 tickets": lambda: [self._freshdesk(n) for n in self._page(query["updated_since"], query)],
            "api v2 tickets * conversations": lambda: self._conversations(int(parts[3])) if first else [],
            "repos acme tool issues": lambda: [self._github(n) for n in self._page(query["since"], query)],
            "repos acme tool issues * comments": lambda: (
                self._github_comments(int(parts[4])) if first else []
            ),
        }
        found = answers.get(
            " ".join(part if place <= 2 or not part.isdecimal() else "*" for place, part in enumerate(parts))
        )
        return None if found is None else found()

    def _page(self, since: str, query: dict[str, str]) -> list[int]:
        size, page = int(query["per_page"]), int(query["page"])
        order = sorted(self.changed, key=lambda number: (self.changed[number], number))
        later = [number for number in order if _iso(self.changed[number]) >= since]
        return later[(page - 1) * size : page * size]

    def _zendesk(self, query: dict[str, str]) -> Any:
        order = sorted(self.changed, key=lambda number: (self.changed[number], number))
        # The vendor's cursors are base64 of a time and an id.
        seen = base64.b64decode(query["cursor"]).decode() if "cursor" in query else ""
        rest = [n for n in order if f"{_iso(self.changed[n])} {n:09}" > seen]
        page = rest[: int(query["per_page"])]
        last = f"{_iso(self.changed[page[-1]])} {page[-1]:09}" if page else seen
        return {
            "tickets": [
                {
                    "id": n, "subject": f"Report {n}", "description": self.text(n), "status": "solved",
                    "priority": "high" if n % 2 else "low", "created_at": _iso(_START), "requester_id": 2,
                    "updated_at": _iso(self.changed[n]), "assignee_id": 1, "tags": ["export"],
                }
                for n in page
            ],
            "users": [{"id": 1, "role": "agent"}, {"id": 2, "role": "end-user"}],
            "after_cursor": base64.b64encode(last.encode()).decode(),
            "end_of_stream": len(rest) <= len(page),
        }  # fmt: skip

    def _zendesk_comments(self, number: int) -> dict[str, Any]:
        later = _iso(_START + timedelta(seconds=30))
        comments = [
            {"author_id": 2, "created_at": _iso(_START), "public": True, "plain_body": self.text(number)},
            {"author_id": 1, "created_at": later, "public": True, "plain_body": self.reply(number)},
        ]
        return {"comments": comments, "meta": {"has_more": False}}

    def _jira(self, query: dict[str, str]) -> Any:
        first, size = int(query.get("nextPageToken", "0")), int(query["maxResults"])
        since = (
            query["jql"].partition('updated >= "')[2].partition('"')[0].replace("/", "-").replace(" ", "T")
        )
        numbers = [n for n in sorted(self.changed) if _iso(self.changed[n]) >= since]
        page = numbers[first : first + size]
        more = first + size < len(numbers)
        agent, customer = {"accountId": "a1"}, {"accountId": "c1"}
        return {
            "issues": [
                {
                    "key": f"REP-{n}",
                    "fields": {
                        "summary": f"Report {n}", "description": self.text(n), "priority": {"name": "High"},
                        "status": {"name": "Done", "statusCategory": {"key": "done"}},
                        "resolution": {"name": "Done"}, "created": _iso(_START), "updated": _iso(self.changed[n]),
                        "resolutiondate": _iso(_START + timedelta(minutes=1)), "assignee": agent,
                        "reporter": customer, "labels": ["export"],
                        "comment": {"total": 1, "comments": [
                            {"author": agent, "created": _iso(_START + timedelta(seconds=30)), "body": self.reply(n)}
                        ]},
                    },
                }
                for n in page
            ],
            "isLast": not more,
        } | ({"nextPageToken": str(first + size)} if more else {})  # fmt: skip

    def _freshdesk(self, number: int) -> dict[str, Any]:
        return {
            "id": number, "subject": f"Report {number}", "description": f"<p>{self.text(number)}</p>",
            "description_text": self.text(number), "status": 5, "priority": 3, "requester_id": 2,
            "created_at": _iso(_START), "updated_at": _iso(self.changed[number]), "tags": ["export"],
        }  # fmt: skip

    def _conversations(self, number: int) -> list[dict[str, Any]]:
        return [
            {"body_text": self.reply(number), "incoming": False, "private": False, "user_id": 1,
             "created_at": _iso(_START + timedelta(seconds=30))}
        ]  # fmt: skip

    def _github(self, number: int) -> dict[str, Any]:
        issue = {
            "number": number, "title": f"Report {number}", "body": self.text(number), "state": "closed",
            "state_reason": "completed", "html_url": f"https://github.com/acme/tool/issues/{number}",
            "user": {"login": "customer"}, "author_association": "NONE", "labels": [{"name": "export"}],
            "created_at": _iso(_START), "updated_at": _iso(self.changed[number]),
            "closed_at": _iso(_START + timedelta(minutes=1)), "comments": 1,
        }  # fmt: skip
        return issue | ({"pull_request": {}} if number % 10 == 0 else {})

    def _github_comments(self, number: int) -> list[dict[str, Any]]:
        return [
            {"user": {"login": "agent"}, "author_association": "MEMBER", "body": self.reply(number),
             "created_at": _iso(_START + timedelta(seconds=30))}
        ]  # fmt: skip


@contextmanager
def running(helpdesk: Helpdesk) -> Iterator[Helpdesk]:
    """Serve a helpdesk on a port of its own while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # an answer in one packet

        def do_GET(self) -> None:
            address = urlsplit(self.path)
            helpdesk.requests.append((time.monotonic(), address.path))
            helpdesk.authorization = self.headers.get("Authorization", "")
            if helpdesk.refuse_after is not None and len(helpdesk.requests) > helpdesk.refuse_after:
                self._send(403, b"{}", {})
                return
            if helpdesk.faults:
                status, headers = helpdesk.faults.pop(0)
                self._send(status, b"{}", headers)
                return
            query = {name: values[-1] for name, values in parse_qs(address.query).items()}
            found = helpdesk.answer(address.path, query)
            body = json.dumps(found).encode()
            if helpdesk.break_after is not None and len(helpdesk.requests) > helpdesk.break_after:
                helpdesk.break_after = None
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: len(body) // 2])
                self.close_connection = True
                return
            self._send(404 if found is None else 200, body, {})

        def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (named as in the class)
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        helpdesk.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield helpdesk
        finally:
            server.shutdown()
            thread.join()
