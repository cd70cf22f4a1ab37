"""Tests of the files in which a team says how its replies are written."""

import asyncio
import json
import tomllib
from pathlib import Path

import pytest

from indexer.errors import SettingsError
from indexer.provider import open_provider
from indexer.settings import Settings
from service.drafting.drafter import Drafter
from service.drafting.house_style import DEFAULTS, HouseStyle, read_style, write_defaults
from service.drafting.languages import LANGUAGES
from service.drafting.prompt import instructions, version_of
from tests.forked import Forked
from tests.provider import Provider
from tests.provider.chat import structured
from tests.service.drafting.drafting import draft
from tests.service.drafting.examples import TICKETS, neighbour
from tests.service.running import environment

_OWN = """
brand = "Ferrymen"
tone = "warm and brief"
language = "nl"
instructions = "Call the product Ferry.\\nName the menu before the button."
[greeting]
de = "Moin,"
[sign_off]
de = "Bis bald\\nDie Fähre"
"""


def _write(data_dir: Path, name: str, content: bytes | str) -> Path:
    folder = data_dir / "prompts"
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return data_dir


def test_reads_what_the_files_say(tmp_path: Path) -> None:
    """Without files all is as shipped; blank lines and comments of the policy are none."""
    assert read_style(tmp_path) == DEFAULTS
    _write(tmp_path, "policy.txt", "\ufeff# What we promise\n\nWe answer within two business days.\n")
    style = read_style(_write(tmp_path, "reply.toml", _OWN))
    assert style.policy == "We answer within two business days."
    assert (style.brand, style.language) == ("Ferrymen", "nl")
    german, french = style.frame("de"), style.frame("fr")
    assert (german.opening, german.closing) == ("Moin,\n\n", "\n\nBis bald\nDie Fähre")
    assert french.closing == "\n\nCordialement,\nVotre équipe d'assistance\nFerrymen"
    told = instructions(style, "de")
    for words in (
        "engineer of Ferrymen.",
        "Be warm and brief.",
        "Write in German,",
        "Call the product Ferry. Name the menu before",
    ):
        assert words in told
    assert (
        len({version_of(one) for one in (style, DEFAULTS, HouseStyle(policy="x"), HouseStyle(brand="y"))})
        == 4
    )


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("policy.txt", b"\xff\xfe\xff", "policy.txt cannot be read"),
        ("policy.txt", b"x" * 20_001, "policy.txt has 20,001 bytes"),
        ("reply.toml", b"brand = ", "reply.toml is not valid TOML"),
        ("reply.toml", b'brnd = "x"', "brnd is not known; did you mean brand\\?"),
        ("reply.toml", b'colour = "x"', "colour is not known; known: brand, tone"),
        ("reply.toml", b'[greeting]\nger = "x"', "greeting.ger is not known; known: en, de"),
        ("reply.toml", b'[greetings]\nde = "x"', "greetings is not known; did you mean greeting\\?"),
        ("reply.toml", b'language = "pl"', "language = pl is not known"),
        ("reply.toml", b"brand = 5", "reply.toml cannot be used: Expected `str`, got `int`"),
        ("reply.toml", b'greeting = "Hi"', "reply.toml cannot be used: Expected `object`"),
        ("reply.toml", f'tone = "{"x" * 201}"'.encode(), "tone has 201 characters: it may have at most 200"),
        ("reply.toml", b'[greeting]\nde = "a\\nb"', "greeting.de must be one line"),
        (
            "reply.toml",
            b'instructions = "Close </precedents> first."',
            "instructions has </precedents, by which",
        ),
    ],
)
def test_a_file_that_cannot_be_used_stops_the_start(
    tmp_path: Path, name: str, content: bytes, problem: str
) -> None:
    """Who writes one learns at once that it is not followed, with what is wrong."""
    with pytest.raises(SettingsError, match=problem):
        read_style(_write(tmp_path, name, content))


def test_writes_the_defaults_once(tmp_path: Path) -> None:
    """They change nothing, with or without the comment signs, and a file that is there stays."""
    written = write_defaults(tmp_path)
    assert [path.name for path in written] == ["reply.toml", "policy.txt"]
    assert all(path.stat().st_mode & 0o077 == 0 for path in written)
    assert read_style(tmp_path) == DEFAULTS
    lines = written[0].read_text("utf-8").splitlines()
    bare = "\n".join(line.removeprefix("# ") for line in lines[2:])
    _write(tmp_path, "reply.toml", bare)
    assert {**tomllib.loads(bare), "greeting": {}, "sign_off": {}} == {
        name: getattr(DEFAULTS, name) for name in HouseStyle.__struct_fields__ if name != "policy"
    }
    assert [read_style(tmp_path).frame(code) for code in LANGUAGES] == [
        language.frame for language in LANGUAGES.values()
    ]
    assert write_defaults(tmp_path) == ()


def test_replies_are_written_in_it(provider: Provider) -> None:
    """With a model and without; the brand may be named, and the team's own instructions are not given away."""
    style = HouseStyle(
        brand="Ferrymen",
        language="nl",
        instructions="Never tell anybody that the harbour master sleeps at noon on Sundays.",
    )
    near = [neighbour("5", resolution="Restart the gateway so that it reads the new key.")]
    answer = structured(
        ("Restart the Ferrymen gateway.", ["5"]),
        ("The harbour master sleeps at noon on Sundays.", []),
    )
    provider.configure(reply=answer, chunk=5)

    async def run() -> None:
        async with open_provider(Settings(api_base=provider.url), max_retries=0) as client:
            drafter = Drafter(client, model="m", timeout=60, style=style)
            _, english = await draft(drafter, TICKETS["en"], near)
            assert english.draft.text == (
                "Hello,\n\nRestart the Ferrymen gateway.\n\nKind regards,\nYour support team\nFerrymen"
            )
            assert english.draft.degraded == "left out 1 sentence that repeated the prompt"
            without = Drafter(None, model="m", timeout=60, style=style)
            _, dutch = await draft(without, "401!", near)
            assert dutch.draft.language == "nl"
            assert dutch.draft.text.endswith("\n\nMet vriendelijke groet,\nUw supportteam\nFerrymen")

    asyncio.run(run())


def test_prompts_shows_what_is_in_force(tmp_path: Path) -> None:
    """With the version that answers keep and where each value comes from; a wrong file is an error that names it."""
    data_dir = tmp_path / "data"
    data_dir.mkdir()

    def run(*options: str, status: int = 0) -> str:
        output = tmp_path / f"{'-'.join(options)}{status}.log"
        done = Forked("prompts", *options, cwd=tmp_path, env=environment(data_dir), output=output)
        assert done.wait(60) == status, done.output
        return done.output

    assert "reply.toml was written" in run("--write")
    _write(data_dir, "policy.txt", b"# ours\nWe answer within two days.\n")
    _write(data_dir, "reply.toml", _OWN)
    style = read_style(data_dir)
    shown = json.loads(run("--json"))
    assert shown["version"] == version_of(style)
    assert shown["told"] == instructions(style, "nl")
    assert (shown["brand"], shown["policy"]) == ("Ferrymen", ["We answer within two days."])
    told = run()
    for line in (
        "brand: Ferrymen (prompts/reply.toml)",
        "greeting.de: Moin, (prompts/reply.toml)",
        "greeting.en: Hello, (shipped)",
    ):
        assert line in told
    _write(data_dir, "policy.txt", b"\xff")
    assert "policy.txt cannot be read" in run(status=2)
