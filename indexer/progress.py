"""The function by which long work reports its progress."""

from collections.abc import Callable

__all__ = ["Progress", "no_progress"]

Progress = Callable[[str, int, int], None]
"""Called with the name of a step, how many items of it are done, and of how many."""


def no_progress(_step: str, _done: int, _total: int) -> None:
    """Show nothing."""
