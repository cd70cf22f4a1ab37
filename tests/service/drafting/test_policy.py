"""Tests of what the team allows to promise."""

import json
from pathlib import Path

import pytest

from indexer.errors import SettingsError
from service.drafting.policy import promises, read_policy
from service.drafting.prompt import INSTRUCTIONS, VERSION
from tests.forked import Forked
from tests.service.running import environment


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


def test_prompts_shows_instructions_and_policy(tmp_path: Path) -> None:
    """With the version that answers keep; a policy that cannot be used is an error that names the file."""
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    _write(data_dir, b"# ours\nWe answer within two days.\n")

    def run(status: int) -> str:
        output = tmp_path / f"{status}.log"
        done = Forked("prompts", "--json", cwd=tmp_path, env=environment(data_dir), output=output)
        assert done.wait(60) == status, done.output
        return done.output

    shown = json.loads(run(0))
    assert shown == {
        "version": VERSION, "instructions": INSTRUCTIONS, "policy": ["We answer within two days."],
    }  # fmt: skip
    (data_dir / "prompts" / "policy.txt").write_bytes(b"\xff")
    assert "policy.txt cannot be read" in run(2)


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
