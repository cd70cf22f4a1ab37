"""Logging of indexer and service: one line an event, never a ticket's text or a secret."""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal

__all__ = ["configure_logging", "request_id"]

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""Of the request that is being answered; it is in every line that is logged meanwhile."""


def configure_logging(level: str, form: Literal["text", "json"] = "text") -> None:
    """Write log lines to standard error; libraries log from WARNING on, since some log whole requests."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JSONLines() if form == "json" else _Lines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    for ours in ("indexer", "service"):
        logging.getLogger(ours).setLevel(level)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


class _Lines(logging.Formatter):
    """Lines for people: time in UTC, level, logger, and the request's id."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (the library's name)
        """Return the line, a traceback apart."""
        request = request_id.get()
        about = f" [{request}]" if request else ""
        message = record.message.replace("\r", "\\r").replace("\n", "\\n")
        return f"{_time(record)} {record.levelname} {record.name}{about}: {message}"


class _JSONLines(logging.Formatter):
    """One JSON object a line, for programs."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object."""
        line = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": request_id.get(),
            "exception": self.formatException(record.exc_info) if record.exc_info else None,
        }
        return json.dumps({name: value for name, value in line.items() if value is not None})
