"""Imported last by the process that others are forked from: their collections then leave all of its objects alone."""

import gc

from indexer.language import language_of
from indexer.settings import Settings
from service.app import create_app

language_of("")  # its tables are loaded once, for all
create_app(Settings())  # and so is what Litestar learns of the routes, and imports for that
gc.collect()
gc.freeze()
