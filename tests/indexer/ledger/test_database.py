"""Opening the ledger: once for all, and never with a secret or a ticket's text in an error."""

import contextlib
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from indexer.errors import PrecedentError
from indexer.ledger import Ledger
from indexer.ledger.database import Database
from indexer.ledger.tables import SCHEMA, state
from tests.indexer.ledger.earlier import turn_back
from tests.indexer.making import SPACE, make_ticket, store_vectors, vectors_for
from tests.postgres import PASSWORD, Postgres

_WRONG = "wr0ng-Pa55"


def test_a_reopened_ledger_is_the_same(database_url: str | None, data_dir: Path) -> None:
    """Its id, tickets and revision stay."""
    with contextlib.closing(Ledger(database_url, data_dir)) as first:
        first.tickets.write([make_ticket(1)])
        before = (first.id, first.revision())
    with contextlib.closing(Ledger(database_url, data_dir)) as second:
        assert (second.id, second.revision()) == before
        assert second.tickets.get(["t-1"]) == {"t-1": make_ticket(1)}


def test_another_schema_is_refused(database_url: str | None, data_dir: Path) -> None:
    """The message names both schemas and what to do; the stored data are left alone."""
    with contextlib.closing(Database(database_url, data_dir)) as database, database.write() as connection:
        connection.execute(state.update().values(schema=SCHEMA + 1))
    with pytest.raises(
        PrecedentError,
        match=rf"schema {SCHEMA + 1}, this release reads {SCHEMA}: use the release that wrote it",
    ) as error:
        Ledger(database_url, data_dir)
    assert PASSWORD not in str(error.value)


@pytest.mark.parametrize("schema", [1, 2, 5, 6, 7, 8, 9, 10, 12])
def test_a_ledger_of_an_earlier_schema_is_brought_forward(
    database_url: str | None, data_dir: Path, schema: int
) -> None:
    """By whoever of several opens it first; its tickets stay, and later changes of labels are told from earlier."""
    with contextlib.closing(Ledger(database_url, data_dir)) as first:
        misleading = '{"resolution":"in the text"}'
        first.tickets.write([make_ticket(1), make_ticket(2, priority=None, resolution=None, text=misleading)])
        first.tickets.write([make_ticket(3, created_at=datetime(2026, 3, 1, tzinfo=UTC))])
        store_vectors(first, list(first.tickets.get(["t-1", "t-2", "t-3"]).values()))
        before = (first.id, first.revision())
        store_vectors(first, [make_ticket(1)])
    with contextlib.closing(Database(database_url, data_dir)) as old, old.write() as connection:
        turn_back(connection, schema)
    with ThreadPoolExecutor(4) as pool:
        opened = list(pool.map(lambda _: Ledger(database_url, data_dir), range(4)))
    for one in opened[1:]:
        one.close()
    with contextlib.closing(opened[0]) as ledger:
        assert (ledger.id, ledger.revision()) == before
        assert len(ledger.secret) == 64
        assert not list(ledger.audit.lines())
        assert ledger.answers.count() == 0
        assert ledger.keys.all() == []
        assert ledger.deliveries.counts() == {"waiting": 0, "dead": 0}
        assert ledger.vectors.training_rows(SPACE, limit=1).ids == ("t-3",), "it alone has a time"
        assert set(ledger.tickets.get(["t-1", "t-2", "t-3"])) == {"t-1", "t-2", "t-3"}
        assert [ledger.tickets.changed_labels(revision) for revision in (0, 1, 2)] == [2, 1, 0]
        ledger.tickets.write([make_ticket(1, priority=None), make_ticket(2), make_ticket(3, tags=("new",))])
        assert ledger.tickets.changed_labels(2) == 2
        (vector,) = vectors_for([make_ticket(1)])
        found = ledger.nearest.of_few(SPACE, vector, 3, most=10, resolved=True)
        assert found is not None
        assert found.ids == ("t-1", "t-3")
        assert ledger.tickets.delete(["t-2"]) == ["t-2"]
        assert list(ledger.tombstones.deleted()) == ["t-2"]
        assert ledger.vectors.clear_unused(time.time() - 3_600) == 0, (
            "what an earlier release stored counts as new"
        )


def test_a_readers_view_does_not_change_while_it_reads(database_url: str | None, data_dir: Path) -> None:
    """A transaction that reads sees one state of the ledger, whatever is written meanwhile."""
    with contextlib.closing(Ledger(database_url, data_dir)) as ledger:
        reader = Database(database_url, data_dir)
        query = sa.text("SELECT revision, (SELECT count(*) FROM tickets) FROM state")
        with reader.read() as connection:
            before = connection.execute(query).one()
            ledger.tickets.write([make_ticket(1)])
            assert connection.execute(query).one() == before
        with reader.read() as connection:
            assert connection.execute(query).one() != before
        reader.close()


def test_a_failed_transaction_leaves_nothing(database_url: str | None, data_dir: Path) -> None:
    """What a write did before it failed is undone, and the next one goes well."""
    with contextlib.closing(Database(database_url, data_dir)) as database:
        with contextlib.suppress(RuntimeError), database.write() as connection:
            connection.execute(state.update().values(revision=99))
            raise RuntimeError
        with database.write() as connection:
            assert connection.execute(sa.select(state.c.revision)).scalar_one() == 0


def test_a_failing_statement_tells_no_text_and_no_password(database_url: str | None, data_dir: Path) -> None:
    """A database that breaks in use is an error of ours, without the statement's values."""
    with contextlib.closing(Ledger(database_url, data_dir)) as ledger:
        other = Database(database_url, data_dir)
        with other.write() as connection:
            connection.execute(sa.text("DROP TABLE pending"))
            connection.execute(sa.text("DROP TABLE tickets"))
        other.close()
        with pytest.raises(PrecedentError, match="tickets") as error:
            ledger.tickets.write([make_ticket(1, text="the customer's secret words")])
    shown = f"{error.value!r} {error.value.__cause__!r}"
    assert "secret words" not in shown
    assert PASSWORD not in shown


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://precedent:{_WRONG}@127.0.0.1:1/none",
        f"postgresql://precedent@127.0.0.1:1/none?password={_WRONG}",
        f"postgresql://precedent:{_WRONG}",
        f"postgresql://precedent:{_WRONG}@127.0.0.1:port/none",
        f"postgresql://precedent:pw@{_WRONG}@127.0.0.1:1/none",
        f"postgresql://precedent:{_WRONG}@127.0.0.1:1/none?sslmode=whatever",
        f"postgresql://precedent:{_WRONG}@127.0.0.1:1/none?no_such_option=1",
    ],
)
def test_an_address_that_does_not_work_is_a_clear_error(url: str, data_dir: Path) -> None:
    """Nobody listens, or the address is malformed: the error never holds a part of the password."""
    with pytest.raises(PrecedentError) as error:
        Ledger(url, data_dir)
    assert "Pa55" not in f"{error.value!r} {error.value.__cause__!r}"


def test_a_wrong_password_is_not_repeated(postgres: Postgres, data_dir: Path) -> None:
    """The server refuses it, and the error says where and why without it."""
    with pytest.raises(PrecedentError, match="authentication failed") as error:
        Ledger(postgres.url(password=_WRONG), data_dir)
    assert _WRONG not in f"{error.value!r} {error.value.__cause__!r}"


def test_a_server_that_restarts_is_found_again(postgres: Postgres, data_dir: Path) -> None:
    """Connections that the server cut are opened anew, without an error."""
    url = postgres.new_database()
    with contextlib.closing(Ledger(url, data_dir)) as ledger:
        other = Database(url, data_dir)
        with other.read() as connection:
            connection.execute(
                sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                        "AND datname = current_database()")
            )  # fmt: skip
        other.close()
        assert ledger.tickets.count() == 0


@pytest.mark.parametrize("content", [b"", b"not a database, but long enough to look like one" * 40])
def test_a_ledger_file_that_is_not_one(content: bytes, data_dir: Path) -> None:
    """An empty file is filled; any other is refused by name and left as it was."""
    data_dir.mkdir()
    path = data_dir / "ledger.sqlite3"
    path.write_bytes(content)
    if not content:
        Ledger(None, data_dir).close()
        return
    with pytest.raises(PrecedentError, match=r"ledger\.sqlite3 cannot be used: file is not a database"):
        Ledger(None, data_dir)
    assert path.read_bytes() == content


def test_a_data_directory_that_cannot_be_one(tmp_path: Path) -> None:
    """Where a file is in the way, the error names the directory."""
    (tmp_path / "data").write_text("a file")
    with pytest.raises(PrecedentError, match="data"):
        Ledger(None, tmp_path / "data")


def test_sqlite_commits_are_durable(data_dir: Path) -> None:
    """The file is in WAL mode, and every connection of ours waits for the disk and for other writers."""
    with contextlib.closing(Database(None, data_dir)) as database, database.read() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "secure_delete", "busy_timeout")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1, "busy_timeout": 60_000}


def test_another_program_that_holds_the_file_is_waited_for(data_dir: Path) -> None:
    """A lock that another program takes and gives back again does not fail a write."""
    with contextlib.closing(Ledger(None, data_dir)) as ledger:
        other = sqlite3.connect(data_dir / "ledger.sqlite3", isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        import threading

        timer = threading.Timer(0.3, lambda: other.execute("COMMIT"))
        timer.start()
        ledger.tickets.write([make_ticket(1)])
        timer.join()
        other.close()
        assert ledger.tickets.count() == 1
