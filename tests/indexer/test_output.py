"""How a command runs its work."""

import asyncio
import os
import signal
import threading
from pathlib import Path
from typing import cast

import msgspec
import pytest

from indexer.commands.output import run_closing
from indexer.console import showing_progress
from indexer.embedding import Embedder
from indexer.settings import Settings
from tests.indexer.command import run_command


def test_work_that_a_signal_ends_is_cancelled_before_the_embedder_is_closed() -> None:
    """It may still have requests in flight, which need the connections."""
    ended: list[str] = []

    class Closing:
        async def close(self) -> None:
            await asyncio.sleep(0)
            ended.append("embedder")

    async def work() -> None:
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("work")

    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            run_closing(cast("Embedder", Closing()), work())
    finally:
        signal.signal(signal.SIGTERM, before)
    assert ended == ["work", "embedder"]


def test_progress_ends_with_the_last_that_was_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Where standard error is no terminal, a step is one line at its beginning and one at its end, in its own unit."""
    with showing_progress() as step:
        for done in (1, 2, 3):
            step("embed", done, 4)
        step("scan", 0, 0)
        step("scan", 7, 7)
    first, last, _, files = capsys.readouterr().err.splitlines()
    assert first.startswith("embedding:  25%")
    assert " 1/4 " in first
    assert " 3/4 " in last
    assert "texts/s" in last
    assert files.startswith("reading files: 100%")
    assert "files/s" in files


def test_a_copy_tells_its_rows_once(settings: Settings, tmp_path: Path) -> None:
    """A backup and its restore end with 100 %, which is not said before; so does a sync of any file."""
    export = tmp_path / "tickets.jsonl"
    lines = (f'{{"id": "{number}", "text": "{"x" * 90} {number}"}}\n' for number in range(1_100))
    export.write_text("".join(lines))
    stored = run_command(settings, "sync", str(export))
    copied = run_command(settings, "backup", str(tmp_path / "copy"))
    other = msgspec.structs.replace(settings, data_dir=tmp_path / "other")
    restored = run_command(other, "restore", str(tmp_path / "copy"))
    for run, words, unit in (
        (stored, "reading and storing", "records"),
        (copied, "copying", "rows"),
        (restored, "restoring", "rows"),
    ):
        told = [line for line in run.stderr.splitlines() if line.startswith(words)]
        assert sum("100%" in line for line in told) == 1
        assert "100%" in told[-1]
        assert f" {unit}/s" in told[-1]
