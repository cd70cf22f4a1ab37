"""The back-test: at each cut every method learns what existed and is asked about what came next."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

import numpy as np

from indexer.settings import Settings
from service.arrays import BoolArray, FloatArray, IntArray, pick
from service.decided_fields import Rules
from service.evaluation.cases import MAX_TICKETS, Cases, Cut, roll, tested_tickets
from service.evaluation.comparison import compare
from service.evaluation.first_screen import Later, first_screen
from service.evaluation.hosted import Hosted
from service.evaluation.loading import Loaded
from service.evaluation.look_back import retrieve
from service.evaluation.methods import (
    GUESSES,
    HOSTED,
    LOCAL,
    SERVED,
    Predictions,
    fit_and_predict,
    pool,
)
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
from service.evaluation.verdict import verdict
from service.priority import fit
from service.priority.alerts import at_or_above
from service.priority.label_order import priority_order
from service.scores import (
    SEED,
    Interval,
    confusion_matrix,
    interval,
    macro_f1,
    reliability,
    resample_macro_f1,
)

__all__ = ["evaluate"]

_PERIODS = 10
_CURVE_POINTS = 50
_LEARNING_SHARES = (0.125, 0.25, 0.5)
_MIN_LEARNED = 20


def evaluate(
    loaded: Loaded,
    rules: Rules,
    settings: Settings,
    *,
    folds: int = 5,
    duplicates: Sequence[tuple[str, str]] = (),
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    hosted: Hosted | None = None,
    drafts: Drafts | None = None,
) -> Evaluation:
    """Back-test the served forest and its rivals on later tickets.

    :param rules: by which the forest is fitted; with an alert it also says whether a ticket has that priority or a more urgent one.
    :param settings: how precedents are put in order.
    :param folds: into how many blocks the later tickets are cut.
    :param duplicates: pairs of ids of one problem.
    :param progress: is told how many of how many answers there are.
    :param hosted: answers of a model at the provider, which is then compared, too; only the tickets from the first that it was asked
        about are tested on.
    :param drafts: what became of drafts that the chat model wrote to later tickets.
    :raises EvaluationError: the tickets say nothing about the quality of a forest.
    """
    cases, max_error = loaded.cases, rules.max_error
    known = cases.labelled()
    cuts = roll(known, folds, start=None if hosted is None else hosted.start(known))
    by_name = tuple(sorted({name for name in known.labels if name is not None}))
    ordered, order_reason = priority_order(by_name, rules.order)
    names = ordered or by_name
    label, data = known.columns(names), _data(loaded, known, names)
    fitting, newest = partial(fit, **rules.of_fit), cuts[-1]
    sizes = _learning_sizes(newest, label)
    total = sum(len(cut.tested) for cut in cuts) * len(LOCAL) + 2 * len(sizes) * len(newest.tested)
    done = 0

    def ask(method: str, learned: IntArray, tested: IntArray) -> Predictions:
        nonlocal done
        found = fit_and_predict(method, known.take(learned), known.take(tested), names, fit=fitting)
        done += len(tested)
        progress(done, total)
        return found

    predictions = {key: [ask(key, cut.learned, cut.tested) for cut in cuts] for key in LOCAL}
    if hosted is not None:
        predictions[HOSTED] = hosted.predictions(known, cuts, names, predictions[SERVED])
    pooled = {key: pool(parts) for key, parts in predictions.items()}
    served, reason = pooled[SERVED], predictions[SERVED][-1].reason
    true = label[np.concatenate([cut.tested for cut in cuts])]
    right, confidence = served.label == true, pick(served.probabilities, served.label)
    methods = compare(pooled, true, names, ordered=ordered is not None)
    # The best of the others that learn: the learning curve of a guess is flat.
    rival = next(method.key for method in methods[1:] if method.key not in (*GUESSES, HOSTED))

    def score_newest(found: Predictions) -> Interval:
        return interval(resample_macro_f1(label[newest.tested], found.label, len(names)))

    later = Later(
        tickets=tested_tickets(known, cuts),
        true=true,
        said=served.label,
        automatic=served.decided,
        commonest=pooled["majority"].label,
        reason=reason,
        bound=methods[0].error_bound,
    )
    above = at_or_above(rules.alert, rules.order, names) if rules.alert else ()
    return Evaluation(
        first=first_screen(
            cases,
            later,
            names,
            settings,
            fitting,
            max_error=max_error,
            duplicates=duplicates,
            questions=loaded.questions,
            model_drafts=drafts,
        ),
        verdict=verdict(methods, max_error, len(true), reason),
        notes=_notes(data, cuts, folds),
        data=data,
        max_error=max_error,
        alerts=_alerts(served, true, names, above),
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
        reliability_after=reliability(confidence, right),
        coverage_curve=_coverage_curve(confidence, right),
        learning_curve=_learning_curve(
            ask, newest, sizes, {key: predictions[key][-1] for key in (SERVED, rival)}, score_newest
        ),
        learning_baseline=rival,
        drift=_drift(known, label, names),
        retrieval=retrieve(cases, duplicates) if duplicates else None,
        seed=SEED,
        hosted=None if hosted is None else hosted.asked,
    )


def _data(loaded: Loaded, known: Cases, names: Sequence[str]) -> Data:
    counts = Counter(known.labels)
    return Data(
        source=loaded.source,
        tickets=len(loaded.cases),
        labelled=len(known),
        rejected=loaded.rejected,
        untimed=int(np.isnan(known.times).sum()),
        embedding_model=loaded.embedding_model,
        labels={name: counts[name] for name in names},
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
            automatic=int(served.decided.sum()),
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
    ask: Callable[[str, IntArray, IntArray], Predictions],
    cut: Cut,
    sizes: Sequence[int],
    whole: Mapping[str, Predictions],
    score: Callable[[Predictions], Interval],
) -> tuple[LearningPoint, ...]:
    """Score the forest and its rival on a block after learning from fewer of the newest tickets, and from all.

    :param whole: the predictions of the two after learning from all.
    """
    runs = [(size, [ask(key, cut.learned[-size:], cut.tested) for key in whole]) for size in sizes]
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
