"""Runs the Chroma server of one data directory for exactly as long as somebody uses it.

Started in a session of its own, so that no user's Ctrl-C reaches it. It and what it imports need the standard library
only, so that it starts at once. These files in the data directory carry the protocol:

``chroma.lock``    exclusively locked by supervisor and server for as long as either lives: one owner of ``index/``.
``users.lock``     locked, shared, by every process that uses the server. When the supervisor gets it
                   exclusively, nobody is left (ended, crashed or killed alike) and the server is stopped.
``chroma.yaml``    what the server is started with.
``chroma.json``    where the server listens, written once it answers.
``chroma.state``   the last run, how it ended, and size, time and checksum of the files that it left in order.
``chroma.orders``  what users ask for, a JSON object a line: that the index of a run is put aside, that a run's
                   files were checked, that deleted texts are removed from the files.

Files that changed while no server ran are damaged, and the index is put aside; so is one that a user ordered.
Files that were left in disorder (power, kill -9) count as in order again only when a user checked them.
"""

import contextlib
import ctypes
import fcntl
import http.client
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from indexer.chroma.index_files import disk_is_full, put_back, put_damaged_aside, sums_of, tidy
from indexer.chroma.run_state import forget_orders, note_state, orders_of, state_of, take_orders
from indexer.chroma.server_log import keep_short, say, shorten_log, tail
from indexer.durable import write_durably

__all__ = ["FULL_DISK", "NOT_THE_FILES", "answers", "main", "start"]

_START_SECONDS = 60.0
_PR_SET_PDEATHSIG = 1
_SERVER = "import sys, chromadb_rust_bindings as chroma; chroma.cli(sys.argv[1:])"
_FORMER = ("chroma.manifest", "chroma.suspect", "chroma.checked", "chroma.compact")  # of earlier releases
_FROM_OUTSIDE = {-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP, -signal.SIGQUIT}
FULL_DISK = ("no space left", "disk is full", "storagefull", "os error 28", "disk quota", "file too large")
"""Words, in lower case, of who meets a full disk."""
NOT_THE_FILES = (
    "addrinuse", "too many open files", "permission denied", "readonly", "read-only", "unable to open", "is locked",
    "modulenotfound",
)  # fmt: skip
"""Words, in lower case, of failures that have other reasons than damaged files."""


def main(data_dir: Path) -> int:
    """Own the directory's server until it is not needed; return at once when another supervisor does."""
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the memory of both holds tickets
    with (data_dir / "chroma.lock").open("a") as owner, (data_dir / "users.lock").open("a") as users:
        try:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 0
        path = data_dir / "chroma.log"
        with path.open("ab", buffering=0) as log:
            shorten_log(path)
            for name in _FORMER:
                (data_dir / name).unlink(missing_ok=True)
            try:
                _own(data_dir, owner.fileno(), users.fileno(), log.fileno())
            except OSError as error:
                say(log.fileno(), f"no server is started: {error}")
                return 1
    return 0


def _own(data_dir: Path, owner: int, users: int, log: int) -> None:
    endpoint, index = data_dir / "chroma.json", data_dir / "index"
    endpoint.unlink(missing_ok=True)
    before, orders = state_of(data_dir), take_orders(data_dir)
    aside = put_damaged_aside(index, before, orders, log)
    if index.exists():
        tidy(index, log, compact=any("compact" in order for order in orders))
    clean = bool(before.get("files")) or not index.exists()
    known = before.get("files") or before.get("known") or {}
    run, port = uuid.uuid4().hex, _free_port()
    # In use: until the files are in order again, none are noted. Written before the orders are forgotten, so that
    # a kill in between repeats none of another run's.
    state = {"run": run, "files": None, "known": known, "died": None, "failed": before.get("failed", 0)}
    note_state(data_dir, state)
    forget_orders(data_dir)
    began = os.fstat(log).st_size
    server = _start(data_dir, port, run, owner, log)
    stopped = threading.Event()

    def stop(*_: object) -> None:
        stopped.set()
        server.terminate()

    signal.signal(signal.SIGTERM, stop)
    threading.Thread(target=_when_unused, args=(users, stop), daemon=True).start()
    threading.Thread(target=keep_short, args=(data_dir / "chroma.log",), daemon=True).start()
    try:
        answered = _answers(server, port, run)
        if answered:
            listening = {
                "pid": os.getpid(),
                "server_pid": server.pid,
                "port": port,
                "run": run,
                "clean": clean,
            }
            write_durably(endpoint, json.dumps(listening).encode())
        elif server.poll() is None:
            stop()
        code = server.wait()
    except OSError:
        stop()  # what cannot be written is not offered to anybody
        server.wait()
        raise
    endpoint.unlink(missing_ok=True)
    said = tail(data_dir / "chroma.log", os.fstat(log).st_size - began)
    by_itself = code != 0 and code not in _FROM_OUTSIDE and not stopped.is_set()
    if (
        by_itself
        and not any(word in said.lower() for word in (*FULL_DISK, *NOT_THE_FILES))
        and not disk_is_full(data_dir)
    ):
        state["died"] = f"signal {-code}" if code < 0 else f"status {code}"
    state["failed"] = 0 if answered else state["failed"] + bool(state["died"])
    if aside is not None and not answered and state["died"]:
        put_back(index, aside, log)
    if not stopped.is_set() or code != 0:
        say(log, f"the server ended with status {code}")
    elif clean or any(order.get("checked") == run for order in orders_of(data_dir)):
        state["files"], state["known"] = sums_of(index, known), {}
    else:
        say(log, "nobody checked the files since they were left in disorder: the next start has to")
    note_state(data_dir, state)


def _start(data_dir: Path, port: int, run: str, owner: int, log: int) -> subprocess.Popen[bytes]:
    config = {
        "listen_address": "127.0.0.1",
        "port": port,
        "persist_path": str(data_dir / "index"),
        # No web page may read it. The origin is the run's mark as well: only this server allows it.
        "cors_allow_origins": [_origin(run)],
        # No telemetry is named, so that Chroma writes nothing about queries to its log.
    }
    write_durably(data_dir / "chroma.yaml", json.dumps(config).encode())  # JSON is YAML
    return subprocess.Popen(  # noqa: S603 (our own interpreter and arguments)
        [sys.executable, "-I", "-c", _SERVER, "chroma", "run", str(data_dir / "chroma.yaml")],
        pass_fds=[owner],  # the lock lives as long as the server, whatever becomes of this process
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        cwd=data_dir,
        preexec_fn=_die_with_parent,  # noqa: PLW1509 (no thread runs yet)
    )


def _when_unused(users: int, stop: Callable[[], None]) -> None:
    fcntl.flock(users, fcntl.LOCK_EX)
    stop()


def _answers(server: subprocess.Popen[bytes], port: int, run: str) -> bool:
    deadline = time.monotonic() + _START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        if answers(port, run, timeout=2):
            return True
        time.sleep(0.02)
    return False


def answers(port: int, run: str, *, timeout: float) -> bool:
    """Ask on loopback, whatever proxy the environment names, for the heartbeat of that run: another Chroma's is none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/api/v2/heartbeat", headers={"Origin": _origin(run)})
        response = connection.getresponse()
        return response.status == http.HTTPStatus.OK and response.headers.get(
            "access-control-allow-origin"
        ) == _origin(run)
    return False


def _origin(run: str) -> str:
    return f"http://{run}.invalid"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _die_with_parent() -> None:
    # Linux only; elsewhere a server whose supervisor was killed is found by the next user and by `stop`.
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def start(data_dir: Path) -> None:
    """Go on as nobody's child: whoever started this need not wait for it, nor reap it."""
    if os.fork():
        os._exit(0)
    sys.exit(main(data_dir))
