"""Embedding behind one protocol: hosted by the provider, or local on ONNX Runtime."""

from indexer.embedding.protocol import EmbeddedBatch, Embedder, Matrix, expected_requests

__all__ = ["EmbeddedBatch", "Embedder", "Matrix", "expected_requests"]
