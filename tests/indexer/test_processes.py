"""Services of a data directory are found and ended; nobody else is."""

import subprocess
import sys
from pathlib import Path

import pytest

from indexer.errors import SettingsError
from indexer.processes import registered_service, stop_services

_SERVE = """
import signal, sys
from pathlib import Path
from indexer.processes import registered_service
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
with registered_service(Path(sys.argv[1])):
    print("ready", flush=True)
    signal.sigwait([signal.SIGTERM])
"""


def _serve(data_dir: Path) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVE, data_dir],
        cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_every_service_is_stopped_in_order(data_dir: Path) -> None:
    """Each is told, waited for and counted; a second call finds none."""
    with _serve(data_dir) as one, _serve(data_dir) as other:
        assert stop_services(data_dir) == 2
        assert (one.wait(), other.wait()) == (0, 0)
    assert stop_services(data_dir) == 0
    assert list(data_dir.glob("service-*")) == []


def test_a_killed_services_file_harms_nobody(data_dir: Path) -> None:
    """Its process id may be another process's by now, which is left alone."""
    with _serve(data_dir) as process:
        process.kill()
    (left,) = data_dir.glob("service-*.pid")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as bystander:
        left.rename(left.with_name(f"service-{bystander.pid}.pid"))
        assert stop_services(data_dir) == 0
        assert bystander.poll() is None
        bystander.communicate(b"\n")
        assert bystander.returncode == 0
    assert list(data_dir.glob("service-*")) == []


def test_nothing_to_stop(tmp_path: Path) -> None:
    """A directory that does not exist has no services."""
    assert stop_services(tmp_path / "nowhere") == 0


def test_a_directory_that_cannot_be_one(tmp_path: Path) -> None:
    """The setting is named."""
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="PRECEDENT_DATA_DIR="), registered_service(tmp_path / "file"):
        pass
