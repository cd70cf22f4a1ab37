"""What a back-test means, in words."""

import msgspec
import pytest

from service.evaluation.result import MethodScore
from service.evaluation.verdict import verdict
from service.scores import Interval

_HALF = Interval(value=0.5, low=0.4, high=0.6)


def _score(key: str, *, ahead: Interval | None, automatic: int | None = None) -> MethodScore:
    return MethodScore(
        key=key,
        name=key,
        macro_f1=_HALF,
        brier=_HALF,
        ece=_HALF,
        classwise=_HALF,
        recalls=(),
        ahead=ahead,
        coverage=None if automatic is None else _HALF,
        automatic=automatic,
    )


_METHODS = (_score("forest", ahead=None, automatic=0), _score("majority", ahead=_HALF))


@pytest.mark.parametrize("reason", ["it knows no better than chance", "It knows no better than chance."])
def test_the_reason_why_nothing_was_automatic_is_the_forests_own(reason: str) -> None:
    """It is said as it is, with one full stop."""
    sentence = verdict(_METHODS, 0.2, 100, reason)[2]
    assert f"{reason.rstrip('.')}. A person decides" in sentence
    assert "sure enough" not in sentence


def test_without_a_reason_none_is_made_up() -> None:
    """A forest that could decide, but met no ticket that it might, had no reason against it."""
    assert "no later ticket met its conditions" in verdict(_METHODS, 0.2, 100, None)[2]


def test_automatic_decisions_need_no_reason() -> None:
    """Where an older forest had one and decisions were made all the same, they are what is told."""
    forest = msgspec.structs.replace(_METHODS[0], automatic=7, error=_HALF, error_bound=0.7)
    sentence = verdict((forest, _METHODS[1]), 0.2, 100, "it knows no better than chance")[2]
    assert "50% of the priorities by itself (7 tickets)" in sentence
    assert "chance" not in sentence
