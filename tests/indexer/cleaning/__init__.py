"""Tests of the cleaning of texts."""
