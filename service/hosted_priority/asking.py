"""Asking the model for one ticket's priority."""

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from indexer.errors import ProviderError
from indexer.ledger import Classification, hash_of_question
from indexer.rate_limiter import RateLimiter
from indexer.settings import Settings
from indexer.ticket import Ticket
from service.breaker import Breaker
from service.drafting.chat import ChatCall
from service.hosted_priority.prompt import answer_characters, label_of, messages_of, shares_of

if TYPE_CHECKING:
    import openai
    from openai.types.chat import ChatCompletionMessageParam

__all__ = ["Asker", "Question", "question_of"]

_WEIGHED = 5  # pieces at each place of the answer: the fewest that a provider is known to allow at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the model is asked about one ticket.

    :param key: keyed hash of it and of the model's name, under which the answer is kept.
    :param input_hash: as a kept answer's.
    """

    messages: "tuple[ChatCompletionMessageParam, ...]"
    labels: tuple[str, ...]
    key: str
    input_hash: str

    @property
    def characters(self) -> int:
        """How long it is."""
        return sum(len(str(message["content"])) for message in self.messages)


def question_of(settings: Settings, ticket: Ticket, labels: Sequence[str], *, secret: str) -> Question:
    """Return what is asked about a ticket.

    :param labels: the priorities to choose from.
    :param secret: the ledger's.
    """
    messages = messages_of(ticket, labels, settings.forest_fields, redact=settings.redact)
    asked = json.dumps([settings.classifier, *messages]).encode()
    return Question(
        messages=tuple(messages),
        labels=tuple(labels),
        key=hmac.new(secret.encode(), b"classification " + asked, hashlib.sha256).hexdigest(),
        input_hash=hash_of_question(secret, ticket.text_hash),
    )


class Asker:
    """Asks the model that settings name."""

    def __init__(
        self,
        settings: Settings,
        client: "openai.AsyncOpenAI",
        *,
        limiter: RateLimiter,
        breaker: Breaker,
    ) -> None:
        """Make one; whoever opened the client closes it."""
        self.model = settings.classifier_model or ""
        self._client = client
        self._timeout = settings.provider_timeout
        self._limiter = limiter
        self._breaker = breaker
        self._weighs = True

    async def ask(self, question: Question, calls: list[ChatCall]) -> Classification:
        """Ask once; a server that refuses to tell probabilities is asked without, now and from now on.

        :param calls: gets each request that is made.
        :raises ProviderError: the model did not answer.
        """
        while True:
            weighs = self._weighs
            call = ChatCall(
                self._client,
                model=self.model,
                timeout=self._timeout,
                limiter=self._limiter,
                breaker=self._breaker,
                temperature=0,
                max_tokens=answer_characters(question.labels),
                top_logprobs=_WEIGHED if weighs else None,
            )
            calls.append(call)
            try:
                answer = "".join([piece async for piece in call.pieces(question.messages)])
            except ProviderError as error:
                if error.kind != "refused" or not weighs:
                    raise
                self._weighs = False
                continue
            label = label_of(answer, question.labels)
            shares = shares_of(call.tokens, label, question.labels) if label and call.tokens else {}
            return Classification(
                key=question.key, input_hash=question.input_hash, label=label, shares=shares
            )
