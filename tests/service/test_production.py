"""What the README says of production: its unit of systemd, and its jobs by timer."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

from indexer.chroma.run_state import state_of
from tests.indexer.making import make_tickets
from tests.leftovers import assert_nothing_runs, processes_of
from tests.provider import Provider
from tests.service.running import environment, running_service

_README = (Path(__file__).parents[2] / "README.md").read_text()
_FOLDERS = ("/srv/precedent", "/srv/exports", "/srv/backups")


def _shown(kind: str, root: Path) -> str:
    """Return what the README shows, with its folders below another one."""
    found = re.findall(rf"```{kind}\n(.*?)```", _README, re.DOTALL)
    assert len(found) == 1
    for folder in _FOLDERS:
        (root / folder.lstrip("/")).mkdir(parents=True, exist_ok=True)
    return str(found[0]).replace("/srv/", f"{root}/srv/")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder that has the command where the README has it."""
    commands = tmp_path / "srv/precedent/.venv/bin"
    commands.mkdir(parents=True)
    command = commands / "precedent"
    command.write_text(
        f'#!/bin/sh\nexec {sys.executable} -c "from service.cli import main; import sys; sys.exit(main(sys.argv[1:]))" "$@"\n'
    )
    command.chmod(0o755)
    return tmp_path


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_takes_the_unit(root: Path) -> None:
    """It has no complaint; only the user is this machine's."""
    unit = root / "precedent.service"
    unit.write_text(_shown("ini", root).replace("User=precedent", "User=root"))
    ended = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], check=False, capture_output=True, text=True
    )
    assert [line for line in ended.stderr.splitlines() if unit.name in line] == []
    assert ended.returncode == 0, ended.stderr


def test_the_unit_is_stopped_in_order(root: Path, data_dir: Path, provider: Provider) -> None:
    """systemd tells all processes of a unit at once to end: they do, with status 0, and nothing needs to be repaired."""
    unit = ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their capitals
    unit.read_string(_shown("ini", root))
    *_, command = unit["Service"]["ExecStart"].split("/")
    assert command == "precedent serve"
    with running_service(data_dir, provider) as service:
        service.store(make_tickets(20, priority=None))
        told = [service.process.pid, *(pid for pid in processes_of(data_dir) if pid != service.process.pid)]
        assert len(told) >= 3  # service, supervisor, server
        for pid in told:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        assert service.process.wait(60) == 0, service.log
        assert_nothing_runs(data_dir)
        assert state_of(data_dir)["files"], "Chroma was stopped in order"
        assert "Traceback" not in service.log
    with running_service(data_dir, provider) as service:
        assert service.status()["index"]["tickets"] == 20


def test_the_jobs_run_as_they_stand(root: Path, provider: Provider) -> None:
    """Each line of the crontab, as cron gives it to the shell: tickets are stored, copied, and what is old is cleared."""
    lines = _shown("crontab", root).splitlines()
    (root / "srv/exports/tickets.jsonl").write_text('{"id": 1, "text": "The printer is offline."}\n')
    for line in lines:
        *when, command = line.split(" ", 5)
        assert all(re.fullmatch(r"\*|\*/15|\d+", part) for part in when)
        given = environment(root / "srv/precedent/chroma_data", provider)
        del given["PRECEDENT_DATA_DIR"]
        ended = subprocess.run(
            ["/bin/sh", "-c", command.replace("\\%", "%")],
            check=False,
            env=given,
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert ended.returncode == 0, ended.stderr
    (copy,) = (root / "srv/backups").iterdir()
    assert re.fullmatch(r"precedent-\d{4}-\d\d-\d\d\.sqlite3", copy.name)
    assert (root / "srv/precedent/chroma_data/ledger.sqlite3").exists()
    assert_nothing_runs(root)
