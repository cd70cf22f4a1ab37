"""The back-test: at each cut every method learns what existed and is asked about what came next."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

import numpy as np

from service.evaluation.cases import MAX_TICKETS, Cases
from service.evaluation.cuts import Cut, roll
from service.evaluation.findings import (
    Bin,
    Block,
    CoveragePoint,
    Data,
    Evaluation,
    LearningPoint,
    MethodScore,
    Period,
    Recall,
)
from service.evaluation.methods import BASELINES, GUESSES, NAMES, SERVED, Fit, Said, learn_and_say
from service.evaluation.metrics import Resampled, confusion_matrix, macro_f1, macro_f1_interval, resample
from service.evaluation.order import priority_order
from service.evaluation.retrieval import retrieve
from service.evaluation.verdict import verdict
from service.priority import fit
from service.priority.abstention import error_bound
from service.priority.training_set import IntArray

__all__ = ["evaluate"]

_BINS = 10
_PERIODS = 10
_CURVE_POINTS = 50
_LEARNING_SHARES = (0.125, 0.25, 0.5)
_MIN_LEARNED = 20


def evaluate(
    cases: Cases,
    *,
    source: str,
    embedding_model: str,
    max_error: float,
    max_missed: Mapping[str, float] | None = None,
    half_life_days: float | None = None,
    order: Sequence[str] = (),
    folds: int = 5,
    rejected: int = 0,
    duplicates: Sequence[tuple[str, str]] = (),
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    seed: int = 0,
) -> Evaluation:
    """Back-test the served forest and its rivals on later tickets.

    :param source: what to call the tickets in the report.
    :param max_error: as of `service.priority.fit`, and so are ``max_missed`` and ``half_life_days``.
    :param order: the priorities from least to most urgent; empty: as their names tell.
    :param folds: into how many blocks the later tickets are cut.
    :param duplicates: pairs of ids of one problem.
    :param progress: is told how many of how many answers there are.
    :raises EvaluationError: the tickets say nothing about the quality of a forest.
    """
    known = cases.labelled()
    counts = dict(sorted(Counter(name for name in known.labels if name is not None).items()))
    cuts = roll(known, folds)
    ordered, order_reason = priority_order(tuple(counts), order)
    names = ordered or tuple(counts)
    column = {name: number for number, name in enumerate(names)}
    label = np.array([column[name] for name in known.labels if name is not None], np.int64)
    fitting = partial(
        fit, max_error=max_error, max_missed=max_missed, half_life_days=half_life_days, seed=seed
    )
    answers = _Answers(known, names, fitting, seed, progress)

    sizes = _learning_sizes(cuts[-1], label)
    answers.total = sum(len(cut.tested) for cut in cuts) * len(NAMES) + 2 * len(sizes) * len(cuts[-1].tested)
    said = {key: [answers.ask(key, cut.learned, cut.tested) for cut in cuts] for key in NAMES}
    tested = np.concatenate([cut.tested for cut in cuts])
    pooled = {key: _pool(parts) for key, parts in said.items()}
    places = None if ordered is None else tuple(range(len(names)))
    scores = resample(pooled, label[tested], len(names), places, seed)
    methods = _methods(scores, pooled[SERVED], label[tested], names)
    rival = max(
        (key for key in BASELINES if key not in GUESSES), key=lambda key: scores[key].point[0]
    )  # the learning curve of a guess is flat
    served = pooled[SERVED]
    rows = np.arange(len(tested))
    right = served.label == label[tested]
    confidence = served.probabilities[rows, served.label]
    data = Data(
        source=source,
        tickets=len(cases),
        labelled=len(known),
        rejected=rejected,
        untimed=int(np.isnan(known.created).sum()),
        embedding_model=embedding_model,
        labels={name: counts[name] for name in names},
    )
    return Evaluation(
        verdict=verdict(methods, max_error, sum(len(cut.tested) for cut in cuts), said[SERVED][-1].reason),
        notes=_notes(data, cuts, folds),
        data=data,
        max_error=max_error,
        labels=names,
        order=ordered,
        order_reason=order_reason,
        methods=methods,
        blocks=_blocks(cuts, said, label, len(names)),
        confusion=tuple(map(tuple, confusion_matrix(label[tested], served.label, len(names)).tolist())),
        reliability_before=_bins(served.votes[rows, served.label], right),
        reliability_after=_bins(confidence, right),
        coverage_curve=_coverage_curve(confidence, right),
        learning_curve=_learning_curve(
            answers,
            cuts[-1],
            sizes=sizes,
            whole={key: said[key][-1] for key in (SERVED, rival)},
            label=label,
            labels=len(names),
            seed=seed,
        ),
        learning_baseline=rival,
        drift=_drift(known, label, names),
        retrieval=retrieve(cases, duplicates, seed) if duplicates else None,
        seed=seed,
    )


class _Answers:
    """Asks methods, and tells how far it is."""

    def __init__(
        self,
        cases: Cases,
        names: tuple[str, ...],
        fitting: Fit,
        seed: int,
        progress: Callable[[int, int], None],
    ) -> None:
        self.total = 0
        self._done = 0
        self._cases, self._names, self._fit, self._seed = cases, names, fitting, seed
        self._progress = progress

    def ask(self, method: str, learned: IntArray, tested: IntArray) -> Said:
        learn, test = self._cases.take(learned), self._cases.take(tested)
        said = learn_and_say(method, learn, test, self._names, fit=self._fit, seed=self._seed)
        self._done += len(tested)
        self._progress(self._done, self.total)
        return said


def _pool(parts: Sequence[Said]) -> Said:
    automatic = [part.automatic for part in parts if part.automatic is not None]
    probabilities = np.concatenate([part.probabilities for part in parts])
    calibrated = any(part.votes is not part.probabilities for part in parts)
    return Said(
        label=np.concatenate([part.label for part in parts]),
        probabilities=probabilities,
        votes=np.concatenate([part.votes for part in parts]) if calibrated else probabilities,
        automatic=np.concatenate(automatic) if automatic else None,
    )


def _methods(
    scores: Mapping[str, Resampled], served: Said, label: IntArray, names: tuple[str, ...]
) -> tuple[MethodScore, ...]:
    support = np.bincount(label, minlength=len(names))
    rows = []
    for key, score in scores.items():
        automatic = bound = missed = None
        if key == SERVED and served.automatic is not None:
            automatic = int(served.automatic.sum())
            wrong = (served.label != label) & served.automatic
            bound = error_bound(int(wrong.sum()), automatic) if automatic else None
            missed = np.bincount(label[wrong], minlength=len(names))
        macro, brier, ece, classwise = (score[name] for name in ("macro_f1", "brier", "ece", "classwise"))
        if (
            macro is None or brier is None or ece is None or classwise is None
        ):  # they are numbers where a ticket is
            msg = f"{key} was asked about no ticket"
            raise ValueError(msg)
        rows.append(
            MethodScore(
                key=key,
                name=NAMES[key],
                macro_f1=macro,
                kappa=score["kappa"],
                brier=brier,
                ece=ece,
                classwise=classwise,
                recalls=tuple(
                    Recall(
                        label=name,
                        tickets=int(support[number]),
                        recall=score.recall(number),
                        missed=None if missed is None else int(missed[number]),
                    )
                    for number, name in enumerate(names)
                ),
                ahead=None if key == SERVED else scores[SERVED].ahead_of(score),
                brier_before=score["brier_before"],
                ece_before=score["ece_before"],
                classwise_before=score["classwise_before"],
                coverage=score["coverage"],
                error=score["error"],
                error_bound=bound,
                automatic=automatic,
            )
        )
    return tuple(sorted(rows, key=lambda row: (row.key != SERVED, -row.macro_f1.value)))


def _blocks(
    cuts: Sequence[Cut], said: Mapping[str, Sequence[Said]], label: IntArray, labels: int
) -> tuple[Block, ...]:
    blocks = []
    for number, cut in enumerate(cuts):
        served = said[SERVED][number]
        blocks.append(
            Block(
                moment=_day(cut.moment),
                learned=len(cut.learned),
                tested=len(cut.tested),
                repeated=cut.repeated,
                automatic=0 if served.automatic is None else int(served.automatic.sum()),
                reason=served.reason,
                macro_f1={
                    key: macro_f1(confusion_matrix(label[cut.tested], parts[number].label, labels))
                    for key, parts in said.items()
                },
            )
        )
    return tuple(blocks)


def _bins(confidence: np.ndarray, right: np.ndarray) -> tuple[Bin, ...]:
    which = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    return tuple(
        Bin(
            confidence=float(confidence[which == number].mean()),
            right=float(right[which == number].mean()),
            tickets=int((which == number).sum()),
        )
        for number in np.unique(which)
    )


def _coverage_curve(confidence: np.ndarray, right: np.ndarray) -> tuple[CoveragePoint, ...]:
    best = np.argsort(-confidence, kind="stable")
    wrong = np.cumsum(~right[best])
    counts = np.unique(np.ceil(np.linspace(1 / _CURVE_POINTS, 1, _CURVE_POINTS) * len(right)).astype(int))
    return tuple(
        CoveragePoint(coverage=float(count / len(right)), error=float(wrong[count - 1] / count))
        for count in counts
    )


def _learning_sizes(cut: Cut, label: IntArray) -> tuple[int, ...]:
    """Return how many of the newest tickets are learned from: parts of the whole, where two labels occur."""
    sizes = [round(len(cut.learned) * share) for share in _LEARNING_SHARES]
    return tuple(n for n in sizes if n >= _MIN_LEARNED and len(np.unique(label[cut.learned[-n:]])) > 1)


def _learning_curve(
    answers: _Answers,
    cut: Cut,
    *,
    sizes: Sequence[int],
    whole: Mapping[str, Said],
    label: IntArray,
    labels: int,
    seed: int,
) -> tuple[LearningPoint, ...]:
    """Score the forest and its rival on the newest block after learning from fewer of the newest tickets.

    :param whole: what the two said of the block after learning from all.
    """
    forest_key, rival = whole
    runs = [
        (size, {key: answers.ask(key, cut.learned[-size:], cut.tested) for key in whole}) for size in sizes
    ]
    points = []
    for size, said in (*runs, (len(cut.learned), whole)):
        forest, baseline = (
            macro_f1_interval(said[key].label, label[cut.tested], labels, seed) for key in (forest_key, rival)
        )
        if forest is not None and baseline is not None:
            points.append(LearningPoint(learned=size, forest=forest, baseline=baseline))
    return tuple(points)


def _drift(cases: Cases, label: IntArray, names: tuple[str, ...]) -> tuple[Period, ...]:
    parts = np.array_split(np.arange(len(cases)), _PERIODS)
    return tuple(
        Period(
            start=_day(cases.created[part[0]]),
            tickets=len(part),
            shares=dict(zip(names, _shares(label[part], len(names)), strict=True)),
        )
        for part in parts
        if len(part)
    )


def _shares(label: IntArray, labels: int) -> list[float]:
    return [count / len(label) for count in np.bincount(label, minlength=labels).tolist()]


def _notes(data: Data, cuts: Sequence[Cut], folds: int) -> tuple[str, ...]:
    notes = []
    if data.untimed == data.labelled:
        notes.append(
            "No ticket has a time, so the order in time is unknown: the order given was used instead."
        )
    elif data.untimed:
        notes.append(
            f"{data.untimed:,} of {data.labelled:,} tickets have no time: they count as the oldest, in the order given."
        )
    if data.rejected:
        notes.append(
            f"{data.rejected:,} records of the file are no tickets, or have the id of an earlier one, and were left out."
        )
    if data.tickets > data.labelled:
        notes.append(f"{data.tickets - data.labelled:,} tickets have no priority and were left out.")
    if data.tickets == MAX_TICKETS:
        notes.append(f"Only the newest {MAX_TICKETS:,} tickets were looked at.")
    if repeated := sum(cut.repeated for cut in cuts):
        notes.append(
            f"{repeated:,} later tickets repeat an earlier one almost word for word and were not tested on: "
            "a method could have known the answer by heart."
        )
    if len(cuts) < folds:
        notes.append(f"There are tickets for {len(cuts)} of the {folds} cuts only.")
    return tuple(notes)


def _day(seconds: float) -> str | None:
    return None if np.isnan(seconds) else datetime.fromtimestamp(seconds, UTC).date().isoformat()
