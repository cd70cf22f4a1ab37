"""The errors that a user may see. Each message says what went wrong, with which value, and what to do."""

__all__ = [
    "FullDiskError",
    "IndexBusyError",
    "IndexUnavailableError",
    "PrecedentError",
    "ProviderError",
    "RefusedTextsError",
    "SettingsError",
    "SourceError",
    "SpaceMismatchError",
    "in_words",
]

_IN_WORDS = {
    " | null`": "` or nothing",
    "`int`": "a whole number",
    "`float`": "a number",
    "`bool`": "true or false",
    "`str`": "a text",
    "`array`": "a list",
    "`object`": "an object",
    "`null`": "nothing",
    "Invalid RFC3339 encoded datetime": "this is no date and time such as 2026-03-31T14:05:00Z",
}


def in_words(said: str) -> str:
    """Return in words for people what msgspec says of a value that it cannot use."""
    for theirs, ours in _IN_WORDS.items():
        said = said.replace(theirs, ours)
    return said[:1].lower() + said[1:]


class PrecedentError(Exception):
    """Base of every error whose message is meant for a user; it never carries a secret or a ticket's text."""


class SettingsError(PrecedentError):
    """A setting is unknown or has a value that cannot be used."""


class SourceError(PrecedentError):
    """A file or stream of tickets cannot be read at all, or not any further."""


class IndexUnavailableError(PrecedentError):
    """Chroma cannot be reached or started, or did not answer in time."""


class IndexBusyError(IndexUnavailableError):
    """Another thread or process writes to the index for longer than the caller waits; the index is intact."""


class FullDiskError(PrecedentError):
    """The disk of the ledger or the index is full; neither is damaged by that."""


class SpaceMismatchError(PrecedentError):
    """The live index is in another vector space than the one that settings ask for."""


class ProviderError(PrecedentError):
    """The provider of embeddings and chat refused, failed or gave an unusable answer.

    ``kind`` is one of the words that `indexer.provider.translate` lists. ``retry_after`` is how many seconds to wait
    before another try, ``None`` if the provider did not say. ``sent`` is how many requests of several were sent, where
    the next one was not.
    """

    sent = 0

    def __init__(self, message: str, *, kind: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.retry_after = retry_after


class RefusedTextsError(ProviderError):
    """The provider accepts other texts, but not those at ``positions`` of the call, however they are shortened."""

    def __init__(self, message: str, *, positions: tuple[int, ...]) -> None:
        super().__init__(message, kind="refused")
        self.positions = positions
