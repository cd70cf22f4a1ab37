"""The records of which forest serves and why, and of the order to fit another."""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from service.child_process import ChildOrder
from service.priority import Forest, ForestReport, NoForest

__all__ = ["FitOrder", "ServedForest", "Verdict"]


class FitOrder(ChildOrder, frozen=True, kw_only=True):
    """The order to fit a forest and to judge it against its rival; the answer is a `Verdict`."""

    field: str
    """Whose labels are learned: `service.decided_fields.PRIORITY`, or a field's name."""
    path: Path
    """Where the new forest is saved, if it is promoted and the verdict has a report."""
    rival: Path | None
    """The file of the forest that serves."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a new forest takes over, and why; ``report`` is the new one's."""

    promoted: bool
    why: str
    report: ForestReport | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedForest:
    """The forest that serves, its file, and how the last fit ended."""

    forest: Forest | NoForest
    path: Path | None = None
    revision: int | None = None
    """Revision of the ledger up to which its labels were considered; ``None``: no fit has succeeded."""
    verdict: Verdict | None = None
