"""The process of an operator's job: ``python -m service.jobs.child``, its `Task` on standard input; it writes one JSON object a line."""

import io
import signal
import sys
from pathlib import Path
from typing import Annotated, Any, TextIO

import msgspec

from indexer.actor import ACTOR
from indexer.console import PROGRESS, PacedProgress, words_of_step
from service.child_process import begin_child
from service.doc import doc

__all__ = ["JobProgress", "Outcome", "Task"]

_NICENESS = 10
_SHOW_SECONDS = 0.2


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


def _write(output: TextIO, line: msgspec.Struct) -> None:
    """Write one line."""
    output.write(msgspec.json.encode(line).decode() + "\n")
    output.flush()


def main() -> None:
    """Run the command."""
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    # By the signal that lets a command end as Ctrl-C does.
    begin_child(task.service, niceness=_NICENESS, by=signal.SIGTERM)
    from service.cli import main as run

    ACTOR.set(task.actor)
    output, printed = sys.stdout, io.StringIO()

    def tell(step: str, done: int, total: int, seconds: float) -> None:
        _write(
            output, JobProgress(step=words_of_step(step), done=done, total=total, seconds=round(seconds, 1))
        )

    progress = PacedProgress(_SHOW_SECONDS, tell)
    PROGRESS.set(progress.show)
    sys.stdout = printed
    status = run(task.arguments)
    progress.close()
    sys.stdout = output
    _write(output, Outcome(status=status, report=_report(Path(task.report), printed.getvalue())))


def _report(file: Path, printed: str) -> dict[str, Any] | None:
    said = file.read_bytes() if file.exists() else (printed.splitlines() or [""])[-1].encode()
    try:
        return msgspec.json.decode(said, type=dict[str, Any])
    except msgspec.DecodeError:
        return None


if __name__ == "__main__":
    main()
