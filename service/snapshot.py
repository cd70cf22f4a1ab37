"""The snapshot that one answer is made with."""

from collections.abc import Mapping
from dataclasses import dataclass

from indexer.embedding import Embedder
from indexer.ledger import Generation
from service.decided_fields import PRIORITY
from service.forest import ServedForest
from service.priority import Forest, NoForest
from service.ranking import Ranking
from service.results import IndexInfo

__all__ = ["Snapshot"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All that one answer is made with; it is replaced as a whole, so that no answer mixes two states."""

    generation: Generation
    embedder: Embedder
    tickets: int
    revision: int
    """Revision of the ledger at which the tickets were counted."""
    ranking: Ranking
    served: Mapping[str, ServedForest]
    """The forest of each field that is decided, the priority first."""

    @property
    def forest(self) -> Forest | NoForest:
        """The forest that decides the priority."""
        return self.served[PRIORITY].forest

    @property
    def index(self) -> IndexInfo:
        """What an answer says of it."""
        space, forest = self.generation.space, self.forest.state
        return IndexInfo(
            generation=self.generation.name, tickets=self.tickets, embedding_model=space.model, forest=forest
        )
