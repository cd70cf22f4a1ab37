"""Contradictory labels, the file to correct them in, and the ceiling."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest

from indexer.parsing import parse_ticket
from indexer.sources import read_source
from indexer.ticket import Message, Ticket, text_hash
from service.evaluation.cases import Cases, EvaluationError, make_cases
from service.evaluation.label_audit import audit, write_csv
from tests.service.evaluation.making import DAY_ONE, history


def _cases(vectors: Sequence[Sequence[float]], labels: Sequence[str | None]) -> Cases:
    tickets = [
        Ticket(
            id=f"t-{number}",
            text=f'=Text, "{number}"\nand a second line',
            priority=label,
            resolution="- restarted it",
            created_at=DAY_ONE + timedelta(days=number),
            tags=("a", "b"),
            source="desk",
        )
        for number, label in enumerate(labels)
    ]
    by_text = {
        text_hash(ticket.text): np.array(vector, np.float32)
        for ticket, vector in zip(tickets, vectors, strict=True)
    }
    return make_cases(tickets, by_text)


def test_the_ticket_that_its_neighbours_contradict_is_named() -> None:
    """Of two near-duplicates the one is suspicious that lies among tickets of the other's priority."""
    near = [[1.0, 0.02 * number] for number in range(8)]
    found = audit(
        _cases([*near, [-1, 0.5], [-0.5, -1]], ["high"] * 3 + ["low"] + ["high"] * 4 + ["low", "low"])
    )
    assert found.twins == 8
    assert found.contradicted == 8
    first = found.contradictions[0]
    assert first.id == "t-3"
    assert next(iter(first.neighbours.items())) == ("high", 7)
    assert first.similarity >= 0.95
    assert [suspect.suspicion for suspect in found.contradictions] == sorted(
        (suspect.suspicion for suspect in found.contradictions), reverse=True
    )


def _slow(cases: Cases) -> tuple[list[tuple[object, ...]], list[float]]:
    """Return suspects, before pairs are named once, and agreements, ticket by ticket as the words say."""
    unit = cases.vectors / np.linalg.norm(cases.vectors, axis=1, keepdims=True)
    similarity = unit @ unit.T
    suspects: list[tuple[object, ...]] = []
    agreements = []
    for row, label in enumerate(cases.labels):
        others = sorted(
            (other for other in range(len(cases)) if other != row),
            key=lambda other: (-similarity[row, other], other),
        )
        twins = [
            other
            for other in others
            if similarity[row, other] >= 0.95 or cases.groups[other] == cases.groups[row]
        ]
        if not twins:
            continue
        agreements.append(sum(cases.labels[twin] == label for twin in twins) / len(twins))
        votes = Counter(cases.labels[other] for other in others[:10])
        against = [twin for twin in twins if cases.labels[twin] != label]
        if against:
            most = max((votes[name] for name in votes if name != label), default=0)
            suspicion = (most - votes[label]) / min(10, len(others))
            suspects.append((row, against[0], tuple(votes.most_common()), suspicion))
    return suspects, agreements


@pytest.mark.parametrize("exact", [True, False], ids=["many equal", "none equal"])
def test_the_audit_is_what_it_says_ticket_by_ticket(exact: bool) -> None:
    """In blocks it finds what a comparison of each ticket with each other finds, equal similarities included."""
    generator = np.random.default_rng(1)
    if exact:  # products of these are exact, so that equal ones are equal in whatever order they are summed
        vectors = np.zeros((700, 8))
        for row in vectors:
            row[generator.choice(8, 4, replace=False)] = 0.5
    else:
        centres = generator.normal(size=(60, 16))
        vectors = centres[generator.integers(60, size=700)] + 0.1 * generator.normal(size=(700, 16))
    cases = _cases(vectors.tolist(), generator.choice(["low", "mid", "high"], size=700).tolist())
    cases.groups[::50] = cases.groups[25]
    suspects, agreements = _slow(cases)
    steps: list[tuple[int, int]] = []
    found = audit(cases, progress=lambda done, total: steps.append((done, total)))
    assert steps[-1] == (700, 700)
    assert len(steps) > 1
    assert (found.twins, found.contradicted) == (len(agreements), len(suspects))
    assert found.agreement is not None
    assert found.agreement.value == pytest.approx(np.mean(agreements))
    by_row = {suspect[0]: suspect for suspect in suspects}
    rows = {ticket_id: row for row, ticket_id in enumerate(cases.ids)}
    named = [
        (rows[one.id], rows[one.duplicate_id], tuple(one.neighbours.items()), one.suspicion)
        for one in found.contradictions
    ]
    assert found.suspects == len(named)
    assert named == [by_row[row] for row, *_ in named]
    pairs = {frozenset(suspect[:2]) for suspect in suspects}
    assert {frozenset(suspect[:2]) for suspect in named} == pairs
    assert len(named) == len(pairs)


def test_a_pair_is_named_once() -> None:
    """Two tickets that contradict each other are one case for a person."""
    found = audit(_cases([[1, 0], [1, 0.01], [0, 1]], ["high", "low", "low"]))
    assert [(suspect.id, suspect.duplicate_id) for suspect in found.contradictions] == [("t-0", "t-1")]


def test_the_ceiling_is_the_root_of_the_agreement() -> None:
    """Half the pairs agree: no classifier can be expected above the root of one half."""
    pairs = [[np.cos(angle), np.sin(angle)] for angle in np.repeat(np.arange(0, 6, 0.75), 2)]
    labels: list[str | None] = ["low", "low", "low", "high"] * 4
    found = audit(_cases(pairs, labels))
    assert found.agreement is not None
    assert found.ceiling is not None
    assert (found.twins, found.contradicted) == (16, 8)
    assert found.agreement.value == pytest.approx(0.5)
    assert found.ceiling.value == pytest.approx(0.5**0.5)
    assert found.ceiling.low < found.ceiling.value < found.ceiling.high


def test_the_ceiling_bounds_the_best_classifier() -> None:
    """Labels drawn per text with known odds: the best possible accuracy lies between agreement and ceiling."""
    generator = np.random.default_rng(0)
    odds = generator.uniform(0.5, 1, size=60)
    # Sixty texts far apart would be near-duplicates on a circle, so each gets its own axis.
    vectors = np.repeat(np.eye(60), 20, axis=0).tolist()
    labels: list[str | None] = [
        "high" if generator.random() < odd else "low" for odd in odds for _ in range(20)
    ]
    found = audit(_cases(vectors, labels))
    assert found.agreement is not None
    assert found.ceiling is not None
    assert found.agreement.value < odds.mean() < found.ceiling.high


def test_known_duplicates_count_however_far_apart() -> None:
    """A pair that was named is compared though the vectors differ."""
    cases = _cases([[1, 0], [0, 1]], ["low", "high"])
    assert audit(cases).twins == 0
    cases.groups[:] = 0
    assert audit(cases).contradicted == 2


def test_tickets_without_priority_are_left_out() -> None:
    """They contradict nobody; and with one label left there is nothing to compare."""
    assert audit(_cases([[1, 0], [1, 0], [0, 1]], ["low", None, "low"])).twins == 0
    with pytest.raises(EvaluationError, match="1 tickets have a priority"):
        audit(_cases([[1, 0], [1, 0]], ["low", None]))


def test_equal_vectors_of_one_label_agree() -> None:
    """All alike and of one mind: the ceiling is one."""
    cases = history(30, labels=("low",))
    cases.vectors[:] = 1
    found = audit(cases)
    assert found.contradictions == ()
    assert found.ceiling is not None
    assert found.ceiling.value == 1


def test_the_corrected_file_reads_back_as_the_tickets_were(tmp_path: Path) -> None:
    """Nothing but the corrected priority differs, and no cell is a formula to a spreadsheet."""
    cases = _cases([[1, 0], [1, 0.01], [0, 1]], ["high", "low", "low"])
    whole = msgspec.structs.replace(
        cases.tickets[0],
        url="https://desk.example/0", outcome="Fixed", fields={"product": "api", "teams": ("a", "b")}, status="In production", unresolved=False,
        thread=(Message(author="agent", text="Look at\nthe log, then restart it.", at=datetime(2025, 1, 2, tzinfo=UTC)),),
    )  # fmt: skip
    cases = replace(cases, tickets=(whole, *cases.tickets[1:]))
    path = tmp_path / "audit.csv"
    write_csv(path, cases, audit(cases))
    text = path.read_text(encoding="utf-8-sig")
    assert ',"=' not in text
    assert ",- " not in text
    path.write_text(text.replace("t-0,high", "t-0,low"), encoding="utf-8")
    read = [parse_ticket(record.value) for record in read_source(str(path))]
    assert read == [msgspec.structs.replace(cases.tickets[0], priority="low")]


def test_another_spelling_is_no_contradiction_and_stays_in_the_file(tmp_path: Path) -> None:
    """HIGH agrees with high; a suspect keeps its own spelling, and is offered the most frequent one."""
    cases = _cases(
        [[1, 0.01 * number] for number in range(6)], ["high", "high", "high", "HIGH", "LOW", "low"]
    )
    assert audit(cases.take([0, 1, 2, 3])).contradicted == 0
    found = audit(cases)
    assert {name for suspect in found.contradictions for name in suspect.neighbours} == {"high", "LOW"}
    path = tmp_path / "audit.csv"
    write_csv(path, cases, found)
    read = [parse_ticket(record.value) for record in read_source(str(path))]
    assert {ticket.priority for ticket in read} >= {"LOW", "low"}
    assert all(ticket in cases.tickets for ticket in read)
