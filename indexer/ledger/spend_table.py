"""What was asked of the provider, in the ledger: by day, key, model and kind."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal

import msgspec
import sqlalchemy as sa

from indexer.actor import ACTOR
from indexer.ledger.database import Part
from indexer.ledger.tables import spend

__all__ = ["Spend", "Spent", "spent_now"]

_COUNTS = ("requests", "prompt_tokens", "completion_tokens", "estimated")


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """Requests and tokens of one day (UTC), actor, model and kind; ``estimated`` is how many of the tokens are an estimate."""

    day: str
    who: str
    model: str
    kind: Literal["chat", "embeddings"]
    requests: int
    prompt_tokens: int
    completion_tokens: int
    estimated: int

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What is counted together."""
        return self.day, self.who, self.model, self.kind

    def plus(self, other: "Spent") -> "Spent":
        """Return both together; they have the same key."""
        return msgspec.structs.replace(
            self, **{name: getattr(self, name) + getattr(other, name) for name in _COUNTS}
        )


def spent_now(
    kind: Literal["chat", "embeddings"],
    model: str,
    *,
    requests: int,
    prompt_tokens: int,
    completion_tokens: int = 0,
    estimated: bool = False,
) -> Spent:
    """Return what the present actor asked of the provider today.

    :param estimated: the tokens are an estimate.
    """
    return Spent(
        day=datetime.now(UTC).date().isoformat(),
        who=ACTOR.get() or "",
        model=model,
        kind=kind,
        requests=requests,
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        estimated=prompt_tokens + completion_tokens if estimated else 0,
    )


class Spend(Part):
    """Sums, one a day, actor, model and kind."""

    def add(self, found: Iterable[Spent]) -> None:
        """Add to the sums."""
        with self._db.write() as connection:
            for one in found:
                statement = self._db.insert(spend).values(msgspec.structs.asdict(one))
                statement = statement.on_conflict_do_update(
                    index_elements=list(spend.primary_key.columns),
                    set_={name: spend.c[name] + statement.excluded[name] for name in _COUNTS},
                )
                connection.execute(statement)

    def since(self, day: str) -> list[Spent]:
        """Return the sums from a day on, in order."""
        query = sa.select(spend).where(spend.c.day >= day).order_by(*spend.primary_key.columns)
        return [Spent(**row._asdict()) for row in self._rows(query)]
