"""The local Chroma server: one for all, as long as somebody uses it, and nothing left of it afterwards."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.chroma.failures import UnstartableIndexError
from indexer.chroma.server import LocalServer
from indexer.chroma.supervisor import answers
from indexer.settings import Settings
from indexer.store import Store
from tests.indexer.chroma.users import User, endpoint_of, kill
from tests.indexer.making import fill_store, make_tickets, vectors_for
from tests.leftovers import assert_nothing_runs, processes_of, wait_until

_LOG_BYTES = (
    1_500_000  # more than it is cut to, to leave room for what is said in the seconds between two looks
)


@pytest.fixture
def server(data_dir: Path) -> Iterator[LocalServer]:
    """This process's own use."""
    used = LocalServer(data_dir)
    yield used
    used.release()


def _children() -> set[int]:
    return {int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()}


def test_the_second_user_finds_the_firsts_server(server: LocalServer, data_dir: Path) -> None:
    """One server answers both; it stays until the last of them has ended, whoever started it."""
    first = server.ensure()
    with User.start(data_dir) as user:
        assert user.run == first.run
        server.release()
        assert server.ensure() == first
        user.end()
    assert server.ensure() == first
    server.release()
    assert_nothing_runs(data_dir)
    assert not (data_dir / "chroma.json").exists()


def test_a_killed_user_is_not_waited_for(data_dir: Path) -> None:
    """When the last user is killed, supervisor and server end by themselves."""
    with User.start(data_dir) as one, User.start(data_dir) as other:
        assert one.run == other.run
        one.kill()
        assert processes_of(data_dir)
        other.kill()
    assert_nothing_runs(data_dir)


def test_starting_leaves_no_child(server: LocalServer) -> None:
    """Whoever starts the server has no child process to wait for, alive or dead."""
    before = _children()
    server.ensure()
    assert _children() == before


def test_ctrl_c_of_the_starter_does_not_reach_the_server(data_dir: Path, server: LocalServer) -> None:
    """An interrupt ends the process that started the server; another user keeps it."""
    with User.start(data_dir) as user:
        first = server.ensure()
        user.interrupt()
    assert server.ensure() == first
    assert first.run == user.run


def test_processes_that_start_at_once_get_one_server(data_dir: Path) -> None:
    """Five users that come together in an empty directory share one run."""
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(User.spawn(data_dir)) for _ in range(5)]
        users = [User(process) for process in processes]
        assert len({user.run for user in users}) == 1
        assert users[0].run
        for user in users:
            user.end()


def test_a_killed_server_is_replaced(server: LocalServer, data_dir: Path) -> None:
    """After kill -9 of Chroma the next use has another run, which knows that the files were left in disorder."""
    first = server.ensure()
    assert first.clean
    kill(endpoint_of(data_dir)["server_pid"])
    second = server.ensure()
    assert second.run != first.run
    assert not second.clean


def test_a_killed_supervisor_takes_its_server_along(server: LocalServer, data_dir: Path) -> None:
    """No server stays without a supervisor, which would then never be stopped."""
    first = server.ensure()
    old = endpoint_of(data_dir)
    kill(old["pid"])
    wait_until(lambda: not Path(f"/proc/{old['server_pid']}").exists())
    second = server.ensure()
    assert (second.run != first.run, second.clean) == (True, False)


def test_stop_ends_it_whoever_uses_it(server: LocalServer, data_dir: Path) -> None:
    """Stopping tells whether there was something to stop; the next use starts it again, with the files in order."""
    first = server.ensure()
    other = LocalServer(data_dir)
    assert other.stop()
    assert not other.stop()
    second = server.ensure()
    assert (second.run != first.run, second.clean) == (True, True)


def test_a_server_without_a_supervisor_can_be_stopped(server: LocalServer, data_dir: Path) -> None:
    """Even one that survived its supervisor for a moment is told to end."""
    server.ensure()
    os.kill(endpoint_of(data_dir)["pid"], signal.SIGKILL)
    LocalServer(data_dir).stop()
    assert_nothing_runs(data_dir)


def test_what_is_put_aside_is_replaced_by_an_empty_index(server: LocalServer, data_dir: Path) -> None:
    """The damaged files are kept beside, and of several users that complain about one run only the first is heard."""
    first = server.ensure()
    (data_dir / "index" / "mark").write_text("of the damaged index")
    server.put_aside(first.run, "a test says so")
    second = server.ensure()
    assert (second.run != first.run, second.clean) == (True, True)
    server.put_aside(first.run, "another user, later, of the same damage")
    assert server.ensure() == second
    (aside,) = data_dir.glob("index.damaged-*")
    assert (aside / "mark").read_text() == "of the damaged index"
    assert not (data_dir / "index" / "mark").exists()
    assert not (data_dir / "chroma.orders").exists()


@pytest.mark.parametrize("change", ["changed", "added", "removed"])
def test_files_that_changed_while_nothing_ran_are_put_aside(
    server: LocalServer, data_dir: Path, change: str
) -> None:
    """Checksums of a stop in order tell that the next start finds other files than were left."""
    server.ensure()
    server.release()
    assert_nothing_runs(data_dir)
    database = data_dir / "index" / "chroma.sqlite3"
    if change == "changed":
        with database.open("r+b") as file:
            file.seek(100)
            file.write(b"X")
    elif change == "added":
        (data_dir / "index" / "new").touch()
    else:
        database.unlink()
    server.ensure()
    assert len(list(data_dir.glob("index.damaged-*"))) == 1
    assert "put the index aside" in (data_dir / "chroma.log").read_text(errors="replace")


def test_disorder_lasts_until_somebody_checked(server: LocalServer, data_dir: Path) -> None:
    """Files that a killed server left do not become sound by a stop in order, only by a user's word."""
    server.ensure()
    kill(endpoint_of(data_dir)["server_pid"])
    second = server.ensure()
    LocalServer(data_dir).stop()
    third = server.ensure()
    assert (second.clean, third.clean) == (False, False)
    server.note_checked(third.run)
    LocalServer(data_dir).stop()
    assert server.ensure().clean


def test_a_server_that_cannot_start_is_an_error_with_its_last_words(
    server: LocalServer, data_dir: Path
) -> None:
    """Files that Chroma cannot open: after a few starts the error names the log and quotes its end."""
    index = data_dir / "index"
    index.mkdir(parents=True)
    (index / "chroma.sqlite3").write_bytes(b"no database" * 1_000)
    with pytest.raises(
        UnstartableIndexError, match=r"did not come up in \d starts.*chroma\.log ends with: \S+"
    ) as error:
        server.ensure()
    server.put_aside(error.value.run, "it does not start")
    assert server.ensure().clean


def test_another_chroma_is_not_taken_for_ours(server: LocalServer, tmp_path: Path) -> None:
    """A server of somebody else that got our port has a heartbeat too: it is asked which run it is."""
    ours = server.ensure()
    other = LocalServer(tmp_path / "other")
    try:
        foreign = other.ensure()
        assert answers(ours.port, ours.run, timeout=30)
        assert answers(foreign.port, foreign.run, timeout=30)
        assert not answers(foreign.port, ours.run, timeout=30)
        assert not answers(ours.port, foreign.run, timeout=30)
    finally:
        other.release()
    assert_nothing_runs(tmp_path / "other")


@pytest.mark.slow
def test_the_log_is_bounded(settings: Settings, data_dir: Path) -> None:
    """It is cut at a start and while the server runs; questions write nothing to it."""
    log = data_dir / "chroma.log"
    data_dir.mkdir()
    line = b"what an earlier server said\n"
    log.write_bytes(line * 100_000)
    with contextlib.closing(Store(settings)) as store:
        store.prepare()
        live = fill_store(store, make_tickets(10))
        size = log.stat().st_size
        assert size < _LOG_BYTES
        for _ in range(50):
            store.index.nearest_ids(live, vectors_for(make_tickets(1)))
        assert log.stat().st_size == size
        with log.open("ab") as file:
            file.write(line * 100_000)
        wait_until(lambda: log.stat().st_size < _LOG_BYTES)
        assert log.read_bytes().endswith(line)
        kill(
            endpoint_of(data_dir)["server_pid"]
        )  # what is said next stands at the end, not where it would have been
        wait_until(lambda: b"the server ended with status -9" in log.read_bytes()[-1_000:])
        assert b"\0" not in log.read_bytes()


def test_a_proxy_of_the_environment_is_not_asked(
    server: LocalServer, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loopback is reached directly, whatever proxy is set for the world outside."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert server.ensure().port
