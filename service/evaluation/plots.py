"""The report's plots, each with one sentence on how to read it."""

from collections.abc import Sequence
from math import sqrt
from xml.etree.ElementTree import Element

from service.evaluation.methods import GUESSES, NAMES, SERVED
from service.evaluation.records import Bin, Evaluation
from service.evaluation.svg import COLOURS, Line, element, plot, stacked

__all__ = ["plots"]

_SHARES = tuple((step / 5, f"{step * 20}%") for step in range(6))
_MAX_BANDS = 7
_ALL_TICKS = 6


def plots(evaluation: Evaluation) -> list[Element]:
    """Return a figure for each plot."""
    return [
        _figure(
            "Can its confidence be trusted? (reliability)",
            "Read: a dot on the diagonal means that confidence and reality agree; below it the forest is too sure of itself. "
            "Larger dots stand for more tickets.",
            _reliability(evaluation),
        ),
        _figure(
            "More automatic decisions, more errors",
            "Read: if only the tickets it is surest of were decided (left), the share of wrong ones is what the line shows; "
            "the part below the budget is what could be gained at best.",
            _coverage(evaluation),
        ),
        _figure(
            "Score over time",
            "Read: each dot is one stretch of later tickets; a line that falls means that old tickets teach less about new ones.",
            _over_time(evaluation),
        ),
        _figure(
            "What more tickets would bring (learning curve)",
            "Read: the score on the newest tickets after learning from fewer or more tickets before them; "
            "if it still climbs at the right, more history helps. Bars: 95% range.",
            _learning(evaluation),
        ),
        _figure(
            "Priorities over time (class drift)",
            "Read: each bar is a tenth of all tickets, oldest at the left; where colours shift, the team began to set "
            "priorities differently, and no method can foresee that.",
            _drift(evaluation),
        ),
    ]


def _figure(title: str, reading: str, drawing: Element) -> Element:
    return element("figure", element("h2", title), element("p", reading, class_="small"), drawing)


def _reliability(evaluation: Evaluation) -> Element:
    total = max(
        (found.tickets for found in (*evaluation.reliability_before, *evaluation.reliability_after)),
        default=1,
    )

    def line(name: str, bins: Sequence[Bin], colour: str, *, dashed: bool) -> Line:
        return Line(
            name=name,
            points=[(found.confidence, found.right) for found in bins],
            colour=colour,
            dashed=dashed,
            sizes=[2 + 7 * sqrt(found.tickets / total) for found in bins],
        )

    return plot(
        "Reliability diagram",
        [
            Line(name="ideal", points=[(0, 0), (1, 1)], colour="#999999", dashed=True, dots=False),
            line("before calibration", evaluation.reliability_before, COLOURS[1], dashed=True),
            line("as served", evaluation.reliability_after, COLOURS[0], dashed=False),
        ],
        x_label="confidence that the forest gave",
        y_label="share that was right",
        x_ticks=_SHARES,
        y_top=1,
        percent=True,
    )


def _coverage(evaluation: Evaluation) -> Element:
    curve = evaluation.coverage_curve
    lines = [
        Line(
            name="error among the surest tickets",
            points=[(point.coverage, point.error) for point in curve],
            colour=COLOURS[0],
            dots=False,
        )
    ]
    forest = evaluation.methods[0]
    if forest.coverage is not None and forest.error is not None:
        lines.append(
            Line(
                name="decided automatically",
                points=[(forest.coverage.value, forest.error.value)],
                colour=COLOURS[1],
            )
        )
    top = max(evaluation.max_error, *(b for line in lines for _, b in line.points))
    return plot(
        "Coverage against error",
        lines,
        x_label="share of tickets decided without a person",
        y_label="share of these that is wrong",
        x_ticks=_SHARES,
        y_top=_up(top),
        percent=True,
        level=(evaluation.max_error, f"error budget {evaluation.max_error:.0%}"),
    )


def _over_time(evaluation: Evaluation) -> Element:
    shown = [SERVED]
    rivals = [method.key for method in evaluation.methods[1:]]
    shown += [key for key in rivals if key not in GUESSES][:2] + [key for key in rivals if key in GUESSES]
    blocks = evaluation.blocks
    lines = [
        Line(
            name=NAMES[key],
            points=[(number, block.macro_f1[key]) for number, block in enumerate(blocks)],
            colour=COLOURS[number],
            dashed=key in GUESSES,
        )
        for number, key in enumerate(shown)
    ]
    return plot(
        "Macro-F1 of each stretch of later tickets",
        lines,
        x_label="stretch of later tickets, by its first month",
        y_label="score (macro-F1)",
        x_ticks=[
            (number, (block.moment or f"block {number + 1}")[:7]) for number, block in enumerate(blocks)
        ],
        y_top=_up(max(b for line in lines for _, b in line.points)),
    )


def _learning(evaluation: Evaluation) -> Element:
    curve = evaluation.learning_curve
    lines = [
        Line(
            name=name,
            points=[(point.learned, getattr(point, field).value) for point in curve],
            bars=[(getattr(point, field).low, getattr(point, field).high) for point in curve],
            colour=colour,
            dashed=dashed,
        )
        for name, field, colour, dashed in (
            (NAMES[SERVED], "forest", COLOURS[0], False),
            (NAMES[evaluation.learning_baseline], "baseline", COLOURS[1], True),
        )
    ]
    ticks = [(float(point.learned), f"{point.learned:,}") for point in curve]
    return plot(
        "Learning curve",
        lines,
        x_label="tickets learned from, the newest before the last cut",
        y_label="score (macro-F1)",
        x_ticks=[(0.0, "0"), *ticks],
        y_top=_up(max(high for line in lines for _, high in line.bars)),
    )


def _drift(evaluation: Evaluation) -> Element:
    names = sorted(evaluation.labels, key=lambda name: -evaluation.data.labels[name])
    largest = set(names[:_MAX_BANDS])
    bands = [
        (name, [period.shares[name] for period in evaluation.drift])
        for name in evaluation.labels
        if name in largest
    ]
    if len(names) > _MAX_BANDS:
        bands.append(
            (
                "others",
                [sum(period.shares[name] for name in names[_MAX_BANDS:]) for period in evaluation.drift],
            )
        )
    starts = [(period.start or str(number))[:7] for number, period in enumerate(evaluation.drift, 1)]
    return stacked(
        "Share of each priority over time",
        starts,
        bands,
        x_label="first ticket of each tenth",
        y_label="share of tickets",
    )


def _up(value: float) -> float:
    """Return the next tenth above, even where only even ones have a tick."""
    tenths = int(value * 10) + 1
    return min(10, tenths + tenths % 2 if tenths > _ALL_TICKS else tenths) / 10
