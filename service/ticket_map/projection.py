"""Make the map: project vectors onto a plane, find what lies together there, and say what it is about."""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

from indexer.embedding import Matrix
from indexer.ticket import Ticket
from service.arrays import FloatArray, IntArray
from service.decided_fields import label_of
from service.priority.spelling import one_spelling
from service.ranking import Whitening
from service.ticket_map.files import Cluster, MapField, TicketMap

__all__ = ["SIDE", "make_map", "project", "telling_words"]

SIDE = 1_000
"""Length of a side of the plane."""

_COMPONENTS = 50
_PERPLEXITY = 30.0
_POINTS_A_CLUSTER = 40
_FEWEST_CLUSTERS, _MOST_CLUSTERS = 3, 20
_FIELDS = 4
_VALUES = 10
_COMMON = 0.3  # of the tickets; a field that fewer have is none to colour by

_WORDS = 5  # that say what a cluster is about
_CHARACTERS = 600  # of each text: its beginning says what it is about
_MANY = 100  # tickets, from which on a word that many of them have tells nothing in any language
_MOST = 0.3
_ADDRESS = re.compile(r"\w+://\S+|\S+@\S+|www\.\S+")
_PATTERN = r"(?u)\b[^\W\d_][\w-]{2,30}\b"


def make_map(generation: str, tickets: Sequence[Ticket], vectors: Matrix, stored: int) -> TicketMap:
    """Return the map of these tickets. The same tickets give the same map.

    :param vectors: of unit length, shape (tickets, dimension).
    :param stored: how many tickets there are, of which these are a sample.
    """
    # One thread: its sums are the same each time, and threads that wait for one another take turns for ever on a busy machine.
    with threadpool_limits(limits=1):
        places = project(vectors)
        cluster = _clusters(places)
    labels = one_spelling([ticket.priority for ticket in tickets])
    names = [name for name, _ in Counter(name for name in labels if name is not None).most_common()]
    resolved = np.array([ticket.resolution is not None for ticket in tickets])
    x, y = places.T.tolist()
    words = telling_words(tickets, cluster)
    return TicketMap(
        generation=generation,
        made_at=datetime.now(UTC),
        tickets=stored,
        ids=tuple(ticket.id for ticket in tickets),
        x=tuple(x),
        y=tuple(y),
        label=tuple(-1 if name is None else names.index(name) for name in labels),
        labels=tuple(names),
        resolved=tuple(map(int, resolved)),
        cluster=tuple(cluster.tolist()),
        clusters=tuple(
            Cluster(
                words=words[number],
                points=int((cluster == number).sum()),
                unresolved=int((~resolved[cluster == number]).sum()),
                x=round(float(np.median(places[cluster == number, 0]))),
                y=round(float(np.median(places[cluster == number, 1]))),
            )
            for number in range(int(cluster.max()) + 1)
        ),
        fields=_fields(tickets),
    )


def project(vectors: Matrix) -> IntArray:
    """Return places on the plane, shape (rows, 2), from 0 to `SIDE`: t-SNE of the whitened vectors' main components.

    :param vectors: of unit length, shape (rows, dimension).
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    rows, dimension = vectors.shape
    spread: FloatArray = Whitening.learn(vectors)(vectors).astype(np.float64)
    if dimension > _COMPONENTS < rows:
        spread = PCA(_COMPONENTS, svd_solver="randomized", random_state=0).fit_transform(spread)
    perplexity = min(_PERPLEXITY, (rows - 1) / 3)
    found = TSNE(2, init="pca", perplexity=perplexity, random_state=0, n_jobs=1).fit_transform(spread)
    low, high = found.min(axis=0), found.max(axis=0)
    width = max(float((high - low).max()), np.finfo(np.float32).tiny)
    centred = (found - (low + high) / 2) / width + 0.5
    places: IntArray = np.round(centred * SIDE).astype(np.int64)
    return places


def _clusters(places: IntArray) -> IntArray:
    """Return the number of each place's cluster, shape (rows,); the largest cluster is 0."""
    from sklearn.cluster import KMeans

    count = max(_FEWEST_CLUSTERS, min(_MOST_CLUSTERS, len(places) // _POINTS_A_CLUSTER))
    found = KMeans(count, n_init=3, random_state=0).fit_predict(places.astype(np.float64))
    kinds, sizes = np.unique(found, return_counts=True)
    order = kinds[np.argsort(-sizes, kind="stable")]
    number = np.zeros(int(kinds.max()) + 1, np.int64)
    number[order] = np.arange(len(order))
    numbered: IntArray = number[found]
    return numbered


def _fields(tickets: Sequence[Ticket]) -> dict[str, MapField]:
    """Return the fields that most tickets have, as far as they repeat a few values."""
    kept: list[tuple[int, str, MapField]] = []
    for name in {name for ticket in tickets for name in ticket.fields}:
        column = [label_of(ticket, name) for ticket in tickets]
        counts = Counter(value for value in column if value is not None)
        known = [value for value, _ in counts.most_common(_VALUES)]
        covered = sum(counts[value] for value in known)
        if len(counts) > 1 and covered >= _COMMON * len(tickets):
            numbers = {value: number for number, value in enumerate(known)}
            of = tuple(-1 if value is None else numbers.get(value, -1) for value in column)
            kept.append((-covered, name, MapField(values=tuple(known), of=of)))
    return {name: field for _, name, field in sorted(kept, key=lambda one: one[:2])[:_FIELDS]}


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
