"""The report: one HTML file that needs nothing else. Its words and looks are in ``report.html``."""

from pathlib import Path

from service.evaluation.plots import plots
from service.evaluation.result import Evaluation
from service.evaluation.verdict import percent

__all__ = ["page"]

_SHOWN_LABELS = 12


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
    environment.filters |= {"count": "{:,}".format, "percent": percent, "score": _score}
    totals = [sum(row) for row in evaluation.confusion]
    largest = sorted(range(len(totals)), key=lambda number: -totals[number])[:_SHOWN_LABELS]
    shown = sorted(largest)
    return environment.get_template("report.html").render(
        e=evaluation,
        plots=plots(evaluation),
        shown=shown,
        said_heads=[f"said: {evaluation.labels[number]}" for number in shown],
    )


def _score(value: float, sign: str = "") -> str:
    return f"{value:{sign}z.2f}"
