"""The stand-in's chat model: three sentences, whole or in small chunks."""

import html
import re
from typing import Any

from tests.provider.wire import token_count

__all__ = ["completion", "completion_chunks", "reply_to"]

_TICKET = re.compile(r'<ticket\s+id="([^"]*)"')
_CHUNK = re.compile(r"\s*\S{1,6}|\s+")
_ID = "chatcmpl-1"
_CREATED = 1_790_000_000


def reply_to(prompt: str) -> str:
    """Write three sentences that cite the first ticket of the prompt, if it has one."""
    found = _TICKET.search(prompt)
    source = f"ticket [{html.unescape(found[1])}]" if found else "what you describe"
    return (
        "We see the problem and are sorry for the trouble. "
        f"We handle it with the priority of {source}. "
        f"Please apply what resolved {source}, then tell us whether it helped."
    )


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
