"""Commands of the indexer: in this process, forked from one that has their imports, or as a program."""

import contextlib
import io
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

from indexer.cli import main
from indexer.settings import Settings
from tests.forked import Forked

__all__ = ["ROOT", "environment", "fork_command", "report_of", "run_command", "start_command"]

ROOT = Path(__file__).parents[2]
_number = itertools.count()


def environment(settings: Settings, **changes: str) -> dict[str, str]:
    """Return an environment that gives these settings, and ``PRECEDENT_`` variables besides."""
    given = {
        "PRECEDENT_DATA_DIR": str(settings.data_dir),
        "PRECEDENT_API_BASE": settings.api_base,
        "PRECEDENT_EMBEDDING_MODEL": settings.embedding_model,
        **({"PRECEDENT_DATABASE_URL": settings.database_url} if settings.database_url else {}),
        **{f"PRECEDENT_{name}": value for name, value in changes.items()},
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PRECEDENT_", "OXLO_"))}
    return kept | given


def start_command(settings: Settings, *arguments: str, **changes: str) -> "subprocess.Popen[str]":
    """Start ``python -m indexer`` with the arguments."""
    return subprocess.Popen(
        [sys.executable, "-m", "indexer", *arguments],
        cwd=ROOT,
        env=environment(settings, **changes),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def fork_command(settings: Settings, *arguments: str, **changes: str) -> Forked:
    """Start a command that can be killed; what it prints goes to a file beside the data directory."""
    output = settings.data_dir.parent / f"command-{next(_number)}.log"
    return Forked(*arguments, cwd=ROOT, env=environment(settings, **changes), output=output)


def run_command(
    settings: Settings, *arguments: str, status: int | None = 0, **changes: str
) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end and require its exit status; in this process, which spares seconds of imports."""
    output, errors = io.StringIO(), io.StringIO()
    with (
        patch.dict(os.environ, environment(settings, **changes), clear=True),
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(errors),
    ):
        code = main(arguments)
    assert status is None or code == status, errors.getvalue()
    return subprocess.CompletedProcess(arguments, code, output.getvalue(), errors.getvalue())


def report_of(run: "subprocess.CompletedProcess[str] | Forked") -> dict[str, Any]:
    """Return the report that ``--json`` ends with."""
    output = run.output if isinstance(run, Forked) else run.stdout
    report: dict[str, Any] = json.loads(output.splitlines()[-1])
    return report
