"""The README describes what exists."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any, get_type_hints

import click
import msgspec
import pytest

from indexer.settings import KEY_NAME, PREFIX, Settings
from service.cli import cli
from tests.service.running import running_service

_ROOT = Path(__file__).parents[1]
_README = (_ROOT / "README.md").read_text()
_TIMES = ("embed", "classify", "retrieve", "draft")
_NEAR = 0.02


@pytest.mark.parametrize("field", msgspec.structs.fields(Settings), ids=lambda field: field.name)
def test_every_setting_is_documented(field: msgspec.structs.FieldInfo) -> None:
    """Each setting stands in the README with its default and its help."""
    name = KEY_NAME if field.name == KEY_NAME.lower() else PREFIX + field.name.upper()
    value = ",".join(field.default) if isinstance(field.default, tuple) else field.default
    default = f"`{value}`" if value not in (None, "", msgspec.NODEFAULT) else ""
    help_text = get_type_hints(Settings, include_extras=True)[field.name].__metadata__[-1].description
    assert f"| `{name}` | {default} | {help_text} |" in _README


def test_every_make_target_that_is_named_exists() -> None:
    """The README names no make target that the Makefile does not have."""
    targets = set(re.findall(r"^([a-z-]+):", (_ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|^)make ([a-z-]+)", _README, re.MULTILINE)) <= targets


def test_every_command_that_is_named_exists_with_its_options() -> None:
    """The README, SECURITY.md and the changelog name no command or option that `precedent` does not have."""
    commands = cli.commands
    named = 0
    for text in (_README, *((_ROOT / name).read_text() for name in ("SECURITY.md", "CHANGELOG.md"))):
        for name, rest in re.findall(r"`precedent ([a-z][a-z-]*)([^`]*)`", text):
            assert name in commands, name
            command = commands[name]
            if isinstance(command, click.Group) and (word := rest.split()[:1]) and word[0][0] != "-":
                command = command.commands[word[0]]
            known = {option for p in command.params if isinstance(p, click.Option) for option in p.opts}
            assert set(re.findall(r"--[a-z-]+", rest)) <= known | {"--help"}, (name, rest)
            named += 1
    assert named


def test_the_first_screen_shows_the_two_commands_and_an_answer() -> None:
    """Whoever opens the README sees what it needs, how to get, run and stop it, and what comes out, in lines that can be read."""
    first = _README.splitlines()[:40]
    starts = [
        n
        for word in ("git clone", "make run", "make test")
        for n, line in enumerate(first)
        if line.startswith(word)
    ]
    assert len(starts) == 3
    assert starts == sorted(starts)
    assert any('"citations"' in line for line in first)
    text = "\n".join(first)
    for told in (
        "Python 3.11",
        "Apache-2.0",
        "PRECEDENT_PORT=",
        "make stop",
        "PRECEDENT_DATA_DIR",
        Settings().data_dir.name,
    ):
        assert told in text, told
    assert max(map(len, first)) <= 120


def test_the_first_example_is_answered_as_printed(sample_dir: Path) -> None:
    """The sample is indexed and served as `make run` does it, and the printed curl command gives the printed answer."""
    if shutil.which("curl") is None:
        pytest.skip("install curl")
    blocks = re.findall(r"^```(?:json)?\n(.*?)^```", _README, re.DOTALL | re.MULTILINE)
    command, short, whole = (each for each in blocks[:5] if each.startswith(("curl", "{")))
    with running_service(sample_dir) as service:
        arguments = shlex.split(command.replace("http://127.0.0.1:8000", service.url).replace("\\\n", " "))
        given = subprocess.run(arguments, check=True, capture_output=True, timeout=100).stdout
    assert "…" not in json.loads(whole), "of the whole answer nothing is left out but of its lists"
    for printed in (short, whole):
        _compare(json.loads(printed), json.loads(given))


def _compare(printed: Any, given: Any, name: str = "") -> None:
    """See that an answer has the printed shape and figures; “…” ends what is shortened, and the rest is whole and in order."""
    assert type(printed) is type(given), name
    if isinstance(printed, dict):
        shortened = printed.pop("…", None) is not None
        assert printed.keys() < given.keys() if shortened else printed.keys() == given.keys(), name
        for key in printed:
            _compare(printed[key], given[key], key)
    elif isinstance(printed, list):
        shortened = printed[-1:] == ["…"]
        shown = printed[:-1] if shortened else printed
        assert len(shown) < len(given) if shortened else len(shown) == len(given), name
        for one, other in zip(shown, given, strict=False):
            _compare(one, other, name)
    elif name == "id" and len(printed) > len("1000"):
        assert len(printed) == len(given), "ids of answers differ, in nothing else than digits"
    elif isinstance(printed, str) and printed.endswith("…"):
        assert " ".join(given.split()).startswith(" ".join(printed[:-1].split())), name
    elif isinstance(printed, float):
        # Times are the machine's; the rest may differ in the last digits between processors.
        assert name in _TIMES or abs(printed - given) < _NEAR, (name, printed, given)
    else:
        assert printed == given, name


def test_every_link_within_leads_somewhere() -> None:
    """Each names a heading as GitHub does: small letters, hyphens for spaces, nothing else."""
    prose = re.sub(r"^```.*?^```", "", _README, flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.*)", prose, re.MULTILINE)
    places = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    links = re.findall(r"\]\(#([^)]*)\)", prose)
    assert links
    assert set(links) <= places


def test_every_place_to_change_exists() -> None:
    """The table that leads to the code names files that are there."""
    (table,) = re.findall(r"\| to change \| go to \|\n(.*?)\n\n", _README, re.DOTALL)
    places = re.findall(r"`([a-z_/]+(?:\.[a-z]+)?)`", table)
    assert len(places) > 15
    for place in places:
        assert (_ROOT / place).exists(), place
