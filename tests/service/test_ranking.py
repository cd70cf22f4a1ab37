"""The order of similar tickets: text, subject and date by the stated formula, the same on every machine."""

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from indexer.ledger import Candidates
from indexer.parsing import parse_ticket
from service.ranking import QueryVectors, Ranked, Ranking, Whitening, measure_floor
from tests.provider.client import Provider
from tests.service.running import running_service

_DAY = 86_400.0


def _unit(matrix: np.ndarray) -> np.ndarray:
    unit: np.ndarray = (matrix / np.linalg.norm(matrix, axis=-1, keepdims=True)).astype(np.float32)
    return unit


def _vectors(rows: int, seed: int, dimension: int = 24) -> np.ndarray:
    """Return unit vectors that share a direction and are wider in some than in others, as embeddings are."""
    drawn = np.random.default_rng(seed).standard_normal((rows, dimension))
    return _unit(drawn * np.linspace(0.2, 2, dimension) + 1.5)


def _candidates(rows: int = 60) -> Candidates:
    vectors, subjects = _vectors(rows, 1), _vectors(rows, 2)
    question = _vectors(1, 3)[0]
    days = np.random.default_rng(4).uniform(0, 900, rows)
    return Candidates(
        ids=tuple(f"t-{row:02}" for row in range(rows)),
        cosines=(vectors @ question).astype(np.float64),
        vectors=vectors,
        subjects=subjects,
        created=1e9 - days * _DAY,
    )


def _question(created: float = 1e9) -> QueryVectors:
    return QueryVectors(_vectors(1, 3)[0], _vectors(1, 5)[0], created)


def _order(found: Iterable[Ranked]) -> list[str]:
    return [one.id for one in found]


def test_the_order_is_the_formulas() -> None:
    """Each score, worked out in double precision by the book, gives the same order."""
    found, sample = _candidates(), _vectors(300, 6).astype(np.float64)
    ranking = Ranking(Whitening.learn(sample.astype(np.float32)), 0.3, 0.05, 0.5)
    mean = sample.mean(axis=0)
    values, directions = np.linalg.eigh(np.cov((sample - mean).T, bias=True))
    matrix = directions / (values + 0.02 * values.mean()) ** 0.25
    question = _question()
    wanted = {}
    for row, ticket_id in enumerate(found.ids):
        one, other = (found.vectors[row] - mean) @ matrix, (question.text - mean) @ matrix
        text = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
        days = (question.created - found.created[row]) / _DAY
        wanted[ticket_id] = text + 0.3 * found.subjects[row] @ question.subject - 0.05 * math.log(1 + days)
    ranked = list(ranking.rank(question, found))
    assert _order(ranked) == sorted(wanted, key=lambda i: -wanted[i])
    assert [one.score for one in ranked] == pytest.approx([wanted[one.id] for one in ranked], abs=1e-5)


@pytest.mark.parametrize("created", [np.full(60, 5e8), np.full(60, np.nan)])
def test_equal_or_missing_dates_change_no_order(created: np.ndarray) -> None:
    """Then text and subject alone decide."""
    found = _candidates()
    undated = Candidates(found.ids, found.cosines, found.vectors, found.subjects, created)
    whitening = Whitening.learn(_vectors(300, 6))
    with_date = Ranking(whitening, 0.3, 0.05, 0.5).rank(_question(), undated)
    without = Ranking(whitening, 0.3, 0.0, 0.5).rank(_question(), found)
    assert _order(with_date) == _order(without)


def test_a_missing_date_is_neither_new_nor_old() -> None:
    """Of four tickets alike in all else, the one without a date stands between those nearer and those farther."""
    vectors = np.repeat(_vectors(1, 1), 4, axis=0)
    days = np.array([1, 10, np.nan, 800])
    found = Candidates(("near", "middle", "undated", "far"), np.ones(4), vectors, vectors, 1e9 - days * _DAY)
    ranked = Ranking(Whitening.learn(vectors), 0.3, 0.05, 0.5).rank(_question(), found)
    assert _order(ranked) == ["near", "middle", "undated", "far"]


def test_equal_scores_are_in_order_of_their_ids() -> None:
    """Whatever order they came in."""
    vectors = np.repeat(_vectors(1, 1), 3, axis=0)
    found = Candidates(("b", "c", "a"), np.ones(3), vectors, vectors, np.full(3, 1e9))
    assert _order(Ranking(Whitening.learn(vectors), 0.3, 0.05, 0.5).rank(_question(), found)) == [
        "a",
        "b",
        "c",
    ]


def test_few_or_equal_vectors_teach_nothing_harmful() -> None:
    """Below 50 tickets cosines stay as they are; tickets that are all equal give finite scores."""
    few = _vectors(49, 1)
    assert Whitening.learn(few)(few) == pytest.approx(few, abs=1e-6)
    equal = np.repeat(_vectors(1, 1), 80, axis=0)
    found = Candidates(tuple(map(str, range(80))), np.ones(80), equal, equal, np.full(80, 1e9))
    ranking = Ranking(Whitening.learn(equal), 0.3, 0.05, 0.5)
    assert all(math.isfinite(one.score) for one in ranking.rank(_question(), found))
    assert math.isfinite(measure_floor(ranking.whitening, 0.3, equal, equal))
    assert measure_floor(Whitening.learn(few), 0.3, few, few) == pytest.approx(0.455), "too few to measure"


def test_nothing_found_is_no_order() -> None:
    """An empty store has candidates of no rows."""
    none = np.empty((0, 24), np.float32)
    nothing = Candidates((), np.empty(0), none, none, np.empty(0))
    assert not list(Ranking(Whitening.learn(none), 0.3, 0.05, 0.5).rank(_question(), nothing))


def test_why_says_it_in_words() -> None:
    """Text against the floor, subject, and the time between."""
    ranked = Ranked(id="1", similarity=0.6, subject=0.97, days=2.4, relevance=0.7, score=0.6)
    assert ranked.why(0.5) == "similar text, the same subject, 2 days apart"
    assert Ranked(id="1", similarity=0.2, subject=0.2, days=0.5, relevance=0.2, score=0.2).why(0.5) == (
        "little alike, on the same day"
    )
    old = Ranked(id="1", similarity=0.97, subject=0.8, days=800, relevance=0.9, score=0.5)
    assert old.why(0.5) == "nearly the same text, a similar subject, 2 years apart"
    undated = Ranked(id="1", similarity=0.6, subject=0.6, days=math.nan, relevance=0.7, score=0.6)
    assert undated.why(0.5) == "similar text"


def test_a_question_is_ranked_by_its_own_date_and_subject(data_dir: Path, provider: Provider) -> None:
    """Of two equal texts the one nearer in time comes first; a subject is embedded with the text in one request."""
    body = "Each night the export of all reports stops in the middle of a page, and nothing says why."
    rows = [
        {"id": "old", "subject": "Export stops", "body": body, "resolution": "Raised the limit.", "created_at": "2020-01-01"},
        {"id": "new", "subject": "Export stops", "body": body, "resolution": "Split the file.", "created_at": "2026-01-01"},
        *({"id": f"o{n}", "text": f"other thing {n}", "resolution": "Done so.", "priority": "low"} for n in range(5)),
    ]  # fmt: skip
    with running_service(data_dir, provider) as service:
        service.store([parse_ticket(row) for row in rows])
        before = provider.stats().requests["embeddings"]

        def first(created_at: str) -> str:
            answer = service.answer(
                "/v1/similar", subject="Export stops", body=f"{body} Again.", created_at=created_at
            )
            return str(answer["neighbours"][0]["id"])

        assert first("2020-02-01T00:00:00Z") == "old"
        assert first("2026-02-01T00:00:00Z") == "new"
        assert provider.stats().requests["embeddings"] == before + 2, "the text and its subject go together"
        found = service.answer("/v1/similar", subject="Export stops", body=body)["neighbours"][:2]
        assert [n["id"] for n in found] == ["new", "old"]
        assert found[0]["why"].startswith("nearly the same text, ")
        (other,) = service.answer("/v1/similar", subject="Export stops", body="No idea.", top_k=1)[
            "neighbours"
        ]
        assert "the same subject" in other["why"]
