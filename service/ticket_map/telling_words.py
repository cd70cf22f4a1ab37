"""What each cluster is about: the words that tell its tickets from the others (class-based TF-IDF)."""

import re
from collections.abc import Sequence

import numpy as np

from indexer.ticket import Ticket
from service.arrays import IntArray

__all__ = ["telling_words"]

_WORDS = 5
_CHARACTERS = 600  # of each text: its beginning says what it is about
_MANY = 100  # tickets, from which on a word that many of them have tells nothing in any language
_MOST = 0.3
_ADDRESS = re.compile(r"\w+://\S+|\S+@\S+|www\.\S+")
_PATTERN = r"(?u)\b[^\W\d_][\w-]{2,30}\b"


def telling_words(tickets: Sequence[Ticket], cluster: IntArray) -> list[tuple[str, ...]]:
    """Return the most telling words of each cluster, the most telling first; none where no word is in two tickets.

    A word scores by the share of the cluster's tickets that have it, times ln(1 + the mean number of words in a cluster
    / the number of tickets that have it). One ticket's own words never show.

    :param cluster: the number of each ticket's cluster, shape (tickets,).
    """
    from sklearn.feature_extraction.text import CountVectorizer

    texts = [_ADDRESS.sub(" ", f"{ticket.subject or ''}\n{ticket.text[:_CHARACTERS]}") for ticket in tickets]
    clusters = int(cluster.max()) + 1
    counter = CountVectorizer(
        binary=True,
        stop_words="english",
        token_pattern=_PATTERN,
        min_df=2,
        max_df=_MOST if len(texts) >= _MANY else 1.0,
    )
    try:
        counted = counter.fit_transform(texts)
    except ValueError:  # no word is left
        return [()] * clusters
    names = counter.get_feature_names_out()
    members = (cluster[None, :] == np.arange(clusters)[:, None]).astype(np.float64)
    having = members @ counted
    total = having.sum(axis=0)
    score = having / members.sum(axis=1, keepdims=True) * np.log1p(having.sum() / clusters / total)
    score[having < 2] = 0  # noqa: PLR2004 (tickets of the cluster)
    return [
        tuple(str(names[column]) for column in np.argsort(-row, kind="stable")[:_WORDS] if row[column] > 0)
        for row in score
    ]
