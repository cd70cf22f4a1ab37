"""That each text which a module of the console uses is there, without a browser."""

import re
from pathlib import Path

import pytest

_CONSOLE = Path("service/console")
_HANDED_ON = {"listed", "resolvedOn", "createdOn"}
"""Functions that a module calls by another name."""
_KEY = re.compile(r'^( +)(?:"([\w-]+)"|(\w+)): ?(.*)')
_FUNCTION = re.compile(r"(?:\([^()]*\)|\w+) =>")
_ALIAS = re.compile(r"^const words = texts\.(\w+);", re.MULTILINE)
_USE = re.compile(r"(?<![\w.$/])(words|texts)((?:\.\w+)+)(\(?)")


def _texts() -> dict[str, str]:
    """Return by its path, such as ``running.other``, what each text is: ``function``, ``block`` or ``text``."""
    found = {}
    path: list[str] = []
    for line in (
        (_CONSOLE / "texts.js").read_text(encoding="utf-8").split("export const texts", 1)[1].splitlines()
    ):
        key = _KEY.match(line)
        if key is None or len(key[1]) // 2 - 1 > len(path):
            continue  # of a text that goes on, or of what a function returns
        path = [*path[: len(key[1]) // 2 - 1], key[2] or key[3]]
        value = key[4]
        kind = "function" if _FUNCTION.match(value) else "block" if value.startswith("{") else "text"
        found[".".join(path)] = kind
        if value.startswith("{ "):  # all of it in one line
            found |= {
                ".".join((*path, name)): "text" for name in re.findall(r'[{,] (?:")?([\w-]+)"?: ', value)
            }
    return found


@pytest.mark.parametrize(
    "module", sorted(path.name for path in _CONSOLE.glob("*.js") if path.name != "texts.js")
)
def test_every_text_is_there_as_it_is_used(module: str) -> None:
    """In the block that the module takes its words from; a function is called, and nothing else is."""
    texts = _texts()
    source = (_CONSOLE / module).read_text(encoding="utf-8")
    block = _ALIAS.search(source)
    wrong = []
    for name, names, called in _USE.findall(source):
        if name == "words" and block is None:
            continue  # a module's own words
        path = (block[1] + names if name == "words" and block else names[1:]).split(".")
        # What follows a text, such as a method of it, is none.
        known = next((".".join(path[:end]) for end in (3, 2, 1) if ".".join(path[:end]) in texts), None)
        kind = texts.get(known or "")
        whole = known == ".".join(path)
        if (
            kind is None
            or ((kind == "function") != bool(called and whole) and path[-1] not in _HANDED_ON)
            or (kind == "block" and not whole and path[-1] != "map")
        ):
            wrong.append(f"{name}{names}{called}: {kind}")
    assert not wrong


def test_the_texts_are_read_as_they_are() -> None:
    """A function, a block, what stands in one, and a text."""
    texts = _texts()
    expected = {"running.other": "function", "running.breakers": "block", "jobs.states.failed": "text", "menu.bring-in": "text"}  # fmt: skip
    assert expected.items() <= texts.items()
