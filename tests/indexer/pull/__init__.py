"""Tests of the live pull."""
