"""Tests of the priority by a model at the provider."""
