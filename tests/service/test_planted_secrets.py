"""What the provider sees of 200 secrets and personal data in tickets and questions."""

import json
from pathlib import Path
from typing import Any

from indexer.ledger import Classification
from indexer.settings import Settings
from service.hosted_priority.calibrated import calibrated_on, save
from tests.indexer.command import report_of, run_command
from tests.indexer.making import sentence
from tests.provider import Provider
from tests.service.planted import Planted, planted, windows
from tests.service.running import running_service

_TICKETS, _QUESTIONS = 30, 20
_OF_TICKET, _OF_QUESTION = 4, 4
_LABELS = ("high", "low")


_IBAN = "DE91 1000 0000 0123 4567 89"


def _straddling(*places: int) -> str:
    """Return a text with an account number at each of these places, where a cut would halve it."""
    text = ""
    for place in places:
        text += "Restart the unit, then wait for it. " * 200
        text = f"{text[: place - 12]} {_IBAN} "
    return text + "Restart the unit, then wait for it. " * 60


def _ticket(number: int, hidden: list[Planted]) -> dict[str, Any]:
    subject, body, asked, answered = (one.words for one in hidden)
    return {
        "id": f"t-{number}",
        "subject": f"Unit {number} stops: {subject}",
        "body": f"{sentence(number)}\n{body}",
        "priority": "low",
        "status": "closed",
        "thread": [
            {"author": "customer", "text": f"Still broken, {asked}"},
            {
                "author": "agent",
                "text": f"Please restart unit {number} and run `unit check`. Use this: {answered}",
            },
        ],
    }


def test_the_provider_sees_none_of_200(settings: Settings, provider: Provider, tmp_path: Path) -> None:
    """Embedded, distilled, drafted from, quoted as precedents and classified: not even eight characters of one arrive."""
    hidden = planted(_TICKETS * _OF_TICKET + _QUESTIONS * _OF_QUESTION, seed=7)
    assert len({one.secret for one in hidden}) == 200
    of_tickets, of_questions = hidden[: _TICKETS * _OF_TICKET], hidden[_TICKETS * _OF_TICKET :]
    provider.configure(bodies_kept=10_000)
    file = tmp_path / "tickets.json"
    long = {
        "id": "long",
        "text": _straddling(600, 3_000),
        "status": "closed",
        "thread": [{"author": "agent", "text": _straddling(1_500, 2_000)}],
    }
    file.write_text(json.dumps([*(_ticket(n, of_tickets[n * 4 : n * 4 + 4]) for n in range(_TICKETS)), long]))
    report = report_of(run_command(settings, "sync", str(file), "--distil", "--json"))
    assert (report["added"], report["distilled"]["requests"]) == (_TICKETS + 1, _TICKETS + 1)
    classifier = "hosted:ft"
    said = [Classification(key=label, input_hash="", label=label) for label in _LABELS]
    save(calibrated_on(Settings(classifier=classifier), said, _LABELS, _LABELS), settings.data_dir)
    with running_service(
        settings.data_dir, provider, classifier=classifier, similarity_floor="-2"
    ) as service:
        for number in range(_QUESTIONS):
            words = " and ".join(one.words for one in of_questions[number * 4 : number * 4 + 4])
            answer = service.answer(
                "/v1/triage", subject=f"Unit {number} stops", body=f"{sentence(number)}\n{words}"
            )
            assert answer["neighbours"][0]["id"] == f"t-{number}"
            assert answer["priority"]["source"] == classifier
        assert service.answer("/v1/triage", text=_straddling(600, 4_000))["neighbours"][0]["id"] == "long"
    stats = provider.stats()
    assert stats.requests["chat"] >= _TICKETS + 2 * _QUESTIONS
    seen = json.dumps(stats.bodies, ensure_ascii=False).replace("\\n", "\n").replace('\\"', '"')
    assert all(f"Unit {number} stops" in seen for number in range(_TICKETS)), "the texts arrived"
    leaked = [one.words for one in hidden if any(part in seen for part in windows(one.secret))]
    print(f"secrets seen by the provider: {len(leaked)} of {len(hidden)}, in {len(stats.bodies)} requests")
    assert leaked == []
    assert not any(part in seen for part in windows(_IBAN)), "half of one, where a text was cut"
