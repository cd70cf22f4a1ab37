"""Tests of the random forest."""
