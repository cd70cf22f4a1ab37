"""Embedding behind one protocol: hosted by the provider, or local on ONNX Runtime."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["EmbeddedBatch", "Embedder", "Matrix", "expected_requests"]

Matrix = NDArray[np.float32]
"""float32, shape (rows, dimension), every row finite with a norm above zero."""


@dataclass(frozen=True, slots=True)
class EmbeddedBatch:
    """Vectors that arrived together: ``vectors[i]`` is of the text at ``positions[i]`` of the call."""

    positions: tuple[int, ...]
    vectors: Matrix
    requests: int
    """Sent to the provider since the batch before; 0 on this machine."""
    tokens: int
    """Read by the model."""


class Embedder(Protocol):
    """Turns texts into vectors of one space, which ``model`` names."""

    @property
    def kind(self) -> Literal["hosted", "local"]:
        """Whether the provider embeds, or the model on this machine."""

    @property
    def model(self) -> str:
        """The model's name; vectors of two names are never compared."""

    @property
    def batch_size(self) -> int:
        """Texts that are embedded together; it may fall while the embedder is used."""

    @property
    def concurrency(self) -> int:
        """Batches in work at the same time."""

    def embed(self, texts: Sequence[str]) -> AsyncGenerator[EmbeddedBatch, None]:
        """Yield every text's vector once, batch by batch, in the order in which they arrive.

        A caller that stops early closes it (``contextlib.aclosing``), which cancels the requests in flight.

        :raises ProviderError: a batch failed for good; what other batches in flight brought was yielded before.
        """

    async def close(self) -> None:
        """Release connections and memory."""


def expected_requests(embedder: Embedder, texts: int) -> int:
    """Return how many provider requests so many texts take; none when they are embedded on this machine."""
    return -(-texts // embedder.batch_size) if embedder.kind == "hosted" else 0
