"""Where a ledger is."""

import contextlib
from pathlib import Path

import sqlalchemy as sa

from indexer.errors import PrecedentError, SettingsError

__all__ = ["named", "place_of", "require_ledger"]


def place_of(url: str | None, data_dir: Path) -> sa.URL:
    """Return the address of a ledger that settings give.

    :raises SettingsError: it cannot be read.
    """
    parsed: sa.URL | None = None
    with contextlib.suppress(sa.exc.ArgumentError, ValueError):
        parsed = sa.make_url(url or f"sqlite:///{(data_dir / 'ledger.sqlite3').resolve()}")
    if parsed is None or "@" in (parsed.host or ""):
        # Without its value: what cannot be parsed may hold a password anywhere.
        msg = (
            "PRECEDENT_DATABASE_URL cannot be read: it must be postgresql://user:password@host:port/database, "
            "where signs such as @ in the password are percent-encoded (%40)"
        )
        raise SettingsError(msg)
    return parsed.set(drivername="postgresql+psycopg") if parsed.drivername == "postgresql" else parsed


def named(place: sa.URL) -> str:
    """Return how a ledger is named to people: by its file, or by its address without a password, which a query may hold too."""
    local = place.get_backend_name() == "sqlite"
    return str(place.database) if local else place.set(query={}).render_as_string(hide_password=True)


def require_ledger(url: str | None, data_dir: Path) -> None:
    """Refuse to go on where a ledger would have to be made; one on PostgreSQL is taken to be there.

    :raises PrecedentError: there is no file.
    """
    place = place_of(url, data_dir)
    if place.get_backend_name() == "sqlite" and not Path(named(place)).exists():
        msg = (
            f"there is no ledger {named(place)}: is PRECEDENT_DATA_DIR={data_dir} the right one? "
            "A relative path is that of the working folder; `precedent sync FILE` makes a new store"
        )
        raise PrecedentError(msg)
