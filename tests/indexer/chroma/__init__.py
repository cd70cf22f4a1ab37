"""Tests of indexer.chroma, against a real Chroma server."""
