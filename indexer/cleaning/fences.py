"""Fenced code blocks, as Markdown writes them: nothing in them is mark-up or mail."""

import re

__all__ = ["fenced", "in_fence"]

_FENCE = re.compile(r"\s*(`{3,})([^`]*)")
_TICKS = re.compile(r"`{3,}")


def in_fence(lines: list[str]) -> list[bool]:
    """Return for each line whether it belongs to a fenced block; one that is never closed goes to the end."""
    inside: list[bool] = []
    fence = ""
    for line in lines:
        match = _FENCE.fullmatch(line.rstrip())
        if fence:
            inside.append(True)
            if match and len(match[1]) >= len(fence) and not match[2]:
                fence = ""
        else:
            fence = match[1] if match else ""
            inside.append(bool(match))
    return inside


def fenced(code: str, language: str = "") -> str:
    """Return code as a fenced block, with a fence longer than any in it."""
    fence = "`" * max(3, 1 + max((len(ticks) for ticks in _TICKS.findall(code)), default=0))
    return f"{fence}{language}\n{code.strip(chr(10))}\n{fence}"
