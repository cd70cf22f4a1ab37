"""Logging of both sides: one line an event, never a ticket's text or a secret."""

import logging
import sys

__all__ = ["configure_logging"]


def configure_logging(level: str) -> None:
    """Write our log lines to standard error; libraries speak from WARNING on, since some log whole requests."""
    logging.basicConfig(
        level=logging.WARNING,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        force=True,
    )
    for ours in ("indexer", "service"):
        logging.getLogger(ours).setLevel(level)
