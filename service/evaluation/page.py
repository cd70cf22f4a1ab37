"""The report: one HTML file that needs nothing else. Its words and looks are in ``report.html``, which draws the plots as SVG.

matplotlib would be a dependency larger than the rest for five simple plots.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import ClassVar

from service.evaluation.methods import GUESSES, NAMES, SERVED
from service.evaluation.result import Evaluation
from service.evaluation.verdict import percent
from service.scores import Bin

__all__ = ["page"]

_SHOWN_LABELS = 12
_COLOURS = ("#0b5fa5", "#c8501e", "#3d7d3a", "#7a4fa3", "#8a6d00", "#4d4d4d", "#b03060", "#008b8b")
# Dark enough on white for text, and apart for eyes that do not tell red from green; the first is the forest's.
_LEVEL = "#a00020"
_HEIGHT = 290  # pixels, without the legend
_ROW, _CHARACTER = 17, 7.0  # a row of the legend; about the width of a character of 12 pixels in a wide font
_DOT = 3.5
_SHARES = tuple((step / 5, f"{step * 20}%") for step in range(6))
_MAX_BANDS = 7
_ALL_TICKS = 6  # tenths up to which each is a tick


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One name in the legend, and what is drawn for it, in the units of the axes."""

    name: str
    colour: str
    dashed: bool = False
    points: Sequence[tuple[float, float]] = ()
    """A line through these (x, y)."""
    radii: Sequence[float] = ()
    """Of the points' dots, in pixels; empty: no dots."""
    ranges: Sequence[tuple[float, float]] = ()
    """The points' ranges on y, (low, high); empty: none."""
    bars: Sequence[tuple[float, float]] = ()
    """Bars on y, (low, high), one for each unit of x."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A plot whose axes begin at 0, and where its values lie in pixels."""

    x_max: float
    y_max: float
    ticks: Sequence[tuple[float, str]]
    """Of x: the value and its words."""
    percent: bool
    """Whether y is a share."""
    series: Sequence[Series]

    width: ClassVar[int] = 420
    left: ClassVar[int] = 56
    right: ClassVar[int] = 400
    top: ClassVar[int] = 12
    bottom: ClassVar[int] = 246

    def x(self, value: float) -> float:
        """Return the place of a value on the x axis."""
        return round(self.left + value / (self.x_max or 1) * (self.right - self.left), 2)

    def y(self, value: float) -> float:
        """Return the place of a value on the y axis."""
        return round(self.bottom - value / self.y_max * (self.bottom - self.top), 2)

    @property
    def x_ticks(self) -> list[tuple[float, float, str]]:
        """Place of the tick, middle of its words, and the words, without those that have no room."""
        placed, free = [], 0.0
        for value, words in self.ticks:
            half = len(words) * _CHARACTER / 2
            middle = min(max(self.x(value), half), self.width - half)
            if middle - half >= free:
                placed.append((self.x(value), round(middle, 2), words))
                free = middle + half + 8
        return placed

    @property
    def y_ticks(self) -> list[tuple[float, str]]:
        """Place of the tick, and its words."""
        tenths = round(self.y_max * 10)
        values = [tick / 10 for tick in range(0, tenths + 1, 1 if tenths <= _ALL_TICKS else 2)]
        return [(self.y(value), f"{value:.0%}" if self.percent else f"{value:.1f}") for value in values]

    @property
    def legend(self) -> list[tuple[float, float, Series]]:
        """Place of each name, in rows below the plot."""
        x, y = float(self.width), _HEIGHT + 8.0 - _ROW
        placed = []
        for series in self.series:
            width = 34 + len(series.name) * _CHARACTER
            if x + width > self.width:
                x, y = float(self.left), y + _ROW
            placed.append((x, y, series))
            x += width + 8
        return placed

    @property
    def height(self) -> float:
        """Height with the legend."""
        return max(_HEIGHT, self.legend[-1][1] + 8)


def page(evaluation: Evaluation) -> str:
    """Return the report as HTML: no script, no address of anything else; of ten tickets the beginning of the text."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,  # no label or file name can become markup
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"count": "{:,}".format, "percent": percent}
    environment.filters["score"] = lambda value, sign="": f"{value:{sign}z.2f}"
    totals = [sum(row) for row in evaluation.confusion]
    largest = sorted(range(len(totals)), key=lambda number: -totals[number])[:_SHOWN_LABELS]
    shown = sorted(largest)
    return environment.get_template("report.html").render(
        e=evaluation,
        plots={
            "reliability": _reliability(evaluation),
            "coverage": _coverage(evaluation),
            "over_time": _over_time(evaluation),
            "learning": _learning(evaluation),
            "drift": _drift(evaluation),
        },
        shown=shown,
        said_heads=[f"said: {evaluation.labels[number]}" for number in shown],
    )


def _reliability(evaluation: Evaluation) -> Plot:
    before, after = evaluation.reliability_before, evaluation.reliability_after
    total = max((found.tickets for found in (*before, *after)), default=1)

    def series(name: str, bins: Sequence[Bin], colour: str, *, dashed: bool) -> Series:
        return Series(
            name=name,
            colour=colour,
            dashed=dashed,
            points=[(found.confidence, found.right) for found in bins],
            radii=[2 + 7 * sqrt(found.tickets / total) for found in bins],
        )

    return Plot(
        x_max=1,
        y_max=1,
        ticks=_SHARES,
        percent=True,
        series=[
            Series(name="ideal", colour="#999999", dashed=True, points=[(0, 0), (1, 1)]),
            series("before calibration", before, _COLOURS[1], dashed=True),
            series("as served", after, _COLOURS[0], dashed=False),
        ],
    )


def _coverage(evaluation: Evaluation) -> Plot:
    forest, budget = evaluation.methods[0], evaluation.max_error
    curve = [(point.coverage, point.error) for point in evaluation.coverage_curve]
    series = [Series(name="error among the surest tickets", colour=_COLOURS[0], points=curve)]
    errors = [budget, *(error for _, error in curve)]
    if forest.coverage is not None and forest.error is not None:
        done = [(forest.coverage.value, forest.error.value)]
        series.append(Series(name="decided automatically", colour=_COLOURS[1], points=done, radii=[_DOT]))
        errors.append(forest.error.value)
    level = [(0.0, budget), (1.0, budget)]
    series.append(Series(name=f"error budget {budget:.0%}", colour=_LEVEL, dashed=True, points=level))
    return Plot(
        x_max=1,
        y_max=_up(max(errors)),
        ticks=_SHARES,
        percent=True,
        series=series,
    )


def _over_time(evaluation: Evaluation) -> Plot:
    rivals = [method.key for method in evaluation.methods[1:]]
    learning = [key for key in rivals if key not in GUESSES][:2]
    shown = [SERVED, *learning, *[key for key in rivals if key in GUESSES]]
    blocks = evaluation.blocks
    return Plot(
        x_max=len(blocks) - 1,
        y_max=_up(max(block.macro_f1[key] for block in blocks for key in shown)),
        ticks=[(at, (block.moment or f"block {at + 1}")[:7]) for at, block in enumerate(blocks)],
        percent=False,
        series=[
            Series(
                name=NAMES[key],
                colour=colour,
                dashed=key in GUESSES,
                points=[(at, block.macro_f1[key]) for at, block in enumerate(blocks)],
                radii=[_DOT] * len(blocks),
            )
            for key, colour in zip(shown, _COLOURS, strict=False)
        ],
    )


def _learning(evaluation: Evaluation) -> Plot:
    curve = evaluation.learning_curve
    scores = {
        SERVED: [point.forest for point in curve],
        evaluation.learning_baseline: [point.baseline for point in curve],
    }
    sizes = [point.learned for point in curve]
    return Plot(
        x_max=max(sizes),
        y_max=_up(max(score.high for found in scores.values() for score in found)),
        ticks=[(0, "0"), *((size, f"{size:,}") for size in sizes)],
        percent=False,
        series=[
            Series(
                name=NAMES[key],
                colour=colour,
                dashed=key != SERVED,
                points=[(size, score.value) for size, score in zip(sizes, found, strict=True)],
                radii=[_DOT] * len(sizes),
                ranges=[(score.low, score.high) for score in found],
            )
            for (key, found), colour in zip(scores.items(), _COLOURS, strict=False)
        ],
    )


def _drift(evaluation: Evaluation) -> Plot:
    drift = evaluation.drift
    frequent = sorted(evaluation.labels, key=lambda name: -evaluation.data.labels[name])
    bands: list[tuple[str, tuple[str, ...]]] = [
        (name, (name,)) for name in evaluation.labels if name in frequent[:_MAX_BANDS]
    ]
    if rest := tuple(frequent[_MAX_BANDS:]):
        bands.append(("others", rest))
    series, floor = [], [0.0] * len(drift)
    for (name, names), colour in zip(bands, _COLOURS, strict=False):
        top = [
            low + sum(period.shares[each] for each in names) for low, period in zip(floor, drift, strict=True)
        ]
        series.append(Series(name=name, colour=colour, bars=list(zip(floor, top, strict=True))))
        floor = top
    return Plot(
        x_max=len(drift),
        y_max=1,
        ticks=[(at + 0.5, (period.start or str(at + 1))[:7]) for at, period in enumerate(drift)],
        percent=True,
        series=series[::-1],  # as they lie, the first name on top
    )


def _up(value: float) -> float:
    """Return the next tenth above, even where only even ones have a tick."""
    tenths = int(value * 10) + 1
    return min(10, tenths + tenths % 2 if tenths > _ALL_TICKS else tenths) / 10
