"""How well known duplicates are found: recall at k and mean reciprocal rank."""

from collections.abc import Sequence

import numpy as np

from service.arrays import FloatArray, unit_rows
from service.evaluation.cases import Cases
from service.evaluation.result import Retrieval
from service.scores import Interval, interval, resample

__all__ = ["retrieve"]

_DEPTHS = (1, 5, 10)


def retrieve(cases: Cases, pairs: Sequence[tuple[str, str]], seed: int) -> Retrieval:
    """Rank, for the later ticket of each pair, all tickets created before it by cosine, and look for the earlier.

    :param pairs: ids of two tickets of one problem.
    """
    row_of = {ticket_id: row for row, ticket_id in enumerate(cases.ids)}
    unit = unit_rows(cases.vectors)
    ranks, resolved = [], 0
    for one, other in pairs:
        if one not in row_of or other not in row_of:
            continue
        earlier, later = sorted((row_of[one], row_of[other]))
        moment = cases.times[later]
        if not cases.times[earlier] < moment:  # at the same time, or at an unknown one
            continue
        resolved += bool(cases.known[earlier] <= moment)
        there = np.flatnonzero(cases.times < moment)
        # BLAS sums a row in another order by where it lies in the matrix, so that copies of one text would differ in
        # the last digit and count as better than each other; einsum sums every row alike.
        similarity = np.einsum("ij,j->i", unit[there], unit[later])
        own = similarity[np.searchsorted(there, earlier)]
        ranks.append(1 + int((similarity > own).sum()))
    measured = (
        {k: _mean(np.array([float(rank <= k) for rank in ranks]), seed) for k in _DEPTHS} if ranks else {}
    )
    return Retrieval(
        pairs=len(pairs),
        asked=len(ranks),
        resolved=resolved,
        recall=measured,
        mrr=_mean(1 / np.array(ranks), seed) if ranks else None,
    )


def _mean(values: FloatArray, seed: int) -> Interval:
    return interval(resample(len(values), lambda counts: counts @ values / len(values), seed))
