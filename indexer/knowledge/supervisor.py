"""Runs the Chroma server of one data directory for exactly as long as somebody uses it.

Started as a script in a session of its own, standard library only, so that it starts at once and no
user's Ctrl-C reaches it. Three files in the data directory carry the protocol:

``chroma.lock``   exclusively locked by supervisor and server for as long as either lives: one owner of ``index/``.
``users.lock``    locked, shared, by every process that uses the server. When the supervisor gets it
                  exclusively, nobody is left (ended, crashed or killed alike) and the server is stopped.
``chroma.json``   where the server listens, written once it answers.

A stopped server leaves checksums of its files. What does not match them at the next start was damaged
while nothing ran, and is put aside; what a user marked in ``chroma.suspect`` too. Files that were left in
disorder (power, kill -9) get checksums again only when a user noted in ``chroma.checked`` that they are sound.
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

__all__ = ["answers", "main"]

_START_SECONDS = 60.0
_PR_SET_PDEATHSIG = 1
_SERVER = "import sys, chromadb_rust_bindings as chroma; chroma.cli(sys.argv[1:])"


def main(data_dir: Path) -> int:
    """Own the directory's server until it is not needed; return at once when another supervisor does."""
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the memory of both holds tickets
    with (data_dir / "chroma.lock").open("a") as owner, (data_dir / "users.lock").open("a") as users:
        try:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 0
        with (data_dir / "chroma.log").open("ab", buffering=0) as log:
            return _own(data_dir, owner.fileno(), users.fileno(), log.fileno())


def _own(data_dir: Path, owner: int, users: int, log: int) -> int:
    endpoint, manifest, index = data_dir / "chroma.json", data_dir / "chroma.manifest", data_dir / "index"
    endpoint.unlink(missing_ok=True)
    _put_damaged_aside(data_dir, log)
    clean = manifest.exists() or not index.exists()
    manifest.unlink(missing_ok=True)
    checked = data_dir / "chroma.checked"
    checked.unlink(missing_ok=True)
    _tidy(data_dir, log)
    port = _free_port()
    arguments = ["chroma", "run", "--path", str(index), "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(  # noqa: S603 (our own interpreter and arguments)
        [sys.executable, "-I", "-c", _SERVER, *arguments],
        pass_fds=[owner],  # the lock lives as long as the server, whatever becomes of this process
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        cwd=data_dir,
        preexec_fn=_die_with_parent,  # noqa: PLW1509 (no thread runs yet)
    )
    stopped = threading.Event()

    def stop(*_: object) -> None:
        stopped.set()
        server.terminate()

    signal.signal(signal.SIGTERM, stop)
    threading.Thread(target=_when_unused, args=(users, stop), daemon=True).start()
    run = uuid.uuid4().hex
    if _answers(server, port):
        found = {
            "pid": os.getpid(),
            "server_pid": server.pid,
            "port": port,
            "run": run,
            "clean": clean,
        }
        _write(endpoint, found)
    else:
        stop()
    code = server.wait()
    endpoint.unlink(missing_ok=True)
    if not stopped.is_set() or code != 0:
        _say(log, f"the server ended by itself with status {code}")
    elif clean or run in _lines(checked):
        _write(manifest, _checksums(index))
    else:
        _say(log, "nobody checked the files since they were left in disorder: the next start has to")
    return 0


def _put_damaged_aside(data_dir: Path, log: int) -> None:
    index, manifest, suspect = data_dir / "index", data_dir / "chroma.manifest", data_dir / "chroma.suspect"
    reason = suspect.read_text() if suspect.exists() else None
    if reason is None and manifest.exists() and index.exists():
        changed = _changed(manifest, index)
        reason = f"changed while no server ran: {', '.join(changed)}" if changed else None
    if reason is not None and index.exists():
        aside = data_dir / f"index.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
        index.rename(aside)
        manifest.unlink(missing_ok=True)
        _say(log, f"put the index aside as {aside.name} ({reason}); it is rebuilt from the ledger")
    suspect.unlink(missing_ok=True)


def _tidy(data_dir: Path, log: int) -> None:
    """Remove what the server keeps of deleted collections: folders, and with ``chroma.compact`` freed pages too.

    Only safe while no server runs. Whatever is doubtful stays: a database that cannot be read tells nothing.
    """
    index, compact = data_dir / "index", data_dir / "chroma.compact"
    database = index / "chroma.sqlite3"
    if not database.exists():
        compact.unlink(missing_ok=True)
        return
    mode = "rw" if compact.exists() else "ro"
    try:
        with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode={mode}", uri=True)) as connection:
            known = {row[0] for row in connection.execute("SELECT id FROM segments WHERE scope = 'VECTOR'")}
            if compact.exists():
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
        if folder.is_dir() and _is_segment(folder.name) and folder.name not in known:
            shutil.rmtree(folder)
            _say(log, f"removed {folder.name}, which no collection has any more")
    compact.unlink(missing_ok=True)


def _is_segment(name: str) -> bool:
    try:
        return str(uuid.UUID(name)) == name
    except ValueError:
        return False


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def _changed(manifest: Path, index: Path) -> list[str]:
    try:
        before = json.loads(manifest.read_text())
    except ValueError:
        return [manifest.name]
    now = _checksums(index)
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))


def _checksums(index: Path) -> dict[str, str]:
    sums = {}
    for path in sorted(index.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                sums[str(path.relative_to(index))] = hashlib.file_digest(file, hashlib.blake2b).hexdigest()
    return sums


def _when_unused(users: int, stop: Callable[[], None]) -> None:
    fcntl.flock(users, fcntl.LOCK_EX)
    stop()


def _answers(server: subprocess.Popen[bytes], port: int) -> bool:
    deadline = time.monotonic() + _START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        if answers(port, timeout=2):
            return True
        time.sleep(0.02)
    return False


def answers(port: int, *, timeout: float) -> bool:
    """Ask for Chroma's heartbeat on loopback, whatever proxy the environment names."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/api/v2/heartbeat")
        return connection.getresponse().status == http.HTTPStatus.OK
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _die_with_parent() -> None:
    # Linux only; elsewhere a server whose supervisor was killed is found by the next user and by `stop`.
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _write(path: Path, value: object) -> None:
    temporary = path.with_suffix(".new")
    with temporary.open("w") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _say(log: int, text: str) -> None:
    os.write(log, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} supervisor: {text}\n".encode())


if __name__ == "__main__":
    if os.fork():
        os._exit(0)  # whoever started this need not wait for it, nor reap it
    sys.exit(main(Path(sys.argv[1])))
