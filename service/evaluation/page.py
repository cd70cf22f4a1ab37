"""The report: one HTML file that needs nothing else."""

from collections.abc import Sequence
from xml.etree.ElementTree import Element, tostring

from service.evaluation.methods import NAMES, SERVED
from service.evaluation.plots import plots
from service.evaluation.records import Evaluation, Interval, MethodScore
from service.evaluation.svg import element
from service.evaluation.verdict import percent

__all__ = ["page"]

_SHOWN_LABELS = 12
_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1b1b1b; background: #fff; margin: 0 auto; max-width: 1080px; padding: 1rem; }
h1 { font-size: 1.35rem; line-height: 1.35; margin: .5rem 0; }
h2 { font-size: 1.1rem; margin: 2rem 0 .25rem; }
p { margin: .35rem 0; max-width: 75ch; }
.small { color: #555; font-size: .9rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: .5rem 0; font-size: .9rem; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid #ddd; text-align: right; vertical-align: top; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; white-space: normal; min-width: 9rem; }
thead th { border-bottom: 2px solid #888; white-space: normal; vertical-align: bottom; }
tr.forest { background: #eaf2fa; font-weight: 600; }
td .range { display: block; color: #555; font-size: .8rem; font-weight: 400; }
td.cell { text-align: center; min-width: 3.2rem; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 1rem 2rem; }
figure { margin: 1rem 0 0; }
figure h2 { margin: 0; }
svg { width: 100%; max-width: 560px; height: auto; font: 12px system-ui, sans-serif; fill: #333; }
"""


def page(evaluation: Evaluation) -> str:
    """Return the report as HTML: no script, no address of anything else, no ticket's text."""
    lead, *rest = evaluation.verdict
    document = element(
        "html",
        element(
            "head",
            element("meta", charset="utf-8"),
            element("meta", name="viewport", content="width=device-width, initial-scale=1"),
            element("title", "Back-test of the priorities"),
            element("style", _STYLE),
        ),
        element(
            "body",
            element("h1", lead),
            *(element("p", sentence) for sentence in rest if sentence),
            element("p", _origin(evaluation), class_="small"),
            *(element("p", note, class_="small") for note in evaluation.notes),
            *_comparison(evaluation),
            *_recalls(evaluation),
            *_confusion(evaluation),
            *_retrieval(evaluation),
            element("div", *plots(evaluation), class_="plots"),
            *_blocks(evaluation),
            *_words(),
        ),
        lang="en",
    )
    return "<!doctype html>\n" + tostring(document, encoding="unicode", method="html") + "\n"


def _origin(evaluation: Evaluation) -> str:
    data = evaluation.data
    start = evaluation.blocks[0].moment
    known = (
        "learned only from tickets that had been resolved by that moment (created, where no time of resolution is known)"
        if start
        else "learned only from the tickets before it"
    )
    return (
        f"{data.source}: {data.labelled:,} tickets with a priority{f', tested from {start} on' if start else ''}, "
        f"embedded with {data.embedding_model}. {len(evaluation.blocks)} times the clock was turned back: every method "
        f"{known}, and was asked about the tickets that came next."
    )


def _comparison(evaluation: Evaluation) -> list[Element]:
    ordered = evaluation.order is not None
    heads = ["Method", "Score (macro-F1)", "Forest ahead by"]
    heads += [
        *(["Agreement (quadratic kappa)"] if ordered else []),
        "Brier score",
        "Calibration error, all priorities",
        "of the one named",
    ]
    rows = []
    for method in evaluation.methods:
        cells = [_cell(method.macro_f1), _cell(method.ahead, signed=True)]
        cells += [_cell(method.kappa)] if ordered else []
        cells += [_cell(found) for found in (method.brier, method.classwise, method.ece)]
        rows.append(_row(method, cells))
        if method.ece_before is not None:
            rows.append(
                element(
                    "tr",
                    element("td", "the same forest before calibration"),
                    *(element("td", "-") for _ in range(len(cells) - 3)),
                    _cell(method.brier_before),
                    _cell(method.classwise_before),
                    _cell(method.ece_before),
                )
            )
    kappa = "" if ordered else f" Agreement (quadratic kappa) is left out: {evaluation.order_reason}."
    return [
        element("h2", "All methods on the same later tickets"),
        element(
            "p",
            "Score and agreement: higher is better, 1 is perfect. Brier score and calibration error: lower is better. "
            "Small figures: the range in which the value lies with 95% confidence. The words are explained below."
            + kappa,
            class_="small",
        ),
        _table(heads, rows),
    ]


def _row(method: MethodScore, cells: Sequence[Element]) -> Element:
    row = element("tr", element("td", method.name), *cells)
    if method.key == SERVED:
        row.set("class", "forest")
    return row


def _recalls(evaluation: Evaluation) -> list[Element]:
    forest, rival = evaluation.methods[0], evaluation.methods[1]
    pairs = sorted(zip(forest.recalls, rival.recalls, strict=True), key=lambda pair: -pair[0].tickets)
    shown = {own.label for own, _ in pairs[:_SHOWN_LABELS]}
    rows = [
        element(
            "tr",
            element("td", own.label),
            element("td", f"{own.tickets:,}"),
            _cell(own.recall),
            _cell(other.recall),
            element("td", f"{own.missed or 0:,}"),
        )
        for own, other in zip(forest.recalls, rival.recalls, strict=True)
        if own.label in shown
    ]
    return [
        element("h2", "How many tickets of each priority are found (recall)"),
        element(
            "p",
            f"Read: of all later tickets with this priority, the share that was given it. Missed: the forest set another one by itself.{_left_out(evaluation)}",
            class_="small",
        ),
        _table(
            ["Priority", "Later tickets", "Forest", rival.name[0].upper() + rival.name[1:], "Missed"], rows
        ),
    ]


def _confusion(evaluation: Evaluation) -> list[Element]:
    totals = {name: sum(row) for name, row in zip(evaluation.labels, evaluation.confusion, strict=True)}
    largest = set(sorted(evaluation.labels, key=lambda name: -totals[name])[:_SHOWN_LABELS])
    shown = [number for number, name in enumerate(evaluation.labels) if name in largest]
    rows = []
    for number in shown:
        total = totals[evaluation.labels[number]]
        cells = []
        for other in shown:
            count = evaluation.confusion[number][other]
            share = count / total if total else 0.0
            colour = f"background: rgba(11, 95, 165, {0.85 * share:.2f}); color: {'#fff' if share > 0.75 else '#1b1b1b'}"  # noqa: PLR2004 (where black is hard to read)
            cells.append(
                element(
                    "td",
                    f"{count:,}",
                    element("span", f"{share:.0%}", class_="range", style="color: inherit"),
                    class_="cell",
                    style=colour,
                )
            )
        rows.append(
            element("tr", element("td", evaluation.labels[number]), *cells, element("td", f"{total:,}"))
        )
    return [
        element("h2", "What the forest said of tickets of each priority (confusion matrix)"),
        element(
            "p",
            "Read along a row: of the tickets with the true priority at the left, how many were given each priority. "
            f"The darker the diagonal, the better.{_left_out(evaluation)}",
            class_="small",
        ),
        _table(["True priority", *(f"said: {evaluation.labels[n]}" for n in shown), "Tickets"], rows),
    ]


def _left_out(evaluation: Evaluation) -> str:
    more = len(evaluation.labels) - _SHOWN_LABELS
    return (
        ""
        if more <= 0
        else f" The {_SHOWN_LABELS} most frequent are shown, {more:,} more are in the JSON file."
    )


def _retrieval(evaluation: Evaluation) -> list[Element]:
    found = evaluation.retrieval
    if found is None:
        return []
    rows = [
        element("tr", element("td", f"among the first {depth}"), _cell(share))
        for depth, share in found.recall.items()
    ]
    rows.append(element("tr", element("td", "mean reciprocal rank (MRR)"), _cell(found.mrr)))
    return [
        element("h2", "Are known duplicates found?"),
        element(
            "p",
            f"{found.asked:,} of the {found.pairs:,} pairs given are two tickets of this evaluation, one created after the "
            "other. The later one was looked up among all tickets created before it; "
            f"{found.resolved:,} of the earlier ones were resolved by then.",
            class_="small",
        ),
        _table(["The earlier ticket is", "Share of pairs"], rows),
    ]


def _blocks(evaluation: Evaluation) -> list[Element]:
    rows = [
        element(
            "tr",
            element("td", block.moment or f"block {number}"),
            element("td", f"{block.learned:,}"),
            element("td", f"{block.tested:,}"),
            element("td", f"{block.repeated:,}"),
            element("td", f"{block.automatic:,} ({percent(block.automatic / block.tested)})"),
            element("td", f"{block.macro_f1[SERVED]:.2f}"),
        )
        for number, block in enumerate(evaluation.blocks, 1)
    ]
    heads = [
        "Clock turned back to",
        "Learned from",
        "Tested on",
        "Repeats left out",
        "Set automatically",
        "Score of the forest",
    ]
    return [element("h2", "The cuts"), _table(heads, rows)]


def _words() -> list[Element]:
    words = (
        ("Macro-F1", "a priority is well handled when its tickets are found and others are not mistaken for it (F1); the score is the mean over all priorities, so that a rare one counts as much as a frequent one."),
        ("Quadratic kappa", "agreement with the true priorities beyond chance; a miss by two steps weighs four times a miss by one."),
        ("Brier score", "the squared distance between the probabilities given and the truth, from 0 (best) to 2."),
        ("Calibration error", "how far probabilities and reality are apart on average: of the tickets to which 30% are given for a priority, 30% should have it. It is measured on the probabilities of all priorities, and once more on those of the priority that is named."),
        (NAMES["stratified"].capitalize(), "draws a priority as often as it occurred before, without reading the ticket."),
        ("95% range", "found by drawing the later tickets anew 1,000 times (bootstrap); “Forest ahead by” uses the same draws for both methods."),
        ("Set automatically", "the forest was sure enough, by its record on tickets before the cut, to stay within the error budget."),
    )  # fmt: skip
    return [
        element("h2", "Words"),
        *(element("p", element("strong", word), f": {meaning}", class_="small") for word, meaning in words),
    ]


def _table(heads: Sequence[str], rows: Sequence[Element]) -> Element:
    return element(
        "div",
        element(
            "table",
            element("thead", element("tr", *(element("th", head) for head in heads))),
            element("tbody", *rows),
        ),
        class_="scroll",
    )


def _cell(found: Interval | None, *, signed: bool = False) -> Element:
    if found is None:
        return element("td", "-")
    sign = "+" if signed else ""
    shown = [f"{value:{sign}z.2f}" for value in (found.value, found.low, found.high)]
    return element("td", shown[0], element("span", f"{shown[1]} to {shown[2]}", class_="range"))
