"""What goes wrong with Chroma, in this project's words."""

import contextlib
from collections.abc import Iterator

from indexer.errors import IndexUnavailableError

__all__ = ["DamagedIndexError", "MissingCollectionError", "SlowIndexError", "translated"]


class DamagedIndexError(IndexUnavailableError):
    """Chroma answers, but what it holds of a collection cannot be read."""


class SlowIndexError(IndexUnavailableError):
    """Chroma did not answer in time."""


class MissingCollectionError(IndexUnavailableError):
    """Chroma does not have the generation's collection, or not any more."""


@contextlib.contextmanager
def translated(where: str) -> Iterator[None]:
    """Raise what goes wrong inside the block as `IndexUnavailableError` or one of its kinds.

    :param where: the server, for the message.
    """
    try:
        yield
    except Exception as error:
        word = _word(error, where)
        if word is None:
            raise
        raise word from (error if isinstance(word, DamagedIndexError) else None)


def _word(error: Exception, where: str) -> IndexUnavailableError | None:
    import httpx
    from chromadb.errors import AuthorizationError, ChromaAuthError, ChromaError, NotFoundError

    said = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    kind: type[IndexUnavailableError] = IndexUnavailableError
    name = type(error).__name__
    match error:
        case httpx.TimeoutException():
            kind = SlowIndexError
            what = f"did not answer in time ({name}); PRECEDENT_CHROMA_TIMEOUT sets how long to wait"
        case httpx.HTTPError():
            what = f"cannot be reached ({name})"
        case NotFoundError():
            kind, what = MissingCollectionError, f"lacks what was asked for: {said}"
        case AuthorizationError() | ChromaAuthError():
            what = f"refuses the request ({name}): check PRECEDENT_CHROMA_TOKEN"
        case RuntimeError() if "client has been closed" in said:
            what = "was left for a new connection"
        case ChromaError() | ValueError():
            kind, what = DamagedIndexError, f"cannot read its data: {said}"
        case _ if type(error) is Exception:
            # chromadb's for an answer that is no Chroma's (a proxy's), or that refuses the request as such
            what = f"refuses the request: {said}"
        case _:
            return None
    return kind(f"Chroma at {where} {what}")
