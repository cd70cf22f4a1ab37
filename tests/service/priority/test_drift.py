"""Whether the newest tickets are unlike those before them."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from service.priority import Features, Forest, fit
from service.priority.drift import measure_drift
from service.priority.forest_report import held_back
from tests.service.priority.data import clustered, of_vectors, relabelled

_LABELS = ("high", "low")


def _features(values: list[tuple[str, ...]]) -> Features:
    return replace(of_vectors(np.zeros((len(values), 2), np.float32)), values=tuple(values))


def _label(before: float, now: float, rows: int = 500) -> list[int]:
    """Return a column in which that share of the older nine tenths and of the newest tenth is 1."""
    shares = [(before, rows - rows // 10), (now, rows // 10)]
    return [int(row % 10 < round(10 * share)) for share, count in shares for row in range(count)]


@pytest.mark.parametrize(
    ("before", "now", "shifted"), [(0.2, 0.2, False), (0.2, 0.3, False), (0.2, 0.6, True), (0.5, 0.0, True)]
)
def test_shares_of_labels(before: float, now: float, shifted: bool) -> None:
    """A major shift is told with what shares became; a small one, or none, is only measured."""
    label = np.array(_label(before, now))
    found = measure_drift(_LABELS, label, _features([()] * 500))
    assert found is not None
    assert found.newest == 50
    assert list(found.shares["low"]) == pytest.approx([before, now], abs=0.01)
    assert (found.shifted is not None) is shifted
    assert (found.index >= 0.25) is shifted
    if shifted:
        assert f"low {before:.0%} to {now:.0%}" in (found.shifted or "")


def test_chance_is_no_shift() -> None:
    """Of a hundred histories whose labels are drawn alike throughout, hardly one counts as shifted, with many labels too."""
    generator = np.random.default_rng(5)
    names = tuple(map(str, range(12)))
    found = [
        measure_drift(names, generator.integers(12, size=500), _features([()] * 500)) for _ in range(100)
    ]
    assert sum(one is not None and one.shifted is not None for one in found) <= 1


def test_new_values_of_fields() -> None:
    """A product that a quarter of the newest tickets have, and no one before, is a shift; one of a few is only told."""
    label = np.array(_label(0.5, 0.5))
    for of_newest, shifted in ((5, False), (20, True)):
        values: list[tuple[str, ...]] = [("product=api",) for _ in range(500 - of_newest)]
        values += [("product=new",) for _ in range(of_newest)]
        found = measure_drift(_LABELS, label, _features(values))
        assert found is not None
        assert found.new_values == {"product=new": of_newest / 50}
        assert ("product=new" in (found.shifted or "")) is shifted


def test_few_tickets_tell_nothing() -> None:
    """With less than fifty on either side."""
    assert measure_drift(_LABELS, np.array(_label(0.5, 0.5))[:99], _features([()] * 99)) is None


def test_a_shift_holds_decisions_back() -> None:
    """A forest that would decide by itself says why it does not, until the newest tickets are like those before again."""
    usual = clustered(500, labels=("high", "low"))
    calm = fit(usual, alert="high")
    assert isinstance(calm, Forest)
    assert calm.report.drift is not None
    assert (calm.report.drift.shifted, calm.report.abstention.threshold is not None) == (None, True)
    shifted = msgspec.structs.replace(calm.report.drift, shifted="other shares")
    held = held_back(calm.report.abstention, shifted)
    assert (held.threshold, held.coverage, held.reason) == (None, 0.0, "other shares")
    only_high = relabelled(usual, [*usual.labels[:450], *["high"] * 50])
    found = fit(only_high, alert="high")
    assert isinstance(found, Forest)
    assert found.report.abstention.threshold is None
    assert "every decision goes to review: the shares of labels have shifted" in found.state
    assert found.report.alert is not None
    assert found.report.alert.abstention.threshold is None
    assert not found.classify(usual.features).automatic.any()
