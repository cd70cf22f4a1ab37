"""What is said of a provider's failure to who does not run the service; the log says it to who does."""

__all__ = ["said_of"]

_FAILURES = {
    "timeout": "did not answer in time",
    "unreachable": "cannot be reached",
    "unauthorized": "refused the key",
    "rate_limited": "asks for fewer requests",
    "quota_exhausted": "says that the account is used up",
    "refused": "refused the request",
    "unusable_answer": "gave an answer that cannot be used",
    "broken_off": "broke off its answer",
    "filtered": "stopped the answer by its content filter",
    "circuit_open": "failed several times in a row and is not asked for a while",
}
_OURS = {
    "over_limit": "the configured limit on requests to the provider is reached",
    "uncounted": "requests to the provider cannot be counted at the moment, so none is made",
}


def said_of(kind: str) -> str:
    """Return a `ProviderError`'s kind in words, as a sentence without its full stop."""
    return _OURS.get(kind) or f"the provider {_FAILURES.get(kind, 'failed')}"
