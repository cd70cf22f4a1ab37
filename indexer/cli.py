"""The command line: the group of commands, and how errors become messages and exit statuses."""

import signal
import sys
from collections.abc import Sequence

import click

from indexer.actor import acting_by_command
from indexer.commands.audit_log import audit_log
from indexer.commands.backup import backup, restore, salvage
from indexer.commands.clear import clear
from indexer.commands.deliveries import deliveries
from indexer.commands.forget import forget
from indexer.commands.inspect import inspect
from indexer.commands.keys import keys
from indexer.commands.output import FAILED
from indexer.commands.rebuild import rebuild
from indexer.commands.spend import spend
from indexer.commands.status import status, stop
from indexer.commands.sync import sample, sync
from indexer.commands.verify import verify
from indexer.console import say
from indexer.errors import PrecedentError
from indexer.privacy import keep_private

__all__ = ["cli", "main"]

_INTERRUPTED = 130


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="""\b
First steps:
  precedent inspect export.csv   show how your export is read
  precedent sync tickets.jsonl   store your resolved tickets
  precedent serve                answer new ones on http://127.0.0.1:8000
  precedent verify               check what is stored

`precedent COMMAND --help` says more. Settings come from the environment and from .env in the working folder;
the README lists them.""",
)
@click.version_option(package_name="precedent")
def cli() -> None:
    """Answer new support tickets from the team's own resolved ones.

    Resolved tickets are stored in a database, the ledger. The index in Chroma, which finds similar ones, is made from it
    and can always be made again.
    """


for command in (
    *(inspect, sync, sample, rebuild, verify, status, stop, clear, keys),
    *(deliveries, forget, audit_log, backup, restore, salvage, spend),
):
    cli.add_command(command)


def main(arguments: Sequence[str] | None = None, *, name: str = "python -m indexer") -> int:
    """Run one command and return its exit status.

    :param arguments: without the program's name; ``None``: those of this process.
    :param name: what the user typed, for the help.
    """
    keep_private()
    # `kill` and `make stop` end a command as Ctrl-C does: in order.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        # A command returns its exit status, click that of --help; a usage error is an exception.
        with acting_by_command():
            code = cli.main(args=given, prog_name=name, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except PrecedentError as error:
        say(f"error: {error}")
        return FAILED
    except (click.Abort, KeyboardInterrupt):
        say("interrupted: finished work is kept; run the same command again to continue")
        return _INTERRUPTED
    return int(code or 0)
