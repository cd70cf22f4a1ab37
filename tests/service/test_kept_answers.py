"""Answers are kept: found again by their ids and in a list, with what agents did with them, as long as settings say."""

import contextlib
import json
from pathlib import Path
from typing import Any

from indexer.ledger import Ledger, Which
from tests.forked import Forked
from tests.indexer.making import make_ticket, sentence
from tests.provider import Provider
from tests.service.conftest import MARK
from tests.service.running import Service, assert_problem, environment, running_service


def kept(service: Service, answer_id: str) -> Any:
    """Return a kept answer, once it is written."""
    path = f"/v1/triage/{answer_id}"
    service.until(lambda: service.http.get(path).status_code == 200, "the answer is kept")
    return service.http.get(path).json()


def test_an_answer_is_found_by_its_id(service: Service) -> None:
    """As it was given, with what it was made from; the text is not kept unless settings say so."""
    question = {
        "text": f"{sentence(16)} {MARK}",
        "top_k": 3,
        "fields": {"product": "api"},
        "exclude": ["t-17"],
    }
    answer = service.answer("/v1/triage", **question)
    found = kept(service, answer["id"])
    for name in ("id", "priority", "note", "reply", "questions", "warnings", "usage", "timings_ms"):
        assert found[name] == answer[name], name
    ids = [(one["id"], one["revision"], one["score"]) for one in answer["neighbours"]]
    assert [(one["id"], one["revision"], one["score"]) for one in found["neighbours"]] == ids
    assert all(len(revision) == 16 for _, revision, _ in ids)
    assert found["models"] == {"embedding": "bge-large", "chat": "llama-3.3-70b"}
    assert found["generation"] == answer["index"]["generation"]
    assert found["forest"].startswith(found["generation"])
    assert found["asked"]["fields"] == {"product": "api"}
    assert found["asked"]["exclude"] == ["t-17"]
    assert found["asked"]["filter"] is None
    assert (found["asked"]["top_k"], found["asked"]["draft"], found["asked"]["created_at"]) == (3, True, None)
    assert (found["text"], found["feedback"], found["forgotten"], found["cuts"]) == (None, None, False, {})
    narrowed = {"created_before": "2030-01-01T00:00:00Z"}
    again = kept(service, service.answer("/v1/triage", **question, draft=False, filter=narrowed)["id"])
    assert again["asked"]["filter"]["created_before"] == narrowed["created_before"]
    assert again["input_hash"] == found["input_hash"]
    assert again["models"]["chat"] is None


def test_cut_sentences_are_kept_by_kind(service: Service, provider: Provider) -> None:
    """So that one can see later what the model tries."""
    provider.configure(reply="Restart unit 19 [t-19]. We will refund you [t-19]. Use port 9999 [t-19].")
    answer = service.answer("/v1/triage", text=f"{sentence(19)} {MARK} cuts")
    cuts = kept(service, answer["id"])["cuts"]
    assert sum(cuts.values()) == 2
    assert all(why in answer["reply"]["degraded"] for why in cuts)


def test_what_an_agent_did_is_shown_with_the_answer(service: Service) -> None:
    """The last word counts, with the sent reply, the reason and the right precedent."""
    answer = service.answer("/v1/triage", text=f"{sentence(18)} {MARK} told")["id"]
    for told in (
        {"action": "rejected", "reason": f"{MARK} wrong product", "precedent": "t-21"},
        {"action": "edited", "reply": f"{MARK} sent"},
    ):
        service.answer("/v1/feedback", triage_id=answer, **told)
        said = kept(service, answer)["feedback"]
        wanted = {
            "ticket_id": None,
            "priority": None,
            "reply": None,
            "reason": None,
            "precedent": None,
            **told,
        }
        assert {name: said[name] for name in wanted} == wanted
    listed = service.http.get("/v1/triage").json()["answers"]
    assert next(one for one in listed if one["id"] == answer)["action"] == "edited"


def test_answers_are_listed(service: Service) -> None:
    """Newest first, in pages, narrowed by time and by a ticket that they name."""
    given = [
        service.answer("/v1/triage", text=f"{sentence(n)} {MARK} list", draft=False)["id"]
        for n in (24, 26, 27)
    ]
    at = [kept(service, answer)["at"] for answer in given]
    newest_first = given[::-1]
    listed: list[str] = []
    cursor: str | None = ""
    for _ in given:
        page = service.http.get("/v1/triage", params={"limit": 1, "cursor": cursor, "since": at[0]}).json()
        listed += [one["id"] for one in page["answers"]]
        cursor = page["next_cursor"]
    assert listed == newest_first
    assert cursor is None
    (one,) = service.http.get("/v1/triage", params={"since": at[0], "ticket": "t-26", "until": at[2]}).json()[
        "answers"
    ][-1:]
    assert one["id"] == given[1]
    assert one["precedents"][0] == "t-26"
    assert one["text"].startswith("Issue: ")
    assert (one["source"], one["action"], one["decision"]) == ("none", None, "review")
    for wrong in ({"cursor": "x"}, {"since": "yesterday"}, {"limit": 0}, {"limit": 201}, {"by": "time"}):
        assert_problem(service.http.get("/v1/triage", params=wrong), 422, about=next(iter(wrong)))
    assert_problem(service.http.get("/v1/triage/nobody"), 404, about="nobody")


def test_a_stream_is_kept_too(service: Service) -> None:
    """Its last event is what is kept."""
    done = service.events(text=f"{sentence(28)} {MARK} stream")[-1].data
    assert kept(service, done["id"])["reply"] == done["reply"]


def test_what_a_deleted_ticket_said_is_not_shown(service: Service) -> None:
    """It was in note and reply; the answer says that there was more."""
    ticket = make_ticket(8_300, resolution=f"Restart the {MARK} tank.")
    service.store([ticket])
    answer = service.answer("/v1/triage", text=f"{sentence(8_300)} {MARK}")["id"]
    assert "tank" in kept(service, answer)["note"]["text"]
    assert service.http.delete("/v1/tickets/t-8300").json()["deleted"]
    found = kept(service, answer)
    assert found["forgotten"]
    assert (found["note"]["text"], found["reply"]["text"], found["reply"]["sentences"]) == ("", "", [])
    assert "t-8300" not in str(found)


def test_settings_say_what_is_kept(data_dir: Path, provider: Provider) -> None:
    """A stop keeps what waits, with the text where that is wanted, which can be asked again; who keeps none clears it."""
    with running_service(data_dir, provider, keep_text="true") as service:
        service.store([make_ticket(n, priority="low") for n in range(6)])  # one label: no forest
        drafted = service.answer("/v1/triage", text=sentence(2))["id"]
        first, same = (service.answer("/v1/triage", text=sentence(n), draft=False)["id"] for n in (1, 3))
    with contextlib.closing(Ledger(None, data_dir)) as ledger:
        found = ledger.answers.page(Which(), limit=9)
    assert [(one.id, one.body["text"]) for one in found] == [
        (same, sentence(3)), (first, sentence(1)), (drafted, sentence(2)),
    ]  # fmt: skip
    with running_service(data_dir, provider) as service:
        service.answer("/v1/triage", text=sentence(4), draft=False)
        service.until(
            lambda: service.status()["answers"] == {"kept": 4, "waiting": 0, "lost": 0}, "it is kept"
        )
        assert "precedent_answers_kept_total 1.0" in service.http.get("/metrics").text
        service.store([make_ticket(1, text="okapi quokka numbat", priority="low")])
    _check_replay(data_dir, provider, {"reply": drafted, "precedent": first})
    with running_service(data_dir, provider, keep_days="0") as service:
        answer = service.answer("/v1/triage", text=sentence(3), draft=False)["id"]
        service.until(lambda: service.status()["answers"]["kept"] == 0, "the old answers are cleared")
        told = {"triage_id": answer, "action": "edited"}
        assert_problem(service.post("/v1/feedback", **told, reply=MARK), 422, about="PRECEDENT_KEEP_DAYS")
        service.answer("/v1/feedback", **told)
    with contextlib.closing(Ledger(None, data_dir)) as ledger:
        assert ledger.answers.count() == 0


def _check_replay(data_dir: Path, provider: Provider, changed: dict[str, str]) -> None:
    """Ask again while chat fails; counts come first, and nothing is kept of it."""
    provider.fail("500", times=None, endpoint="chat")
    output = data_dir.parent / "replay.log"
    done = Forked("replay", "--json", cwd=data_dir.parent, env=environment(data_dir, provider), output=output)
    assert done.wait(100) == 0, output.read_text()
    report = json.loads(output.read_text().splitlines()[-1])
    changes = {change.pop("id"): change for change in report.pop("changes")}
    assert report == {
        "asked": 3, "without_text": 1, "failed": 0, "unchanged": 1, "label": 0, "precedent": 1, "reply": 1,
    }  # fmt: skip
    assert changes.keys() == set(changed.values())
    assert changes[changed["reply"]]["reply"] == ["llm", "extractive"]
    before, after = changes[changed["precedent"]]["precedent"]
    assert before == "t-1" != after
    with contextlib.closing(Ledger(None, data_dir)) as ledger:
        assert ledger.answers.count() == 4
