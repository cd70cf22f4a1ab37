"""The command ``precedent``: the commands of `indexer.commands`, and those that need the service's code."""

import sys
from collections.abc import Sequence

from indexer.cli import cli
from indexer.cli import main as run
from service.commands.classifier import calibrate, fine_tune
from service.commands.evaluate import audit, evaluate
from service.commands.prompts import prompts
from service.commands.replay import replay
from service.commands.serve import serve

__all__ = ["cli", "main"]

for command in (serve, evaluate, audit, calibrate, fine_tune, prompts, replay):
    cli.add_command(command)


def main(arguments: Sequence[str] | None = None, *, name: str = "precedent") -> int:
    """Run one command and return its exit status."""
    return run(arguments, name=name)


if __name__ == "__main__":
    sys.exit(main())
