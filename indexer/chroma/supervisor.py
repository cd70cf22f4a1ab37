"""Runs the Chroma server of one data directory for exactly as long as somebody uses it.

Started as a script in a session of its own, standard library only, so that it starts at once and no
user's Ctrl-C reaches it. These files in the data directory carry the protocol:

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
import hashlib
import http.client
import json
import os
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

__all__ = [
    "FULL_DISK",
    "NOT_THE_FILES",
    "answers",
    "disk_is_full",
    "is_segment",
    "main",
    "orders_of",
    "state_of",
    "tail",
]

_START_SECONDS = 60.0
_PR_SET_PDEATHSIG = 1
_SERVER = "import sys, chromadb_rust_bindings as chroma; chroma.cli(sys.argv[1:])"
_LOG_BYTES = 1_000_000
_KEPT_BYTES = 200_000
_LOG_SECONDS = 5.0
_TAIL_BYTES = 4_000
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
            _shorten(path)
            for name in _FORMER:
                (data_dir / name).unlink(missing_ok=True)
            try:
                _own(data_dir, owner.fileno(), users.fileno(), log.fileno())
            except OSError as error:
                _say(log.fileno(), f"no server is started: {error}")
                return 1
    return 0


def _own(data_dir: Path, owner: int, users: int, log: int) -> None:
    endpoint, index = data_dir / "chroma.json", data_dir / "index"
    endpoint.unlink(missing_ok=True)
    before, orders = state_of(data_dir), _take_orders(data_dir)
    aside = _put_damaged_aside(index, before, orders, log)
    if index.exists():
        _tidy(index, log, compact=any("compact" in order for order in orders))
    clean = bool(before.get("files")) or not index.exists()
    known = before.get("files") or before.get("known") or {}
    run, port = uuid.uuid4().hex, _free_port()
    # In use: until the files are in order again, none are noted. Written before the orders are forgotten, so that
    # a kill in between repeats none of another run's.
    state = {"run": run, "files": None, "known": known, "died": None, "failed": before.get("failed", 0)}
    _write(data_dir / "chroma.state", state)
    (data_dir / "chroma.orders.taken").unlink(missing_ok=True)
    began = os.fstat(log).st_size
    server = _start(data_dir, port, run, owner, log)
    stopped = threading.Event()

    def stop(*_: object) -> None:
        stopped.set()
        server.terminate()

    signal.signal(signal.SIGTERM, stop)
    threading.Thread(target=_when_unused, args=(users, stop), daemon=True).start()
    threading.Thread(target=_keep_short, args=(data_dir / "chroma.log",), daemon=True).start()
    try:
        answered = _answers(server, port, run)
        if answered:
            _write(
                endpoint,
                {"pid": os.getpid(), "server_pid": server.pid, "port": port, "run": run, "clean": clean},
            )
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
        _put_back(index, aside, log)
    if not stopped.is_set() or code != 0:
        _say(log, f"the server ended with status {code}")
    elif clean or any(order.get("checked") == run for order in orders_of(data_dir)):
        state["files"], state["known"] = _sums(index, known), {}
    else:
        _say(log, "nobody checked the files since they were left in disorder: the next start has to")
    _write(data_dir / "chroma.state", state)


def _start(data_dir: Path, port: int, run: str, owner: int, log: int) -> subprocess.Popen[bytes]:
    config = {
        "listen_address": "127.0.0.1",
        "port": port,
        "persist_path": str(data_dir / "index"),
        # No web page may read it. The origin is the run's mark as well: only this server allows it.
        "cors_allow_origins": [_origin(run)],
        # No telemetry is named, so that Chroma writes nothing about queries to its log.
    }
    _write(data_dir / "chroma.yaml", config)  # JSON is YAML
    return subprocess.Popen(  # noqa: S603 (our own interpreter and arguments)
        [sys.executable, "-I", "-c", _SERVER, "chroma", "run", str(data_dir / "chroma.yaml")],
        pass_fds=[owner],  # the lock lives as long as the server, whatever becomes of this process
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        cwd=data_dir,
        preexec_fn=_die_with_parent,  # noqa: PLW1509 (no thread runs yet)
    )


def state_of(data_dir: Path) -> dict[str, Any]:
    """Return what the last supervisor noted: ``run``, ``died`` (how, if its server crashed), ``failed`` starts in a row."""
    try:
        found = json.loads((data_dir / "chroma.state").read_text())
    except (OSError, ValueError):
        return {}  # the files then count as in disorder
    return found if isinstance(found, dict) else {}


def orders_of(data_dir: Path) -> list[dict[str, Any]]:
    """Return what users asked for since the server was started."""
    return _orders(data_dir / "chroma.orders")


def _take_orders(data_dir: Path) -> list[dict[str, Any]]:
    """Return the orders for this start; what is ordered from now on is for the next one."""
    path, taken = data_dir / "chroma.orders", data_dir / "chroma.orders.taken"
    if path.exists() and not taken.exists():
        path.rename(taken)
    return _orders(taken)


def _orders(path: Path) -> list[dict[str, Any]]:
    orders = []
    with contextlib.suppress(OSError):
        for line in path.read_text(errors="replace").splitlines():
            with contextlib.suppress(ValueError):
                order = json.loads(line)
                if isinstance(order, dict):
                    orders.append(order)
    return orders


def _put_damaged_aside(
    index: Path, before: dict[str, Any], orders: list[dict[str, Any]], log: int
) -> Path | None:
    """Put the index aside if it is damaged; return where it is then, ``None`` when it is not kept."""
    reasons = [str(o.get("reason")) for o in orders if "aside" in o and o["aside"] == before.get("run")]
    if before.get("files") and index.exists() and (changed := _changed(index, before["files"])):
        reasons.append(f"changed while no server ran: {', '.join(changed)}")
    if not reasons or not index.exists():
        return None
    for older in index.parent.glob("index.damaged-*"):
        shutil.rmtree(older)
    before.update(files=None, known={}, failed=0)
    size = sum(path.stat().st_size for path in index.rglob("*") if path.is_file())
    if shutil.disk_usage(index.parent).free < size:
        shutil.rmtree(index)
        _say(
            log,
            f"removed the index ({reasons[0]}), for which the disk has no room; it is rebuilt from the ledger",
        )
        return None
    aside = index.parent / f"index.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
    index.rename(aside)
    _say(log, f"put the index aside as {aside.name} ({reasons[0]}); it is rebuilt from the ledger")
    return aside


def _put_back(index: Path, aside: Path, log: int) -> None:
    """Chroma does not start with an empty index either, so its files are not the reason."""
    shutil.rmtree(index, ignore_errors=True)
    aside.rename(index)
    _say(log, f"put {aside.name} back: the server does not start with an empty index either")


def _tidy(index: Path, log: int, *, compact: bool) -> None:
    """Remove what the server keeps of deleted collections: folders, and with ``compact`` freed pages too.

    Only safe while no server runs. Whatever is doubtful stays: a database that cannot be read tells nothing.
    """
    database = index / "chroma.sqlite3"
    if not database.exists():
        return
    mode = "rw" if compact else "ro"
    try:
        with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode={mode}", uri=True)) as connection:
            known = {row[0] for row in connection.execute("SELECT id FROM segments WHERE scope = 'VECTOR'")}
            if compact:
                # The full-text index keeps the words of deleted texts until its parts are merged.
                connection.execute(
                    "INSERT INTO embedding_fulltext_search(embedding_fulltext_search) VALUES ('optimize')"
                )
                connection.commit()
                connection.execute("VACUUM")
    except sqlite3.Error as error:
        _say(log, f"{database.name} cannot be tidied ({error}): it stays as it is")
        return
    for folder in index.iterdir():
        if folder.is_dir() and is_segment(folder.name) and folder.name not in known:
            shutil.rmtree(folder)
            _say(log, f"removed {folder.name}, which no collection has any more")


def is_segment(name: str) -> bool:
    """Whether a folder of the index is, by its name, the vectors of a collection."""
    try:
        return str(uuid.UUID(name)) == name
    except ValueError:
        return False


def _changed(index: Path, before: dict[str, list[Any]]) -> list[str]:
    now = _sums(index, before)
    return sorted(
        name
        for name in before.keys() | now.keys()
        if before.get(name, [None])[-1] != now.get(name, [None])[-1]
    )


def _sums(index: Path, known: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Return size, time and checksum of each file; one whose size and time are the known ones is not read again."""
    sums: dict[str, list[Any]] = {}
    for path in sorted(index.rglob("*")):
        if path.is_file():
            name, stat = str(path.relative_to(index)), path.stat()
            now = [stat.st_size, stat.st_mtime_ns]
            before = known.get(name)
            if before is not None and before[:-1] == now:
                sums[name] = before
            else:
                with path.open("rb") as file:
                    sums[name] = [*now, hashlib.file_digest(file, hashlib.blake2b).hexdigest()]
    return sums


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


def disk_is_full(path: Path) -> bool:
    """Whether so little is free that Chroma cannot even open its database."""
    return shutil.disk_usage(path).free < _LOG_BYTES


def tail(path: Path, size: int = _TAIL_BYTES) -> str:
    """Return the end of a file, of at most that many bytes."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - min(max(size, 0), _TAIL_BYTES)))
        return file.read().decode(errors="replace")
    return ""


def _keep_short(path: Path) -> None:
    while True:
        time.sleep(_LOG_SECONDS)
        _shorten(path)


def _shorten(path: Path) -> None:
    """Cut the beginning of a log that has grown too long; who has it open goes on at its end."""
    with contextlib.suppress(OSError), path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        if size > _LOG_BYTES:
            file.seek(size - _KEPT_BYTES)
            kept = file.read()
            file.seek(0)
            file.write(kept)
            file.truncate()


def _die_with_parent() -> None:
    # Linux only; elsewhere a server whose supervisor was killed is found by the next user and by `stop`.
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _write(path: Path, value: object) -> None:
    temporary = path.with_suffix(path.suffix + ".new")
    with temporary.open("w") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    # As `indexer.durable` does it: this script runs without the package.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _say(log: int, text: str) -> None:
    with contextlib.suppress(OSError):
        os.write(log, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} supervisor: {text}\n".encode())


if __name__ == "__main__":
    if os.fork():
        os._exit(0)  # whoever started this need not wait for it, nor reap it
    sys.exit(main(Path(sys.argv[1])))
