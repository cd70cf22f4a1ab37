"""Tests of what the team allows to promise."""

from pathlib import Path

import pytest

from indexer.errors import SettingsError
from service.drafting.policy import promises, read_policy


def _write(folder: Path, content: bytes) -> None:
    (folder / "prompts").mkdir()
    (folder / "prompts" / "policy.txt").write_bytes(content)


def test_reads_the_sentences_of_the_file(tmp_path: Path) -> None:
    """Blank lines and comments are none; without a file nothing is allowed."""
    assert read_policy(tmp_path) == ""
    _write(tmp_path, "\ufeff# What we promise\n\nWe answer within two business days.\n".encode())
    assert read_policy(tmp_path) == "We answer within two business days."


@pytest.mark.parametrize(
    ("content", "problem"), [(b"\xff\xfe\xff", "cannot be read"), (b"x" * 20_001, "has 20,001 bytes")]
)
def test_a_file_that_cannot_be_used_stops_the_start(tmp_path: Path, content: bytes, problem: str) -> None:
    """Who writes a policy learns at once that it is not followed."""
    _write(tmp_path, content)
    with pytest.raises(SettingsError, match=problem):
        read_policy(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "We will fix it.",
        "We'll look into it.",
        "Our engineers are going to lift the limit.",
        "You will get your money back.",
        "It will be fixed by Friday.",
        "The next release solves it.",
        "A refund is possible.",
        "It is free of charge.",
        "It takes effect within 24 hours.",
        "You hear from us shortly.",
        "Wir werden das erstatten.",
    ],
)
def test_knows_promises(text: str) -> None:
    """What the team would do, pay or keep to."""
    assert promises(text)


@pytest.mark.parametrize(
    "text",
    [
        "Restart the gateway.",
        "The limit is 60 seconds.",
        "It will restart by itself.",
        "Wait until the next deploy.",
        "Reload the page to get the new version.",
        "Deliveries time out after 30 seconds.",
    ],
)
def test_leaves_what_is_none(text: str) -> None:
    """What the product does is no promise."""
    assert not promises(text)
