"""A hosted classifier among the methods of the back-test, by answers that it gave before."""

from dataclasses import replace

import numpy as np

from indexer.ledger import Classification
from indexer.settings import Settings
from service.evaluation.cases import roll
from service.evaluation.hosted import Hosted
from service.evaluation.methods import Predictions
from service.hosted_priority.calibrating import Asked
from tests.service.evaluation.making import history

_LABELS = ("high", "low", "medium")
_NAMES = ("low", "medium", "high")
_ASKED = Asked(
    model="m",
    tickets=0,
    kept=0,
    requests=0,
    prompt_tokens=0,
    completion_tokens=0,
    cost=None,
    cost_of_thousand=None,
)


def test_it_is_calibrated_on_what_was_known_by_then() -> None:
    """Nothing is automatic behind the first cut; later it is, where answers were right; where there is no label the forest decides."""
    cases = replace(history(200, days_to_resolve=1.0))
    start = 80
    cuts = roll(cases, 2, start=start)
    said = {
        ticket_id: Classification(
            key="", input_hash="", label=label, shares=dict.fromkeys(_LABELS, 0.05) | {label or "": 0.9}
        )
        for ticket_id, label in zip(cases.ids[start:], cases.labels[start:], strict=True)
    }
    silent = int(cuts[1].tested[0])
    said[cases.ids[silent]] = Classification(key="", input_hash="", label=None)
    served = [
        Predictions(
            np.full(len(cut.tested), 1),
            np.tile([0.2, 0.6, 0.2], (len(cut.tested), 1)),
            automatic=np.zeros(len(cut.tested), bool),
        )
        for cut in cuts
    ]
    hosted = Hosted(Settings(classifier="hosted:m"), said, _LABELS, _ASKED)
    assert hosted.start(cases) == start
    first, second = hosted.predictions(cases, cuts, _NAMES, served)
    true = [[_NAMES.index(cases.labels[row] or "") for row in cut.tested] for cut in cuts]
    assert first.label.tolist() == true[0]
    assert first.automatic is not None
    assert not first.automatic.any()
    assert second.label.tolist() == [1, *true[1][1:]]
    assert second.probabilities[0].tolist() == [0.2, 0.6, 0.2]
    assert second.automatic is not None
    assert second.automatic.tolist() == [False, *[True] * (len(true[1]) - 1)]
    assert np.allclose(second.probabilities.sum(axis=1), 1)
    unknown = history(200, days_to_resolve=500.0)
    _, late = Hosted(Settings(classifier="hosted:m"), said, _LABELS, _ASKED).predictions(
        unknown, [replace(cut, learned=cut.learned[:60]) for cut in cuts], _NAMES, served
    )
    assert late.automatic is not None
    assert not late.automatic.any(), "by then no answer could be compared with a priority"
