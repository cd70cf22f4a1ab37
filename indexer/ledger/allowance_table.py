"""Limits in the ledger: how much of each is used, exact over all processes."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from indexer.ledger.database import Part
from indexer.ledger.tables import allowances

__all__ = ["Allowance", "Allowances"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """So many uses until ``ends``, in seconds since the epoch; ``window`` names what of, and when."""

    window: str
    limit: int
    ends: float


class Allowances(Part):
    """Uses that are taken before they happen."""

    def take(self, wanted: Sequence[Allowance]) -> bool:
        """Take one use of each, or of none where one of them is used up; tell which.

        Transactions that write come one after the other, so nothing is taken between the look and the taking.
        """
        with self._db.write() as connection:
            connection.execute(allowances.delete().where(allowances.c.ends < time.time()))
            query = sa.select(allowances.c.window, allowances.c.used)
            rows = connection.execute(query.where(allowances.c.window.in_([one.window for one in wanted])))
            used = {row.window: row.used for row in rows}
            if any(used.get(one.window, 0) >= one.limit for one in wanted):
                return False
            new = [
                {"window": one.window, "used": used.get(one.window, 0) + 1, "ends": one.ends}
                for one in wanted
            ]
            self._db.upsert(connection, allowances, new)
        return True
