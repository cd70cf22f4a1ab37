"""What the process of a job is told, and what it writes: one JSON object a line."""

from typing import Annotated, Any

import msgspec

from service.doc import doc

__all__ = ["JobProgress", "Outcome", "Task"]


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What the process is to do."""

    arguments: list[str]
    report: str
    """The file where the command may write its report."""
    actor: str | None
    service: int
    """Process id of the service that waits for it."""


class JobProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far the present step is."""

    step: Annotated[str, doc("what is done, in words")]
    done: int
    total: Annotated[int, doc("0 while it is not known")]
    seconds: Annotated[float, doc("since the step began")]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How the command ended; ``report`` is what it says with ``--json``."""

    status: int
    report: dict[str, Any] | None
