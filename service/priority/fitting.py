"""Fit the forest that serves: select how it is trained, train and calibrate it, and set its thresholds."""

from collections.abc import Mapping, Sequence

import msgspec

from service.priority.abstention import LaterTickets, abstain, budgets
from service.priority.alerts import alert_report
from service.priority.drift import measure_drift
from service.priority.forest import Forest, NoForest
from service.priority.forest_report import ForestReport, held_back
from service.priority.model_selection import (
    make_history,
    measure_calibration,
    predict_held_out,
    select_candidate,
)
from service.priority.predictors import fit_predictors
from service.priority.timeline import LATE, NEWEST, later_blocks, newest_labelled, resolved_late
from service.priority.training import train
from service.priority.training_set import TrainingSet
from service.priority.trees import extract

__all__ = ["MAX_ROWS", "MIN_TICKETS", "fit", "unfit"]

MAX_ROWS = 100_000
"""The newest labelled tickets that a forest is fitted on."""
MIN_TICKETS = 5
"""Below so many labelled tickets no forest is fitted."""

_TREES = 100


def fit(
    training: TrainingSet,
    *,
    max_error: float = 0.2,
    max_missed: Mapping[str, float] | None = None,
    costs: Mapping[str, float] | None = None,
    alert: str | None = None,
    order: Sequence[str] = (),
    half_life_days: float | None = None,
    max_rows: int = MAX_ROWS,
    seed: int = 0,
    fitted_on: Mapping[str, str] | None = None,
) -> Forest | NoForest:
    """Fit a forest on the newest labelled tickets.

    The same tickets and seed give the same forest: the work is bounded, not the time.

    :param max_error: the share of wrong labels that is accepted among automatic decisions, in (0, 1).
    :param max_missed: for a label, the share of its tickets that may be given another label automatically.
    :param costs: for a label, how much worse than of another it is to miss a ticket of it, above 0; ``None`` or empty: the
        root of how much rarer it is than the commonest.
    :param alert: a label; the forest then also says whether a ticket has it or a more urgent one.
    :param order: the labels from least to most urgent; empty: as their names tell.
    :param half_life_days: days after which a ticket is drawn half as often; infinity: age does not count; ``None``:
        whichever of infinity and 180 days does better on later tickets.
    :param max_rows: the newest labelled tickets that are learned from; the cost grows with them up to here.
    :param fitted_on: words of the caller about the data, such as the generation; kept in the report.
    :raises ValueError: an argument is out of its range.
    """
    given = {"max_error": max_error, **(max_missed or {})}
    for name, budget in given.items():
        if not 0 < budget < 1:
            msg = f"the error budget of {name} must be between 0 and 1, found {budget}"
            raise ValueError(msg)
    if half_life_days is not None and not half_life_days > 0:
        msg = f"half_life_days must be above 0, found {half_life_days}"
        raise ValueError(msg)
    if max_rows < MIN_TICKETS:
        msg = f"max_rows must be at least {MIN_TICKETS}, found {max_rows}"
        raise ValueError(msg)
    tickets = sum(label is not None for label in training.labels)
    kept = newest_labelled(training, max_rows)
    known = [label for label in kept.labels if label is not None]
    names = tuple(sorted(set(known)))
    if (state := unfit(names, tickets)) is not None:
        return NoForest(state=state)
    label = kept.columns(names)
    blocks = later_blocks(kept)
    history = make_history(kept, names, label, blocks, costs or {})
    chosen, tried = select_candidate(history, half_life_days, seed)
    held_out = predict_held_out(history, chosen, _TREES, seed)
    predictors, matrix = fit_predictors(kept.features, label, len(names), kept.groups)
    grown = train(matrix, label, kept.times, candidate=chosen, trees=_TREES, seed=seed)
    trees, leaves = extract(grown, matrix)
    parts = {
        NEWEST: held_out.block == len(blocks) - 1,
        LATE: resolved_late(kept.times[held_out.rows], kept.known[held_out.rows]),
    }
    probabilities = held_out.calibrator(held_out.smoothed)
    later = LaterTickets(probabilities, held_out.label, parts, names, held_out.costs)
    drift = measure_drift(names, label, kept.features)
    rule = abstain(later, max_error=max_error, max_missed=max_missed or {})
    warns = alert_report(alert, order, later, max_error=max_error)
    from sklearn import __version__ as sklearn_version

    report = ForestReport(
        tickets=tickets,
        rows=len(known),
        labels={name: known.count(name) for name in names},
        later_tickets=len(held_out.rows),
        macro_f1=held_out.macro_f1(held_out.predicted),
        majority_macro_f1=held_out.macro_f1(held_out.majority),
        chosen=chosen,
        candidates=tried,
        costs=dict(zip(names, held_out.costs.tolist(), strict=True)),
        unknown_costs=tuple(
            name for name in costs or {} if name.casefold() not in {label.casefold() for label in names}
        ),
        calibration=measure_calibration(held_out),
        abstention=held_back(rule, drift),
        alert=warns and msgspec.structs.replace(warns, abstention=held_back(warns.abstention, drift)),
        drift=drift,
        seed=seed,
        sklearn_version=sklearn_version,
        fitted_on=dict(fitted_on or {}),
    )
    return Forest(
        labels=names,
        ids=kept.ids,
        label=label,
        predictors=predictors,
        trees=trees,
        leaves=leaves,
        calibrator=held_out.calibrator,
        later=held_out.rows,
        later_predicted=held_out.predicted,
        budgets=budgets(rule, later, held_back=drift is not None and drift.shifted is not None),
        report=report,
    )


def unfit(names: Sequence[str], tickets: int) -> str | None:
    """Return why no forest can be fitted, ``None`` if one can.

    :param names: the labels, each once.
    :param tickets: how many are labelled.
    """
    if not tickets:
        return "no labelled tickets"
    if len(names) == 1:
        return f"only one label: {names[0]!r}"
    if tickets < MIN_TICKETS:
        return f"too few labelled tickets: {tickets}, at least {MIN_TICKETS} are needed"
    return None
