"""The scores of all methods, measured on the same resamples of the same tickets."""

from collections.abc import Callable, Mapping, Sequence

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

__all__ = ["compare"]


def compare(
    predictions: Mapping[str, Predictions],
    label: IntArray,
    names: Sequence[str],
    *,
    ordered: bool,
) -> tuple[MethodScore, ...]:
    """Score every method; the forest first, then the others by macro-F1, best first.

    :param predictions: by the method's key, the forest among them, rows as in ``label``.
    :param label: the true columns, shape (rows,); there is at least one row.
    :param names: the labels of the columns.
    :param ordered: whether they are in order, from least to most urgent; else quadratic kappa is left out.
    """
    scores = {
        key: _resampled_scores(found, label, len(names), ordered=ordered)
        for key, found in predictions.items()
    }
    for key in scores.keys() - {SERVED}:
        scores[key]["ahead"] = scores[SERVED]["macro_f1"] - scores[key]["macro_f1"]
    rows = [_method_score(key, predictions[key], label, names, found) for key, found in scores.items()]
    return tuple(sorted(rows, key=lambda row: (row.key != SERVED, -row.macro_f1.value)))


def _resampled_scores(
    predictions: Predictions, label: IntArray, labels: int, *, ordered: bool
) -> dict[str, FloatArray]:
    """Return the scores of one method, each as `service.scores.resample` returns it, by its name in `MethodScore`.

    That of a label's recall is ``recall`` and its column. Scores of what the method never says are not there.
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

    def of_probabilities(given: FloatArray) -> ProbabilityScores:
        return ProbabilityScores(given, predictions.label, label)

    measures: dict[tuple[str, ...], Callable[[FloatArray], FloatArray]] = {
        ("macro_f1", "kappa", *(f"recall {column}" for column in range(labels))): of_labels,
        ("brier", "ece", "classwise"): of_probabilities(predictions.probabilities),
    }
    if predictions.votes is not None:
        measures["brier_before", "ece_before", "classwise_before"] = of_probabilities(predictions.votes)
    if (automatic := predictions.automatic) is not None:
        right = automatic & (predictions.label == label)

        def of_decisions(counts: FloatArray) -> FloatArray:
            decided = counts @ automatic
            error = np.where(decided > 0, 1 - counts @ right / np.maximum(decided, 1), np.nan)
            return np.stack([decided / rows, error], axis=1)

        measures["coverage", "error"] = of_decisions

    def measure(counts: FloatArray) -> FloatArray:
        return np.concatenate([each(counts) for each in measures.values()], axis=1)

    names = [name for group in measures for name in group]
    return dict(zip(names, resample(rows, measure).T, strict=True))


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
    found = {name: interval(values) for name, values in scores.items() if not np.isnan(values[0])}
    return MethodScore(
        key=key,
        name=NAMES[key],
        recalls=tuple(
            Recall(
                label=name,
                tickets=int(support[column]),
                recall=found.get(f"recall {column}"),
                missed=None if missed is None else int(missed[column]),
            )
            for column, name in enumerate(names)
        ),
        error_bound=bound,
        automatic=automatic,
        **{name: values for name, values in found.items() if name in MethodScore.__struct_fields__},
    )
