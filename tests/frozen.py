"""Imported last by the process that others are forked from: their collections then leave all of its objects alone."""

import gc

from indexer.language import language_of

language_of("")  # its tables are loaded once, for all
gc.collect()
gc.freeze()
