"""Whether other weights of subject and date would put the right precedents higher than those in settings."""

import itertools
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from indexer.ledger import Candidates
from indexer.settings import Settings
from service.evaluation.result import Weights
from service.ranking import QueryVectors, Ranking
from service.scores import interval, resample

__all__ = ["LEAST_KNOWN", "MOST_RANKED", "choices", "compare_weights", "reciprocal_ranks"]

MOST_RANKED = 400
"""Tickets with a known precedent that are ranked by each choice."""

LEAST_KNOWN = 60
"""Tickets with a known precedent below which weights are not compared: a half of fewer tells nothing."""

_SUBJECT, _DATE = (0.0, 0.15, 0.3, 0.6), (0.0, 0.02, 0.05, 0.1)


def choices(settings: Settings) -> tuple[tuple[float, float], ...]:
    """Return weights of subject and date, those in settings first."""
    present = settings.subject_weight, settings.date_weight
    return (present, *(pair for pair in itertools.product(_SUBJECT, _DATE) if pair != present))


def reciprocal_ranks(
    ranking: Ranking,
    query: QueryVectors,
    found: Candidates,
    wanted: Collection[str],
    weights: Sequence[tuple[float, float]],
) -> list[float]:
    """Return, for each choice, 1 / the place of the first right precedent; 0 where it is not among the candidates."""
    ranks = []
    found = replace(found, lengths=ranking.whitening.lengths(found.vectors))
    for subject, date in weights:
        order = replace(ranking, subject_weight=subject, date_weight=date).rank(query, found)
        places = (place for place, one in enumerate(order, 1) if one.id in wanted)
        ranks.append(1 / place if (place := next(places, None)) else 0.0)
    return ranks


def compare_weights(
    ranks: Sequence[Sequence[float]], weights: Sequence[tuple[float, float]]
) -> Weights | None:
    """Choose the best weights on the older half of the tickets, and compare them with those in settings on the newer.

    :param ranks: a row for each ticket, oldest first, as `reciprocal_ranks` returns it.
    :param weights: as `choices` returns them.
    :return: ``None`` where there are too few tickets.
    """
    if len(ranks) < LEAST_KNOWN:
        return None
    older, newer = np.array_split(np.array(ranks), 2)
    best = int(older.mean(axis=0).argmax())
    gains = newer[:, best] - newer[:, 0]
    gain = interval(resample(len(gains), lambda counts: counts @ gains / len(gains)))
    return Weights(
        tickets=len(ranks),
        present=weights[0],
        best=weights[best],
        gain=gain,
        better=gain.low > 0,
    )
