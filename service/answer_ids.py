"""Ids of answers, signed so that feedback on an invented id is refused."""

import hashlib
import hmac
import uuid

__all__ = ["is_answer", "new_answer"]

_ID = 32
_PROOF = 16


def new_answer(secret: str) -> str:
    """Return an id that no other answer has; nothing need be kept for `is_answer` to know it.

    :param secret: of the ledger: replicas share it, and it outlives a restart.
    """
    number = uuid.uuid4().hex
    return number + _proof(secret, number)


def is_answer(secret: str, answer: str) -> bool:
    """Tell whether the id was given by a service on this ledger."""
    return hmac.compare_digest(answer[_ID:].encode(), _proof(secret, answer[:_ID]).encode())


def _proof(secret: str, number: str) -> str:
    return hmac.new(secret.encode(), f"answer {number}".encode(), hashlib.sha256).hexdigest()[:_PROOF]
