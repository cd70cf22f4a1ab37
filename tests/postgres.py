"""A throwaway PostgreSQL server: made from the system's programs, gone with the test run."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

__all__ = ["PASSWORD", "NoPostgresError", "Postgres", "running_postgres"]

PASSWORD = "p8Kz-only-for-tests"
_PROGRAMS = Path("/usr/lib/postgresql")
_OLDEST = 15  # initdb knows ICU locales from here on
_START_SECONDS = 60.0
_MEMORY = Path("/dev/shm")
_ROOM = 4 * 2**30


class NoPostgresError(Exception):
    """This machine has no PostgreSQL that can be started; the message says why."""


class Postgres:
    """A running server that listens on a Unix socket in its own directory, and asks for a password."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._made = 0

    def url(self, database: str = "postgres", *, password: str = PASSWORD) -> str:
        """Return the address of a database as ``PRECEDENT_DATABASE_URL`` takes it."""
        return f"postgresql://postgres:{password}@/{database}?host={self._directory}"

    def new_database(self) -> str:
        """Make an empty database and return its address."""
        self._made += 1
        name = f"test_{self._made}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            # By the server's own way it would go through the log of writes, which takes three times as long.
            connection.execute(f"CREATE DATABASE {name} STRATEGY = FILE_COPY".encode())
        return self.url(name)


@contextlib.contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Run a server for as long as the ``with`` block lasts; it ends with this process, however that ends.

    :raises NoPostgresError: the programs are not installed, or cannot be run by this user.
    """
    programs = _programs()
    with tempfile.TemporaryDirectory(prefix="pg-", dir=_folder(), ignore_cleanup_errors=True) as name:
        directory = Path(name)
        password, data, log = directory / "password", directory / "data", directory / "log"
        password.write_text(PASSWORD)
        user = _user()
        if user is not None:  # the server refuses to run as root
            shutil.chown(directory, user, user)
            shutil.chown(password, user, user)
        # A locale of natural order: ids must be paged through rightly whatever the order of letters is.
        subprocess.run(
            [*_as(user), programs / "initdb", "--pgdata", data, "--username=postgres", f"--pwfile={password}",
             "--auth=scram-sha-256", "--encoding=UTF8", "--locale-provider=icu", "--icu-locale=en-US", "--no-sync"],
            check=True, capture_output=True, env={"LANG": "C", "PATH": os.defpath}, cwd=directory,
        )  # fmt: skip
        with log.open("wb") as output:
            server = subprocess.Popen(
                [*_as(user), programs / "postgres", "-D", data, "-k", directory, "-c", "listen_addresses=",
                 "-c", "fsync=off", "-c", "max_connections=200"],
                stdout=output, stderr=output, cwd=directory,
            )  # fmt: skip
        postgres = Postgres(directory)
        try:
            _wait(server, postgres, log)
            yield postgres
        finally:
            server.send_signal(signal.SIGINT)  # "fast": connections that are still open are cut
            server.wait()


def _folder() -> Path | None:
    # A database is 300 files, which take ten times as long to make on a disk.
    return _MEMORY if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM else None


def _programs() -> Path:
    versions = [int(path.name) for path in _PROGRAMS.glob("*") if (path / "bin" / "initdb").exists()]
    if not versions or max(versions) < _OLDEST:
        msg = f"no PostgreSQL {_OLDEST} or newer in {_PROGRAMS} (Debian: apt-get install postgresql)"
        raise NoPostgresError(msg)
    return _PROGRAMS / str(max(versions)) / "bin"


def _user() -> str | None:
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        msg = "PostgreSQL does not run as root, and there is no user postgres to run it"
        raise NoPostgresError(msg) from None


def _as(user: str | None) -> list[str]:
    change = [] if user is None else [f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    return ["setpriv", *change, "--pdeathsig=SIGQUIT"]


def _wait(server: subprocess.Popen[bytes], postgres: Postgres, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(postgres.url()).close()
            return
        time.sleep(0.05)
    msg = f"PostgreSQL did not start: {log.read_text(errors='replace')[-500:]}"
    raise RuntimeError(msg)
