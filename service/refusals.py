"""Refusal of questions that would wait too long, before anything of them is read."""

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from service.metrics import REFUSED
from service.pools import Admission, BusyError
from service.problems import PROBLEM_TYPE, log_once, problem_of

__all__ = ["Refusals"]

_QUESTIONS = frozenset({"/v1/triage", "/v1/classify", "/v1/similar"})


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
            await self._refuse(send)
        else:
            await self._app(scope, receive, send)

    async def _refuse(self, send: Send) -> None:
        error = BusyError(self._questions.busy)
        problem = problem_of(error)
        log_once(problem.type, error)
        REFUSED.inc()
        body = msgspec.json.encode(problem)
        headers = [
            (b"content-type", PROBLEM_TYPE.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"retry-after", str(problem.retry_after).encode()),
        ]
        await send({"type": "http.response.start", "status": problem.status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})
