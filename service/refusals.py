"""Refusal of questions that would wait too long, before anything of them is read."""

from litestar.enums import ScopeType
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp, Receive, Scope, Send

from service.metrics import REFUSED
from service.pools import Admission, BusyError
from service.problems import answer_of, log_once, problem_of

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
            await self._refused()(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _refused(self) -> ASGIResponse:
        error = BusyError(self._questions.busy)
        problem = problem_of(error)
        log_once(problem.type, error)
        REFUSED.inc()
        return answer_of(problem)
