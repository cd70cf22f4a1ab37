"""A hosted classifier among the methods that are compared, by answers that it gave before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from indexer.ledger import Classification
from indexer.settings import Settings
from service.arrays import IntArray
from service.evaluation.cases import Cases, Cut
from service.evaluation.methods import Predictions
from service.hosted_priority.calibrated import calibrated_on, votes_of
from service.hosted_priority.calibrating import Asked

__all__ = ["Hosted"]

_LEAST = 20  # answers below which nothing is calibrated on them


@dataclass(frozen=True, slots=True)
class Hosted:
    """What a model answered about tickets.

    :param said: by the tickets' ids.
    :param labels: the priorities that it chose from.
    """

    settings: Settings
    said: Mapping[str, Classification]
    labels: tuple[str, ...]
    asked: Asked

    def start(self, cases: Cases) -> int:
        """Return the row of the first ticket that it was asked about."""
        return next(row for row, ticket_id in enumerate(cases.ids) if ticket_id in self.said)

    def predictions(
        self, cases: Cases, cuts: Sequence[Cut], names: Sequence[str], served: Sequence[Predictions]
    ) -> list[Predictions]:
        """Return what would have been decided behind each cut.

        It is calibrated on its answers about tickets behind earlier cuts that had been resolved by then, and decides
        nothing by itself before there are any. Where its answer is no label, the forest decides, as in the service.

        :param names: the columns.
        :param served: the forest's predictions.
        """
        found = []
        for number, (cut, by_forest) in enumerate(zip(cuts, served, strict=True)):
            earlier = np.concatenate([np.zeros(0, np.int64), *(one.tested for one in cuts[:number])])
            learned = np.intersect1d(earlier, cut.learned)
            found.append(self._behind(cases, cut, learned, names, by_forest))
        return found

    def _behind(
        self, cases: Cases, cut: Cut, learned: IntArray, names: Sequence[str], by_forest: Predictions
    ) -> Predictions:
        said = [self.said[cases.ids[row]] for row in cut.tested]
        known = [one for one in said if one.label is not None]
        raw = votes_of(known, self.labels, shares=all(one.shares for one in known))
        calibrated, predicted, automatic = raw, raw.argmax(axis=1), np.zeros(len(known), dtype=bool)
        before = [self.said[cases.ids[row]] for row in learned]
        if sum(one.label is not None for one in before) >= _LEAST:
            true = [cases.labels[row] or "" for row in learned]
            rule = calibrated_on(self.settings, before, true, self.labels)
            calibrated, predicted, automatic = rule.decide(
                votes_of(known, self.labels, shares=rule.uses_shares)
            )
        rows = np.flatnonzero([one.label is not None for one in said])
        columns = np.array([list(names).index(label) for label in self.labels])
        label, sure = by_forest.label.copy(), by_forest.decided.copy()
        probabilities, votes = by_forest.probabilities.copy(), by_forest.probabilities.copy()
        label[rows], sure[rows] = columns[predicted], automatic
        probabilities[np.ix_(rows, columns)] = calibrated
        votes[np.ix_(rows, columns)] = raw
        return Predictions(label, probabilities, votes, sure)
