"""The priority of a new ticket by the model, with the forest where the model does not answer."""

import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from indexer.errors import PrecedentError, ProviderError
from indexer.ledger import Classification, Ledger
from indexer.rate_limiter import RateLimiter
from indexer.settings import Settings
from indexer.ticket import Ticket
from service.background import BackgroundWriter
from service.breaker import Breaker
from service.drafting.chat import ChatCall, ChatProvider
from service.hosted_priority.asking import Asker, question_of
from service.hosted_priority.calibrated import Calibrated, asked_by, calibration_file
from service.pools import Pool
from service.provider_words import said_of
from service.results import PriorityDecision

if TYPE_CHECKING:
    import openai

__all__ = ["HostedClassifier"]

_log = logging.getLogger(__name__)


class _NoAnswerError(Exception):
    """There is nothing of the model to decide by; the message says why."""


class HostedClassifier:
    """Has the provider's model decide. It never fails: why the forest decided instead is told in ``degraded``."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        client: "openai.AsyncOpenAI",
        *,
        limiter: RateLimiter,
        reads: Pool,
    ) -> None:
        """Make one; whoever opened the client closes it.

        :param reads: threads for what blocks.
        """
        self.breaker = Breaker("classifier")
        self._settings = settings
        self._ledger = ledger
        self._reads = reads
        self._asker = Asker(settings, ChatProvider(client, settings.provider_timeout, limiter, self.breaker))
        self._writer = BackgroundWriter[Classification](
            ledger.classifications.keep, done=lambda _: None, lose=_lose
        )
        self._keeps = False
        self._read: tuple[int, Calibrated | None, str] = (-1, None, "")

    @contextlib.asynccontextmanager
    async def keeping(self) -> AsyncIterator[None]:
        """Keep answers in the background while the block runs, so that no ticket is asked about twice."""
        self._writer.open()
        self._keeps = True
        try:
            yield
        finally:
            await self._writer.close()

    async def decide(
        self,
        ticket: Ticket,
        by_forest: PriorityDecision,
        calls: list[ChatCall],
    ) -> PriorityDecision:
        """Return the model's decision, or the forest's where there is none.

        :param by_forest: the forest's decision; without a calibration its labels are those to choose from.
        :param calls: gets each request that is made.
        """
        try:
            return await self._decision(ticket, by_forest, calls)
        except ProviderError as error:
            level = logging.DEBUG if error.kind in ("circuit_open", "over_limit") else logging.WARNING
            _log.log(level, "the classifier failed: %s", error)
            why = said_of(error.kind)
        except _NoAnswerError as error:
            why = str(error)
        except PrecedentError as error:
            _log.warning("the classifier failed: %s", error)
            why = "what is kept of its answers cannot be read"
        return msgspec.structs.replace(by_forest, degraded=f"the forest decided, because {why}")

    async def _decision(
        self,
        ticket: Ticket,
        by_forest: PriorityDecision,
        calls: list[ChatCall],
    ) -> PriorityDecision:
        calibrated, why = self._calibrated()
        labels = calibrated.labels if calibrated else tuple(by_forest.probabilities)
        if not labels:
            msg = "which priorities there are is not known yet"
            raise _NoAnswerError(msg)
        said = await self._said(ticket, labels, calls)
        if said.label is None:
            msg = f"the answer of {self._asker.model} is none of the priorities"
            raise _NoAnswerError(msg)
        if calibrated is not None and calibrated.uses_shares and not said.shares:
            msg = f"{self._asker.model} told no probabilities, by which it was calibrated"
            raise _NoAnswerError(msg)
        if calibrated is not None:
            decision = calibrated.decision(said)
        else:
            decision = PriorityDecision(
                label=said.label,
                confidence=said.shares.get(said.label, 0.0),
                probabilities=said.shares,
                decision="review",
                degraded=why,
            )
        return msgspec.structs.replace(
            decision, source=self._settings.classifier, why=self._compared(said, by_forest)
        )

    async def _said(self, ticket: Ticket, labels: Sequence[str], calls: list[ChatCall]) -> Classification:
        """Return the model's answer, which is kept of the same question or asked for."""
        question = await self._reads.run(
            question_of, self._settings, ticket, labels, secret=self._ledger.secret
        )
        kept = (await self._reads.run(self._ledger.classifications.of, [question.key])).get(question.key)
        if kept is not None:
            return kept
        said = await self._asker.ask(question, calls)
        if self._keeps:
            self._writer.give(said)
        return said

    def _compared(self, said: Classification, by_forest: PriorityDecision) -> str:
        share = said.shares.get(said.label or "")
        own = f"{self._asker.model} answered {said.label}" + (
            f" ({share:.0%} before calibration)" if share is not None else ""
        )
        if by_forest.label is None:
            return own
        return f"{own}, the forest {by_forest.label} ({by_forest.confidence:.0%})"

    def _calibrated(self) -> tuple[Calibrated | None, str]:
        """Return the calibration that holds for these settings, or why there is none; the file is read when it has changed."""
        file = calibration_file(self._settings.data_dir)
        try:
            changed = file.stat().st_mtime_ns
        except OSError:
            changed = 0
        if changed != self._read[0]:
            self._read = (changed, *self._load(file))
        return self._read[1:]

    def _load(self, file: Path) -> tuple[Calibrated | None, str]:
        again = "run `precedent calibrate`; until then every decision goes to review"
        try:
            found = msgspec.json.decode(file.read_bytes(), type=Calibrated)
        except FileNotFoundError:
            return None, f"the model is not calibrated: {again}"
        except (OSError, msgspec.MsgspecError):
            return None, f"the model's calibration cannot be read: {again}"
        wanted = asked_by(self._settings)
        others = [name for name, value in wanted.items() if found.asked_by.get(name) != value]
        if others:
            return None, f"the model was calibrated under another {', '.join(others)}: {again}"
        return found, ""


def _lose(answers: int, why: str) -> None:
    _log.warning("%d answers of the classifier are not kept: %s", answers, why)
