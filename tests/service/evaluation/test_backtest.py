"""The whole back-test on generated histories."""

from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import msgspec
import numpy as np
import pytest

from indexer.settings import Settings
from service.decided_fields import PRIORITY, rules_of
from service.evaluation import Evaluation, evaluate, page
from service.evaluation.cases import Cases
from service.evaluation.loading import Loaded
from service.evaluation.methods import LOCAL, SERVED
from service.evaluation.verdict import table
from tests.service.evaluation.making import LABELS, history

pytestmark = pytest.mark.slow

_UNORDERED = ("<script>alert(1)</script>", "a & b")


def _evaluate(
    cases: Cases, source: str = "test.jsonl", order: tuple[str, ...] = (), folds: int = 1, **options: Any
) -> Evaluation:
    loaded = Loaded(
        cases=cases, source=source, embedding_model="none", rejected=0, reasons=(), embedded=0, chosen=(), questions=(),
    )  # fmt: skip
    settings = Settings(max_error=0.2, priority_order=order)
    return evaluate(loaded, rules_of(settings, PRIORITY), settings, folds=folds, **options)


@pytest.fixture(scope="module")
def telling_vectors() -> Evaluation:
    """What a history gives whose vectors tell the priority, and whose texts do not."""
    return _evaluate(history(240, signal=5.0), folds=2)


@pytest.fixture(scope="module")
def telling_texts() -> Evaluation:
    """What a history gives whose texts tell the priority, and whose vectors do not: it is too short for a forest to read texts."""
    return _evaluate(history(80, signal=0.0, telling=True), folds=1)


@pytest.fixture(scope="module")
def small() -> tuple[Evaluation, list[tuple[int, int]]]:
    """What forty tickets give, and the progress that was told meanwhile."""
    steps: list[tuple[int, int]] = []
    return _evaluate(history(40), progress=lambda done, total: steps.append((done, total))), steps


@pytest.fixture(scope="module")
def unordered() -> Evaluation:
    """What labels give that are in no known order, one of which looks like markup."""
    source = "<img src=x onerror=alert(1)>.jsonl"
    return _evaluate(history(40, labels=_UNORDERED), source=source, duplicates=[("t-30", "t-1")])


def test_the_forest_wins_where_vectors_tell(telling_vectors: Evaluation) -> None:
    """It is far better than guessing, decides much by itself, and keeps the budget."""
    forest = telling_vectors.methods[0]
    assert forest.key == SERVED
    assert {method.key for method in telling_vectors.methods} == set(LOCAL)
    assert forest.macro_f1.value > 0.8
    assert forest.error is not None
    assert forest.error.value <= 0.2
    assert forest.automatic is not None
    assert forest.automatic > 40
    assert "is better than guessing" in telling_vectors.verdict[1]
    assert "of the priorities by itself" in telling_vectors.verdict[2]
    assert [block.reason is None for block in telling_vectors.blocks] == [
        bool(block.automatic) for block in telling_vectors.blocks
    ]


def test_all_methods_answer_the_same_tickets(telling_vectors: Evaluation) -> None:
    """Every recall counts the same tickets, which are those of the blocks and of the confusion matrix."""
    tested = sum(block.tested for block in telling_vectors.blocks)
    assert np.sum(telling_vectors.confusion) == tested
    for method in telling_vectors.methods:
        assert sum(recall.tickets for recall in method.recalls) == tested
    assert sum(found.tickets for found in telling_vectors.reliability_after) == tested


def test_the_first_line_says_when_another_method_wins(
    telling_vectors: Evaluation, telling_texts: Evaluation
) -> None:
    """With telling texts TF-IDF beats the forest, and the first screen of the report says so."""
    assert telling_texts.verdict[0].startswith(
        "Another method beats the forest: TF-IDF and logistic regression"
    )
    assert "may be chance" not in telling_texts.verdict[0]
    first_screen, _, _ = page(telling_texts).partition("<details")
    assert "Another method beats the forest" in first_screen
    assert "beats the forest" not in telling_vectors.verdict[0].removeprefix(
        "No other method beats the forest"
    )


def test_shuffled_labels_go_to_review() -> None:
    """A forest that can know nothing decides next to nothing, and the report says not to trust it."""
    found = _evaluate(history(240, signal=5.0, shuffled=True))
    forest = found.methods[0]
    assert forest.coverage is not None
    assert forest.coverage.value <= 0.05
    assert "cannot be told from guessing" in found.verdict[1]
    assert found.verdict[2].startswith("The forest would have set no priority by itself")
    reason = found.blocks[-1].reason
    assert reason is not None
    assert reason.rstrip(".") in found.verdict[2]


def test_a_second_run_gives_the_same(small: tuple[Evaluation, list[tuple[int, int]]]) -> None:
    """All numbers are the same to the last digit."""
    first, _ = small
    assert msgspec.json.encode(_evaluate(history(40))) == msgspec.json.encode(first)


def test_progress_ends_at_its_total(small: tuple[Evaluation, list[tuple[int, int]]]) -> None:
    """Steps only grow, and the last one is the total."""
    _, steps = small
    assert [done for done, _ in steps] == sorted({done for done, _ in steps})
    assert steps[-1][0] == steps[-1][1]
    assert len({total for _, total in steps}) == 1


def test_the_page_needs_nothing_else_and_quotes_ten_tickets(unordered: Evaluation) -> None:
    """No address, no script, of ten tickets at most the beginning; a label that looks like markup stays text."""
    html = page(unordered)
    for address in ("http:", "https:", "//", "url(", "@import", "src=", "href"):
        assert address not in html.replace("&lt;img src=x", "")
    tags = _tags(html)
    assert "script" not in tags
    assert "img" not in tags
    assert tags.count("svg") == 5
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    quoted = {ticket.id for ticket in history(40, labels=_UNORDERED).tickets if ticket.text[:40] in html}
    assert quoted == {example.id for example in unordered.first.examples}
    assert len(quoted) <= 10


def test_the_page_shows_the_table_and_every_plot(telling_vectors: Evaluation) -> None:
    """What is promised is there: each method, each block, and a sentence on how to read each plot."""
    html = page(telling_vectors)
    for method in telling_vectors.methods:
        assert f">{method.name}<" in html
    for word in ("confusion", "reliability", "More automatic", "Score over time", "learning curve", "drift"):
        assert word in html
    assert html.count("Read: ") == 6
    assert html.count("Read along a row: ") == 1
    assert "nan" not in html.lower().replace("finance", "")


def test_unknown_order_leaves_kappa_out_and_says_why(unordered: Evaluation) -> None:
    """Neither table nor page shows it without a reason."""
    assert all(method.kappa is None for method in unordered.methods)
    assert "quadratic kappa is left out" in table(unordered)
    assert "Agreement (quadratic kappa) is left out" in page(unordered)
    ordered = _evaluate(history(40, labels=("red", "green")), order=("green", "red"))
    assert ordered.labels == ("green", "red")
    assert ordered.methods[0].kappa is not None


def test_tickets_without_times_are_said_to_have_none() -> None:
    """The order given is used, and the report says so."""
    found = _evaluate(history(40, timed=False))
    assert any("the order in time is unknown" in note for note in found.notes)
    assert found.blocks[0].moment is None
    assert "the order in time is unknown" in page(found)


def test_a_label_of_one_ticket_is_no_obstacle() -> None:
    """Whether the lone ticket is learned from or tested on, it is counted and nothing fails."""
    for row in (3, 35):
        cases = history(40)
        labels = (*cases.labels[:row], "critical", *cases.labels[row + 1 :])
        found = _evaluate(replace(cases, labels=labels))
        recall = found.methods[0].recalls[found.labels.index("critical")]
        assert recall.tickets == (row == 35)
        assert (recall.recall is None) == (row == 3)
        page(found)


def test_drift_is_the_share_of_each_label_in_each_tenth() -> None:
    """Each period counts its own tickets, and a label that does not occur in it has none."""
    cases = history(43)
    drift = _evaluate(cases).drift
    assert [period.tickets for period in drift] == [5] * 3 + [4] * 7
    start = 0
    for period in drift:
        part = cases.tickets[start : start + period.tickets]
        start += period.tickets
        priorities = [ticket.priority for ticket in part]
        assert period.shares == {name: priorities.count(name) / len(part) for name in LABELS}
        assert part[0].created_at is not None
        assert period.start == part[0].created_at.date().isoformat()


def test_spellings_of_a_priority_are_one() -> None:
    """Labels that differ in case only are one label everywhere, in its most frequent spelling, and have an order."""
    cases = history(60, labels=("High", "low", "high", "Low", "high"))
    found = _evaluate(cases)
    assert found.order in {("low", "high"), ("Low", "high")}
    priorities = [ticket.priority for ticket in cases.tickets]
    assert found.data.labels["high"] == priorities.count("high") + priorities.count("High")
    assert sum(found.data.labels.values()) == 60
    assert len(found.confusion) == 2
    page(found)


def test_many_labels_fit_the_page() -> None:
    """Of thirty labels the most frequent are shown, and the JSON has all."""
    found = _evaluate(history(160, labels=[f"team {number}" for number in range(30)]))
    html = page(found)
    assert "more are in the JSON file" in html
    assert "others" in html
    assert len(found.methods[0].recalls) == len(found.labels) == 30


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.found.append(tag)


def _tags(html: str) -> list[str]:
    parser = _Tags()
    parser.feed(html)
    return parser.found
