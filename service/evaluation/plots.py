"""The report's plots, each with one sentence on how to read it; ``report.html`` draws them as SVG.

matplotlib would be a dependency larger than the rest for five simple plots.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from service.evaluation.methods import GUESSES, NAMES, SERVED
from service.evaluation.result import Bin, Evaluation

__all__ = ["Bar", "Line", "Plot", "plots"]

_COLOURS = ("#0b5fa5", "#c8501e", "#3d7d3a", "#7a4fa3", "#8a6d00", "#4d4d4d", "#b03060", "#008b8b")
# Dark enough on white for text, and apart for eyes that do not tell red from green; the first is the forest's.
_LEVEL = "#a00020"
_WIDTH, _HEIGHT = 420, 290  # pixels, without the legend
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 400, 12, 246
_ROW, _CHARACTER = 17, 7.0  # a row of the legend; about the width of a character of 12 pixels in a wide font
_DOT = 3.5
_SHARES = tuple((step / 5, f"{step * 20}%") for step in range(6))
_MAX_BANDS = 7
_ALL_TICKS = 6  # tenths up to which each is a tick


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line in pixels: its points, dots (x, y, radius) and ranges (x, low, high)."""

    name: str
    colour: str
    dashed: bool
    points: Sequence[tuple[float, float]]
    dots: Sequence[tuple[float, float, float]]
    ranges: Sequence[tuple[float, float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A filled box, in pixels."""

    x: float
    y: float
    width: float
    height: float
    colour: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A plot with all places in pixels."""

    title: str
    reading: str
    name: str
    """For screen readers."""
    x_label: str
    y_label: str
    x_ticks: Sequence[tuple[float, float, str]]
    """Place of the tick, middle of its words, and the words."""
    y_ticks: Sequence[tuple[float, str]]
    legend: Sequence[tuple[float, float, str, str, bool]]
    """Place, name, colour, and whether the line is dashed."""
    height: float
    lines: Sequence[Line] = ()
    bars: Sequence[Bar] = ()
    width: int = _WIDTH
    left: int = _LEFT
    right: int = _RIGHT
    bottom: int = _BOTTOM
    middle: float = (_TOP + _BOTTOM) / 2


class _Axes:
    """Turns values into pixels: x spans the given ticks, y begins at 0."""

    def __init__(self, low: float, high: float, top: float) -> None:
        self.low, self.span, self.top = low, (high - low) or 1.0, top

    def x(self, value: float) -> float:
        return round(_LEFT + (value - self.low) / self.span * (_RIGHT - _LEFT), 2)

    def y(self, value: float) -> float:
        return round(_BOTTOM - value / self.top * (_BOTTOM - _TOP), 2)

    def line(
        self,
        name: str,
        points: Sequence[tuple[float, float]],
        colour: str,
        *,
        dashed: bool = False,
        radii: Sequence[float] | None = None,
        ranges: Sequence[tuple[float, float]] = (),
    ) -> Line:
        """Return a line; ``radii`` of its dots in pixels (empty: no dots), ``ranges`` (low, high) of each point."""
        placed = [(self.x(a), self.y(b)) for a, b in points]
        sizes = [_DOT] * len(points) if radii is None else radii
        return Line(
            name=name,
            colour=colour,
            dashed=dashed,
            points=placed,
            dots=[(x, y, round(radius, 2)) for (x, y), radius in zip(placed, sizes, strict=False)],
            ranges=[
                (x, self.y(low), self.y(high)) for (x, _), (low, high) in zip(placed, ranges, strict=False)
            ],
        )

    def x_ticks(self, ticks: Sequence[tuple[float, str]]) -> list[tuple[float, float, str]]:
        """Place the words, leaving out those that have no room beside the ones before."""
        placed, free = [], 0.0
        for at, words in ticks:
            half = len(words) * _CHARACTER / 2
            middle = min(max(self.x(at), half), _WIDTH - half)
            if middle - half >= free:
                placed.append((self.x(at), round(middle, 2), words))
                free = middle + half + 8
        return placed

    def y_ticks(self, *, percent: bool) -> list[tuple[float, str]]:
        step = 1 if self.top * 10 <= _ALL_TICKS else 2
        values = [tick / 10 for tick in range(0, round(self.top * 10) + 1, step)]
        return [(self.y(value), f"{value:.0%}" if percent else f"{value:.1f}") for value in values]


def plots(evaluation: Evaluation) -> list[Plot]:
    """Return every plot of the report."""
    return [
        _reliability(evaluation),
        _coverage(evaluation),
        _over_time(evaluation),
        _learning(evaluation),
        _drift(evaluation),
    ]


def _reliability(evaluation: Evaluation) -> Plot:
    before, after = evaluation.reliability_before, evaluation.reliability_after
    total = max((found.tickets for found in (*before, *after)), default=1)
    axes = _Axes(0, 1, 1)

    def line(name: str, bins: Sequence[Bin], colour: str, *, dashed: bool) -> Line:
        return axes.line(
            name,
            [(found.confidence, found.right) for found in bins],
            colour,
            dashed=dashed,
            radii=[2 + 7 * sqrt(found.tickets / total) for found in bins],
        )

    lines = [
        axes.line("ideal", [(0, 0), (1, 1)], "#999999", dashed=True, radii=()),
        line("before calibration", before, _COLOURS[1], dashed=True),
        line("as served", after, _COLOURS[0], dashed=False),
    ]
    return _lines(
        axes, lines, _SHARES, percent=True,
        title="Can its confidence be trusted? (reliability)",
        reading="a dot on the diagonal means that confidence and reality agree; below it the forest is too sure of itself. "
        "Larger dots stand for more tickets.",
        name="Reliability diagram",
        labels=("confidence that the forest gave", "share that was right"),
    )  # fmt: skip


def _coverage(evaluation: Evaluation) -> Plot:
    curve, forest, budget = evaluation.coverage_curve, evaluation.methods[0], evaluation.max_error
    done = (
        [(forest.coverage.value, forest.error.value)]
        if forest.coverage is not None and forest.error is not None
        else []
    )
    top = max(budget, *(point.error for point in curve), *(error for _, error in done))
    axes = _Axes(0, 1, _up(top))
    lines = [
        axes.line(
            "error among the surest tickets",
            [(point.coverage, point.error) for point in curve],
            _COLOURS[0],
            radii=(),
        ),
        *([axes.line("decided automatically", done, _COLOURS[1])] if done else []),
        axes.line(f"error budget {budget:.0%}", [(0, budget), (1, budget)], _LEVEL, dashed=True, radii=()),
    ]
    return _lines(
        axes, lines, _SHARES, percent=True,
        title="More automatic decisions, more errors",
        reading="if only the tickets it is surest of were decided (left), the share of wrong ones is what the line shows; "
        "the part below the budget is what could be gained at best.",
        name="Coverage against error",
        labels=("share of tickets decided without a person", "share of these that is wrong"),
    )  # fmt: skip


def _over_time(evaluation: Evaluation) -> Plot:
    rivals = [method.key for method in evaluation.methods[1:]]
    shown = [
        SERVED,
        *[key for key in rivals if key not in GUESSES][:2],
        *[key for key in rivals if key in GUESSES],
    ]
    blocks = evaluation.blocks
    axes = _Axes(0, len(blocks) - 1, _up(max(block.macro_f1[key] for block in blocks for key in shown)))
    lines = [
        axes.line(
            NAMES[key],
            [(at, block.macro_f1[key]) for at, block in enumerate(blocks)],
            _COLOURS[number],
            dashed=key in GUESSES,
        )
        for number, key in enumerate(shown)
    ]
    ticks = [(float(at), (block.moment or f"block {at + 1}")[:7]) for at, block in enumerate(blocks)]
    return _lines(
        axes, lines, ticks, percent=False,
        title="Score over time",
        reading="each dot is one stretch of later tickets; a line that falls means that old tickets teach less about new ones.",
        name="Macro-F1 of each stretch of later tickets",
        labels=("stretch of later tickets, by its first month", "score (macro-F1)"),
    )  # fmt: skip


def _learning(evaluation: Evaluation) -> Plot:
    curve = evaluation.learning_curve
    scores = {
        NAMES[SERVED]: [point.forest for point in curve],
        NAMES[evaluation.learning_baseline]: [point.baseline for point in curve],
    }
    top = _up(max(score.high for found in scores.values() for score in found))
    axes = _Axes(0, max(point.learned for point in curve), top)
    lines = [
        axes.line(
            name,
            [(point.learned, score.value) for point, score in zip(curve, found, strict=True)],
            _COLOURS[number],
            dashed=number > 0,
            ranges=[(score.low, score.high) for score in found],
        )
        for number, (name, found) in enumerate(scores.items())
    ]
    ticks = [(0.0, "0"), *((float(point.learned), f"{point.learned:,}") for point in curve)]
    return _lines(
        axes, lines, ticks, percent=False,
        title="What more tickets would bring (learning curve)",
        reading="the score on the newest tickets after learning from fewer or more tickets before them; "
        "if it still climbs at the right, more history helps. Bars: 95% range.",
        name="Learning curve",
        labels=("tickets learned from, the newest before the last cut", "score (macro-F1)"),
    )  # fmt: skip


def _drift(evaluation: Evaluation) -> Plot:
    drift = evaluation.drift
    frequent = sorted(evaluation.labels, key=lambda name: -evaluation.data.labels[name])
    bands = [
        (name, [period.shares[name] for period in drift])
        for name in evaluation.labels
        if name in frequent[:_MAX_BANDS]
    ]
    if rest := frequent[_MAX_BANDS:]:
        bands.append(("others", [sum(period.shares[name] for name in rest) for period in drift]))
    axes = _Axes(0, len(drift), 1)
    width = (_RIGHT - _LEFT) / len(drift)
    bars, below = [], [0.0] * len(drift)
    for number, (_, shares) in enumerate(bands):
        for at, share in enumerate(shares):
            top = axes.y(below[at] + share)
            height = round(max(0.0, axes.y(below[at]) - top), 2)
            bars.append(
                Bar(
                    x=axes.x(at) + 1,
                    y=top,
                    width=round(width - 2, 2),
                    height=height,
                    colour=_COLOURS[number % len(_COLOURS)],
                )
            )
            below[at] += share
    ticks = [(at + 0.5, (period.start or str(at + 1))[:7]) for at, period in enumerate(drift)]
    names = [(name, _COLOURS[number % len(_COLOURS)], False) for number, (name, _) in enumerate(bands)]
    legend, height = _legend(names[::-1])
    return Plot(
        title="Priorities over time (class drift)",
        reading="each bar is a tenth of all tickets, oldest at the left; where colours shift, the team began to set "
        "priorities differently, and no method can foresee that.",
        name="Share of each priority over time",
        x_label="first ticket of each tenth",
        y_label="share of tickets",
        x_ticks=axes.x_ticks(ticks),
        y_ticks=axes.y_ticks(percent=True),
        legend=legend,
        height=height,
        bars=bars,
    )


def _lines(
    axes: _Axes,
    lines: Sequence[Line],
    ticks: Sequence[tuple[float, str]],
    *,
    percent: bool,
    title: str,
    reading: str,
    name: str,
    labels: tuple[str, str],
) -> Plot:
    """Return a plot of lines over the ticks; ``percent``: y is a share. ``labels`` are those of x and y."""
    legend, height = _legend([(line.name, line.colour, line.dashed) for line in lines])
    return Plot(
        title=title,
        reading=reading,
        name=name,
        x_label=labels[0],
        y_label=labels[1],
        x_ticks=axes.x_ticks(ticks),
        y_ticks=axes.y_ticks(percent=percent),
        legend=legend,
        height=height,
        lines=lines,
    )


def _legend(
    names: Sequence[tuple[str, str, bool]],
) -> tuple[list[tuple[float, float, str, str, bool]], float]:
    """Place the names in rows below the plot; return them and the height of both."""
    x, y = float(_WIDTH), _HEIGHT + 8.0 - _ROW
    placed = []
    for name, colour, dashed in names:
        width = 34 + len(name) * _CHARACTER
        if x + width > _WIDTH:
            x, y = float(_LEFT), y + _ROW
        placed.append((x, y, name, colour, dashed))
        x += width + 8
    return placed, max(_HEIGHT, y + 8)


def _up(value: float) -> float:
    """Return the next tenth above, even where only even ones have a tick."""
    tenths = int(value * 10) + 1
    return min(10, tenths + tenths % 2 if tenths > _ALL_TICKS else tenths) / 10
