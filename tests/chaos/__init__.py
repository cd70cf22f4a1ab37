"""Whole processes at once, and killed."""
