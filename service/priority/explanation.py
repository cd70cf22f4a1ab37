"""What two of the forest's columns think of a ticket, in words: which of its words point where, and its meaning."""

from collections.abc import Iterable, Sequence

from service.priority.features import Features, bucket_of
from service.priority.predictors import Predictors

__all__ = ["explain"]

_TOLD = 3
_RARE = 1.6  # of rarity: what most tickets say tells nobody anything


def explain(
    predictors: Predictors, ticket: Features, tokens: Iterable[str], labels: Sequence[str]
) -> str | None:
    """Say what the words and the vector of one ticket point to; ``None`` where the forest has no models of them.

    :param ticket: one row.
    :param tokens: the ticket's words and values of fields.
    :param labels: the names of the columns.
    """
    if predictors.words is None or predictors.meaning is None:
        return None
    of_words, of_meaning = (thought[0] for thought in predictors.thought(ticket))
    words, meaning = int(of_words.argmax()), int(of_meaning.argmax())
    # How much more a word speaks for this label than for others, by how rare it is.
    weight = predictors.words.weight
    lead = (weight[words] - weight.mean(axis=0)) * predictors.rarity
    rare = {token for token in tokens if predictors.rarity[bucket_of(token)] >= _RARE}
    ranked = sorted((-float(lead[bucket_of(token)]), token) for token in rare)[:_TOLD]
    telling = ", ".join(f"“{token}”" for against, token in ranked if against < 0)
    told = f"its words point to {labels[words]} ({of_words[words]:.0%}{': ' + telling if telling else ''})"
    return f"{told}, its meaning to {labels[meaning]} ({of_meaning[meaning]:.0%})"
