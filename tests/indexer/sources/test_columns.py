"""What a reader says of the columns and names it found."""

from pathlib import Path

from indexer.sources import read_source


def _columns(path: Path, content: str, **mapping: str) -> dict[str, str]:
    path.write_text(content)
    reader = read_source(str(path), mapping=mapping)
    list(reader)
    return reader.recognised[0].columns


def test_a_table_says_what_each_column_became(tmp_path: Path) -> None:
    """Names that no field has are further fields."""
    found = _columns(tmp_path / "t.csv", "Ticket ID,Title,Issue Text,Mood\n1,a,b,c\n", body="Issue Text")
    assert found == {"Ticket ID": "id", "Title": "subject", "Issue Text": "body", "Mood": "fields.mood"}


def test_a_known_tool_keeps_further_columns(tmp_path: Path) -> None:
    """They are fields, and Jira's comments are the conversation."""
    table = "Issue key,Summary,Issue Type,Comment,Customer Tier\nA-1,a,Bug,,gold\n"
    assert _columns(tmp_path / "t.csv", table) == {
        "Issue key": "id",
        "Summary": "subject",
        "Issue Type": "fields.type",
        "Comment": "thread",
        "Customer Tier": "fields.customer_tier",
    }


def test_names_of_objects_are_gathered(tmp_path: Path) -> None:
    """A later record may have more of them; a field whose name another column took is not read."""
    lines = '{"id": "1", "text": "a"}\n{"id": "2", "text": "a", "note": "b", "mood": 3}\n'
    found = _columns(tmp_path / "t.jsonl", lines, text="note")
    assert found == {"id": "id", "text": "", "note": "text", "mood": "fields.mood"}


def test_an_export_with_a_shape_of_its_own_names_none(tmp_path: Path) -> None:
    """Its reader's module says what is taken."""
    page = '{"issues": [{"key": "A-1", "fields": {"summary": "a", "status": {"name": "Done"}}}]}'
    assert _columns(tmp_path / "t.json", page) == {}
