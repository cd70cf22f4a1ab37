"""The commands that need no code of the service: they store, check, copy and erase tickets."""

import click

from indexer.commands.audit_log import audit_log
from indexer.commands.backup import backup, restore, salvage
from indexer.commands.clear import clear
from indexer.commands.forget import forget
from indexer.commands.keys import keys
from indexer.commands.rebuild import rebuild
from indexer.commands.status import status, stop
from indexer.commands.sync import sample, sync
from indexer.commands.verify import verify

__all__ = ["COMMANDS"]

COMMANDS: tuple[click.Command, ...] = (
    sync,
    rebuild,
    verify,
    forget,
    keys,
    audit_log,
    backup,
    restore,
    salvage,
    clear,
    sample,
    status,
    stop,
)
