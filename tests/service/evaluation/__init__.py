"""Tests of the back-test and the audit."""
