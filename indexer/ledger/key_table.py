"""API keys in the ledger: named, with a scope, and known by their hashes only."""

import hashlib
import re
import secrets
import time
from collections.abc import Mapping
from typing import Literal, NamedTuple

import msgspec
import sqlalchemy as sa

from indexer.errors import PrecedentError
from indexer.ledger.audit_table import WHOLE, note
from indexer.ledger.database import Part
from indexer.ledger.tables import api_keys

__all__ = ["SCOPES", "ApiKey", "ApiKeys", "Calls", "KeyScope", "hash_of_key"]

KeyScope = Literal["ask", "write", "admin"]

SCOPES: tuple[KeyScope, ...] = ("ask", "write", "admin")
"""Each may do what those before it may."""

_BYTES = 32
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that was made; times are in seconds since the epoch, ``hash`` is the SHA-256 of the key in hexadecimal."""

    name: str
    hash: str
    scope: KeyScope
    per_minute: int | None
    """Calls that each service takes of it in a minute."""
    made_at: float
    revoked_at: float | None
    calls: int
    last_call_at: float | None


class Calls(NamedTuple):
    """Calls of a key since they were counted last, and when the last one came."""

    number: int
    last_at: float


class ApiKeys(Part):
    """The keys. One that is revoked stays in the list: its name is in the audit log, and is never given again."""

    def add(self, name: str, scope: KeyScope, *, per_minute: int | None = None) -> str:
        """Make a key and return it; it is stored nowhere.

        :raises PrecedentError: the name is taken, or cannot be one.
        """
        if not _NAME.fullmatch(name):
            msg = f"{name[:100]!r} cannot be a key's name: use up to 64 letters, digits and any of . _ -, such as portal"
            raise PrecedentError(msg)
        key = secrets.token_urlsafe(_BYTES)
        with self._db.write() as connection:
            found = connection.execute(
                sa.select(api_keys.c.revoked_at).where(api_keys.c.name == name)
            ).one_or_none()
            if found is not None:
                state = "there is" if found.revoked_at is None else "there was"
                msg = f"{state} a key {name!r} already: give another name, such as {name[:60]}-2"
                raise PrecedentError(msg)
            values = {"name": name, "hash": hash_of_key(key), "scope": scope, "per_minute": per_minute}
            connection.execute(api_keys.insert().values(**values, made_at=time.time(), calls=0))
            note(connection, f"made the key {name} ({scope})", WHOLE)
        return key

    def revoke(self, name: str) -> None:
        """Have no service take the key any more.

        :raises PrecedentError: there is no such key, or it is revoked already.
        """
        with self._db.write() as connection:
            mine = api_keys.update().where(api_keys.c.name == name, api_keys.c.revoked_at.is_(None))
            if not connection.execute(mine.values(revoked_at=time.time())).rowcount:
                msg = f"there is no key {name[:100]!r} to revoke: `precedent keys` lists them"
                raise PrecedentError(msg)
            note(connection, f"revoked the key {name}", WHOLE)

    def all(self) -> list[ApiKey]:
        """Return every key that was made, in order of the names."""
        return [ApiKey(**row._asdict()) for row in self._rows(sa.select(api_keys).order_by(api_keys.c.name))]

    def count(self, calls: Mapping[str, Calls]) -> None:
        """Add to the calls of keys, by their names."""
        with self._db.write() as connection:
            for name, new in calls.items():
                last = sa.func.coalesce(api_keys.c.last_call_at, 0.0)
                values = {
                    "calls": api_keys.c.calls + new.number,
                    "last_call_at": sa.case((last > new.last_at, last), else_=new.last_at),
                }
                connection.execute(api_keys.update().where(api_keys.c.name == name).values(values))


def hash_of_key(key: str) -> str:
    """Return what a key is known by. A slow hash would add nothing: nobody can guess 256 random bits."""
    return hashlib.sha256(key.encode()).hexdigest()
