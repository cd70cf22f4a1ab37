"""What stands between the server and the application: request ids, and the refusal of questions that would wait too long."""

import re
import uuid

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from indexer.logs import request_id
from service.metrics import REFUSED
from service.pools import Admission, BusyError
from service.problems import answer_of, log_once, problem_of

__all__ = ["Refusals", "RequestIds"]

_QUESTIONS = frozenset({"/v1/triage", "/v1/classify", "/v1/similar"})
_HEADER = b"x-request-id"
_SANE = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:+/=-]{0,99}")


class RequestIds:
    """The application in whose answers ``X-Request-ID`` is the one that came, if it is sane, or else a new one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == _HEADER), b"")
        chosen = given if _SANE.fullmatch(given) else uuid.uuid4().hex.encode()

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (_HEADER, chosen)]
            await send(message)

        # Each request is a task of its own: nothing needs to be set back.
        request_id.set(chosen.decode())
        await self._app(scope, receive, send_with_id)


class Refusals:
    """The application behind its admission; whatever is no question goes through."""

    def __init__(self, app: ASGIApp, questions: Admission) -> None:
        self._app = app
        self._questions = questions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        if (
            scope["type"] == ScopeType.HTTP
            and scope["path"].rstrip("/") in _QUESTIONS
            and self._questions.full
        ):
            error = BusyError(self._questions.busy)
            problem = problem_of(error)
            log_once(problem.type, error)
            REFUSED.inc()
            await answer_of(problem)(scope, receive, send)
        else:
            await self._app(scope, receive, send)
