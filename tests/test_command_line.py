"""The command `precedent`, as installed, and the modules that stay the same thing."""

import os
import re
import subprocess
import sys
from contextlib import closing
from importlib import metadata
from pathlib import Path

import pytest
from click.testing import CliRunner

from indexer.cli import cli
from indexer.ledger import Ledger
from service.cli import main
from tests.indexer.making import make_tickets

_SCRIPT = Path(sys.executable).with_name("precedent")
_SERVICE = {"serve", "evaluate", "audit", "calibrate", "fine-tune", "prompts", "replay"}


def _run(folder: Path, *command: str, **changes: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PRECEDENT_", "OXLO_"))}
    return subprocess.run(
        command, cwd=folder, env=kept | changes, capture_output=True, text=True, timeout=200, check=False
    )


def test_a_command_that_reads_makes_no_store_in_another_folder(tmp_path: Path) -> None:
    """Without settings the store is `chroma_data` of the folder it is called in; where none is, the error names it."""
    for name in ("status", "verify"):
        run = _run(tmp_path, str(_SCRIPT), name)
        assert run.returncode == 2
        assert str(tmp_path / "chroma_data" / "ledger.sqlite3") in run.stderr
        assert "PRECEDENT_DATA_DIR" in run.stderr
    stopped = _run(tmp_path, str(_SCRIPT), "stop")
    assert stopped.returncode == 0
    assert f"nothing was running on {tmp_path / 'chroma_data'}" in stopped.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "command",
    [
        "audit", "audit-log", "backup copy", "calibrate", "clear", "deliveries", "evaluate", "fine-tune", "forget 1", "keys",
        "keys revoke portal", "rebuild", "replay", "salvage copy", "sample --remove", "spend", "status", "verify --repair",
    ],
)  # fmt: skip
def test_no_command_that_needs_a_store_makes_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """Each ends with 2 and the path, so that no timer in the wrong folder reports success."""
    for name, value in {
        "DATA_DIR": "kept",
        "CLASSIFIER": "hosted:small",
        "API_BASE": "http://127.0.0.1:9/v1",
    }.items():
        monkeypatch.setenv(f"PRECEDENT_{name}", value)
    monkeypatch.chdir(tmp_path)
    assert main(command.split()) == 2
    assert (
        f"there is no ledger at sqlite:///{tmp_path / 'kept' / 'ledger.sqlite3'}" in capsys.readouterr().err
    )
    assert not (tmp_path / "kept").exists()


def test_a_new_store_is_told_once(tmp_path: Path) -> None:
    """What makes a store says so with its path, and `status` names the same."""
    ledger = f"sqlite:///{tmp_path / 'chroma_data' / 'ledger.sqlite3'}"
    made, listed = (
        _run(tmp_path, str(_SCRIPT), "keys", "add", "portal", "--scope", "ask"),
        _run(tmp_path, str(_SCRIPT), "status"),
    )
    assert made.returncode == listed.returncode == 0
    assert f"there was no ledger at {ledger}: a new one is made" in made.stderr
    assert not listed.stderr
    assert listed.stdout.splitlines()[:2] == [
        f"data directory: {tmp_path / 'chroma_data'}",
        f"ledger: {ledger}",
    ]


def test_the_module_is_the_same_thing() -> None:
    """`python -m indexer` knows every command of `precedent` but those that need the service's code."""
    root = Path(__file__).parents[1]
    run = _run(root, sys.executable, "-m", "indexer", "--help")
    assert run.returncode == 0
    for name in set(cli.commands) - _SERVICE:
        assert f"\n  {name} " in run.stdout


def test_every_command_explains_itself_without_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Help needs no settings: it is what one reads when they are wrong."""
    monkeypatch.setenv("PRECEDENT_NO_SUCH", "1")
    assert set(cli.commands) >= _SERVICE
    for name in cli.commands:
        shown = CliRunner().invoke(cli, [name, "--help"])
        assert shown.exit_code == 0, shown.output
        assert "Usage:" in shown.output
        assert len(shown.output.splitlines()) > 4


def test_what_is_misspelled_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown command, an unknown option and a wrong setting end with 2 and the word."""
    assert main(["snyc"]) == 2
    assert "snyc" in capsys.readouterr().err
    assert main(["sync", "--nope", "t.csv"]) == 2
    assert "--nope" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    ["audit --out -", "backup -", "evaluate --json -", "evaluate --out -", "fine-tune --out -", "salvage -"],
)
def test_no_result_is_written_to_a_file_named_as_standard_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """What `-` means elsewhere is refused by name."""
    monkeypatch.chdir(tmp_path)
    with closing(Ledger(None, tmp_path / "chroma_data")) as ledger:
        ledger.tickets.write(make_tickets(1))
    assert main(command.split()) == 2
    assert re.search("- (cannot be written|means standard output elsewhere): name a", capsys.readouterr().err)
    assert [path.name for path in tmp_path.iterdir()] == ["chroma_data"]


def test_what_is_empty_is_told_beside_the_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line on standard error says that there is nothing, so that nothing else is read as JSON."""
    monkeypatch.setenv("PRECEDENT_DATA_DIR", str(tmp_path))
    with closing(Ledger(None, tmp_path)):
        pass
    for command, words in (
        ("keys", "no API key was made"),
        ("spend --since 2026-01-31", "nothing was asked of the provider since 2026-01-31"),
        ("deliveries", "no answer was to be delivered"),
        ("deliveries --state dead", "no delivery is dead"),
        ("audit-log", "no such change"),
        ("status --flagged", "no ticket is flagged"),
    ):
        for arguments in (command, f"{command} --json"):
            assert main(arguments.split()) == 0
            shown = capsys.readouterr()
            assert not shown.out
            assert words in shown.err


def test_the_sample_says_why_it_is_not_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is for an empty store."""
    monkeypatch.setenv("PRECEDENT_DATA_DIR", str(tmp_path))
    with closing(Ledger(None, tmp_path)) as ledger:
        ledger.tickets.write(make_tickets(3))
    assert main(["sample"]) == 0
    assert "3 tickets are stored already" in capsys.readouterr().err


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """It is that of the package."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == f"precedent, version {metadata.version('precedent')}"


def test_a_wrong_setting_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The message names the setting, and nothing else happens."""
    monkeypatch.setenv("PRECEDENT_PROT", "1")
    assert main(["status"]) == 2
    assert "PRECEDENT_PROT" in capsys.readouterr().err
