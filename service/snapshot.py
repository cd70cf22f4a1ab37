"""What is served at a moment."""

from dataclasses import dataclass
from pathlib import Path

from indexer.embedding import Embedder
from indexer.ledger import Generation
from service.forest.fitting_process import Verdict
from service.priority import Forest, NoForest

__all__ = ["Snapshot"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that one answer is made with; it is replaced as a whole, so that no answer mixes two states."""

    generation: Generation
    embedder: Embedder
    tickets: int
    seen: int
    """Revision of the ledger at which the tickets were counted."""
    floor: float
    forest: Forest | NoForest
    forest_path: Path | None
    forest_revision: int | None
    """Of the ledger, up to which its labels are known to the forest; ``None``: no fit has ended well."""
    verdict: Verdict | None
