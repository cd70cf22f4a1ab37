"""The scores of all methods, measured on the same resamples of the same tickets."""

from collections.abc import Mapping, Sequence

import numpy as np

from service.arrays import FloatArray, IntArray
from service.evaluation.methods import NAMES, SERVED, Predictions
from service.evaluation.result import MethodScore, Recall
from service.priority.abstention import error_bound
from service.scores import (
    ProbabilityScores,
    confusion_matrix,
    interval,
    macro_f1,
    quadratic_kappa,
    resample,
)

__all__ = ["compare", "resampled_scores"]

_OF_PROBABILITIES = ("brier", "ece", "classwise")
_RECALL = "recall"


def compare(
    predictions: Mapping[str, Predictions],
    label: IntArray,
    names: Sequence[str],
    *,
    ordered: bool,
    seed: int,
) -> tuple[MethodScore, ...]:
    """Score every method; the forest first, then the others by macro-F1, best first.

    :param predictions: by the method's key, the forest among them, rows as in ``label``.
    :param label: the true columns, shape (rows,); there is at least one row.
    :param names: the labels of the columns.
    :param ordered: whether they are in order, from least to most urgent; else quadratic kappa is left out.
    """
    scores = {
        key: resampled_scores(found, label, len(names), ordered=ordered, seed=seed)
        for key, found in predictions.items()
    }
    for key in scores.keys() - {SERVED}:
        scores[key]["ahead"] = scores[SERVED]["macro_f1"] - scores[key]["macro_f1"]
    rows = [_method_score(key, predictions[key], label, names, found) for key, found in scores.items()]
    return tuple(sorted(rows, key=lambda row: (row.key != SERVED, -row.macro_f1.value)))


def resampled_scores(
    predictions: Predictions, label: IntArray, labels: int, *, ordered: bool, seed: int
) -> dict[str, FloatArray]:
    """Return the scores of one method by their names in `MethodScore`, those that there are.

    :return: each as `service.scores.resample` returns it; ``recall`` has a column for each label.
    """
    rows = len(label)

    def of_labels(counts: FloatArray) -> FloatArray:
        found = []
        for drawn in counts:
            confusion = confusion_matrix(label, predictions.label, labels, drawn)
            support = confusion.sum(axis=1)
            recall = np.where(support > 0, np.diag(confusion) / np.maximum(support, 1), np.nan)
            kappa = quadratic_kappa(confusion) if ordered else np.nan
            found.append([macro_f1(confusion), kappa, *recall])
        return np.array(found)

    found = resample(rows, of_labels, seed)
    scores = {"macro_f1": found[:, 0], _RECALL: found[:, 2:]}
    if ordered:
        scores["kappa"] = found[:, 1]
    given = {"": predictions.probabilities}
    if predictions.votes is not None:
        given["_before"] = predictions.votes
    for suffix, probabilities in given.items():
        found = resample(rows, ProbabilityScores(probabilities, predictions.label, label), seed)
        scores |= {name + suffix: found[:, column] for column, name in enumerate(_OF_PROBABILITIES)}
    if (automatic := predictions.automatic) is not None:
        right = automatic & (predictions.label == label)

        def of_decisions(counts: FloatArray) -> FloatArray:
            decided = counts @ automatic
            error = np.where(decided > 0, 1 - counts @ right / np.maximum(decided, 1), np.nan)
            return np.stack([decided / rows, error], axis=1)

        found = resample(rows, of_decisions, seed)
        scores |= {"coverage": found[:, 0], "error": found[:, 1]}
    return scores


def _method_score(
    key: str,
    predictions: Predictions,
    label: IntArray,
    names: Sequence[str],
    scores: Mapping[str, FloatArray],
) -> MethodScore:
    automatic = bound = missed = None
    if predictions.automatic is not None:
        automatic = int(predictions.automatic.sum())
        wrong = (predictions.label != label) & predictions.automatic
        bound = error_bound(int(wrong.sum()), automatic) if automatic else None
        missed = np.bincount(label[wrong], minlength=len(names))
    support = np.bincount(label, minlength=len(names))
    found = {
        name: interval(values)
        for name, values in scores.items()
        if name != _RECALL and not np.isnan(values[0])
    }
    return MethodScore(
        key=key,
        name=NAMES[key],
        macro_f1=found["macro_f1"],
        kappa=found.get("kappa"),
        brier=found["brier"],
        ece=found["ece"],
        classwise=found["classwise"],
        brier_before=found.get("brier_before"),
        ece_before=found.get("ece_before"),
        classwise_before=found.get("classwise_before"),
        coverage=found.get("coverage"),
        error=found.get("error"),
        recalls=tuple(
            Recall(
                label=name,
                tickets=int(support[column]),
                recall=interval(scores[_RECALL][:, column]) if support[column] else None,
                missed=None if missed is None else int(missed[column]),
            )
            for column, name in enumerate(names)
        ),
        ahead=found.get("ahead"),
        error_bound=bound,
        automatic=automatic,
    )
