"""The result of a back-test in words and as a table for the terminal."""

from collections.abc import Sequence

from service.evaluation.methods import GUESSES, HOSTED
from service.evaluation.result import Evaluation, MethodScore
from service.scores import Interval

__all__ = ["percent", "table", "verdict"]


def verdict(
    methods: Sequence[MethodScore], max_error: float, tested: int, reason: str | None
) -> tuple[str, ...]:
    """Say whether the forest is the best method, whether it is better than a guess, and what it may decide.

    :param methods: the forest first, then the others, best first.
    :param tested: how many later tickets they were asked about.
    :param reason: why the forest of the newest cut decided nothing by itself; ``None`` where it could.
    """
    forest, rival = methods[0], methods[1]
    return (
        _against_rival(forest, rival, tested),
        _against_guesses(forest, [method for method in methods if method.key in GUESSES]),
        _automatic(forest, max_error, reason),
        _calibration(forest),
    )


def _against_rival(forest: MethodScore, rival: MethodScore, tested: int) -> str:
    lead = rival.ahead
    if lead is None:  # only the forest's own row has none
        msg = f"{rival.key} is not a rival"
        raise ValueError(msg)
    scores = (
        f"score {forest.macro_f1.value:.3f} against {rival.macro_f1.value:.3f} "
        f"(macro-F1, 1 is perfect; {tested:,} later tickets)"
    )
    if lead.value < 0:
        chance = "" if lead.high < 0 else ", though this may be chance"
        return f"Another method beats the forest: {rival.name} is {-lead.value:.3f} ahead{chance}: {scores}."
    if lead.low > 0:
        return f"The forest is the best method: the next best, {rival.name}, is {lead.value:.3f} behind: {scores}."
    return (
        f"No other method beats the forest, but the best of them, {rival.name}, is level with it "
        f"({lead.value:.3f} behind, which may be chance): {scores}."
    )


def _against_guesses(forest: MethodScore, guesses: Sequence[MethodScore]) -> str:
    best = max(guesses, key=lambda guess: guess.macro_f1.value)
    scores = f"{forest.macro_f1.value:.3f} against {best.macro_f1.value:.3f} of the best guess ({best.name})"
    if all(guess.ahead is not None and guess.ahead.low > 0 for guess in guesses):
        return f"The forest is better than guessing, by more than chance: {scores}."
    return f"The forest cannot be told from guessing: {scores}. Do not act on its priorities alone."


def _automatic(forest: MethodScore, max_error: float, reason: str | None) -> str:
    if not forest.automatic or forest.coverage is None or forest.error is None or forest.error_bound is None:
        why = (
            f"By its own record before the newest cut: {reason.rstrip('.')}."
            if reason is not None
            else "At the newest cut it could have, but no later ticket met its conditions."
        )
        return f"The forest would have set no priority by itself. {why} A person decides, with its suggestion at hand."
    done = (
        f"The forest would have set {percent(forest.coverage.value)} of the priorities by itself ({forest.automatic:,} tickets), "
        f"{percent(forest.error.value)} of these wrongly"
    )
    if forest.error_bound <= max_error:
        kept = f"the budget of {max_error:.0%} was kept (at most {percent(forest.error_bound)}, with 95% confidence)"
    elif forest.error.value <= max_error:
        kept = (
            f"within the budget of {max_error:.0%}, but on too few tickets to be sure "
            f"(it may be up to {percent(forest.error_bound)})"
        )
    else:
        kept = f"the budget of {max_error:.0%} was NOT kept: lower PRECEDENT_MAX_ERROR, or leave decisions to people"
    return f"{done}: {kept}. The rest goes to a person."


def _calibration(forest: MethodScore) -> str:
    if forest.ece_before is None or forest.classwise_before is None:
        return ""
    return (
        f"Its probabilities are off by {_points(forest.classwise, forest.classwise_before)}, "
        f"and its confidence in the priority that it names by {_points(forest.ece, forest.ece_before)}."
    )


def _points(after: Interval, before: Interval) -> str:
    off = f"{after.value * 100:.1f} percentage points on average"
    helped = f"{before.value * 100:.1f} before calibration"
    return f"{off} ({helped})" if after.value <= before.value else f"{off} ({helped}, which did not help)"


def percent(share: float) -> str:
    """Return a share as a percentage, with a decimal where it is small."""
    return f"{share:.0%}" if share == 0 or share >= 0.1 else f"{share:.1%}"  # noqa: PLR2004 (two digits either way)


def table(evaluation: Evaluation) -> str:
    """Return the scores as lines of text for a terminal."""
    columns = {
        "macro-F1": "macro_f1",
        "forest ahead by": "ahead",
        "kappa": "kappa",
        "Brier": "brier",
        "calibration error": "classwise",
        "of the predicted label": "ece",
    }
    rows = [
        (method.name, *(_cell(getattr(method, field)) for field in columns.values()))
        for method in evaluation.methods
    ]
    forest, rival = evaluation.methods[:2]
    lines = _columns(("method", *columns), rows)
    if forest.ece_before is not None:
        named = f"of the predicted label {_cell(forest.ece_before)}"
        before = (
            f"Brier {_cell(forest.brier_before)}, calibration error {_cell(forest.classwise_before)}, {named}"
        )
        lines += ["", f"the forest before calibration: {before}"]
    bound = "" if forest.error_bound is None else f", at most {forest.error_bound:.3f} with 95% confidence"
    lines += [f"{_decided(forest)}{bound}; budget {evaluation.max_error:g}", ""]
    if (alerts := evaluation.alerts) is not None:
        share = f"{alerts.wrong:,} wrong" + (
            f" ({alerts.wrong / alerts.automatic:.1%})" if alerts.automatic else ""
        )
        told = f"whether it is {' or '.join(alerts.labels)}: said automatically of {alerts.automatic:,} of {alerts.tickets:,}"
        lines += [f"{told}, {share}", ""]
    heads = ("priority", "tickets", "recall of the forest", f"of {rival.name}", "missed automatically")
    rows = [
        (own.label, f"{own.tickets:,}", _cell(own.recall), _cell(other.recall), f"{own.missed or 0:,}")
        for own, other in zip(forest.recalls, rival.recalls, strict=True)
    ]
    lines += _columns(heads, rows)
    if evaluation.hosted is not None:
        hosted = next(method for method in evaluation.methods if method.key == HOSTED)
        lines += ["", f"the hosted classifier: {evaluation.hosted.words}; {_decided(hosted)}"]
    if evaluation.order is None:
        lines += ["", f"quadratic kappa is left out: {evaluation.order_reason}"]
    if (found := evaluation.retrieval) is not None:
        at = ", ".join(f"{k}: {_cell(share)}" for k, share in found.recall.items())
        asked = f"{found.asked} of {found.pairs} pairs could be asked for ({found.resolved} of these resolved by then)"
        lines += ["", f"known duplicates: {asked}; recall at {at or '-'}; MRR {_cell(found.mrr)}"]
    return "\n".join(lines)


def _decided(method: MethodScore) -> str:
    return f"decided automatically: {_cell(method.coverage)} of the tickets, wrong: {_cell(method.error)}"


def _cell(found: Interval | None) -> str:
    return "-" if found is None else f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"


def _columns(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (heads, *rows)
    ]
