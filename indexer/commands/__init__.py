"""The commands that look after what is stored, each with its arguments beside what it runs."""

from indexer.commands import backup, forget, rebuild, sync, verify
from indexer.commands.output import Commands

__all__ = ["add_commands"]


def add_commands(commands: Commands) -> None:
    """Add each command's parser to the command line's."""
    for command in (sync, rebuild, verify, forget, backup):
        command.add(commands)
