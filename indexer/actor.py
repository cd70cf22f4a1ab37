"""The actor: the name that changes stand under in the audit log."""

import contextlib
import contextvars
import os
import pwd
from collections.abc import Iterator

__all__ = ["ACTOR", "acting_by_command"]

ACTOR: contextvars.ContextVar[str | None] = contextvars.ContextVar("precedent_actor", default=None)
"""``key:NAME``, the fingerprint of an API key from settings, or ``command:USER``; without an actor no line is written."""


@contextlib.contextmanager
def acting_by_command() -> Iterator[None]:
    """Make the user of this process the actor in the block, and in threads and tasks started there, if there is none yet.

    The name is the operating system's, which environment variables cannot change, or the user's number if it has none.
    """
    if ACTOR.get() is not None:
        yield
        return
    number = os.getuid()
    try:
        user = pwd.getpwuid(number).pw_name
    except KeyError:
        user = str(number)
    before = ACTOR.set(f"command:{user}")
    try:
        yield
    finally:
        ACTOR.reset(before)
