"""Which of the stored forests a service begins with."""

import contextlib
import functools
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from indexer.ledger import Generation, Ledger
from indexer.settings import Settings
from service.forest.files import latest_forest
from service.priority import Forest, fit, save
from tests.indexer.making import SPACE, make_ticket, store_vectors
from tests.service.priority.data import clustered


@pytest.fixture
def ledger(data_dir: Path) -> Iterator[Ledger]:
    """A ledger with two tickets and a live generation."""
    with contextlib.closing(Ledger(None, data_dir)) as opened:
        store_vectors(opened, [make_ticket(1), make_ticket(2)])
        opened.tickets.write([make_ticket(1)])
        opened.tickets.write([make_ticket(2)])
        opened.generations.ensure_live(SPACE)
        yield opened


def live(ledger: Ledger) -> Generation:
    """Return the generation that answers."""
    found = ledger.generations.live()
    assert found is not None
    return found


def keep(
    ledger: Ledger,
    data_dir: Path,
    origin: dict[str, str] | None = None,
    *,
    dimension: int = SPACE.dimension,
) -> Path:
    """Keep a forest in the folder of forests, as if fitted on the ledger; words of its origin may be others."""
    usual = {
        "generation": "tickets-0001",
        "revision": str(ledger.revision()),
        "ledger": ledger.id,
        "half_life_days": "tried",
        "alert": " of ",
        "costs": "",
        "fields": "type,product,component,category",
    }
    forest = _fitted(dimension)
    report = msgspec.structs.replace(forest.report, fitted_on=usual | (origin or {}))
    path = data_dir / "forests" / "tickets-0001-2.npz"
    path.parent.mkdir(exist_ok=True)
    save(replace(forest, report=report), path)
    return path


@functools.cache
def _fitted(dimension: int) -> Forest:
    forest = fit(clustered(60, dimension=dimension))
    assert isinstance(forest, Forest)
    return forest


def test_one_of_the_same_ledger_and_settings_serves(ledger: Ledger, data_dir: Path) -> None:
    """With the revision of the labels that it learned from; a newer file that cannot be read is passed over."""
    path = keep(ledger, data_dir, {"revision": "1"})
    path.with_name("tickets-0001-9.npz").write_bytes(b"not a forest")
    found = latest_forest(Settings(data_dir=data_dir), ledger, live(ledger))
    assert found is not None
    assert (found.path, found.revision) == (path, 1)


@pytest.mark.parametrize(
    "origin",
    [
        {"ledger": "another"},
        {"generation": "tickets-0002"},
        {"revision": "99"},
        {"half_life_days": "90.0"},
        {"half_life_days": "inf"},
    ],
    ids=lambda origin: "-".join(next(iter(origin.items()))),
)
def test_one_of_another_origin_does_not_serve(ledger: Ledger, data_dir: Path, origin: dict[str, str]) -> None:
    """It may have been left behind by a database that is no more, or by a state that a restored one never had."""
    keep(ledger, data_dir, origin)
    assert latest_forest(Settings(data_dir=data_dir), ledger, live(ledger)) is None


def test_one_for_other_vectors_does_not_serve(ledger: Ledger, data_dir: Path) -> None:
    """It could not decide on a single ticket."""
    keep(ledger, data_dir, dimension=SPACE.dimension // 2)
    assert latest_forest(Settings(data_dir=data_dir), ledger, live(ledger)) is None


@pytest.mark.parametrize(
    "change",
    [
        {"half_life_days": 90.0},
        {"half_life_days": math.inf},
        {"costs": {"high": 2.0}},
        {"alert": "high"},
        {"priority_order": ("low", "high")},
        {"forest_fields": ("type",)},
        {"max_error": 0.1},
        {"max_missed": {"high": 0.1}},
    ],
    ids=str,
)
def test_one_by_other_settings_does_not_serve(
    ledger: Ledger, data_dir: Path, change: dict[str, object]
) -> None:
    """What is set counts from the next start on."""
    keep(ledger, data_dir)
    settings = msgspec.structs.replace(Settings(data_dir=data_dir), **change)
    assert latest_forest(settings, ledger, live(ledger)) is None
