"""What the two linear models think of a ticket, in words: which of its words point where, and its meaning."""

from collections.abc import Iterable, Sequence

import numpy as np

from service.arrays import FloatArray
from service.priority.predictors import Predictors
from service.priority.words import bucket_of

__all__ = ["explain"]

_TOLD = 3
_RARE = 2.0  # of rarity: what more than a third of the tickets say tells nobody anything


def explain(
    predictors: Predictors,
    thought: Sequence[FloatArray],
    tokens: Iterable[str],
    labels: Sequence[str],
    decided: int,
) -> str | None:
    """Say what the words and the vector of one ticket point to; ``None`` where the forest has no models of them.

    :param thought: what both models think of it, as `Predictors.thought` returns it for one row.
    :param tokens: the ticket's words and values of fields.
    :param labels: the name of each label, in the order of the models' probabilities.
    :param decided: the label that the forest says; where a model points to another, its share is told too.
    """
    if predictors.words is None or not thought:
        return None
    of_words, of_meaning = (probabilities[0] for probabilities in thought)
    words = int(of_words.argmax())
    own = sorted(set(tokens))
    bucket = np.array([bucket_of(token) for token in own], np.int64)
    weight, rarity = predictors.words.weight[:, bucket], predictors.rarity[bucket]
    # How much more a word speaks for this label than for others, by how rare it is.
    lead = np.where(rarity >= _RARE, (weight[words] - weight.mean(axis=0)) * rarity, 0)
    ranked = np.argsort(-lead, kind="stable")[:_TOLD]
    telling = ", ".join(f"“{own[place]}”" for place in ranked if lead[place] > 0)
    told = f"its words point to {_shares(of_words, labels, decided)}{': ' + telling if telling else ''})"
    return f"{told}, its meaning to {_shares(of_meaning, labels, decided)})"


def _shares(probabilities: FloatArray, labels: Sequence[str], decided: int) -> str:
    best = int(probabilities.argmax())
    more = "" if best == decided else f", {labels[decided]} {probabilities[decided]:.0%}"
    return f"{labels[best]} ({probabilities[best]:.0%}{more}"
