"""The checks that a new generation must pass before it goes live."""

import math
from collections import Counter
from collections.abc import Sequence

import msgspec
import numpy as np

from indexer.chroma.check import IndexCheck
from indexer.ledger import Generation, pages
from indexer.progress import Progress
from indexer.store import Store

__all__ = ["Gate", "examine"]

_SAMPLE = 500
_SELF_RETRIEVAL = 0.99
_MARGIN = 0.05
_LEAST = 50  # labelled tickets; with fewer, agreement says little
_NEIGHBOURS = 5
_QUERIES = 100
_SPARE = 20  # neighbours asked for besides, for those that are the ticket itself or a copy of it


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """What was found; ``reasons`` is empty when the generation may go live.

    ``agreement`` is the share of labelled tickets, of a sample, whose priority most of their five nearest others have.
    """

    tickets: int
    rows: int
    differences: int
    self_retrieval: float
    agreement: float | None = None
    agreement_before: float | None = None
    reasons: tuple[str, ...] = ()


def examine(store: Store, new: Generation, old: Generation | None, progress: Progress) -> Gate:
    """Examine a complete generation, and compare it with the one that is live, if there is another.

    Required are: every ticket as the ledger has it, every vector finite and the ledger's, 99 % of a sample of 500
    found by their own vectors, and an agreement of priorities that is not more than 5 points, and not beyond chance,
    below the old one's.

    :raises IndexUnavailableError: one of them cannot be read.
    """
    reasons = []
    check = IndexCheck(store.ledger, store.index, new)
    found = check.compare(progress)
    tickets = store.tickets.count()
    if found.ids:
        reasons.append(f"{len(found.ids):,} of {tickets:,} tickets are not as the ledger has them")
    if found.unusable:
        reasons.append(
            f"{len(found.unusable):,} vectors are of another dimension than {new.space.dimension} or not finite"
        )
    reach = check.probe(_SAMPLE, progress)
    if reach.share < _SELF_RETRIEVAL:
        reasons.append(
            f"only {reach.share:.1%} of {reach.asked} tickets are found by their own vectors, {_SELF_RETRIEVAL:.0%} are needed"
        )
    after, before = _agreements(store, new, old, progress)
    reason = _worse(after, before)
    if reason is not None:
        reasons.append(reason)
    return Gate(
        tickets=tickets,
        rows=found.rows,
        differences=len(found.ids),
        self_retrieval=round(reach.share, 4),
        agreement=_share(after),
        agreement_before=_share(before),
        reasons=tuple(reasons),
    )


def _worse(after: dict[str, bool], before: dict[str, bool]) -> str | None:
    both = after.keys() & before.keys()
    lost = sum(before[i] and not after[i] for i in both)
    won = sum(after[i] and not before[i] for i in both)
    # Beyond two standard errors of the paired difference too: in a small sample five points are chance.
    if lost - won <= _MARGIN * len(both) or lost - won <= 2 * math.sqrt(lost + won):
        return None
    return (
        f"the five nearest others agree on the priority of {_share(after):.1%} of a sample of labelled tickets, "
        f"in the live generation of {_share(before):.1%}: more than {_MARGIN:.0%} worse"
    )


def _share(right: dict[str, bool]) -> float | None:
    return round(sum(right.values()) / len(right), 4) if right else None


def _agreements(
    store: Store, new: Generation, old: Generation | None, progress: Progress
) -> tuple[dict[str, bool], dict[str, bool]]:
    labels = store.tickets.priorities()
    texts = store.tickets.hashes()
    labelled = sorted(i for i, label in labels.items() if label is not None and i in texts)
    if old is None or len(labelled) < _LEAST or len({labels[i] for i in labelled}) == 1:
        return {}, {}
    sample = labelled[:: max(1, len(labelled) // _SAMPLE)][:_SAMPLE]
    progress("agree", 0, len(sample))
    after = _agreement(store, new, sample, labels, texts)
    before = _agreement(store, old, sample, labels, texts)
    progress("agree", len(sample), len(sample))
    return after, before


def _agreement(
    store: Store,
    generation: Generation,
    sample: Sequence[str],
    labels: dict[str, str | None],
    texts: dict[str, str],
) -> dict[str, bool]:
    """Return, for each ticket of the sample, whether most of its nearest others have its priority."""
    right = {}
    for page in pages(sample, _QUERIES):
        stored = store.vectors.get(generation.space, {texts[i] for i in page})
        ids = [i for i in page if texts[i] in stored]
        if not ids:
            continue
        found = store.index.nearest_ids(
            generation, np.stack([stored[texts[i]] for i in ids]), _NEIGHBOURS + _SPARE
        )
        for ticket_id, hits in zip(ids, found, strict=True):
            others = [labels.get(i) for i, _ in hits if texts.get(i) != texts[ticket_id]]
            votes = Counter([label for label in others if label is not None][:_NEIGHBOURS])
            right[ticket_id] = bool(votes) and votes.most_common(1)[0][0] == labels[ticket_id]
    return right
