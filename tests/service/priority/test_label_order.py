"""The order of priorities."""

from collections.abc import Sequence

import pytest

from service.priority.label_order import LabelOrderError, priority_order


@pytest.mark.parametrize(
    "expected",
    [
        ("low", "normal", "high", "urgent"),
        ("Low", "Medium", "High", "Critical"),
        ("Trivial", "Minor", "Major", "Critical", "Blocker"),
        ("Lowest", "Low", "Medium", "High", "Highest"),
        ("P4", "P3", "P2", "P1"),
        ("4 - Low", "3 - Moderate", "2 - High", "1 - Critical"),
        ("1 - Low", "2 - Medium", "3 - High"),
        ("P1 - Low", "P2 - Medium", "P3 - High"),
        ("5 - Planning", "4 - Low", "3 - Moderate", "2 - High", "1 - Critical"),
        ("1 - Planning", "2 - Low", "3 - High"),
        ("3 - Urgent", "2 - Critical"),
        ("sev 3", "sev 2", "sev 1"),
        ("1", "2", "3", "10"),
    ],
)
def test_well_known_names_tell_their_order(expected: Sequence[str]) -> None:
    """The ladders of the usual helpdesks are recognised from names or numbers."""
    order, reason = priority_order(tuple(sorted(expected)))
    assert order == tuple(expected)
    assert reason == "as their names say"


@pytest.mark.parametrize(
    "labels",
    [
        ("red", "green"),
        ("critical", "urgent"),
        ("low", "P1"),
        ("P1", "p1"),
        ("1 - Low", "2 - High", "3 - Medium", "4 - Other"),
    ],
)
def test_unknown_or_ambiguous_names_have_no_order(labels: Sequence[str]) -> None:
    """Where nobody can know, the reason says what to set."""
    order, reason = priority_order(labels)
    assert order is None
    assert "PRECEDENT_PRIORITY_ORDER" in reason


def test_the_order_given_goes_first() -> None:
    """Letters do not matter, and names that do not occur may be there."""
    assert priority_order(("Green", "Red"), ("red", "amber", "green"))[0] == ("Red", "Green")


def test_an_order_that_leaves_out_a_label_is_refused() -> None:
    """The message names the label."""
    with pytest.raises(LabelOrderError, match="leaves out 'urgent'"):
        priority_order(("low", "urgent"), ("low", "high"))
