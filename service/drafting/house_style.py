"""What the team itself says of its replies: the files in ``prompts`` in ``DATA_DIR``, and what holds without them."""

import difflib
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from indexer.errors import SettingsError
from service.drafting.languages import ENGLISH, LANGUAGES, Frame

__all__ = ["DEFAULTS", "HouseStyle", "read_style", "write_defaults"]

_FOLDER, _POLICY, _REPLY = "prompts", "policy.txt", "reply.toml"
_MOST_BYTES = 20_000
_LIMITS = {"brand": 80, "tone": 200, "greeting": 200, "sign_off": 500, "instructions": 4_000}
"""Characters that each may have."""
_ONE_LINE = frozenset(("brand", "tone", "greeting"))
_DELIMITER = re.compile(r"</?\s*(?:new_ticket|precedents|ticket|text|resolution)\b", re.IGNORECASE)


class HouseStyle(msgspec.Struct, frozen=True, kw_only=True):
    """What is in force; a greeting or sign-off that is not given is the shipped one of its language."""

    brand: str = ""
    tone: str = "technical and direct"
    language: str = ENGLISH
    """Of a reply to a ticket whose language cannot be told, or in which replies cannot be checked."""
    instructions: str = ""
    """For the chat model, beside the shipped ones."""
    greeting: dict[str, str] = {}
    sign_off: dict[str, str] = {}
    policy: str = ""
    """Sentences that the team allows in any reply."""

    def frame(self, language: str) -> Frame:
        """Return what a reply in one of the `LANGUAGES` begins and ends with."""
        shipped = LANGUAGES[language].frame
        sign_off = self.sign_off.get(language)
        if sign_off is None:
            sign_off = "\n".join(filter(None, (shipped.sign_off, self.brand)))
        return Frame(language, self.greeting.get(language, shipped.greeting), shipped.thanks, sign_off)

    def source(self, name: str) -> str:
        """Say where the value of one of the names in ``reply.toml`` comes from."""
        return "shipped" if getattr(self, name) == getattr(DEFAULTS, name) else f"{_FOLDER}/{_REPLY}"


DEFAULTS = HouseStyle()


def read_style(data_dir: Path) -> HouseStyle:
    """Read ``prompts/reply.toml`` and ``prompts/policy.txt`` in ``DATA_DIR``; what they do not say is as shipped.

    :raises SettingsError: one of them cannot be used.
    """
    folder = data_dir / _FOLDER
    lines = (_read(folder / _POLICY) or "").splitlines()
    policy = "\n".join(line for line in lines if line.strip() and not line.lstrip().startswith("#"))
    path = folder / _REPLY
    try:
        given = tomllib.loads(_read(path) or "")
    except tomllib.TOMLDecodeError as error:
        msg = f"{path} is not valid TOML: {error}"
        raise SettingsError(msg) from None
    _require_known(path, given, (name for name in HouseStyle.__struct_fields__ if name != "policy"))
    for name in ("greeting", "sign_off"):
        if isinstance(by_language := given.get(name, {}), dict):
            _require_known(path, by_language, LANGUAGES, f"{name}.")
    try:
        style = msgspec.convert({**given, "policy": policy}, HouseStyle)
    except msgspec.ValidationError as error:
        msg = f"{path} cannot be used: {error}"
        raise SettingsError(msg) from None
    _require_known(path, {style.language: None}, LANGUAGES, "language = ")
    for name, limit in _LIMITS.items():
        value = getattr(style, name)
        texts = (
            {f"{name}.{code}": text for code, text in value.items()}
            if isinstance(value, dict)
            else {name: value}
        )
        for where, text in texts.items():
            if problem := _problem(text, limit, one_line=name in _ONE_LINE):
                msg = f"{path}: {where} {problem}"
                raise SettingsError(msg)
    return style


def write_defaults(data_dir: Path) -> tuple[Path, ...]:
    """Write what is shipped to those files of ``prompts`` that are not there; return them.

    :raises SettingsError: they cannot be written.
    """
    folder, written = data_dir / _FOLDER, []
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name, content in ((_REPLY, _default_reply()), (_POLICY, _DEFAULT_POLICY)):
            try:
                with (folder / name).open("x", encoding="utf-8") as file:
                    (folder / name).chmod(0o600)
                    file.write(content)
            except FileExistsError:
                continue
            written.append(folder / name)
    except OSError as error:
        msg = f"{folder} cannot be written: {error.strerror}"
        raise SettingsError(msg) from None
    return tuple(written)


def _read(path: Path) -> str | None:
    try:
        content = path.read_bytes()
        if len(content) > _MOST_BYTES:
            msg = f"{path} has {len(content):,} bytes: it may have at most {_MOST_BYTES:,}"
            raise SettingsError(msg)
        return content.decode("utf-8-sig")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path} cannot be read: {error}"
        raise SettingsError(msg) from None


def _require_known(path: Path, given: dict[str, Any], known: Iterable[str], before: str = "") -> None:
    known = list(known)
    for name in given:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            meant = f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"
            msg = f"{path}: {before}{name} is not known; {meant}"
            raise SettingsError(msg)


def _problem(text: str, limit: int, *, one_line: bool) -> str | None:
    if len(text) > limit:
        return f"has {len(text):,} characters: it may have at most {limit:,}"
    if one_line and "\n" in text:
        return "must be one line"
    if found := _DELIMITER.search(text):
        return f"has {found[0]}, by which the data in a prompt is told from instructions: leave it out"
    return None


def _default_reply() -> str:
    lines = [
        "# How replies are written; read at each start. `precedent prompts` shows what is in force.",
        "# A line that begins with # says what is shipped: take the # away to change it.",
        "",
        '# brand = ""  # stands below the shipped sign-off',
        f'# tone = "{DEFAULTS.tone}"',
        f'# language = "{DEFAULTS.language}"  # where the ticket\'s cannot be told; one of {", ".join(LANGUAGES)}',
        '# instructions = ""  # for the chat model, beside the shipped ones; promises stand in policy.txt',
    ]
    for name in ("greeting", "sign_off"):
        lines += ["", f"[{name}]"]
        for code, language in LANGUAGES.items():
            said = str(getattr(language.frame, name)).replace("\n", "\\n")
            lines.append(f'# {code} = "{said}"')
    return "\n".join(lines) + "\n"


_DEFAULT_POLICY = """\
# Sentences that the team allows in any reply, one a line, such as:
# We answer within two business days.
"""
