"""The command line, with real embedding through the stand-in provider."""

import contextlib
import json
from pathlib import Path

import msgspec
import pytest

from indexer.ledger import Ledger
from indexer.settings import Settings
from service.cli import main as command_line
from service.evaluation.result import Evaluation
from tests.indexer.making import make_tickets, store_vectors
from tests.provider import Provider
from tests.service.evaluation.making import tickets_of

pytestmark = pytest.mark.slow


def main(arguments: list[str]) -> int:
    """Run ``precedent evaluate`` or ``precedent audit``."""
    return command_line(arguments if arguments[:1] == ["audit"] else ["evaluate", *arguments])


@pytest.fixture
def work(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with settings of a store of its own."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PRECEDENT_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("PRECEDENT_API_BASE", settings.api_base)
    monkeypatch.delenv("OXLO_API_KEY", raising=False)
    return folder


def _write(path: Path, records: list[object]) -> None:
    path.write_text("".join(json.dumps(msgspec.to_builtins(record)) + "\n" for record in records))


def test_a_file_is_evaluated_and_embedded_once(
    work: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """Report and JSON are written, rejected records are counted (of two with one id the first, as in a sync), nothing is stored but vectors, and a second run embeds nothing."""
    tickets = tickets_of(["low", "high", "high"] * 20)
    again = msgspec.structs.replace(tickets[0], priority="another")
    _write(work / "t.jsonl", [again, *tickets, {"id": "no text"}])
    (work / "pairs.csv").write_text("query_id,duplicate_of_id\nt-40,t-2\n")
    command = ["t.jsonl", "--folds", "1", "--duplicates", "pairs.csv"]
    assert main(command) == 0
    out, err = capsys.readouterr()
    assert "60 texts newly embedded" in err
    assert "line 62: text is missing" in err
    assert "2 records of the file are no tickets, or have the id of an earlier one" in out
    assert "known duplicates: 1 of 1 pairs" in out
    assert "stratified guess" in out
    found = msgspec.json.decode((work / "evaluation.json").read_bytes(), type=Evaluation)
    assert out.startswith(found.first.summary[0])
    assert found.verdict[0] in out
    report = (work / "evaluation.html").read_text()
    assert all(step.partition("`")[0] in report for step in found.first.next_steps)
    assert len(found.first.examples) == 10
    assert found.data.rejected == 2
    assert found.data.labels == {"low": 20, "high": 40}
    assert found.verdict[0] in (work / "evaluation.html").read_text()
    with contextlib.closing(Ledger(None, settings.data_dir)) as ledger:
        assert ledger.tickets.count() == 0
    assert main([*command, "--priority-order", "low, high", "--out", "o.html", "--json", "o.json"]) == 0
    assert "0 texts newly embedded" in capsys.readouterr().err
    assert (work / "o.html").read_text() == (work / "evaluation.html").read_text().replace(
        "as their names say", "as the settings say"
    )


def test_the_store_is_evaluated_without_a_file(work: Path, settings: Settings, provider: Provider) -> None:
    """Stored vectors are used as they are: the provider is not asked."""
    tickets = make_tickets(60)
    with contextlib.closing(Ledger(None, settings.data_dir)) as ledger:
        store_vectors(ledger, tickets)
        from tests.indexer.making import SPACE

        ledger.generations.ensure_live(SPACE)
        ledger.tickets.write(tickets)
    assert main(["--folds", "1"]) == 0
    found = msgspec.json.decode((work / "evaluation.json").read_bytes(), type=Evaluation)
    assert found.data.labelled == 60
    assert found.data.embedding_model == "bge-large"
    assert any("order in time is unknown" in note for note in found.notes)


def test_the_order_of_priorities_comes_from_the_settings(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PRECEDENT_PRIORITY_ORDER orders labels whose names do not tell."""
    monkeypatch.setenv("PRECEDENT_PRIORITY_ORDER", "green, red")
    _write(work / "t.jsonl", list(tickets_of(["red", "green"] * 20)))
    assert main(["t.jsonl", "--folds", "1"]) == 0
    found = msgspec.json.decode((work / "evaluation.json").read_bytes(), type=Evaluation)
    assert found.order == ("green", "red")


def test_another_field_than_the_priority(
    work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its first value is predicted, an alert of it is told, and a field that no ticket has is refused in words."""
    monkeypatch.setenv("PRECEDENT_PRIORITY_ORDER", "low, high")  # of the priority, not of this field
    monkeypatch.setenv("PRECEDENT_ALERT", "app")
    tickets = [
        msgspec.structs.replace(ticket, fields={"component": ("app", "x") if number % 3 else "web"})
        for number, ticket in enumerate(tickets_of([None] * 40))
    ]
    _write(work / "t.jsonl", list(tickets))
    assert main(["t.jsonl", "--folds", "1", "--field", "Component", "--priority-order", "web,app"]) == 0
    found = msgspec.json.decode((work / "evaluation.json").read_bytes(), type=Evaluation)
    assert (found.data.source, found.data.labels) == ("t.jsonl, by component", {"app": 26, "web": 14})
    assert found.alerts is not None
    assert (found.alerts.labels, found.alerts.automatic) == (("app",), 0)
    assert "whether it is app: said automatically of 0 of " in capsys.readouterr().out
    assert main(["t.jsonl", "--folds", "1", "--field", "component"]) == 0
    assert main(["t.jsonl", "--field", "team"]) == 2
    assert "none of the 40 tickets of t.jsonl has the field team" in capsys.readouterr().err


def test_the_audit_writes_what_to_correct(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A copy with another priority is found, and the ceiling is printed; `--json` names the pair."""
    tickets = tickets_of(["low", "high"] * 10)
    copy = msgspec.structs.replace(tickets[4], id="copy", priority="high")
    _write(work / "t.jsonl", [*tickets, copy])
    assert main(["audit", "t.jsonl", "--json"]) == 0
    out = capsys.readouterr().out
    assert "no classifier of the text can be expected to be right on more than" in out
    lines = (work / "audit.csv").read_text(encoding="utf-8-sig").splitlines()
    assert len(lines) == 2
    assert {lines[1].split(",")[0]} <= {"t-4", "copy"}
    report = json.loads(out.splitlines()[-1])
    assert (report["tickets"], report["twins"], report["suspects"]) == (21, 2, 1)
    (found,) = report["contradictions"]
    assert {found["id"]: found["priority"], found["duplicate_id"]: found["duplicate_priority"]} == {
        "t-4": "low",
        "copy": "high",
    }


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "t.jsonl has no tickets|empty"),
        ('{"id": "x"}\n', "none of its 1 records is a ticket"),
        ("\n".join(json.dumps({"id": str(n), "text": f"t {n}", "priority": "low"}) for n in range(10)), "at least 30"),
        ("\n".join(json.dumps({"id": str(n), "text": f"t {n}", "priority": "low"}) for n in range(40)), "nothing to predict"),
        ("\n".join(json.dumps({"id": str(n), "text": f"t {n}"}) for n in range(40)), "none of the 40 tickets of"),
        (
            "\n".join(json.dumps({"id": str(n), "text": "same", "priority": "ab"[n % 2]}) for n in range(40)),
            "no later ticket is left",
        ),
    ],
    ids=["empty", "no tickets", "ten", "one class", "no labels", "all equal"],
)  # fmt: skip
def test_what_cannot_be_evaluated_is_refused_in_words(
    work: Path, capsys: pytest.CaptureFixture[str], content: str, words: str
) -> None:
    """Status 2, one line that says why, no traceback, no report."""
    (work / "t.jsonl").write_text(content)
    assert main(["t.jsonl"]) == 2
    err = capsys.readouterr().err
    assert any(part in err for part in words.split("|"))
    assert "Traceback" not in err
    assert not (work / "evaluation.html").exists()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ([], "there is no ledger"),
        (["audit"], "there is no ledger"),
        (["nowhere.jsonl"], "nowhere.jsonl"),
        (["t.jsonl", "--duplicates", "nowhere.csv"], "nowhere.csv cannot be read"),
    ],
)
def test_what_is_not_there_is_said(
    work: Path, capsys: pytest.CaptureFixture[str], command: list[str], words: str
) -> None:
    """A store and files that do not exist end with status 2."""
    assert main(command) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--out", "--json"])
@pytest.mark.parametrize("place", ["nowhere/e.html", "."])
def test_where_the_report_cannot_go_is_told_first(
    work: Path, provider: Provider, capsys: pytest.CaptureFixture[str], option: str, place: str
) -> None:
    """Before anything is read or embedded."""
    _write(work / "t.jsonl", list(tickets_of(["low", "high"] * 20)))
    assert main(["t.jsonl", option, place]) == 2
    assert f"{place} cannot be written" in capsys.readouterr().err
    assert provider.stats().requests["embeddings"] == 0


def test_pairs_need_their_columns(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The message names them."""
    (work / "pairs.csv").write_text("a,b\n1,2\n")
    assert main(["t.jsonl", "--duplicates", "pairs.csv"]) == 2
    assert "query_id and duplicate_of_id" in capsys.readouterr().err


def test_a_hosted_classifier_is_compared_with_its_cost(
    work: Path, provider: Provider, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All methods are tested on the tickets that it was asked about; what that may cost is told first, and nothing is asked twice. Drafts likewise."""
    monkeypatch.setenv("PRECEDENT_CLASSIFIER", "hosted:ft:small")
    monkeypatch.setenv("PRECEDENT_PRICES", "ft:small=1/2")
    provider.configure(telling={"codelow": "low", "codehigh": "high"})
    told = {"resolution": "Restart the gateway so that it reads the new key."}
    tickets = tickets_of(["low", "high", "high"] * 20, telling=True)
    _write(work / "t.jsonl", [msgspec.to_builtins(ticket) | told for ticket in tickets])
    assert main(["t.jsonl", "--folds", "2", "--hosted", "100"]) == 0
    out, err = capsys.readouterr()
    asked = provider.stats().requests["chat"]
    assert 5 < asked <= 12, "the newest fifth, without repeats"
    assert f"to ask about {asked} tickets: up to {asked} requests to ft:small" in err
    found = msgspec.json.decode((work / "evaluation.json").read_bytes(), type=Evaluation)
    assert found.hosted is not None
    assert (found.hosted.requests, found.hosted.kept) == (asked, 0)
    assert found.hosted.cost == pytest.approx(
        (found.hosted.prompt_tokens + 2 * found.hosted.completion_tokens) / 1e6
    )
    assert sum(block.tested for block in found.blocks) == asked
    hosted = next(method for method in found.methods if method.key == "hosted")
    assert (hosted.macro_f1.value, hosted.automatic) == (1.0, 0)
    assert f"the hosted classifier: {found.hosted.words}" in out
    report = (work / "evaluation.html").read_text()
    assert "<td>the hosted classifier</td>" in report
    assert found.hosted.words in report
    monkeypatch.setenv("PRECEDENT_SIMILARITY_FLOOR", "0.1")
    assert main(["t.jsonl", "--folds", "2", "--hosted", "100", "--drafts", "2"]) == 0
    out, err = capsys.readouterr()
    assert f"{asked} answers are kept from before" in err
    assert provider.stats().requests["chat"] == asked + 2
    assert "to draft replies to 2 of 2 tickets: up to 4 requests to llama-3.3-70b" in err
    assert (
        "Of 2 later tickets llama-3.3-70b was asked to answer the 2 with a near precedent: to 2 it wrote a reply"
        in out
    )
    found = msgspec.json.decode((work / "evaluation.json").read_bytes(), type=Evaluation)
    assert found.first.model_drafts is not None
    assert found.first.summary[-1] in (work / "evaluation.html").read_text()
    assert main(["t.jsonl", "--hosted", "100", "--field", "component"]) == 2
    assert "give --hosted or --field" in capsys.readouterr().err
    monkeypatch.setenv("PRECEDENT_CLASSIFIER", "forest")
    assert main(["t.jsonl", "--hosted", "100"]) == 2
    assert "set PRECEDENT_CLASSIFIER=hosted:MODEL" in capsys.readouterr().err
