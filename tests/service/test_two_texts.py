"""Notes and replies to questions on the sample, to others, and to hostile ones, with a model that quotes resolutions."""

import re
from collections import Counter
from pathlib import Path

import pytest

from service.evaluation.sample_questions import questions
from tests.provider import Provider
from tests.service.running import running_service

_OF_OTHERS = re.compile(
    r"\b\d{1,2} (?:January|February|March|April|May|June|July|August|September|October|November|December)\b"
    r"|(?<![\d:.])[0-2]?\d:[0-5]\d(?!\d)|[$€£] ?\d|\b\d[\d.,]* ?(?:USD|EUR|GBP)\b|\b(?:we|We) \w+ed\b"
)
_OF_AGENTS = re.compile(
    r"\bpriorit|\bprobabilit|\bsimilar ticket|\bsimilarity\b|\[\d{3,}\]|evil\.example|rm -rf", re.IGNORECASE
)


def test_a_note_has_three_parts_and_a_reply_nothing_of_others(
    sample_dir: Path, provider: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    """Forty questions on the sample, fifteen out of scope, ten hostile; the quoted issue of the customer is its own."""
    asked = questions()
    assert Counter(one.kind for one in asked) == {"about the sample": 40, "out of scope": 15, "hostile": 10}
    sources: Counter[str] = Counter()
    with running_service(sample_dir, provider, embedder="local") as service:
        for question, kind in ((one.text, one.kind) for one in asked):
            answer = service.answer("/v1/triage", text=question)
            note, reply = answer["note"]["text"], answer["reply"]
            assert re.search(r"^Issue: .+\n\nPriority: .+\n\n(?:What resolved \[|Resolution: )", note), note
            ids = {neighbour["id"] for neighbour in answer["neighbours"]}
            assert set(answer["note"]["citations"]) | set(reply["citations"]) <= ids
            steps = "\n".join(s["text"] for s in reply["sentences"] if s["citations"])
            assert not _OF_OTHERS.search(steps), steps
            own = re.sub(r"“.*?”", "", reply["text"])
            assert not _OF_AGENTS.search(own), own
            assert not any(re.search(rf"\b{i}\b", steps) for i in ids if len(i) > 1 and i not in question), (
                steps
            )
            assert bool(reply["text"]) == reply["grounded"] == bool(reply["citations"])
            assert reply["grounded"] or reply["degraded"]
            sources[reply["source"]] += 1
            if kind == "out of scope" and not any(n["above_floor"] for n in answer["neighbours"]):
                assert 1 <= len(answer["questions"]) <= 2
    with capsys.disabled():
        print(f"\nreplies to 65 questions, by who wrote them: {dict(sources)}")
    assert sources.total() == 65
    assert sources["llm"] >= 15
