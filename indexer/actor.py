"""Who acts, for the audit log."""

import contextlib
import contextvars
import os
import pwd
from collections.abc import Iterator

__all__ = ["ACTOR", "acting_by_command"]

ACTOR: contextvars.ContextVar[str | None] = contextvars.ContextVar("precedent_actor", default=None)
"""Who acts, such as an API key's fingerprint or ``command:USER``; without one no line is written."""


@contextlib.contextmanager
def acting_by_command() -> Iterator[None]:
    """Have what is done in the block, and in threads and tasks begun there, stand under the name of the user.

    It is the system's name for the user of this process, which the environment cannot change, or the number where
    there is none.
    """
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
