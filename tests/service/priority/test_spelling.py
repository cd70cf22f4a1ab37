"""One spelling for each label."""

import pytest

from service.priority.spelling import one_spelling


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ((), ()),
        ((None, None), (None, None)),
        (("High", "low", "high", None, "HIGH", "high"), ("high", "low", "high", None, "high", "high")),
        (("High", "high", "low"), ("High", "High", "low")),
        (("STRASSE", "straße", "straße"), ("straße", "straße", "straße")),
        (("P1", "P2"), ("P1", "P2")),
    ],
    ids=["nothing", "no labels", "most frequent", "as frequent", "not ASCII", "nothing to merge"],
)
def test_labels_that_differ_in_case_only_are_one(
    labels: tuple[str | None, ...], expected: tuple[str | None, ...]
) -> None:
    """The most frequent spelling wins, and of two as frequent the first."""
    assert one_spelling(labels) == expected
