"""A command to come."""

from indexer.commands.output import Commands

__all__ = ["add"]


def add(_commands: Commands) -> None:
    """Add nothing yet."""
