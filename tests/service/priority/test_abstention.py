"""When the forest may decide by itself."""

import numpy as np
import pytest
from scipy.stats import binom  # type: ignore[import-untyped]  # scipy ships no types

from service.arrays import BoolArray, FloatArray, IntArray
from service.priority.abstention import LaterTickets, abstain, budgets, error_bound, may_decide
from service.priority.calibration import least_costly
from service.priority.forest_report import Abstention

LABELS = ("high", "low", "urgent")


def said_with(confidence: FloatArray, predicted: IntArray) -> FloatArray:
    """Return probabilities in which the label predicted has the confidence, and the others share the rest."""
    probabilities = np.repeat((1 - confidence)[:, None] / 2, 3, axis=1)
    probabilities[np.arange(len(predicted)), predicted] = confidence
    return probabilities


def honest(rows: int, seed: int) -> tuple[FloatArray, IntArray, IntArray]:
    """Return probabilities, labels predicted, and true labels that agree as often as the confidence says."""
    generator = np.random.default_rng(seed)
    confidence = generator.uniform(0.4, 1.0, rows)
    predicted = generator.integers(3, size=rows)
    right = generator.random(rows) < confidence
    label = np.where(right, predicted, (predicted + generator.integers(1, 3, rows)) % 3)
    return said_with(confidence, predicted), predicted, label


def later_tickets(
    probabilities: FloatArray, label: IntArray, newest: BoolArray | None = None
) -> LaterTickets:
    """Return the tickets, of which some may be the newest."""
    parts = {} if newest is None else {"the newest": newest}
    return LaterTickets(probabilities, label, parts, LABELS, np.ones(3))


def decided(
    probabilities: FloatArray,
    predicted: IntArray,
    label: IntArray,
    *,
    newest: BoolArray | None = None,
    max_error: float = 0.2,
    max_missed: dict[str, float] | None = None,
) -> Abstention:
    """Abstain, as a fit would have it."""
    assert (least_costly(probabilities, np.ones(3)) == predicted).all()
    later = later_tickets(probabilities, label, newest)
    return abstain(later, max_error=max_error, max_missed=max_missed or {})


@pytest.mark.parametrize(("errors", "count"), [(0, 14), (3, 40), (39, 40)])
def test_error_bound_is_exact(errors: int, count: int) -> None:
    """With the bound as the true share, so few errors come with a chance of exactly one in twenty."""
    assert binom.cdf(errors, count, error_bound(errors, count)) == pytest.approx(0.05)


@pytest.mark.parametrize(("errors", "count"), [(0, 0), (7, 7)])
def test_error_bound_without_knowledge(errors: int, count: int) -> None:
    """No tickets, or only errors, bound nothing."""
    assert error_bound(errors, count) == 1.0


def test_confident_decisions_are_automatic() -> None:
    """Where confidence is honest, what is automatic keeps the budget, and the rest goes to review."""
    found = decided(*honest(2_000, seed=1))
    assert found.threshold is not None
    assert 0.5 < found.threshold < 0.8
    assert 0.3 < found.coverage < 0.7
    assert found.error is not None
    assert found.error_bound is not None
    assert found.error < found.error_bound <= 0.2
    assert found.reason is None


def test_budget_holds_on_what_comes_next() -> None:
    """In at least nineteen of twenty histories the true error of what is automatic keeps the budget."""
    broken = 0
    for seed in range(200):
        found = decided(*honest(150, seed=seed), max_error=0.25)
        if found.threshold is not None:
            # Confidence is uniform and honest here: the true error above a threshold is known.
            broken += (1 - found.threshold) / 2 > 0.25
    assert broken <= 10


def test_a_smaller_budget_covers_less() -> None:
    """The smaller the budget, the fewer decisions are automatic."""
    history = honest(3_000, seed=2)
    covered = [decided(*history, max_error=budget).coverage for budget in (0.1, 0.15, 0.2, 0.25)]
    assert covered == sorted(covered)
    assert 0 < covered[0] < covered[-1]


def test_few_tickets_prove_nothing() -> None:
    """Ten later tickets go to review even if all were right."""
    predicted = np.array([0, 1, 2, 0, 1, 2, 0, 1, 2, 0])
    found = decided(said_with(np.full(10, 0.99), predicted), predicted, predicted)
    assert found.threshold is None
    assert found.coverage == 0
    assert found.reason is not None
    assert "10 later tickets" in found.reason


def test_no_later_tickets() -> None:
    """Without later tickets nothing is automatic."""
    none = np.zeros(0, np.int64)
    found = decided(np.zeros((0, 3)), none, none)
    assert (found.threshold, found.coverage, found.error) == (None, 0.0, None)
    assert found.reason is not None
    assert "only 0 later tickets" in found.reason


def test_agreement_by_chance_is_not_knowledge() -> None:
    """A forest that always says the frequent label keeps the budget, knows nothing, and decides nothing."""
    label = (np.random.default_rng(0).random(1_000) < 0.1).astype(np.int64)
    predicted = np.zeros(1_000, np.int64)
    found = decided(said_with(np.full(1_000, 0.9), predicted), predicted, label)
    assert found.threshold is None
    assert found.reason == "the forest agrees with later labels no better than chance"


def test_what_fails_lately_is_not_automatic() -> None:
    """Errors that came up in the newest stretch take the automatic decisions back, whatever the past says."""
    probabilities, predicted, label = honest(2_000, seed=3)
    newest = np.arange(2_000) >= 1_950
    label = np.where(newest, (predicted + 1) % 3, label)
    assert decided(probabilities, predicted, label).threshold is not None
    found = decided(probabilities, predicted, label, newest=newest)
    assert (found.threshold, found.limited_by) == (None, "the newest")
    assert found.reason is not None
    assert found.reason.endswith("among the newest")


def test_a_part_that_is_decided_worse_limits_what_is_automatic() -> None:
    """Fewer decisions are automatic than its confidence allows, so many that the budget holds in the part too, and that is told."""
    probabilities, predicted, label = honest(2_000, seed=3)
    part = np.arange(2_000) % 4 == 0
    sure = probabilities.max(axis=1)
    label = np.where(part & (sure < 0.9), (predicted + 1) % 3, label)
    alone = decided(probabilities, predicted, label)
    found = decided(probabilities, predicted, label, newest=part)
    assert alone.limited_by is None
    assert found.limited_by == "the newest"
    assert 0 < found.coverage < alone.coverage
    assert found.threshold is not None
    automatic = part & (sure >= found.threshold)
    assert (label != predicted)[automatic].mean() <= 0.2
    assert found.reason is None


def test_guard_keeps_what_must_not_be_missed() -> None:
    """Of the guarded label's tickets no more than its budget are given another label automatically."""
    generator = np.random.default_rng(4)
    label = generator.integers(3, size=3_000)
    # One urgent ticket in three looks harmless to the forest, but its probability of urgent is raised a little.
    hidden = (label == 2) & (generator.random(3_000) < 0.33)
    predicted = np.where(hidden, 0, label)
    probabilities = said_with(generator.uniform(0.8, 0.9, 3_000), predicted)
    probabilities[hidden, 2] += 0.05
    probabilities[hidden, 1] -= 0.05
    free = decided(probabilities, predicted, label)
    guarded = decided(probabilities, predicted, label, max_missed={"urgent": 0.05})
    assert free.threshold is not None
    assert guarded.threshold is not None

    def missed(found: Abstention) -> float:
        automatic = may_decide(probabilities, predicted, LABELS, found.guards)
        automatic &= probabilities[np.arange(3_000), predicted] >= (found.threshold or np.inf)
        return float((automatic & (predicted != 2))[label == 2].mean())

    assert missed(free) > 0.2
    assert missed(guarded) <= 0.05
    assert guarded.coverage > 0.3


def test_guard_of_a_label_with_few_tickets() -> None:
    """Where too few tickets have the guarded label to prove anything, no other label is automatic."""
    probabilities, predicted, label = honest(600, seed=5)
    label = np.where(label == 2, 0, label)
    label[:3] = 2
    found = decided(probabilities, predicted, label, max_missed={"urgent": 0.05})
    free = may_decide(probabilities, predicted, LABELS, found.guards)
    assert not free[predicted != 2].any()


def test_guard_of_an_unknown_label() -> None:
    """A guarded label that no ticket has changes nothing, and is told."""
    history = honest(600, seed=5)
    found = decided(*history, max_missed={"blocker": 0.05, "low": 0.5})
    assert (set(found.guards), found.unknown) == ({"low"}, ("blocker",))


def test_guard_in_another_case() -> None:
    """A label is guarded however its name is written."""
    history = honest(600, seed=5)
    guarded = decided(*history, max_missed={"URGENT": 0.05})
    assert guarded.guards == decided(*history, max_missed={"urgent": 0.05}).guards
    assert guarded.guards.keys() == {"urgent"}


def test_guards_that_forbid_everything_are_named() -> None:
    """Where the budgets of missed labels leave nothing, they are the reason that is told."""
    probabilities, predicted, label = honest(2_000, seed=5)
    found = decided(probabilities, predicted, label, max_missed=dict.fromkeys(LABELS, 0.001))
    assert decided(probabilities, predicted, label).threshold is not None
    assert found.threshold is None
    assert found.reason is not None
    assert "high or low or urgent" in found.reason


def test_budgets_are_what_each_budget_would_do() -> None:
    """Each says what the rule would be if its budget were set: threshold, decisions, mistakes and bound."""
    probabilities, predicted, label = honest(600, seed=4)
    newest = np.arange(600) >= 400
    rule = decided(
        probabilities, predicted, label, newest=newest, max_error=0.137, max_missed={"urgent": 0.2}
    )
    found, held = (
        budgets(rule, later_tickets(probabilities, label, newest), held_back=back) for back in (False, True)
    )
    assert {(budget.threshold, budget.automatic, budget.error_bound) for budget in held} == {(None, 0, None)}
    assert [budget.max_error for budget in found] == sorted({*(n / 100 for n in range(1, 51)), 0.137})
    for budget in found:
        own = decided(
            probabilities,
            predicted,
            label,
            newest=newest,
            max_error=budget.max_error,
            max_missed={"urgent": 0.2},
        )
        assert (budget.threshold, budget.error_bound) == (own.threshold, own.error_bound)
        assert budget.automatic / 600 == own.coverage
        assert budget.wrong == pytest.approx((own.error or 0) * budget.automatic)
    assert len({budget.threshold for budget in found}) > 3
    none = budgets(
        decided(np.zeros((0, 3)), np.zeros(0, int), np.zeros(0, int)),
        later_tickets(np.zeros((0, 3)), np.zeros(0, int)),
        held_back=False,
    )
    assert {(budget.threshold, budget.automatic) for budget in none} == {(None, 0)}
