"""The ledger: one object for all of its tables."""

import logging
from pathlib import Path

import sqlalchemy as sa

from indexer.errors import PrecedentError
from indexer.ledger.allowance_table import Allowances
from indexer.ledger.answer_table import Answers
from indexer.ledger.audit_table import Audit
from indexer.ledger.classification_table import Classifications
from indexer.ledger.copies import Copies
from indexer.ledger.database import Database
from indexer.ledger.delivery_table import Deliveries
from indexer.ledger.distillate_table import Distillates
from indexer.ledger.feedback_table import Feedback
from indexer.ledger.flagged import Flagged
from indexer.ledger.generation_table import Generations
from indexer.ledger.key_table import ApiKeys
from indexer.ledger.nearest import Nearest
from indexer.ledger.spend_table import Spend
from indexer.ledger.tables import state
from indexer.ledger.ticket_table import Tickets
from indexer.ledger.tombstone_table import Tombstones
from indexer.ledger.vector_table import Vectors

__all__ = ["Ledger"]

_log = logging.getLogger(__name__)
_GLANCE = 200
_NAMED = 5


class Ledger:
    """The source of truth. Every method blocks, and may be called from any thread of any process."""

    def __init__(self, url: str | None, data_dir: Path) -> None:
        """Open the ledger, made now if it is not there.

        :param url: of a PostgreSQL database; ``None`` for SQLite in the data directory.
        :raises PrecedentError: it cannot be opened, or another release wrote it.
        """
        self._db = Database(url, data_dir)
        self.index_lock, self.maintenance_lock = self._db.index_lock, self._db.maintenance_lock
        self.integrity, self.compact, self.close = self._db.integrity, self._db.compact, self._db.close
        self.where = self._db.where
        if self._db.is_new:
            _log.info("there was no ledger at %s: a new one is made, without a ticket", self.where)
        self.generations = Generations(self._db)
        self.tickets = Tickets(self._db, self.generations)
        self.tombstones = Tombstones(self._db)
        self.vectors = Vectors(self._db)
        self.nearest = Nearest(self._db)
        self.feedback = Feedback(self._db, self.generations)
        self.answers = Answers(self._db)
        self.spend = Spend(self._db)
        self.allowances = Allowances(self._db)
        self.flagged = Flagged(self._db)
        self.deliveries = Deliveries(self._db)
        self.audit = Audit(self._db)
        self.keys = ApiKeys(self._db)
        self.distillates = Distillates(self._db)
        self.classifications = Classifications(self._db)
        self.copies = Copies(self._db, self.generations)
        with self._db.read() as connection:
            found = connection.execute(sa.select(state.c.ledger_id, state.c.secret)).one()
        self.id = str(found.ledger_id)
        self.secret = str(found.secret)
        """What only services on this ledger know; it proves which answers they gave."""

    @property
    def is_local(self) -> bool:
        """Whether it is a file in the data directory."""
        return self._db.is_sqlite

    def revision(self) -> int:
        """Return the number that grows with every change of any ticket."""
        with self._db.read() as connection:
            found = connection.execute(sa.select(state.c.revision, state.c.secret)).one()
        self.secret = str(found.secret)  # a restore brings another
        return int(found.revision)

    def require_writable(self) -> None:
        """Write something that changes nothing.

        :raises PrecedentError: it cannot be written.
        """
        with self._db.write() as connection:
            connection.execute(state.update().values(revision=state.c.revision))

    def check_sample(self) -> list[str]:
        """Log an error if any of a few tickets, chosen by chance, is not what was acknowledged; return their ids.

        What cannot be read at all is an error in the log too: it may be what nobody asks for.
        """
        try:
            altered = self.tickets.altered(sample=_GLANCE)
        except PrecedentError as error:
            _log.error("tickets could not be compared with their hashes: %s", error)
            return []
        if altered:
            _log.error(
                "the ledger is damaged: of at most %s tickets that were looked at, %s are not what was acknowledged (%s): "
                "run `precedent verify`",
                _GLANCE, len(altered), ", ".join(map(repr, altered[:_NAMED])),
            )  # fmt: skip
        return altered
