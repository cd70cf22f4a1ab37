"""The methods that are compared: each learns from tickets and predicts the priorities of others."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from indexer.ticket import embedding_text
from service.arrays import BoolArray, FloatArray, IntArray
from service.evaluation.cases import Cases
from service.priority import Forest, NoForest, TrainingSet

__all__ = ["GUESSES", "NAMES", "SERVED", "Fit", "Predictions", "fit_and_predict"]

Fit = Callable[[TrainingSet], Forest | NoForest]
"""Makes the forest that is served, as the settings want it."""

SERVED = "forest"
NAMES: Mapping[str, str] = {
    SERVED: "the forest that Precedent serves",
    "plain_forest": "plain random forest (100 trees, defaults)",
    "vectors_logistic": "logistic regression on the vectors",
    "tfidf_logistic": "TF-IDF and logistic regression",
    "neighbours": "ten nearest neighbours",
    "stratified": "stratified guess",
    "majority": "always the most frequent",
}
"""Every method, by its key, as it is shown."""
GUESSES = ("stratified", "majority")
"""Methods that do not read the ticket."""

_NEIGHBOURS = 10
_WORDS = 20_000
_TOKEN = r"\w+|[^\w\s]"  # noqa: S105 (a pattern). Signs count too, so that no text is without a token.
_TREES = 100


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """What a method predicted for several tickets, one row each.

    :param label: the column of the label, shape (rows,).
    :param probabilities: shape (rows, labels).
    :param votes: probabilities before calibration, same shape; ``None`` where nothing is calibrated.
    :param automatic: whether it may decide by itself, shape (rows,); ``None`` where a method never says.
    :param reason: why it decides nothing by itself, in the forest's own words; ``None`` where it may, or never says.
    """

    label: IntArray
    probabilities: FloatArray
    votes: FloatArray | None = None
    automatic: BoolArray | None = None
    reason: str | None = None


def fit_and_predict(
    method: str, learn: Cases, test: Cases, names: tuple[str, ...], *, fit: Fit, seed: int
) -> Predictions:
    """Learn from some tickets and say the labels of others.

    :param method: a key of `NAMES`.
    :param learn: labelled tickets, with two labels or more.
    :param names: the columns.
    :param fit: makes the forest that Precedent serves.
    """
    with warnings.catch_warnings():
        # scikit-learn takes a team with many priorities and few tickets for a regression.
        warnings.filterwarnings("ignore", message="The number of unique classes")
        if method == SERVED:
            return _served(learn, test, names, fit)
        label = learn.columns(names)
        if method in GUESSES:
            return _guess(method, label, len(test), len(names), seed)
        probabilities = np.zeros((len(test), len(names)))
        probabilities[:, np.unique(label)] = _FITTED[method](learn, label, test, seed)
        return Predictions(probabilities.argmax(axis=1), probabilities)


def _served(learn: Cases, test: Cases, names: tuple[str, ...], fit: Fit) -> Predictions:
    training = TrainingSet(
        ids=learn.ids,
        vectors=learn.vectors,
        labels=learn.labels,
        times=learn.created,
        known=learn.known,
        groups=learn.groups,
    )
    forest = fit(training)
    if isinstance(forest, NoForest):  # two labels and enough tickets: the cut made sure
        raise TypeError(forest.state)
    found = forest.classify(test.vectors)
    columns = np.array([names.index(name) for name in forest.labels])
    probabilities, votes = np.zeros((len(test), len(names))), np.zeros((len(test), len(names)))
    probabilities[:, columns] = found.probabilities
    votes[:, columns] = forest.votes(test.vectors)
    reason = forest.report.abstention.reason
    return Predictions(columns[found.predicted], probabilities, votes, found.automatic, reason)


def _guess(method: str, label: IntArray, rows: int, labels: int, seed: int) -> Predictions:
    shares = np.bincount(label, minlength=labels) / len(label)
    probabilities = np.tile(shares, (rows, 1))
    if method == "majority":
        predicted = np.full(rows, shares.argmax())
    else:
        predicted = np.random.default_rng([seed, len(label)]).choice(labels, size=rows, p=shares)
    return Predictions(predicted, probabilities)


def _plain_forest(learn: Cases, label: IntArray, test: Cases, seed: int) -> FloatArray:
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(n_estimators=_TREES, n_jobs=-1, random_state=seed).fit(
        learn.vectors, label
    )
    # One thread adds up the trees' votes in one order, so that a second run gives the same to the last bit.
    return _floats(forest.set_params(n_jobs=1).predict_proba(test.vectors))


def _vectors_logistic(learn: Cases, label: IntArray, test: Cases, seed: int) -> FloatArray:
    return _logistic(learn.vectors, label, test.vectors, seed)


def _tfidf_logistic(learn: Cases, label: IntArray, test: Cases, seed: int) -> FloatArray:
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(token_pattern=_TOKEN, sublinear_tf=True, max_features=_WORDS)
    learned = words.fit_transform([embedding_text(ticket.text) for ticket in learn.tickets])
    asked = words.transform([embedding_text(ticket.text) for ticket in test.tickets])
    return _logistic(learned, label, asked, seed)


def _logistic(learned: Any, label: IntArray, asked: Any, seed: int) -> FloatArray:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(class_weight="balanced", max_iter=1_000, random_state=seed)
    return _floats(model.fit(learned, label).predict_proba(asked))


def _neighbours(learn: Cases, label: IntArray, test: Cases, seed: int) -> FloatArray:  # noqa: ARG001 (as the others)
    from sklearn.neighbors import KNeighborsClassifier

    nearest = KNeighborsClassifier(n_neighbors=min(_NEIGHBOURS, len(learn)), metric="cosine")
    return _floats(nearest.fit(learn.vectors, label).predict_proba(test.vectors))


def _floats(found: Any) -> FloatArray:
    return np.asarray(found, dtype=np.float64)


_FITTED: Mapping[str, Callable[[Cases, IntArray, Cases, int], FloatArray]] = {
    "plain_forest": _plain_forest,
    "vectors_logistic": _vectors_logistic,
    "tfidf_logistic": _tfidf_logistic,
    "neighbours": _neighbours,
}
