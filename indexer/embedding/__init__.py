"""Embedding behind one protocol: hosted by the provider, or local on ONNX Runtime."""

from indexer.embedding.protocol import EmbeddedBatch, Embedder, Matrix

__all__ = ["EmbeddedBatch", "Embedder", "Matrix"]
