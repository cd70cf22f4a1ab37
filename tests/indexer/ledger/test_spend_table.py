"""What was spent adds up, and no more is taken of a limit than there is, whoever takes it."""

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from indexer.ledger import Allowance, Ledger, Spent
from indexer.prices import cost
from indexer.settings import Settings


def _spent(day: str = "2026-03-31", *, model: str = "m", who: str = "key 1", requests: int = 1) -> Spent:
    return Spent(
        day=day, who=who, model=model, kind="chat", requests=requests, prompt_tokens=100, completion_tokens=10,
        estimated=0,
    )  # fmt: skip


def test_sums_are_by_day_key_model_and_kind(ledger: Ledger) -> None:
    """Whoever adds to them, in whatever order; days before are left out where they are not asked for."""
    ledger.spend.add([_spent(), _spent("2026-03-30"), _spent(who="key 2")])
    ledger.spend.add([_spent(requests=4)])
    found = ledger.spend.since("2026-03-31")
    assert [(one.who, one.requests, one.prompt_tokens, one.completion_tokens) for one in found] == [
        ("key 1", 5, 200, 20),
        ("key 2", 1, 100, 10),
    ]
    assert len(ledger.spend.since("")) == 3


def test_money_is_told_where_prices_are_known() -> None:
    """By tokens, by requests, or by both; of nothing else, and never of a part."""
    asked = [_spent(requests=3), _spent(model="other")]
    for settings, money in (
        (Settings(), None),
        (Settings(prices={"m": "2/20"}), None),
        (Settings(prices={"m": "2/20", "other": "1"}), (400 + 110) / 1e6),
        (Settings(price_per_request=0.5), 2.0),
        (Settings(price_per_request=0.5, prices={"m": "2/20"}), 2.0 + 400 / 1e6),
    ):
        assert cost(settings, asked) == money
    assert cost(Settings(), []) == 0
    assert cost(Settings(), [_spent(requests=0)]) == 0


def test_a_limit_is_exact(ledger: Ledger, database_url: str | None, data_dir: Path) -> None:
    """Over threads and connections; nothing is taken of one limit where another is used up, and old ones are forgotten."""
    ends = time.time() + 60
    day = Allowance(window="m day 1", limit=12, ends=ends)
    old = Allowance(window="m minute 0", limit=1, ends=time.time() - 1)
    assert [ledger.allowances.take([old]) for _ in range(2)] == [True, True], (
        "it has ended, so it begins anew"
    )
    with contextlib.closing(Ledger(database_url, data_dir)) as other, ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(lambda n: (ledger, other)[n % 2].allowances.take([day]), range(40)))
        assert sum(taken) == 12
        minute = Allowance(window="m minute 1", limit=3, ends=ends)
        assert not other.allowances.take([minute, day])
        assert [other.allowances.take([minute]) for _ in range(4)] == [True, True, True, False]
