"""Tests of `forget`."""
