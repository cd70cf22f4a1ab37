"""The stand-in's embedding model: deterministic, and texts that share words are near each other."""

import base64
import functools
import re
import zlib
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tests.provider.wire import token_count

__all__ = ["embeddings_body", "vectors_of"]

_WORD = re.compile(r"\w+")
_PLACES = 3  # of one word; few words collide in all of them, even at 64 dimensions


def vectors_of(texts: list[str], dimension: int) -> NDArray[np.float32]:
    """Return a hashed bag of lower-cased words for each text, with unit norm; short words weigh little."""
    vectors = np.zeros((len(texts), dimension), dtype=np.float64)
    for row, text in enumerate(texts):
        words = _WORD.findall(text.lower()) or [text]
        hashed = [_hashed(word, dimension) for word in words]
        places = np.array([place for word in hashed for place, _ in word])
        np.add.at(vectors[row], places, np.array([weight for word in hashed for _, weight in word]))
        if not vectors[row].any():
            vectors[row, zlib.crc32(text.encode()) % dimension] = 1.0
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32)


def embeddings_body(texts: list[str], *, model: str, dimension: int, coding: str, fault: str) -> bytes:
    """Return the answer to an embedding request, with the fault in it if that is one of content."""
    vectors = vectors_of(texts, dimension + (fault == "wrong_dimension"))
    if fault == "zero_vector":
        vectors[-1] = 0
    coded: list[Any] = (
        [base64.b64encode(vector.astype("<f4").tobytes()).decode() for vector in vectors]
        if coding == "base64"
        else vectors.astype(np.float64).tolist()
    )
    if fault == "nan":
        # Not JSON, but what Python's json module and servers built on it write.
        coded[0] = msgspec.Raw(b"[" + b",".join([b"NaN"] * dimension) + b"]")
    data = [{"object": "embedding", "index": index, "embedding": value} for index, value in enumerate(coded)]
    if fault == "wrong_count":
        data.pop()
    if fault == "shuffled":
        data.reverse()
    used = sum(map(token_count, texts))
    usage = {"prompt_tokens": used, "total_tokens": used}
    return msgspec.json.encode({"object": "list", "data": data, "model": model, "usage": usage})


@functools.lru_cache(maxsize=200_000)
def _hashed(word: str, dimension: int) -> tuple[tuple[int, float], ...]:
    weight = min(len(word), 6) ** 2 / 36
    hashes = [zlib.crc32(f"{place}{word}".encode()) for place in range(_PLACES)]
    return tuple((value % dimension, weight if value >> 31 else -weight) for value in hashes)
