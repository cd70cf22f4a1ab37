"""Live pull: resolved tickets fetched from a helpdesk's own interface, only what changed since the last time."""

from indexer.pull.address import SCHEMES, Address, parse_address
from indexer.pull.helpdesks import Page, pages
from indexer.pull.run import pull, pull_file, pulled

__all__ = ["SCHEMES", "Address", "Page", "pages", "parse_address", "pull", "pull_file", "pulled"]
