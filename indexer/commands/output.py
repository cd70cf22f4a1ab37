"""What the commands share: their parsers' type, exit statuses, and the report as the last line."""

import argparse
import sys
from typing import TYPE_CHECKING

import msgspec

__all__ = ["DONE", "FAILED", "PROBLEMS", "RETRIES", "Commands", "add_json", "finish"]

DONE, PROBLEMS, FAILED = 0, 1, 2
RETRIES = 5
"""How often the provider is asked again after a failure that may pass."""

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 (argparse names it no other way)
else:
    Commands = object


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add the option that programs use."""
    parser.add_argument(
        "--json", action="store_true", help="end with the report as one line of JSON on standard output"
    )


def finish(options: argparse.Namespace, report: msgspec.Struct) -> None:
    """Write the report as the last line, if it was asked for."""
    if options.json:
        sys.stdout.write(msgspec.json.encode(report).decode() + "\n")
