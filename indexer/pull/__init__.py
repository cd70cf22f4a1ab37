"""Live pull: resolved tickets fetched from a helpdesk's own interface, only what changed since the last time."""

from indexer.pull.address import SCHEMES, Address, parse_address
from indexer.pull.helpdesks import Page, pages

__all__ = ["SCHEMES", "Address", "Page", "pages", "parse_address"]
