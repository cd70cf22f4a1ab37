"""The README describes what exists."""

import re
from pathlib import Path

import pytest

from indexer.settings import Setting, settings_table

_ROOT = Path(__file__).parents[1]
_README = (_ROOT / "README.md").read_text()


@pytest.mark.parametrize("setting", settings_table(), ids=lambda setting: setting.name)
def test_every_setting_is_documented(setting: Setting) -> None:
    """Each setting stands in the README with its default and its help."""
    default = f"`{setting.default}`" if setting.default else ""
    assert f"| `{setting.name}` | {default} | {setting.help} |" in _README


def test_every_make_target_that_is_named_exists() -> None:
    """The README names no make target that the Makefile does not have."""
    targets = set(re.findall(r"^([a-z-]+):", (_ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)", _README)) <= targets


def test_the_first_screen_shows_the_two_commands_and_an_answer() -> None:
    """Whoever opens the README sees how to run it and what comes out."""
    first = _README.splitlines()[:40]
    assert any(line.startswith("make run") for line in first)
    assert any(line.startswith("make test") for line in first)
    assert any('"citations"' in line for line in first)
