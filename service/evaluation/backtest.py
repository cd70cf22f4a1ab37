"""The back-test: at each cut every method learns what existed and is asked about what came next."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

import numpy as np

from indexer.settings import Settings
from service.arrays import BoolArray, FloatArray, IntArray, pick
from service.evaluation.cases import MAX_TICKETS, Cases
from service.evaluation.comparison import compare
from service.evaluation.cuts import Cut, roll, tested_tickets
from service.evaluation.first_screen import Later, first_screen
from service.evaluation.hosted import Hosted
from service.evaluation.methods import GUESSES, HOSTED, LOCAL, SERVED, Fit, Predictions, fit_and_predict
from service.evaluation.result import (
    Alerts,
    Block,
    CoveragePoint,
    Data,
    Drafts,
    Evaluation,
    LearningPoint,
    Period,
)
from service.evaluation.retrieval import retrieve
from service.evaluation.sample_questions import Question
from service.evaluation.verdict import verdict
from service.priority import fit
from service.priority.alerts import at_or_above
from service.priority.label_order import priority_order
from service.ranking import QueryVectors
from service.scores import Interval, confusion_matrix, interval, macro_f1, reliability, resample_macro_f1

__all__ = ["evaluate"]

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
    costs: Mapping[str, float] | None = None,
    half_life_days: float | None = None,
    alert: str | None = None,
    order: Sequence[str] = (),
    folds: int = 5,
    rejected: int = 0,
    duplicates: Sequence[tuple[str, str]] = (),
    settings: Settings | None = None,
    questions: Sequence[tuple[Question, QueryVectors]] = (),
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    seed: int = 0,
    hosted: Hosted | None = None,
    drafts: Drafts | None = None,
) -> Evaluation:
    """Back-test the served forest and its rivals on later tickets.

    :param source: what to call the tickets in the report.
    :param max_error: as of `service.priority.fit`, and so are ``max_missed``, ``costs`` and ``half_life_days``.
    :param alert: a priority; the forest then also says whether a ticket has it or a more urgent one.
    :param order: the priorities from least to most urgent; empty: as their names tell.
    :param folds: into how many blocks the later tickets are cut.
    :param duplicates: pairs of ids of one problem.
    :param settings: how precedents are put in order; ``None``: the defaults.
    :param questions: about the bundled sample, where it is that.
    :param progress: is told how many of how many answers there are.
    :param hosted: answers of a model at the provider, which is then compared, too; only the tickets from the first that it was asked
        about are tested on.
    :param drafts: what became of drafts that the chat model wrote to later tickets.
    :raises EvaluationError: the tickets say nothing about the quality of a forest.
    """
    known = cases.labelled()
    counts = dict(sorted(Counter(name for name in known.labels if name is not None).items()))
    cuts = roll(known, folds, start=None if hosted is None else hosted.start(known))
    ordered, order_reason = priority_order(tuple(counts), order)
    names = ordered or tuple(counts)
    label = known.columns(names)
    fitting = partial(
        fit,
        max_error=max_error,
        max_missed=max_missed,
        costs=costs,
        alert=alert,
        order=order,
        half_life_days=half_life_days,
        seed=seed,
    )
    newest = cuts[-1]
    sizes = _learning_sizes(newest, label)
    total = sum(len(cut.tested) for cut in cuts) * len(LOCAL) + 2 * len(sizes) * len(newest.tested)
    asker = _Asker(known, names, fitting, seed, lambda done: progress(done, total))
    predictions = {key: [asker.ask(key, cut.learned, cut.tested) for cut in cuts] for key in LOCAL}
    if hosted is not None:
        predictions[HOSTED] = hosted.predictions(known, cuts, names, predictions[SERVED])
    pooled = {key: _pool(parts) for key, parts in predictions.items()}
    served = pooled[SERVED]
    true = label[np.concatenate([cut.tested for cut in cuts])]
    right = served.label == true
    methods = compare(pooled, true, names, ordered=ordered is not None, seed=seed)
    # The best of the others that learn: the learning curve of a guess is flat.
    rival = next(method.key for method in methods[1:] if method.key not in (*GUESSES, HOSTED))

    def score_newest(found: Predictions) -> Interval:
        return interval(resample_macro_f1(label[newest.tested], found.label, len(names), seed))

    asked = tested_tickets(known, cuts)
    later = Later(
        ids=tuple(ticket_id for ticket_id, _ in asked),
        moments=[moment for _, moment in asked],
        true=true,
        said=served.label,
        automatic=np.zeros(len(true), np.bool_) if served.automatic is None else served.automatic,
        commonest=pooled["majority"].label,
        reason=predictions[SERVED][-1].reason,
        bound=methods[0].error_bound,
    )
    data = Data(
        source=source,
        tickets=len(cases),
        labelled=len(known),
        rejected=rejected,
        untimed=int(np.isnan(known.times).sum()),
        embedding_model=embedding_model,
        labels={name: counts[name] for name in names},
    )
    return Evaluation(
        first=first_screen(
            cases,
            later,
            names,
            settings or Settings(),
            fitting,
            max_error=max_error,
            duplicates=duplicates,
            questions=questions,
            model_drafts=drafts,
        ),
        verdict=verdict(methods, max_error, len(true), predictions[SERVED][-1].reason),
        notes=_notes(data, cuts, folds),
        data=data,
        max_error=max_error,
        alerts=_alerts(served, true, names, at_or_above(alert, order, names)) if alert else None,
        labels=names,
        order=ordered,
        order_reason=order_reason,
        methods=methods,
        blocks=_blocks(cuts, predictions, label, len(names)),
        confusion=tuple(
            tuple(map(int, row)) for row in confusion_matrix(true, served.label, len(names)).tolist()
        ),
        reliability_before=()
        if served.votes is None
        else reliability(pick(served.votes, served.label), right),
        reliability_after=reliability(pick(served.probabilities, served.label), right),
        coverage_curve=_coverage_curve(pick(served.probabilities, served.label), right),
        learning_curve=_learning_curve(
            asker, newest, sizes, {key: predictions[key][-1] for key in (SERVED, rival)}, score_newest
        ),
        learning_baseline=rival,
        drift=_drift(known, label, names),
        retrieval=retrieve(cases, duplicates, seed) if duplicates else None,
        seed=seed,
        hosted=None if hosted is None else hosted.asked,
    )


class _Asker:
    """Asks methods, and tells how many answers there are so far."""

    def __init__(
        self, cases: Cases, names: tuple[str, ...], fit: Fit, seed: int, progress: Callable[[int], None]
    ) -> None:
        self._done = 0
        self._cases, self._progress = cases, progress
        self._predict = partial(fit_and_predict, names=names, fit=fit, seed=seed)

    def ask(self, method: str, learned: IntArray, tested: IntArray) -> Predictions:
        found = self._predict(method, self._cases.take(learned), self._cases.take(tested))
        self._done += len(tested)
        self._progress(self._done)
        return found


def _pool(parts: Sequence[Predictions]) -> Predictions:
    automatic = [part.automatic for part in parts if part.automatic is not None]
    votes = [part.votes for part in parts if part.votes is not None]
    alerts = [part.alerts for part in parts if part.alerts is not None]
    sure = [part.sure for part in parts if part.sure is not None]
    return Predictions(
        label=np.concatenate([part.label for part in parts]),
        probabilities=np.concatenate([part.probabilities for part in parts]),
        votes=np.concatenate(votes) if votes else None,
        automatic=np.concatenate(automatic) if automatic else None,
        alerts=np.concatenate(alerts) if alerts else None,
        sure=np.concatenate(sure) if sure else None,
    )


def _alerts(served: Predictions, true: IntArray, names: Sequence[str], above: Sequence[str]) -> Alerts | None:
    if served.alerts is None or served.sure is None or not above:
        return None
    wrong = served.alerts != np.isin(np.array(names), above)[true]
    return Alerts(
        labels=tuple(above),
        tickets=len(true),
        automatic=int(served.sure.sum()),
        wrong=int(wrong[served.sure].sum()),
    )


def _blocks(
    cuts: Sequence[Cut], predictions: Mapping[str, Sequence[Predictions]], label: IntArray, labels: int
) -> tuple[Block, ...]:
    return tuple(
        Block(
            moment=_day(cut.moment),
            learned=len(cut.learned),
            tested=len(cut.tested),
            repeated=cut.repeated,
            automatic=0 if served.automatic is None else int(served.automatic.sum()),
            reason=served.reason,
            macro_f1={
                key: macro_f1(confusion_matrix(label[cut.tested], parts[number].label, labels))
                for key, parts in predictions.items()
            },
        )
        for number, (cut, served) in enumerate(zip(cuts, predictions[SERVED], strict=True))
    )


def _coverage_curve(confidence: FloatArray, right: BoolArray) -> tuple[CoveragePoint, ...]:
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
    asker: _Asker,
    cut: Cut,
    sizes: Sequence[int],
    whole: Mapping[str, Predictions],
    score: Callable[[Predictions], Interval],
) -> tuple[LearningPoint, ...]:
    """Score the forest and its rival on a block after learning from fewer of the newest tickets, and from all.

    :param whole: the predictions of the two after learning from all.
    """
    runs = [(size, [asker.ask(key, cut.learned[-size:], cut.tested) for key in whole]) for size in sizes]
    return tuple(
        LearningPoint(learned=size, forest=score(forest), baseline=score(baseline))
        for size, (forest, baseline) in (*runs, (len(cut.learned), whole.values()))
    )


def _drift(cases: Cases, label: IntArray, names: tuple[str, ...]) -> tuple[Period, ...]:
    parts = [part for part in np.array_split(np.arange(len(cases)), _PERIODS) if len(part)]
    return tuple(
        Period(
            start=_day(cases.times[part[0]]),
            tickets=len(part),
            shares={name: float((label[part] == column).mean()) for column, name in enumerate(names)},
        )
        for part in parts
    )


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
