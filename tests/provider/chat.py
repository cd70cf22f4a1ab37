"""The stand-in's chat model: two sentences, whole or in small chunks."""

import html
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tests.provider.wire import token_count

__all__ = ["completion", "completion_chunks", "reply_to", "structured", "weighed_labels"]

_TICKET = re.compile(r'<ticket\s+id="([^"]*)"(?:.*?<resolution>(.*?)</resolution>)?', re.DOTALL)
_NEW = re.compile(r"<new_ticket>\n(.*?)\n</new_ticket>", re.DOTALL)
_LABELS = re.compile(r"with exactly one of these priorities, .*: (.+)")
_SURE = 0.9
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


def weighed_labels(prompt: str, telling: Mapping[str, str]) -> dict[str, float]:
    """Return how likely each label is, where the prompt asks for one of several, else nothing.

    :param telling: words, and the label that a ticket with one of them most likely has; without one it is the first label.
    """
    found = _LABELS.search(prompt)
    if not found:
        return {}
    labels = found[1].split(", ")
    likely = next((label for word, label in telling.items() if word in prompt[found.end() :]), labels[0])
    rest = (1 - _SURE) / max(1, len(labels) - 1)
    return {label: _SURE if label == likely else rest for label in labels}


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
    prompt: str,
    text: str,
    *,
    model: str,
    usage: bool,
    size: int | None = None,
    weighed: Mapping[str, float] | None = None,
) -> list[dict[str, Any]]:
    """Return the answer in chunks of some letters or of this size, and last the usage if it was asked for.

    :param weighed: the labels that an answer in one chunk was chosen from, whose probabilities are told with it.
    """
    pieces = _CHUNK.findall(text) if size is None else [text[i : i + size] for i in range(0, len(text), size)]
    deltas: list[tuple[dict[str, Any], str | None]] = [({"role": "assistant", "content": ""}, None)]
    deltas += [({"content": piece}, None) for piece in pieces]
    deltas += [({}, "stop")]
    head = {"id": _ID, "created": _CREATED, "model": model, "object": "chat.completion.chunk"}
    chunks: list[dict[str, Any]] = [
        {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
        for delta, reason in deltas
    ]
    if weighed:
        told = [{"token": label, "logprob": math.log(share)} for label, share in weighed.items()]
        own = {"token": text, "logprob": math.log(weighed.get(text, 1.0))}
        chunks[1]["choices"][0]["logprobs"] = {"content": [own | {"top_logprobs": told}]}
    return [*chunks, {**head, "choices": [], "usage": _usage(prompt, text)}] if usage else chunks


def _usage(prompt: str, text: str) -> dict[str, int]:
    used, written = token_count(prompt), token_count(text)
    return {"prompt_tokens": used, "completion_tokens": written, "total_tokens": used + written}
