"""What other users of the machine see: nothing."""

import contextlib
import logging
import resource
import shutil
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from indexer.privacy import private_folder
from indexer.settings import Settings
from indexer.store import Store
from tests.indexer.command import run_command, start_command
from tests.indexer.making import fill_store, make_tickets, prepared
from tests.provider import Provider
from tests.service.running import KEY, running_service

_OTHERS = 0o077


def _open_to_others(folder: Path) -> list[str]:
    found = [path for path in [folder, *folder.rglob("*")] if path.stat().st_mode & _OTHERS]
    return [f"{path.relative_to(folder)} {stat.filemode(path.stat().st_mode)}" for path in found]


def test_everything_that_commands_write_is_their_users_alone(settings: Settings, tmp_path: Path) -> None:
    """Ledger, index, locks and log; the backup and the rejected records too."""
    source, backup = tmp_path / "out" / "tickets.jsonl", tmp_path / "out" / "all.backup"
    source.parent.mkdir(mode=0o700)
    source.write_text('{"id": "1", "text": "The export hangs.", "resolution": "Restarted it."}\nno ticket\n')
    source.chmod(0o600)
    run_command(settings, "sync", str(source), status=1)
    run_command(settings, "backup", str(backup))
    assert {path.name for path in source.parent.iterdir()} >= {"tickets.jsonl", "all.backup"}
    assert len(list(source.parent.iterdir())) == 3
    assert _open_to_others(source.parent) == []
    assert (settings.data_dir / "index").is_dir()
    assert _open_to_others(settings.data_dir) == []


def test_everything_that_a_service_writes_is_its_users_alone(data_dir: Path, provider: Provider) -> None:
    """While it runs and has fitted a forest; and no key is in the environment of Chroma, nor a core dump allowed."""
    with running_service(
        data_dir, provider, api_keys="sk-portal-1f7a-93d0c2", similarity_floor="0.5"
    ) as service:
        service.http.headers["Authorization"] = "Bearer sk-portal-1f7a-93d0c2"
        service.store(make_tickets(60))
        service.until(lambda: service.status()["forest"]["report"], "a forest is fitted")
        assert list((data_dir / "forests").iterdir())
        assert _open_to_others(data_dir) == []
        users = _processes_that_name(data_dir)
        assert len(users) == 2, "supervisor and Chroma"
        for user in users:
            variables = (user / "environ").read_text()
            assert "PATH=" in variables
            assert KEY not in variables
            assert "sk-portal" not in variables
            assert "PRECEDENT_" not in variables
            assert _core_limit(user) == "0"
        assert _core_limit(Path(f"/proc/{service.process.pid}")) == "0"


def test_a_fitting_process_has_no_key_in_its_environment(data_dir: Path, provider: Provider) -> None:
    """It is seen while it fits."""
    with running_service(data_dir, provider, similarity_floor="0.5") as service:
        service.store(make_tickets(400))
        seen: list[str] = []

        def is_seen() -> bool:
            for process in Path("/proc").glob("[0-9]*"):
                with contextlib.suppress(OSError):
                    if b"service.forest.child" in (process / "cmdline").read_bytes():
                        parent = (process / "stat").read_text().rpartition(")")[2].split()[1]
                        if int(parent) == service.process.pid:
                            seen.append((process / "environ").read_text())
            return any(seen)

        service.until(is_seen, "a forest is being fitted")
        assert KEY not in seen[-1]
        assert "PRECEDENT_" not in seen[-1]


def test_a_looser_folder_of_before_is_tightened_and_that_is_said(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """Once: with all that is ours in it, and nothing that is not."""
    folder = settings.data_dir
    own = folder / "notes.txt"
    with prepared(settings) as store:
        fill_store(store, make_tickets(3))
        own.write_text("the user's own")
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
    caplog.set_level(logging.WARNING)
    for _ in range(2):
        with contextlib.closing(Store(settings)):
            pass
    assert [name.split()[0] for name in _open_to_others(folder)] == ["notes.txt"]
    said = [record.getMessage() for record in caplog.records if "other users" in record.getMessage()]
    assert said == [f"{folder} could be read by other users of this machine: it is this user's alone now"]


def test_a_folder_is_tightened_while_another_process_removes_its_files(tmp_path: Path) -> None:
    """As one that ends, with the address of its Chroma and SQLite's notes."""
    removed, is_over = [tmp_path / "chroma.json", tmp_path / "index" / "inner" / "rows"], threading.Event()

    def come_and_go() -> None:
        while not is_over.is_set():
            for path in removed:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
            shutil.rmtree(tmp_path / "index")
            removed[0].unlink()

    with ThreadPoolExecutor() as pool:
        other = pool.submit(come_and_go)
        try:
            for _ in range(500):
                tmp_path.chmod(0o755)
                private_folder(tmp_path)
                assert tmp_path.stat().st_mode & _OTHERS == 0
        finally:
            is_over.set()
        other.result()


def test_a_folder_that_held_nothing_is_tightened_without_a_word(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """As that of a fresh checkout, which git makes readable: nothing was there to be read."""
    settings.data_dir.mkdir(mode=0o755)
    (settings.data_dir / ".gitkeep").touch()
    caplog.set_level(logging.WARNING)
    with contextlib.closing(Store(settings)):
        pass
    assert settings.data_dir.stat().st_mode & _OTHERS == 0
    assert "other users" not in caplog.text


def test_a_command_leaves_no_core_dump(settings: Settings) -> None:
    """Its limit is none, whatever its starter's was."""
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    if hard == 0:
        pytest.skip("core dumps are off on this machine")
    with start_command(settings, "sync", "/dev/stdin") as process:
        limit = ""
        while process.poll() is None and limit != "0":
            limit = _core_limit(Path(f"/proc/{process.pid}"))
        process.kill()
    assert limit == "0"


def _processes_that_name(folder: Path) -> list[Path]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if str(folder).encode() in (process / "cmdline").read_bytes():
                found.append(process)
    return found


def _core_limit(process: Path) -> str:
    with contextlib.suppress(OSError):
        for line in (process / "limits").read_text().splitlines():
            if line.startswith("Max core file size"):
                return line.split()[4]
    return ""
