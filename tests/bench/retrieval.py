"""How high the known duplicate of a ticket stands among all others: ``python -m tests.bench retrieval TICKETS PAIRS``.

TICKETS is any file that `precedent sync` reads. PAIRS is a CSV with the columns ``query_id`` and ``duplicate_of_id``; each
pair is asked both ways, as of the date of the ticket that asks. Texts are embedded with the local model.
"""

import argparse
import asyncio
import contextlib
import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.embedding import Matrix
from indexer.embedding.minilm import MiniLMEmbedder
from indexer.ledger import Candidates
from indexer.parsing import parse_ticket
from indexer.recipe import embedding_text
from indexer.sources import read_source
from indexer.ticket import Ticket, moments
from service.ranking import CANDIDATES, QueryVectors, Ranking, Whitening, measure_floor

_RESAMPLES = 2_000
_YEAR = 365.25 * 86_400
_FAR = 10**6  # the place of what is not among the candidates

_Places = NDArray[np.float64]


def main(arguments: Sequence[str]) -> None:
    """Measure each term of the score, and all of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench retrieval", description=__doc__)
    parser.add_argument("tickets", type=Path)
    parser.add_argument("pairs", type=Path)
    given = parser.parse_args(arguments)
    if not (given.tickets.is_file() and given.pairs.is_file()):
        print(f"skipped: {given.tickets} or {given.pairs} is not there")
        return
    read = _tickets(given.tickets)
    tickets = [ticket for ticket, _ in read]
    at = {ticket.id: row for row, ticket in enumerate(tickets)}
    with given.pairs.open(encoding="utf-8", newline="") as file:
        known = [(row["query_id"], row["duplicate_of_id"]) for row in csv.DictReader(file)]
    pairs = [(at[one], at[other]) for one, other in known if one in at and other in at]
    pairs += [(other, one) for one, other in pairs]
    texts = asyncio.run(_embedded([ticket.embedded for ticket in tickets]))
    subjects = asyncio.run(_embedded([ticket.embedded_subject or ticket.embedded for ticket in tickets]))
    created = np.array([moments(ticket)[0] for ticket in tickets])
    stored = Candidates(
        tuple(ticket.id for ticket in tickets), np.ones(len(tickets)), texts, subjects, created
    )
    drawn = np.random.default_rng(0).permutation(len(tickets))
    learned, none = Whitening.learn(texts), Whitening.learn(texts[:0])
    apart = np.abs(created[[a for a, _ in pairs]] - created[[b for _, b in pairs]])
    print(
        f"{len(tickets):,} tickets, {len(pairs):,} questions; difference of the mean reciprocal rank with its 95 % interval"
    )
    _print_floors(stored, pairs)
    _print_uncleaned(stored, pairs, [written for _, written in read])
    base = _places(Ranking(none, 0.0, 0.0, 0.0), stored, pairs)
    for name, ranking in (
        ("cosine of the texts", Ranking(none, 0.0, 0.0, 0.0)),
        ("whitened", Ranking(learned, 0.0, 0.0, 0.0)),
        ("cosine and subject", Ranking(none, 0.3, 0.0, 0.0)),
        ("cosine and date", Ranking(none, 0.0, 0.03, 0.0)),
        *(
            (f"whitened by {few} tickets", Ranking(Whitening.learn(texts[drawn[:few]]), 0.0, 0.0, 0.0))
            for few in (50, 200, 1_000)
        ),
        ("whitened and subject", Ranking(learned, 0.3, 0.0, 0.0)),
        ("all (what is served)", Ranking(learned, 0.3, 0.05, 0.0)),
    ):
        places = _places(ranking, stored, pairs)
        print(f"  {name:24} {_scores(places)}  {_difference(places, base)}")
        if ranking.date_weight and (apart > _YEAR).any():
            far = apart > _YEAR
            print(
                f"  {'':24} {_scores(places[far])}  {int(far.sum())} of them more than a year apart; cosine alone {_scores(base[far])}"
            )


def _print_floors(stored: Candidates, pairs: Sequence[tuple[int, int]]) -> None:
    """Print which share of the known pairs is above what 99 of 100 random pairs stay below."""
    one, other = (np.array(side) for side in zip(*pairs, strict=True))
    sample = np.random.default_rng(0).permutation(len(stored))
    for name, whitening, weight in (
        ("cosine of the texts", Whitening.learn(stored.vectors[:0]), 0.0),
        ("relevance (what is served)", Whitening.learn(stored.vectors), 0.3),
    ):
        floor = measure_floor(whitening, weight, stored.vectors[sample], stored.subjects[sample])
        whitened = whitening(stored.vectors)
        relevance = (whitened[one] * whitened[other]).sum(axis=1)
        relevance += weight * (stored.subjects[one] * stored.subjects[other]).sum(axis=1)
        print(f"  above the floor by {name}: {(relevance >= floor).mean():.3f} (floor {floor})")


def _print_uncleaned(stored: Candidates, pairs: Sequence[tuple[int, int]], written: Sequence[str]) -> None:
    """Print the places of the known duplicates by texts as they were written, and what cleaning them changes."""
    raw = asyncio.run(_embedded([embedding_text(text) for text in written]))
    learned, none = Whitening.learn(raw), Whitening.learn(raw[:0])
    uncleaned = Candidates(stored.ids, stored.cosines, raw, stored.subjects, stored.created)
    for name, rankings in (
        ("cosine", (Ranking(none, 0.0, 0.0, 0.0), Ranking(none, 0.0, 0.0, 0.0))),
        ("all", (Ranking(learned, 0.3, 0.05, 0.0), Ranking(Whitening.learn(stored.vectors), 0.3, 0.05, 0.0))),
    ):
        before, after = (
            _places(ranking, tickets, pairs)
            for ranking, tickets in zip(rankings, (uncleaned, stored), strict=True)
        )
        print(f"  {name + ', not cleaned':24} {_scores(before)}")
        print(f"  {name + ', cleaned':24} {_scores(after)}  {_difference(after, before)}")


def _tickets(file: Path) -> list[tuple[Ticket, str]]:
    """Return each ticket, and its subject and body as they were written."""
    with contextlib.closing(read_source(str(file))) as records:
        values = [record.value for record in records if record.value is not None]
    return [
        (parse_ticket(value), "\n\n".join(filter(None, (value.get("subject"), value.get("body")))))
        for value in values
    ]


async def _embedded(texts: Sequence[str]) -> Matrix:
    embedder = MiniLMEmbedder()
    rows: dict[int, Matrix] = {}
    async for batch in embedder.embed(texts):
        rows |= dict(zip(batch.positions, batch.vectors, strict=True))
    await embedder.close()
    return np.stack([rows[place] for place in range(len(texts))])


def _places(ranking: Ranking, stored: Candidates, pairs: Sequence[tuple[int, int]]) -> _Places:
    places = []
    for asked, wanted in pairs:
        cosines = stored.vectors @ stored.vectors[asked]
        cosines[asked] = -np.inf
        near = np.argpartition(-cosines, CANDIDATES)[:CANDIDATES]
        found = Candidates(
            tuple(stored.ids[row] for row in near), cosines[near].astype(np.float64),
            stored.vectors[near], stored.subjects[near], stored.created[near],
        )  # fmt: skip
        question = QueryVectors(stored.vectors[asked], stored.subjects[asked], stored.created[asked])
        ids = [one.id for one in ranking.rank(question, found)]
        places.append(ids.index(stored.ids[wanted]) + 1 if stored.ids[wanted] in ids else _FAR)
    return np.array(places, np.float64)


def _scores(places: _Places) -> str:
    first, five, ten = (float((places <= most).mean()) for most in (1, 5, 10))
    return f"@1 {first:.3f}  @5 {five:.3f}  @10 {ten:.3f}  MRR {(1 / places).mean():.3f}"


def _difference(places: _Places, base: _Places) -> str:
    gains = 1 / places - 1 / base
    generator = np.random.default_rng(0)
    drawn = gains[generator.integers(len(gains), size=(_RESAMPLES, len(gains)))].mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"{gains.mean():+.3f} [{low:+.3f}, {high:+.3f}]"
