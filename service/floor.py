"""The similarity floor: below it, two tickets are as alike as any two of the team's."""

import numpy as np

from indexer.ledger import Generation, Ledger
from indexer.settings import Settings

__all__ = ["measure_floor"]

_SAMPLE = 1_000
_QUANTILE = 0.99
_LEAST = 50  # tickets; with fewer, chance pairs say little
_DEFAULT = 0.35


def measure_floor(settings: Settings, ledger: Ledger, generation: Generation) -> float:
    """Return the cosine that 99 of 100 pairs of stored tickets, drawn at random, stay below.

    Models differ in how alike they find unrelated texts, so a fixed number would suit only one of them.
    The setting goes before the measurement; so does a default while there are fewer than 50 tickets.
    """
    if settings.similarity_floor is not None:
        return settings.similarity_floor
    sample = ledger.vectors.sample(generation.space, _SAMPLE)
    if len(sample) < _LEAST:
        return _DEFAULT
    unit = sample / np.linalg.norm(sample, axis=1, keepdims=True)
    pairs = (unit @ unit.T)[np.triu_indices(len(unit), k=1)]
    return round(float(np.quantile(pairs, _QUANTILE)), 3)
