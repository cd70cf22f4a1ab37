"""Tests of the indexer, the service and the make targets."""
