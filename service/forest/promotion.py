"""Whether a new forest may take the place of the one that serves."""

import numpy as np

from service.priority import Forest, TrainingSet
from service.priority.calibration import least_costly, smooth
from service.priority.predictors import fit_predictors
from service.priority.training import train
from service.priority.trees import extract
from service.scores import resample_macro_f1

__all__ = ["compare"]

_LEAST = 30
_SURE = 0.75


def compare(old: Forest, new: Forest, training: TrainingSet) -> tuple[bool, str]:
    """Judge both on the newest labelled tickets, which the old one was not fitted on.

    The new one was, so a forest of its kind answers for it that was trained on no ticket that the old one does not
    know. It is held back when it is worse by macro-F1 in three of four resamples.

    :param training: what the new one was fitted on.
    :return: whether the new one is promoted, and why.
    """
    known = set(old.ids)
    fresh = np.array([row for row in new.later if new.ids[row] not in known], np.int64)
    shared = np.array([row for row, ticket_id in enumerate(new.ids) if ticket_id in known], np.int64)
    if len(fresh) < _LEAST:
        return True, f"only {len(fresh)} new tickets to compare on, {_LEAST} are needed"
    if len(np.unique(new.label[shared])) < 2:  # noqa: PLR2004 (something to tell apart)
        return True, "of the tickets that the old one knows too few are left to compare on"
    position = {ticket_id: row for row, ticket_id in enumerate(training.ids)}
    of_new = training.take(np.array([position[ticket_id] for ticket_id in new.ids], np.int64))
    asked, learned = of_new.features.take(fresh), of_new.take(shared)
    truth = np.array(new.labels)[new.label[fresh]]
    by_old = np.array(old.labels)[old.classify(asked).predicted]
    predictors, matrix = fit_predictors(learned.features, new.label[shared], len(new.labels), learned.groups)
    grown = train(
        matrix,
        new.label[shared],
        learned.times,
        candidate=new.report.chosen,
        trees=len(new.trees.roots),
        seed=new.report.seed,
    )
    trees, leaves = extract(grown, matrix)
    votes = leaves.votes(new.label[shared], len(new.labels)).mean(trees.walk(predictors.matrix(asked)))
    by_new = np.array(new.labels)[least_costly(new.calibrator(smooth(votes, len(shared))), new.costs)]
    names, columns = np.unique([truth, by_old, by_new], return_inverse=True)
    label, *predicted = columns.reshape(3, -1)
    old_score, new_score = (resample_macro_f1(label, column, len(names)) for column in predicted)
    found = f"macro-F1 {new_score[0]:.3f} against {old_score[0]:.3f} on {len(fresh)} new tickets"
    worse = np.mean(new_score[1:] < old_score[1:])
    return bool(worse < _SURE), found
