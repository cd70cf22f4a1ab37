"""The stand-in's chat model: two sentences, whole or in small chunks."""

import html
import json
import re
from collections.abc import Sequence
from typing import Any

from tests.provider.wire import token_count

__all__ = ["completion", "completion_chunks", "reply_to", "structured"]

_TICKET = re.compile(r'<ticket\s+id="([^"]*)"(?:.*?<resolution>(.*?)</resolution>)?', re.DOTALL)
_NEW = re.compile(r"<new_ticket>\n(.*?)\n</new_ticket>", re.DOTALL)
_FIRST = re.compile(r".*?(?:[.!?](?=\s|\Z)|\n|\Z)")
_CHUNK = re.compile(r"\s*\S{1,6}|\s+")
_ID = "chatcmpl-1"
_CREATED = 1_790_000_000


def reply_to(prompt: str) -> str:
    """Write the end of the new ticket's first sentence, and the first resolution's with its id, as JSON."""
    new, found = _NEW.search(prompt), _TICKET.search(prompt)
    sentences: list[tuple[str, Sequence[str]]] = [
        (_end_of(_first(new[1])) if new else "We see the problem.", ())
    ]
    if found:
        sentences.append((_first(found[2] or "Please apply it."), (html.unescape(found[1]),)))
    return structured(*sentences)


def structured(*sentences: tuple[str, Sequence[str]]) -> str:
    """Return an answer in the form that the drafter asks for: texts, each with the ids that it rests on."""
    return json.dumps(
        {"sentences": [{"text": text, "ids": [*ids]} for text, ids in sentences]}, ensure_ascii=False
    )


def _end_of(sentence: str) -> str:
    return " ".join(sentence.rstrip(".!?").split()[-3:]) + "."


def _first(text: str) -> str:
    found = _FIRST.match(html.unescape(text))
    return found[0].strip() if found else ""


def completion(prompt: str, text: str, *, model: str) -> dict[str, Any]:
    """Return the answer in one piece."""
    message = {"role": "assistant", "content": text}
    return {
        "id": _ID,
        "created": _CREATED,
        "model": model,
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": _usage(prompt, text),
    }


def completion_chunks(
    prompt: str, text: str, *, model: str, usage: bool, size: int | None = None
) -> list[dict[str, Any]]:
    """Return the answer in chunks of some letters or of this size, and last the usage if it was asked for."""
    pieces = _CHUNK.findall(text) if size is None else [text[i : i + size] for i in range(0, len(text), size)]
    deltas: list[tuple[dict[str, Any], str | None]] = [({"role": "assistant", "content": ""}, None)]
    deltas += [({"content": piece}, None) for piece in pieces]
    deltas += [({}, "stop")]
    head = {"id": _ID, "created": _CREATED, "model": model, "object": "chat.completion.chunk"}
    chunks: list[dict[str, Any]] = [
        {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
        for delta, reason in deltas
    ]
    return [*chunks, {**head, "choices": [], "usage": _usage(prompt, text)}] if usage else chunks


def _usage(prompt: str, text: str) -> dict[str, int]:
    used, written = token_count(prompt), token_count(text)
    return {"prompt_tokens": used, "completion_tokens": written, "total_tokens": used + written}
