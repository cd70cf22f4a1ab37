"""Chroma's failures as this project's errors, each with what may be done about it."""

import contextlib
import errno
import json
from collections.abc import Iterator

from indexer.chroma.supervisor import FULL_DISK, NOT_THE_FILES
from indexer.errors import FullDiskError, IndexUnavailableError, PrecedentError

__all__ = [
    "DamagedIndexError",
    "MissingCollectionError",
    "RefusedRequestError",
    "SlowIndexError",
    "UnreadableIndexError",
    "UnstartableIndexError",
    "full_disk",
    "is_full_disk",
    "translated",
]

_FULL_DISK_NUMBERS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_REFUSED = ("too many sql variables", "payload too large", "length limit exceeded", "batch size")


class UnreadableIndexError(IndexUnavailableError):
    """Chroma answers that it cannot read its data; when that repeats, they are damaged."""


class DamagedIndexError(IndexUnavailableError):
    """What Chroma holds of a collection was read, and is wrong."""


class UnstartableIndexError(IndexUnavailableError):
    """The local server ends by itself at each start; ``run`` is the last one."""

    def __init__(self, message: str, *, run: str) -> None:
        super().__init__(message)
        self.run = run


class SlowIndexError(IndexUnavailableError):
    """Chroma did not answer in time."""


class MissingCollectionError(IndexUnavailableError):
    """Chroma does not have the generation's collection, or not any more."""


class RefusedRequestError(PrecedentError):
    """Chroma is well, and refuses this request; the same one will be refused again."""


def full_disk(what: str) -> FullDiskError:
    """Return the error that says whose disk is full, and what to do."""
    return FullDiskError(f"{what} is full: nothing is damaged; free some space, then it goes on by itself")


def is_full_disk(error: OSError) -> bool:
    """Whether the error says that there is no more room to write."""
    return error.errno in _FULL_DISK_NUMBERS


@contextlib.contextmanager
def translated(where: str) -> Iterator[None]:
    """Raise what goes wrong inside the block as one of the errors above, or as a plain `IndexUnavailableError`.

    :param where: the server, for the message.
    """
    try:
        yield
    except Exception as error:
        word = _word(error, where)
        if word is None:
            raise
        raise word from (error if isinstance(word, UnreadableIndexError) else None)


def _word(error: Exception, where: str) -> PrecedentError | None:  # noqa: PLR0911 (one for each kind)
    import httpx
    from chromadb.errors import AuthorizationError, ChromaAuthError, ChromaError, InternalError, NotFoundError

    said = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    name = type(error).__name__
    at = f"Chroma at {where}"
    match error:
        case httpx.TimeoutException() | TimeoutError():
            return SlowIndexError(
                f"{at} did not answer in time ({name}); PRECEDENT_CHROMA_TIMEOUT sets how long to wait"
            )
        case httpx.HTTPError():
            return IndexUnavailableError(f"{at} cannot be reached ({name})")
        case NotFoundError():
            return MissingCollectionError(f"{at} lacks what was asked for: {said}")
        case AuthorizationError() | ChromaAuthError():
            return IndexUnavailableError(f"{at} refuses the request ({name}): check PRECEDENT_CHROMA_TOKEN")
        case RuntimeError() if "client has been closed" in said:
            return IndexUnavailableError(f"{at} was left for a new connection")
        case InternalError():
            return _failure(at, said)
        case json.JSONDecodeError():
            return IndexUnavailableError(f"{at} gives an answer that cannot be read: {said}")
        case ChromaError() | ValueError():
            return RefusedRequestError(f"{at} refuses a request: {said}")
        case _ if type(error) is Exception:
            # chromadb's for an answer that is no Chroma's (a proxy's), or that refuses the request as such
            kind = RefusedRequestError if any(w in said.lower() for w in _REFUSED) else IndexUnavailableError
            return kind(f"{at} refuses the request: {said}")
    return None


def _failure(at: str, said: str) -> PrecedentError:
    """Return what it means that Chroma says of itself that it failed."""
    words = said.lower()
    if any(word in words for word in FULL_DISK):
        return full_disk(f"the disk of {at}")
    if any(word in words for word in _REFUSED):
        return RefusedRequestError(f"{at} refuses a request: {said}")
    if any(word in words for word in NOT_THE_FILES):
        return IndexUnavailableError(f"{at} cannot work: {said}")
    return UnreadableIndexError(f"{at} cannot read its data: {said}")
