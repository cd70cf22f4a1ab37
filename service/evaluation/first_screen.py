"""What stands on the first screen of the report, put together."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from indexer.settings import Settings
from indexer.ticket import shorten
from service.arrays import BoolArray, IntArray
from service.drafting.wording import issue_of
from service.evaluation.cases import Cases
from service.evaluation.look_back import LookBack, Ranker, look_back
from service.evaluation.methods import Fit
from service.evaluation.result import AskedQuestion, Drafts, Example, FirstScreen, Outcome
from service.evaluation.sample_questions import Question, judge
from service.evaluation.summary import next_steps, summary
from service.priority import features_of
from service.ranking import QueryVectors

__all__ = ["Later", "first_screen"]

_EXAMPLES = 10
_CHARACTERS = 100


@dataclass(frozen=True, slots=True, eq=False)
class Later:
    """The later tickets, in their order, with what was said of them.

    :param tickets: as of `look_back`.
    :param said: columns of the labels that the forest gave, shape (rows,), as ``true`` and ``commonest``.
    :param reason: why the forest of the newest cut decided nothing by itself; ``None`` where it could.
    :param bound: what the share of wrong automatic labels is at most, with 95 % confidence.
    """

    tickets: Sequence[tuple[str, float]]
    true: IntArray
    said: IntArray
    automatic: BoolArray
    commonest: IntArray
    reason: str | None
    bound: float | None


def first_screen(
    cases: Cases,
    later: Later,
    names: Sequence[str],
    settings: Settings,
    fit: Fit,
    *,
    max_error: float,
    duplicates: Sequence[tuple[str, str]] = (),
    questions: Sequence[tuple[Question, QueryVectors]] = (),
    model_drafts: Drafts | None = None,
) -> FirstScreen:
    """Ask what an agent would have been shown for later tickets, and put all into words.

    :param cases: all tickets, those without a label too.
    :param names: the labels of the columns.
    :param settings: how precedents are put in order.
    :param model_drafts: by the chat model.
    """
    right, automatic = later.said == later.true, later.automatic
    outcome = Outcome(
        tested=len(later.tickets),
        right=int(right.sum()),
        automatic=int(automatic.sum()),
        wrong=int((automatic & ~right).sum()),
        commonest_label=names[int(np.bincount(later.commonest).argmax())],
        commonest=int((later.commonest == later.true).sum()),
    )
    found = look_back(cases, later.tickets, settings, duplicates=duplicates)
    screen = FirstScreen(
        outcome=outcome,
        precedents=found.precedents,
        drafts=found.drafts,
        model_drafts=model_drafts,
        weights=found.weights,
        examples=_examples(cases, later, names, found),
        questions=_asked(cases, settings, fit, questions),
    )
    steps = next_steps(screen, max_error, later.bound)
    return msgspec.structs.replace(screen, summary=summary(screen, later.reason), next_steps=steps)


def _examples(cases: Cases, later: Later, names: Sequence[str], found: LookBack) -> tuple[Example, ...]:
    row_of = {ticket_id: row for row, ticket_id in enumerate(cases.ids)}
    there = [place for place, (ticket_id, _) in enumerate(later.tickets) if ticket_id in found.shown]
    chosen = [there[round(at)] for at in np.linspace(0, len(there) - 1, min(_EXAMPLES, len(there)))]
    examples = []
    for place in chosen:
        ticket_id, _ = later.tickets[place]
        ticket, shown = cases.tickets[row_of[ticket_id]], found.shown[ticket_id]
        examples.append(
            Example(
                id=ticket.id,
                text=_beginning(ticket.subject, ticket.text),
                said=names[int(later.said[place])],
                true=names[int(later.true[place])],
                automatic=bool(later.automatic[place]),
                precedent=shown.id if shown else None,
                precedent_text=_beginning(shown.subject, shown.text) if shown else "",
                near=bool(shown and shown.above_floor),
            )
        )
    return tuple(examples)


def _beginning(subject: str | None, text: str) -> str:
    return shorten(subject or issue_of(text), _CHARACTERS)


def _asked(
    cases: Cases, settings: Settings, fit: Fit, questions: Sequence[tuple[Question, QueryVectors]]
) -> tuple[AskedQuestion, ...]:
    if not questions:
        return ()
    forest = fit(cases.labelled())
    ranker = Ranker(cases, settings)
    ranking, every = ranker.by(math.nan), np.arange(len(cases))
    asked = []
    for question, query in questions:
        ticket = question.ticket()
        features = features_of([ticket], query.text[None], settings.forest_fields)
        decision = forest.decide(features)
        asked.append(judge(question, decision, ranker.best(ranking, query, ranker.candidates(query, every))))
    return tuple(asked)
