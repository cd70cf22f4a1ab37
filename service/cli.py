"""The command ``precedent``: the commands of `indexer.commands`, and those that need the service's code."""

import functools
import sys

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


main = functools.partial(run, name="precedent")
"""Runs one command and returns its exit status; another name may be given."""


if __name__ == "__main__":
    sys.exit(main())
