"""The label audit: near-duplicate tickets with contradictory priorities, and how good a classifier can be at best."""

import csv
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from indexer.embedding import Matrix
from service.arrays import BoolArray, IntArray, unit_rows
from service.evaluation.cases import Cases, EvaluationError
from service.priority.timeline import NEAR_DUPLICATE
from service.scores import Interval, interval, resample

__all__ = ["Audit", "Suspect", "audit", "report", "write_csv"]

_NEIGHBOURS = 10
_BLOCK_ROWS = 512  # bounds the similarities in memory to rows x 512
_FORMULA = ("=", "+", "-", "@")
_REPORTED = 200  # suspects of a report
_OF_TICKET = (
    "subject", "text", "resolution", "created_at", "resolved_at", "updated_at", "tags", "source", "url", "status", "outcome",
    "thread", "fields", "set_apart", "resolution_from", "unresolved",
)  # fmt: skip
"""Fields of a ticket that come back as they were."""


class Suspect(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket whose priority contradicts that of a near-duplicate, of several the nearest."""

    id: str
    priority: str
    duplicate_id: str
    duplicate_priority: str
    similarity: float
    """Their cosine."""
    suspicion: float
    """By how much the neighbours' share of another priority exceeds that of its own, in [-1, 1]."""
    neighbours: dict[str, int]
    """How many of the ten nearest tickets have each priority, most first."""


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """What the audit found, without texts."""

    tickets: int
    """Tickets with a priority."""
    twins: int
    """Tickets that have a near-duplicate."""
    contradicted: int
    """Of these, tickets that contradict at least one."""
    suspects: int
    """How many ``contradictions`` there are; `report` leaves most of them out."""
    agreement: Interval | None
    """The mean share of a ticket's near-duplicates that have its priority; ``None`` without any."""
    ceiling: Interval | None
    """The accuracy that no classifier of such texts can be expected to exceed: the root of the agreement."""
    contradictions: tuple[Suspect, ...]
    """Most suspicious first."""


def audit(cases: Cases, progress: Callable[[int, int], None] = lambda _done, _total: None) -> Audit:
    """Compare every labelled ticket with its near-duplicates (cosine 0.95 or more, or known ones).

    If a text is given each label with some probability, two such tickets agree with the sum of the squares; the most
    probable label is right at most with the root of that sum. So the root of the agreement bounds any classifier.

    :param progress: is told how many of how many tickets have been compared.
    :raises EvaluationError: fewer than two tickets have a priority.
    """
    cases = cases.labelled()
    if len(cases) < 2:  # noqa: PLR2004 (something to compare)
        msg = f"{len(cases)} tickets have a priority: there is nothing to compare"
        raise EvaluationError(msg)
    names = sorted({name for name in cases.labels if name is not None})
    label = cases.columns(names)
    suspects: list[Suspect] = []
    agreements: list[tuple[int, float]] = []
    unit = unit_rows(cases.vectors)
    for start in range(0, len(cases), _BLOCK_ROWS):
        rows = np.arange(start, min(start + _BLOCK_ROWS, len(cases)))
        similarity = unit[rows] @ unit.T
        similarity[rows - start, rows] = -np.inf
        twins = (similarity >= NEAR_DUPLICATE) | (cases.groups[rows, None] == cases.groups)
        twins[rows - start, rows] = False
        alike = label[rows, None] == label
        agreements += _agreements(rows, twins, alike)
        against = twins & ~alike
        contradicted = np.flatnonzero(against.any(axis=1))
        nearest = np.where(against[contradicted], similarity[contradicted], -np.inf).argmax(axis=1)
        suspects += [
            _suspect(cases, row, twin, similarity[row - start])
            for row, twin in zip(rows[contradicted].tolist(), nearest.tolist(), strict=True)
        ]
        progress(int(rows[-1]) + 1, len(cases))
    agreement = _mean_by_group(agreements)
    ranked = _ranked(suspects)
    return Audit(
        tickets=len(cases),
        twins=len(agreements),
        contradicted=len(suspects),
        suspects=len(ranked),
        contradictions=ranked,
        agreement=agreement,
        ceiling=None
        if agreement is None
        else Interval(value=agreement.value**0.5, low=agreement.low**0.5, high=agreement.high**0.5),
    )


def report(found: Audit) -> Audit:
    """Return what the audit found with the most suspicious tickets alone, 200 at most."""
    told = [
        msgspec.structs.replace(one, similarity=round(one.similarity, 3), suspicion=round(one.suspicion, 3))
        for one in found.contradictions[:_REPORTED]
    ]
    return msgspec.structs.replace(found, contradictions=tuple(told))


def write_csv(path: Path, cases: Cases, found: Audit) -> None:
    """Write a row for each suspect. Correct its ``priority`` and sync the file: all else comes back as it was.

    A priority stands there as the ticket has it, in whatever spelling, so that a row nobody corrects changes nothing.
    A text that a spreadsheet would take for a formula gets a space before it, which a sync takes off again.

    :param cases: as audited.
    """
    tickets = {ticket.id: ticket for ticket in cases.tickets}
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ("id", "priority", "neighbours_suggest", "neighbours_have", "duplicate_id", "duplicate_priority", "similarity",
             "suspicion", *_OF_TICKET)
        )  # fmt: skip
        for suspect in found.contradictions:
            ticket = tickets[suspect.id]
            cells = (
                ticket.id,
                ticket.priority,
                next(iter(suspect.neighbours)),
                ", ".join(f"{name} {count}" for name, count in suspect.neighbours.items()),
                suspect.duplicate_id,
                suspect.duplicate_priority,
                f"{suspect.similarity:.3f}",
                f"{suspect.suspicion:.3f}",
                *(_cell(getattr(ticket, name)) for name in _OF_TICKET),
            )
            told = [cell or "" for cell in cells]
            writer.writerow([f" {cell}" if cell.startswith(_FORMULA) else cell for cell in told])


def _cell(value: Any) -> str:
    """Return a field of a ticket as a sync reads it."""
    if value in (None, (), {}):
        return ""
    if isinstance(value, tuple) and isinstance(value[0], str):
        return ";".join(value)
    plain = msgspec.to_builtins(value)
    return plain if isinstance(plain, str) else msgspec.json.encode(plain).decode()


def _agreements(rows: IntArray, twins: BoolArray, alike: BoolArray) -> list[tuple[int, float]]:
    """Return of each ticket with near-duplicates the first ticket of its problem, and the share that agrees with it.

    :param twins: which tickets are near-duplicates of the rows, shape (rows, tickets).
    :param alike: which have the row's priority, same shape.
    """
    counts, agreeing = twins.sum(axis=1), (twins & alike).sum(axis=1)
    some = counts > 0
    firsts = np.minimum(rows, twins.argmax(axis=1))[some]
    return list(zip(firsts.tolist(), (agreeing[some] / counts[some]).tolist(), strict=True))


def _nearest(similar: Matrix, count: int) -> IntArray:
    """Return the most similar rows, most similar first; of equal ones the first.

    :param similar: shape (rows,).
    """
    least = np.partition(similar, -count)[-count]
    above = np.flatnonzero(similar > least)
    equal = np.flatnonzero(similar == least)[: count - len(above)]
    return np.concatenate([above[np.argsort(-similar[above], kind="stable")], equal])


def _suspect(cases: Cases, row: int, twin: int, similar: Matrix) -> Suspect:
    count = min(_NEIGHBOURS, len(similar) - 1)
    nearest = _nearest(similar, count)
    votes = Counter(cases.labels[near] or "" for near in nearest)
    label = cases.labels[row] or ""
    own = votes[label]
    best_other = max(number for name, number in votes.items() if name != label) if own < count else 0
    return Suspect(
        id=cases.ids[row],
        priority=cases.tickets[row].priority or "",
        duplicate_id=cases.ids[twin],
        duplicate_priority=cases.tickets[twin].priority or "",
        similarity=float(similar[twin]),
        neighbours=dict(votes.most_common()),
        suspicion=(best_other - own) / count,
    )


def _ranked(suspects: list[Suspect]) -> tuple[Suspect, ...]:
    """Order them, and of two that contradict each other name only the more suspicious."""
    ranked = sorted(suspects, key=lambda found: (-found.suspicion, -found.similarity))
    pairs: dict[frozenset[str], Suspect] = {}
    for found in ranked:
        pairs.setdefault(frozenset((found.id, found.duplicate_id)), found)
    return tuple(pairs.values())


def _mean_by_group(agreements: list[tuple[int, float]]) -> Interval | None:
    """Return the mean agreement of tickets; tickets of one problem are drawn together."""
    if not agreements:
        return None
    first, values = np.array([group for group, _ in agreements]), np.array([value for _, value in agreements])
    groups = np.unique(first, return_inverse=True)[1]
    totals, sizes = np.bincount(groups, values), np.bincount(groups)
    return interval(resample(len(sizes), lambda counts: counts @ totals / (counts @ sizes)))
