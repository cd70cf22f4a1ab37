"""Lists of true and of unsupported sentences, and how many of each the check keeps."""

import json
from collections import Counter
from importlib.resources import files
from pathlib import Path

import pytest

from service.drafting.checked_reply import CheckedReply
from tests.service.drafting.examples import neighbour

_FOLDER = Path(__file__).parent


def _sample() -> dict[str, dict[str, str]]:
    lines = files("indexer.sample").joinpath("tickets.jsonl").read_text("utf-8").splitlines()
    return {ticket["id"]: ticket for ticket in map(json.loads, lines)}


def _verdicts(kind: str) -> list[tuple[dict[str, str], str | None]]:
    """Return each sentence of a list, checked against the ticket of the sample that it cites, and what was wrong."""
    sample = _sample()
    found = []
    for line in (_FOLDER / f"{kind}.jsonl").read_text("utf-8").splitlines():
        case = json.loads(line)
        ticket = sample[case["id"]]
        asked = f"{ticket.get('subject', '')} {(ticket.get('text') or ticket['body'])[:200]}"
        reply = CheckedReply(asked, [neighbour(case["id"], resolution=ticket["resolution"])])
        reply.add(case["text"], (case["id"],))
        found.append((case, reply.left_out))
    return found


def test_true_paraphrases_are_kept_and_unsupported_sentences_are_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Of 100 sentences that say what a resolution of the sample says at most 10 are cut, and of the others all."""
    true, false = _verdicts("supported"), _verdicts("unsupported")
    lost = [(case["text"], fault) for case, fault in true if fault]
    through = [case["text"] for case, fault in false if not fault]
    kinds = Counter(case["kind"] for case, fault in false if fault)
    with capsys.disabled():
        print(
            f"\ntrue sentences cut: {len(lost)} of {len(true)}; unsupported ones through: {len(through)} of {len(false)}"
        )
    assert len(true) == 100
    assert len(lost) <= 10, lost
    assert len(false) >= 60
    assert not through
    assert len(kinds) >= 20


def test_sentences_that_were_written_after_the_check(capsys: pytest.CaptureFixture[str]) -> None:
    """Falsehoods put together of a resolution's own words are harder: what gets through is counted, and gets no more."""
    lost = [fault for _, fault in _verdicts("supported_second") if fault]
    through = [case["text"] for case, fault in _verdicts("unsupported_second") if not fault]
    with capsys.disabled():
        print(
            f"\nwritten afterwards: true sentences cut: {len(lost)} of 30; unsupported ones through: {len(through)} of 30"
        )
    assert len(lost) <= 3, lost
    assert len(through) <= 6, through
