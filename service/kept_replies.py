"""Replies that were written before, found again where all that they rest on is the same."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from indexer.ledger import Ledger
from indexer.writing import RunInThread
from service.results import Draft, Neighbour

__all__ = ["KeptReplies"]


@dataclass(frozen=True, slots=True)
class KeptReplies:
    """The model's replies in the kept answers, by a key; ``run`` runs what blocks."""

    ledger: Ledger
    run: RunInThread

    def key(
        self, text: str, precedents: Sequence[Neighbour], *, model: str, version: str, language: str
    ) -> str:
        """Return the key of a reply: the same for the same question, model, language, and versions of precedents.

        :param version: of the instructions and of what else the team says of replies.
        """
        rests_on = (text, [(one.id, one.revision) for one in precedents], model, version, language)
        secret = self.ledger.secret.encode()
        return hmac.new(secret, msgspec.json.encode(rests_on), hashlib.sha256).hexdigest()

    async def find(self, key: str) -> Draft | None:
        """Return the newest reply of that key that no agent rejected; ``kept_from`` names its answer.

        :raises PrecedentError: the ledger cannot be read.
        """
        found = await self.run(self.ledger.answers.reply, key)
        if found is None:
            return None
        return msgspec.convert({**found.body["reply"], "kept_from": found.id}, Draft)
