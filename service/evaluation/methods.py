"""The methods that are compared: each learns from tickets and predicts the priorities of others."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from indexer.ticket import embedding_text
from service.arrays import BoolArray, FloatArray, IntArray
from service.evaluation.cases import Cases
from service.priority import Forest, NoForest, TrainingSet
from service.priority.alerts import judge_alerts
from service.scores import SEED

__all__ = [
    "GUESSES",
    "HOSTED",
    "LOCAL",
    "NAMES",
    "SERVED",
    "Fit",
    "Predictions",
    "fit_and_predict",
    "pool",
]

Fit = Callable[[TrainingSet], Forest | NoForest]
"""Fits the forest that is served, as the settings want it."""

SERVED = "forest"
HOSTED = "hosted"
NAMES: Mapping[str, str] = {
    SERVED: "the forest that Precedent serves",
    "plain_forest": "plain random forest (100 trees, defaults)",
    "vectors_logistic": "logistic regression on the vectors",
    "tfidf_logistic": "TF-IDF and logistic regression",
    "neighbours": "ten nearest neighbours",
    "stratified": "stratified guess",
    "majority": "always the most frequent",
    HOSTED: "the hosted classifier",
}
"""Every method, by its key, as it is shown."""
LOCAL = tuple(key for key in NAMES if key != HOSTED)
"""Those that learn here, and cost nothing."""
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
    :param alerts: whether it has at least the priority that alerts are wanted of, shape (rows,); ``None`` where nobody asks.
    :param sure: whether no person needs to look at the alert, same shape.
    :param reason: why it decides nothing by itself, in the forest's own words; ``None`` where it may, or never says.
    """

    label: IntArray
    probabilities: FloatArray
    votes: FloatArray | None = None
    automatic: BoolArray | None = None
    reason: str | None = None
    alerts: BoolArray | None = None
    sure: BoolArray | None = None

    @property
    def decided(self) -> BoolArray:
        """Which tickets it decides by itself, shape (rows,)."""
        return np.zeros(len(self.label), np.bool_) if self.automatic is None else self.automatic


def pool(parts: Sequence[Predictions]) -> Predictions:
    """Put together what a method predicted behind each cut."""
    pooled: dict[str, Any] = {}
    for name in ("label", "probabilities", "votes", "automatic", "alerts", "sure"):
        found = [getattr(part, name) for part in parts]
        pooled[name] = None if found[0] is None else np.concatenate(found)
    return Predictions(**pooled)


def fit_and_predict(
    method: str, learn: Cases, test: Cases, names: tuple[str, ...], *, fit: Fit
) -> Predictions:
    """Learn from some tickets and predict the labels of others.

    :param method: one of `LOCAL`.
    :param learn: labelled tickets, with two labels or more.
    :param names: the columns.
    :param fit: fits the forest that Precedent serves.
    """
    with warnings.catch_warnings():
        # scikit-learn takes a team with many priorities and few tickets for a regression.
        warnings.filterwarnings("ignore", message="The number of unique classes")
        if method == SERVED:
            return _served(learn, test, names, fit)
        label = learn.columns(names)
        if method in GUESSES:
            return _guess(method, label, len(test), len(names))
        fitted = _estimator(method, len(learn)).fit(_features(method, learn), label)
        if method == "plain_forest":
            # One thread adds up the trees' votes in one order, so that a second run gives the same to the last bit.
            fitted.set_params(n_jobs=1)
        probabilities = np.zeros((len(test), len(names)))
        probabilities[:, np.unique(label)] = fitted.predict_proba(_features(method, test))
        return Predictions(probabilities.argmax(axis=1), probabilities)


def _served(learn: Cases, test: Cases, names: tuple[str, ...], fit: Fit) -> Predictions:
    forest = fit(learn)
    if isinstance(forest, NoForest):  # two labels and enough tickets: the cut made sure
        raise TypeError(forest.state)
    found = forest.classify(test.features)
    columns = np.array([names.index(name) for name in forest.labels])
    probabilities, votes = np.zeros((len(test), len(names))), np.zeros((len(test), len(names)))
    probabilities[:, columns] = found.probabilities
    votes[:, columns] = forest.votes(test.features)
    reason = forest.report.abstention.reason
    alerts = sure = None
    if forest.report.alert is not None:
        _, alerts, sure = judge_alerts(forest.report.alert, forest.labels, found.probabilities)
    return Predictions(columns[found.predicted], probabilities, votes, found.automatic, reason, alerts, sure)


def _guess(method: str, label: IntArray, rows: int, labels: int) -> Predictions:
    shares = np.bincount(label, minlength=labels) / len(label)
    probabilities = np.tile(shares, (rows, 1))
    if method == "majority":
        predicted = np.full(rows, shares.argmax())
    else:
        predicted = np.random.default_rng([SEED, len(label)]).choice(labels, size=rows, p=shares)
    return Predictions(predicted, probabilities)


def _estimator(method: str, learned: int) -> Any:
    """Return scikit-learn's estimator, of texts for TF-IDF and of vectors for the others."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline

    logistic = LogisticRegression(class_weight="balanced", max_iter=1_000, random_state=SEED)
    words = TfidfVectorizer(token_pattern=_TOKEN, sublinear_tf=True, max_features=_WORDS)
    return {
        "plain_forest": RandomForestClassifier(n_estimators=_TREES, n_jobs=-1, random_state=SEED),
        "vectors_logistic": logistic,
        "tfidf_logistic": make_pipeline(words, logistic),
        "neighbours": KNeighborsClassifier(n_neighbors=min(_NEIGHBOURS, learned), metric="cosine"),
    }[method]


def _features(method: str, cases: Cases) -> Any:
    return (
        [embedding_text(ticket.text) for ticket in cases.tickets]
        if method == "tfidf_logistic"
        else cases.vectors
    )
