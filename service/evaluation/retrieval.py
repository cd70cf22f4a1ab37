"""Whether known duplicates are found: recall at k and mean reciprocal rank, in the state of that day."""

from collections.abc import Sequence

import numpy as np

from service.evaluation.cases import Cases
from service.evaluation.findings import Interval, Retrieval
from service.evaluation.metrics import interval

__all__ = ["retrieve"]

_DEPTHS = (1, 5, 10)
_RESAMPLES = 1_000


def retrieve(cases: Cases, pairs: Sequence[tuple[str, str]], seed: int) -> Retrieval:
    """Rank, for the later ticket of each pair, all tickets created before it by cosine, and look for the earlier.

    :param pairs: ids of two tickets of one problem.
    """
    row_of = {ticket_id: row for row, ticket_id in enumerate(cases.ids)}
    norms = np.linalg.norm(cases.vectors, axis=1, keepdims=True)
    unit = cases.vectors / np.where(norms > 0, norms, 1)
    ranks, resolved = [], 0
    for one, other in pairs:
        if one not in row_of or other not in row_of:
            continue
        earlier, later = sorted((row_of[one], row_of[other]))
        moment = cases.created[later]
        if not cases.created[earlier] < moment:  # at the same time, or at an unknown one
            continue
        resolved += bool(cases.known[earlier] <= moment)
        there = np.flatnonzero(cases.created < moment)
        # BLAS sums a row in another order by where it lies in the matrix, so that copies of one text would differ in
        # the last digit and count as better than each other; einsum sums every row alike.
        similarity = np.einsum("ij,j->i", unit[there], unit[later])
        own = similarity[np.searchsorted(there, earlier)]
        ranks.append(1 + int((similarity > own).sum()))
    found = np.array(ranks)
    return Retrieval(
        pairs=len(pairs),
        asked=len(ranks),
        resolved=resolved,
        recall={k: measured for k in _DEPTHS if (measured := _mean((found <= k).astype(float), seed))},
        mrr=_mean(1 / found, seed) if ranks else None,
    )


def _mean(values: np.ndarray, seed: int) -> Interval | None:
    if not len(values):
        return None
    rows = np.random.default_rng(seed).integers(len(values), size=(_RESAMPLES, len(values)))
    return interval(float(values.mean()), values[rows].mean(axis=1))
