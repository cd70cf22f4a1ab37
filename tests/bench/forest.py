"""The priority forest: what a fit costs as the history grows, and what a prediction costs.

Alone: ``python -m tests.bench.forest [--rows N …]``. Every fit runs in a process of its own, so that its peak memory
is its own.
"""

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from service.arrays import IntArray
from service.priority import Features, Forest, TrainingSet, fit
from service.priority.predictors import fit_predictors
from service.priority.training import draws, train
from service.priority.words import BUCKETS, Words
from tests.bench.world import DIMENSION

_ROWS = (2_000, 20_000, 100_000)
_CLUSTERS = 200
_TREES = 100
_DAY = 86_400.0
_MEGABYTE = 1_024


def run(folder: Path) -> None:
    """Fit at 2,000 to 100,000 tickets (goal: the last within 60 s on two cores); prediction against predict_proba (goal: one vector at least 10 times faster)."""
    _run(_ROWS)


def _run(sizes: tuple[int, ...]) -> None:
    print(
        f"{'tickets':>9} {'drawn a tree':>13} {'wall':>8} {'CPU':>8} {'peak memory':>12} {'of it input':>12} {'a decision':>9}"
    )
    for rows in sizes:
        subprocess.run([sys.executable, "-m", "tests.bench.forest", "--one", str(rows)], check=True)
    _predict()


def made(rows: int, seed: int = 0) -> TrainingSet:
    """Return tickets in 200 clusters of vectors, words and a field; a cluster has its usual label, half the tickets have it."""
    generator = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((_CLUSTERS, DIMENSION), np.float32)
    cluster = generator.integers(_CLUSTERS, size=rows)
    vectors = generator.standard_normal((rows, DIMENSION), np.float32)
    vectors *= 1.5
    for start in range(0, rows, 10_000):  # never a second matrix of the same size
        vectors[start : start + 10_000] += centres[cluster[start : start + 10_000]]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    usual = generator.random(rows) < 0.5
    label = np.where(usual, cluster % 4, generator.choice(4, rows, p=(0.1, 0.4, 0.3, 0.2)))
    names = np.array(["critical", "high", "low", "medium"])
    return TrainingSet(
        ids=tuple(str(row) for row in range(rows)),
        features=Features(vectors, _words(cluster, seed), tuple((f"component={c % 12}",) for c in cluster)),
        labels=tuple(names[label].tolist()),
        times=np.arange(rows) * _DAY / 20,
        known=np.arange(rows) * _DAY / 20,
        groups=np.arange(rows),
    )


def _words(cluster: IntArray, seed: int) -> Words:
    """Return up to sixty words a ticket: of all tickets, the most frequent far more often, and of its cluster."""
    generator, rows = np.random.default_rng(seed), len(cluster)
    usual = np.minimum(generator.zipf(1.3, (rows, 48)), BUCKETS) - 1
    own = cluster[:, None] * 30 + generator.integers(30, size=(rows, 12))
    cell = np.unique(np.arange(rows)[:, None] * BUCKETS + np.hstack([usual, BUCKETS - 1 - own]))
    count = np.bincount(cell // BUCKETS, minlength=rows)
    return Words(np.append(0, np.cumsum(count)), cell % BUCKETS, np.ones(len(cell), np.float32))


def _fit_one(rows: int) -> None:
    training = made(rows)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MEGABYTE
    wall, cpu = time.perf_counter(), time.process_time()
    forest = fit(training)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MEGABYTE
    assert isinstance(forest, Forest)
    ticket = made(1, seed=7).features
    decision = _milliseconds(lambda: forest.decide(ticket))
    print(
        f"{rows:>9,} {draws(rows):>13,} {wall:>6.1f} s {cpu:>6.1f} s {peak:>9,.0f} MB {before:>9,.0f} MB {decision:>6.2f} ms",
        flush=True,
    )


def _predict() -> None:
    training = made(2_000)
    forest = fit(training)
    assert isinstance(forest, Forest)
    # The same forest once more, as scikit-learn has it: the same tickets, way and seed.
    fitted = train(
        fit_predictors(training.features, forest.label, len(forest.labels), training.groups)[1],
        forest.label,
        training.times,
        candidate=forest.report.chosen,
        trees=_TREES,
        seed=forest.report.seed,
    ).set_params(n_jobs=1)
    print(f"\n{'vectors':>9} {'predict_proba':>14} {'forest':>11} {'faster':>8} {'largest difference':>19}")
    for count in (1, 16, 256):
        tickets = made(count, seed=7).features
        columns = forest.predictors.matrix(tickets)
        plain = _milliseconds(lambda asked=columns: fitted.predict_proba(asked))  # type: ignore[misc]  # bound early
        own = _milliseconds(lambda asked=tickets: forest.votes(asked))  # type: ignore[misc]  # bound early
        apart = float(np.abs(fitted.predict_proba(columns) - forest.votes(tickets)).max())
        print(f"{count:>9} {plain:>11.2f} ms {own:>8.3f} ms {plain / own:>7.0f}x {apart:>19.1e}", flush=True)


def _milliseconds(call: Callable[[], object], seconds: float = 2.0) -> float:
    """Return the median time of a call."""
    call()
    times: list[float] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return float(np.median(times)) * 1_000


def main() -> None:
    """Measure at the sizes asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.forest", description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=_ROWS, help="sizes of the history")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one is not None:
        _fit_one(arguments.one)
    else:
        _run(tuple(arguments.rows))


if __name__ == "__main__":
    main()
