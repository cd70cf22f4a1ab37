"""What is found in a source before it is stored."""

import json
from pathlib import Path
from typing import Any

from indexer.inspection import Inspection, inspect_source
from indexer.sources import read_source


def _inspected(folder: Path, *records: dict[str, Any]) -> Inspection:
    path = folder / "t.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    reader = read_source(str(path))
    return inspect_source(reader, reader)


def test_every_record_is_counted_once(tmp_path: Path) -> None:
    """As a ticket, as left out, or as rejected."""
    found = _inspected(
        tmp_path, {"id": "1", "text": "a"}, {"id": "2", "text": "b", "status": "Open"}, {"id": "3"}
    )
    assert (found.read, found.usable, found.rejected) == (3, 1, 1)
    assert found.left_out == {"the ticket is not resolved: its status is 'Open'": 1}
    assert found.reasons == ["line 3: text is missing: give text, or subject and body"]
    assert found.complete


def test_reasons_of_the_first_five_are_kept(tmp_path: Path) -> None:
    """The count goes on."""
    found = _inspected(tmp_path, *({"id": str(number)} for number in range(7)))
    assert found.rejected == 7
    assert [reason.partition(":")[0] for reason in found.reasons] == [f"line {n}" for n in range(1, 6)]


def test_resolutions_from_the_conversation_are_told_apart(tmp_path: Path) -> None:
    """Both are resolutions."""
    answer = {"author": "agent", "text": "Restart the print service and clear its queue."}
    found = _inspected(
        tmp_path,
        {"id": "1", "text": "a", "resolution": "Replaced the fuser of the printer."},
        {"id": "2", "text": "b", "thread": [answer]},
        {"id": "3", "text": "c", "resolution": "Fixed"},
    )
    assert found.has["resolution"] == 2
    assert found.drawn == 1


def test_texts_and_duplicates(tmp_path: Path) -> None:
    """Mark-up and quoted mail are counted where they stood in the text, and a repeated id is not a repeated text too."""
    quoted = (
        "It fails.\n\nOn Mon, 3 Mar 2025 at 10:11, Ann <ann@example.com> wrote:\n> Please try again.\n> Ann"
    )
    found = _inspected(
        tmp_path,
        {"id": "1", "subject": "Printer", "body": "<p>It <b>jams</b></p><ul><li>often</li></ul>"},
        {"id": "2", "subject": "Mail", "body": quoted},
        {"id": "3", "subject": "Login", "body": "It fails"},
        {"id": "3", "subject": "Login", "body": "It fails"},
        {"id": "4", "subject": "Login", "body": "It fails"},
    )
    assert (found.markup, found.set_apart) == (1, 1)
    assert (found.same_id, found.same_text) == (1, 1)
    assert [ticket.id for ticket in found.tickets] == ["1", "2", "3"]
    assert found.tickets[0].text == "Printer\n\nIt jams\n\n- often"


def test_dates_and_labels(tmp_path: Path) -> None:
    """The range spans both dates; labels come by frequency."""
    found = _inspected(
        tmp_path,
        {"id": "1", "text": "a", "priority": "High", "created_at": "2025-01-02", "resolved_at": "2025-03-04"},
        {"id": "2", "text": "b", "priority": "low", "status": "Closed", "fields": {"team": "A"}},
        {"id": "3", "text": "c", "priority": "low", "status": "Closed"},
    )
    assert found.earliest is not None
    assert found.latest is not None
    assert [f"{at:%Y-%m-%d}" for at in (found.earliest, found.latest)] == ["2025-01-02", "2025-03-04"]
    assert list(found.priorities.items()) == [("low", 2), ("High", 1)]
    assert found.statuses == {"Closed": 2}
    assert found.fields == {"team": 1}


def test_labels_that_look_alike(tmp_path: Path) -> None:
    """Case, spaces and slips of the pen are named; other numbers and other words are other labels."""
    labels = (
        "High",
        "Hgh",
        "in-progress",
        "In Progress",
        "P1",
        "P2",
        "Priority 1",
        "Priority 2",
        "Higher",
        "+",
        "-",
    )
    found = _inspected(
        tmp_path,
        *({"id": label, "text": f"text {label}", "priority": label} for label in labels),
    )
    assert found.alike == [("High", "Hgh"), ("in-progress", "In Progress")]


def test_reading_ends_after_the_most_records(tmp_path: Path) -> None:
    """It is said that there is more."""
    path = tmp_path / "t.jsonl"
    path.write_text('{"id": "1"}\n' * 50_001)
    reader = read_source(str(path))
    found = inspect_source(reader, reader)
    assert found.read == 50_000
    assert not found.complete


def test_languages_of_a_sample_over_the_whole_source(tmp_path: Path) -> None:
    """Not of the first tickets only, which are often the oldest; a text that tells no language is counted too."""
    german, english = (
        "Die Anmeldung schlägt seit gestern fehl.",
        "Nobody can log in since yesterday's update.",
    )
    texts = [german] * 1_500 + [english] * 1_500 + ["ok"] * 100
    found = _inspected(tmp_path, *({"id": str(n), "text": text} for n, text in enumerate(texts)))
    assert found.languages == {"de": 750, "en": 750, "unsure": 50}
