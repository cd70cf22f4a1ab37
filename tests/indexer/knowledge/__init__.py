"""Tests of indexer.knowledge, against a real Chroma server."""
