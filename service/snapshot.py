"""The snapshot that one answer is made with."""

from dataclasses import dataclass

from indexer.embedding import Embedder
from indexer.ledger import Generation
from service.forest import ServedForest
from service.priority import Forest, NoForest
from service.ranking import Ranking

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
    served: ServedForest

    @property
    def forest(self) -> Forest | NoForest:
        """The forest that decides."""
        return self.served.forest
