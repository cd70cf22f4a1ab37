"""Small plots as inline SVG. matplotlib would be a dependency larger than the rest for five simple plots."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

__all__ = ["COLOURS", "Line", "element", "plot", "stacked"]

COLOURS = ("#0b5fa5", "#c8501e", "#3d7d3a", "#7a4fa3", "#8a6d00", "#4d4d4d", "#b03060", "#008b8b")
"""Dark enough on white for text, and apart for eyes that do not tell red from green; the first is the forest's."""

_WIDTH, _HEIGHT = 420, 290
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 20, 12, 44
_SWATCH = 18
_LEVEL = "#a00020"
_FEW_TENTHS = 0.6  # up to here each tenth is a tick
_ROW = 17
_CHARACTER = 7.0  # about the width of a character of 12 pixels in a wide font


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line through points, with dots, and intervals where ``bars`` has (low, high) of each."""

    name: str
    points: Sequence[tuple[float, float]]
    colour: str
    dashed: bool = False
    dots: bool = True
    bars: Sequence[tuple[float, float]] = ()
    sizes: Sequence[float] = field(default=())
    """Radius of each dot, in pixels; 3.5 where not given."""


def element(name: str, /, *content: Element | str | None, **attributes: str | float) -> Element:
    """Return an element; text is escaped when it is written, so that no ticket's label can become markup.

    :param attributes: ``class_`` stands for ``class``, ``stroke_width`` for ``stroke-width``.
    """
    made = Element(
        name,
        {
            key.rstrip("_").replace("_", "-"): value
            if isinstance(value, str)
            else f"{value:.2f}".rstrip("0").rstrip(".")
            for key, value in attributes.items()
        },
    )
    last: Element | None = None
    for part in content:
        if isinstance(part, Element):
            made.append(part)
            last = part
        elif part is not None and last is None:
            made.text = (made.text or "") + part
        elif part is not None and last is not None:
            last.tail = (last.tail or "") + part
    return made


def plot(
    title: str,
    lines: Sequence[Line],
    *,
    x_label: str,
    y_label: str,
    x_ticks: Sequence[tuple[float, str]],
    y_top: float,
    percent: bool = False,
    level: tuple[float, str] | None = None,
) -> Element:
    """Draw lines over an x axis with the given ticks.

    :param title: for screen readers.
    :param x_ticks: positions and words, lowest first; the axis spans them.
    :param y_top: where the y axis ends; it begins at 0, with ticks at tenths.
    :param percent: whether y is a share, shown as a percentage.
    :param level: a horizontal line and its name.
    """
    low, high = x_ticks[0][0], x_ticks[-1][0]
    x = _scale(low, high, _LEFT, _WIDTH - _RIGHT)
    y = _scale(0, y_top, _HEIGHT - _BOTTOM, _TOP)
    names = [(line.name, line.colour, line.dashed) for line in lines]
    if level is not None:
        names.append((level[1], _LEVEL, True))
    drawing = _canvas(title, names)
    _y_axis(drawing, y, y_top, y_label, as_percent=percent)
    _x_axis(drawing, [(x(at), words) for at, words in x_ticks], x_label)
    if level is not None:
        drawing.append(
            element(
                "line",
                x1=_LEFT,
                x2=_WIDTH - _RIGHT,
                y1=y(level[0]),
                y2=y(level[0]),
                stroke=_LEVEL,
                stroke_dasharray="2 3",
            )
        )
    for line in lines:
        path = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in line.points)
        drawn = element("polyline", points=path, fill="none", stroke=line.colour, stroke_width=2)
        if line.dashed:
            drawn.set("stroke-dasharray", "5 4")
        drawing.append(drawn)
        for (a, _), (bottom, top) in zip(line.points, line.bars, strict=False):
            drawing.append(element("line", x1=x(a), x2=x(a), y1=y(bottom), y2=y(top), stroke=line.colour))
        if line.dots:
            for number, (a, b) in enumerate(line.points):
                radius = line.sizes[number] if line.sizes else 3.5
                drawing.append(
                    element("circle", cx=x(a), cy=y(b), r=radius, fill=line.colour, fill_opacity=0.85)
                )
    return drawing


def stacked(
    title: str,
    starts: Sequence[str],
    shares: Sequence[tuple[str, Sequence[float]]],
    *,
    x_label: str,
    y_label: str,
) -> Element:
    """Draw a bar for each stretch of time, stacked by label from below.

    :param starts: each bar's words.
    :param shares: for each label its share of each bar, in [0, 1].
    """
    names = [(name, COLOURS[number % len(COLOURS)], False) for number, (name, _) in enumerate(shares)]
    drawing = _canvas(title, names[::-1])
    y = _scale(0, 1, _HEIGHT - _BOTTOM, _TOP)
    _y_axis(drawing, y, 1, y_label, as_percent=True)
    width = (_WIDTH - _RIGHT - _LEFT) / len(starts)
    below = [0.0] * len(starts)
    for number, (_, of_label) in enumerate(shares):
        for bar, share in enumerate(of_label):
            top = below[bar] + share
            drawing.append(
                element(
                    "rect",
                    x=_LEFT + bar * width + 1, y=y(top), width=width - 2, height=max(0.0, y(below[bar]) - y(top)),
                    fill=COLOURS[number % len(COLOURS)],
                )
            )  # fmt: skip
            below[bar] = top
    _x_axis(drawing, [(_LEFT + (bar + 0.5) * width, words) for bar, words in enumerate(starts)], x_label)
    return drawing


def _canvas(title: str, names: Sequence[tuple[str, str, bool]]) -> Element:
    """Return a drawing that has a legend below: names with their colour and whether the line is dashed."""
    drawing = element("svg", element("title", title), role="img", aria_label=title)
    x, y = float(_WIDTH), _HEIGHT + 8.0 - _ROW
    for name, colour, dashed in names:
        width = _SWATCH + 16 + len(name) * _CHARACTER
        if x + width > _WIDTH:
            x, y = float(_LEFT), y + _ROW
        mark = element("line", x1=x, x2=x + _SWATCH, y1=y - 4, y2=y - 4, stroke=colour, stroke_width=4)
        if dashed:
            mark.set("stroke-dasharray", "4 3")
        drawing.append(mark)
        drawing.append(element("text", name, x=x + _SWATCH + 5, y=y))
        x += width + 8
    drawing.set("viewBox", f"0 0 {_WIDTH} {max(_HEIGHT, y + 8):g}")
    return drawing


def _scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    span = (high - low) or 1.0
    return lambda value: start + (value - low) / span * (end - start)


def _y_axis(
    drawing: Element, y: Callable[[float], float], top: float, label: str, *, as_percent: bool
) -> None:
    tenths = 1 if top <= _FEW_TENTHS else 2
    for tick in range(0, round(top * 10) + 1, tenths):
        value = tick / 10
        words = f"{value:.0%}" if as_percent else f"{value:.1f}"
        drawing.append(
            element("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=y(value), y2=y(value), stroke="#e3e3e3")
        )
        drawing.append(element("text", words, x=_LEFT - 5, y=y(value) + 4, text_anchor="end"))
    middle = (_TOP + _HEIGHT - _BOTTOM) / 2
    drawing.append(
        element("text", label, x=13, y=middle, text_anchor="middle", transform=f"rotate(-90 13 {middle:g})")
    )


def _x_axis(drawing: Element, ticks: Sequence[tuple[float, str]], label: str) -> None:
    bottom = _HEIGHT - _BOTTOM
    drawing.append(element("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=bottom, y2=bottom, stroke="#777"))
    free = 0.0
    for at, words in ticks:
        half = len(words) * _CHARACTER / 2
        middle = min(max(at, half), _WIDTH - half)
        if middle - half < free:  # no room beside the one before
            continue
        free = middle + half + 8
        drawing.append(element("line", x1=at, x2=at, y1=bottom, y2=bottom + 4, stroke="#777"))
        drawing.append(element("text", words, x=middle, y=bottom + 17, text_anchor="middle"))
    drawing.append(
        element("text", label, x=(_LEFT + _WIDTH - _RIGHT) / 2, y=bottom + 35, text_anchor="middle")
    )
