"""What an agent would have been shown for later tickets: precedents and replies, from what was resolved by then."""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from indexer.embedding import Matrix
from indexer.ledger import Candidates
from indexer.settings import Settings
from indexer.suspicion import suspicion_of
from service.arrays import BoolArray, FloatArray, IntArray, unit_rows
from service.drafting.extractive import extractive_draft
from service.drafting.house_style import DEFAULTS
from service.drafting.languages import reply_language
from service.drafting.precedents import select_precedents
from service.evaluation.cases import Cases
from service.evaluation.result import Drafts, Precedents, Retrieval, Weights
from service.evaluation.weights import MOST_RANKED, choices, compare_weights, reciprocal_ranks
from service.neighbours import neighbour_of
from service.ranking import CANDIDATES, QueryVectors, Ranking, Whitening, measure_floor
from service.results import Draft, Neighbour
from service.scores import Interval, interval, resample

__all__ = ["TOP", "LookBack", "Ranker", "count_draft", "look_back", "retrieve"]

TOP = 3
"""Precedents that an agent sees at a glance."""

_NEIGHBOURS = 5
_DEPTHS = (1, 5, 10)  # at which it is told how many known duplicates are found
_MOST_ASKED = 200
_LEARNED_FROM = 5_000
_FEWEST_WORDS = 6  # of a resolution that two tickets share because they are one problem
_SURE = 0.55  # cosine of two tickets with one resolution word for word; below it, it is a set phrase


class Ranker:
    """Puts the tickets that were resolved by a moment in the order in which the service shows them."""

    def __init__(self, cases: Cases, settings: Settings) -> None:
        self._cases, self._settings = cases, settings
        self._unit, self._subjects = unit_rows(cases.vectors), unit_rows(cases.subjects)
        self._resolved = np.array([bool((ticket.resolution or "").strip()) for ticket in cases.tickets])
        self.row_of = {ticket_id: row for row, ticket_id in enumerate(cases.ids)}
        self._rankings: dict[str, Ranking] = {}

    def by(self, moment: float) -> Ranking:
        """Return the order that is learned from what was resolved by a moment; NaN: from all."""
        if (found := self._rankings.get(str(moment))) is None:  # a NaN is no key
            rows, settings = np.flatnonzero(self._known(moment))[-_LEARNED_FROM:], self._settings
            whitening, subject = Whitening.learn(self._unit[rows]), settings.subject_weight
            floor = settings.similarity_floor
            if floor is None:
                floor = measure_floor(whitening, subject, self._unit[rows], self._subjects[rows])
            found = self._rankings[str(moment)] = Ranking(whitening, subject, settings.date_weight, floor)
        return found

    def best(self, ranking: Ranking, query: QueryVectors, found: Candidates) -> tuple[Neighbour, ...]:
        """Return the best of the candidates."""
        places = itertools.islice(ranking.rank(query, found), _NEIGHBOURS)
        near = [(self._cases.tickets[self.row_of[place.id]], place) for place in places]
        return tuple(
            neighbour_of(ticket, place, ranking.floor, suspicion_of(ticket)) for ticket, place in near
        )

    def candidates(self, query: QueryVectors, rows: IntArray) -> Candidates:
        """Return the nearest of these tickets that have a resolution."""
        rows = rows[self._resolved[rows]]
        cosines = self._unit[rows] @ (query.text / np.linalg.norm(query.text))
        nearest = np.sort(np.argsort(-cosines, kind="stable")[:CANDIDATES])
        kept = rows[nearest]
        return Candidates(
            ids=tuple(self._cases.ids[row] for row in kept),
            cosines=cosines[nearest].astype(np.float64),
            vectors=self._unit[kept],
            subjects=self._subjects[kept],
            created=self._cases.times[kept],
        )

    def of_row(self, row: int) -> tuple[QueryVectors, Candidates]:
        """Return a ticket as it is asked about, and what is near it of what was resolved when it came."""
        query = QueryVectors(
            self._cases.vectors[row], self._cases.subjects[row], float(self._cases.times[row])
        )
        known = self._known(float(self._cases.times[row]))
        known[row:] &= ~np.isnan(self._cases.known[row:])  # of tickets without a time only those before it
        known[row] = False
        return query, self.candidates(query, np.flatnonzero(known))

    def _known(self, moment: float) -> BoolArray:
        known = self._cases.known
        return np.isnan(known) | (known <= moment) if not np.isnan(moment) else np.ones(len(known), np.bool_)


@dataclass(frozen=True, slots=True)
class LookBack:
    """What was found.

    :param shown: the first precedent, if there was one, by the id of the ticket that was asked about.
    """

    drafts: Drafts | None
    precedents: Precedents | None
    shown: Mapping[str, Neighbour | None]
    weights: Weights | None


def look_back(
    cases: Cases,
    later: Sequence[tuple[str, float]],
    settings: Settings,
    *,
    duplicates: Sequence[tuple[str, str]] = (),
) -> LookBack:
    """Ask for later tickets, at most 200 of them, evenly, what would have been shown.

    :param cases: all tickets.
    :param later: ids of later tickets, each with the moment to which the clock was turned back for it.
    :param duplicates: pairs of ids of one problem; without any, two tickets with one resolution, word for word, count as such.
    """
    step = max(1, -(-len(later) // _MOST_ASKED))
    right = _right(cases, duplicates)
    ranker = Ranker(cases, settings)
    shown: dict[str, Neighbour | None] = {}
    counts: Counter[str] = Counter()
    weights = choices(settings)
    ranked_step = max(1, -(-sum(ticket_id in right for ticket_id, _ in later) // MOST_RANKED))
    ranks: list[list[float]] = []
    known = first = among = 0
    for number, (ticket_id, moment) in enumerate(later):
        wanted = right.get(ticket_id, frozenset())
        if number % step and not wanted:
            continue
        row = ranker.row_of[ticket_id]
        ranking, (query, candidates) = ranker.by(moment), ranker.of_row(row)
        neighbours = ranker.best(ranking, query, candidates)
        if there := [i for i in wanted if cases.known[ranker.row_of[i]] <= cases.times[row]]:
            if known % ranked_step == 0:
                ranks.append(reciprocal_ranks(ranking, query, candidates, there, weights))
            known += 1
            first += bool(neighbours) and neighbours[0].id in there
            among += any(one.id in there for one in neighbours[:TOP])
        if number % step:
            continue
        shown[ticket_id] = neighbours[0] if neighbours else None
        _draft(cases.tickets[row].text, neighbours, counts)
    asked = {"asked": len(later[::step]), "near": 0}
    drafts = msgspec.convert(asked | counts, Drafts) if later else None
    by = "known pairs" if duplicates else "one resolution, word for word"
    found = Precedents(asked=known, first=first, among=among, by=by) if known else None
    return LookBack(drafts, found, shown, compare_weights(ranks, weights))


def _draft(text: str, neighbours: Sequence[Neighbour], counts: Counter[str]) -> None:
    precedents = select_precedents(neighbours)
    if not precedents:
        return
    language, _ = reply_language(text, DEFAULTS.language)
    cuts: Counter[str] = Counter()
    reply = extractive_draft(text, precedents, degraded="", language=language, cuts=cuts)
    said = sum(bool(one.citations) for one in reply.sentences)
    counts.update(count_draft(reply, said, cuts))


def count_draft(reply: Draft | None, said: int, cuts: Mapping[str, int]) -> dict[str, int]:
    """Return what a draft to a ticket with a precedent adds to `Drafts`.

    :param reply: ``None`` where nothing was left of it.
    :param said: its sentences.
    """
    sent = reply is not None and reply.grounded
    cut = sum(cuts.values())
    return {
        "near": 1,
        "replies": int(sent),
        "whole": int(sent and not cut),
        "sentences": said if sent else 0,
        "cut": cut,
    }


def _right(cases: Cases, duplicates: Sequence[tuple[str, str]]) -> dict[str, frozenset[str]]:
    """Return, by the id of a ticket, those of the same problem."""
    found: dict[str, set[str]] = {}
    row_of = {ticket_id: row for row, ticket_id in enumerate(cases.ids)}
    pairs = [(one, other) for one, other in duplicates if one in row_of and other in row_of and one != other]
    for one, other in pairs if duplicates else _same_resolution(cases):
        found.setdefault(one, set()).add(other)
        found.setdefault(other, set()).add(one)
    return {ticket_id: frozenset(others) for ticket_id, others in found.items()}


def _same_resolution(cases: Cases) -> Iterator[tuple[str, str]]:
    earlier: dict[str, int] = {}
    unit: Matrix = unit_rows(cases.vectors)
    for row, ticket in enumerate(cases.tickets):
        words = (ticket.resolution or "").casefold().split()
        if len(words) < _FEWEST_WORDS:
            continue
        before = earlier.setdefault(" ".join(words), row)
        if before != row and float(unit[before] @ unit[row]) >= _SURE:
            yield cases.ids[before], cases.ids[row]


def retrieve(cases: Cases, pairs: Sequence[tuple[str, str]]) -> Retrieval:
    """Rank, for the later ticket of each pair, all tickets created before it by cosine, and look for the earlier.

    :param pairs: ids of two tickets of one problem.
    """
    row_of = {ticket_id: row for row, ticket_id in enumerate(cases.ids)}
    unit = unit_rows(cases.vectors)
    ranks, resolved = [], 0
    for one, other in pairs:
        if one not in row_of or other not in row_of:
            continue
        earlier, later = sorted((row_of[one], row_of[other]))
        moment = cases.times[later]
        if not cases.times[earlier] < moment:  # at the same time, or at an unknown one
            continue
        resolved += bool(cases.known[earlier] <= moment)
        there = np.flatnonzero(cases.times < moment)
        # BLAS sums a row in another order by where it lies in the matrix, so that copies of one text would differ in
        # the last digit and count as better than each other; einsum sums every row alike.
        similarity = np.einsum("ij,j->i", unit[there], unit[later])
        own = similarity[np.searchsorted(there, earlier)]
        ranks.append(1 + int((similarity > own).sum()))
    measured = {k: _mean(np.array([float(rank <= k) for rank in ranks])) for k in _DEPTHS} if ranks else {}
    return Retrieval(
        pairs=len(pairs),
        asked=len(ranks),
        resolved=resolved,
        recall=measured,
        mrr=_mean(1 / np.array(ranks)) if ranks else None,
    )


def _mean(values: FloatArray) -> Interval:
    return interval(resample(len(values), lambda counts: counts @ values / len(values)))
