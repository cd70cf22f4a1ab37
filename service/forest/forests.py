"""When another forest is fitted, and which one serves after that."""

import asyncio
import logging
import math
import time
from dataclasses import replace
from pathlib import Path

import msgspec

from indexer.errors import PrecedentError
from indexer.ledger import Generation, Ledger
from indexer.settings import Settings
from service.child_process import ChildError, run_child
from service.decided_fields import PRIORITY
from service.forest.files import forest_path, latest_forest, remove_old_forests
from service.forest.served import FitOrder, ServedForest, Verdict
from service.intervals import Intervals
from service.priority import Forest, ForestReport, NoForest, load, unfit
from service.priority.label_order import LabelOrderError, priority_order
from service.priority.spelling import misnamed

__all__ = ["Forests"]

_log = logging.getLogger(__name__)
_ENOUGH = 0.01  # of the labels; when so many have changed, they are learned as soon as writing has paused


class Forests:
    """Finds the stored forest of one field after a start, and fits another when labels have changed."""

    def __init__(
        self, settings: Settings, ledger: Ledger, intervals: Intervals, field: str = PRIORITY
    ) -> None:
        self._settings = settings
        self._field = field
        self._counted = None if field == PRIORITY else field  # as the ledger names it
        self._ledger = ledger
        self._intervals = intervals
        self._failures = 0
        self._ended_at = -math.inf  # the last fit
        self._written_at = time.monotonic()  # the ledger, as far as was seen
        self._counted_at: tuple[int, int] | None = None
        self._changed = self._labelled = 0

    def latest(self, generation: Generation) -> ServedForest | None:
        """Return the newest stored forest of the generation and these settings, ``None`` if there is none."""
        found = latest_forest(self._settings, self._ledger, generation, self._field)
        if found is not None and isinstance(found.forest, Forest):
            self._warn(found.forest.report)
        return found

    def is_due(self, served: ServedForest, revision: int) -> bool:
        """Tell whether another forest is to be fitted now. Labels are counted once for each revision of the ledger.

        :param revision: the ledger's.
        """
        now = time.monotonic()
        since_fit = now - self._ended_at
        if self._counted_at is None or self._counted_at[0] != revision:
            self._written_at = now
        if self._failures and since_fit < self._pause:
            return False
        if served.revision is None:
            return True
        if self._counted_at != (revision, served.revision):
            self._counted_at = revision, served.revision
            self._changed = self._ledger.tickets.changed_labels(served.revision, self._counted)
            self._labelled = self._ledger.tickets.count_labelled(self._counted) if self._changed else 0
        overdue = since_fit > self._intervals.refit
        if not self._changed or not (overdue or self._changed >= _ENOUGH * self._labelled):
            return False
        settled = now - self._written_at >= self._intervals.settle
        return settled or overdue or isinstance(served.forest, NoForest)

    async def fit(self, generation: Generation, served: ServedForest, revision: int) -> ServedForest:
        """Fit a forest on what is stored, and return what serves from then on.

        A failure is logged and kept in the verdict; the forest that serves goes on serving.

        :param revision: the ledger's.
        """
        try:
            path = forest_path(self._settings, generation, self._field, revision)
            verdict = await asyncio.to_thread(self._verdict_without_fit)
            if verdict is None:
                order = FitOrder(
                    settings=self._settings,
                    generation=generation.name,
                    field=self._field,
                    path=path,
                    rival=served.path,
                )
                verdict = msgspec.json.decode(await run_child("service.forest.child", order), type=Verdict)
            judged = await asyncio.to_thread(self._judged, served, verdict, path, revision)
        except Exception as error:  # noqa: BLE001 (whatever it is, the old forest goes on serving)
            self._failures += 1
            expected = isinstance(error, ChildError | PrecedentError | OSError)
            why = f"fitting failed: {error if expected else f'unexpected {type(error).__name__}'}"
            _log.warning(
                "no new forest of the %s: %s; trying again in %.0f s or later", self._field, why, self._pause
            )
            forest = served.forest
            if not isinstance(forest, Forest):
                forest = NoForest(f"{why}; it is tried again")
            # The revision stays that of the last good fit: what changed since is still to be learned.
            return replace(served, forest=forest, verdict=Verdict(promoted=False, why=why))
        finally:
            self._ended_at = time.monotonic()
        self._failures = 0
        return judged

    def _verdict_without_fit(self) -> Verdict | None:
        """Return the verdict where no forest can be fitted; a process for that would cost seconds of imports.

        ``None`` is no promise: which of the tickets have vectors is only known when they are read.
        """
        tickets = self._ledger.tickets
        state = unfit(tickets.labels(self._counted), tickets.count_labelled(self._counted))
        return None if state is None else Verdict(promoted=True, why=state)

    def _judged(self, served: ServedForest, verdict: Verdict, path: Path, revision: int) -> ServedForest:
        """Return what serves after the verdict on the forest in the file."""
        if verdict.report is not None:
            self._warn(verdict.report)
        if not verdict.promoted:
            _log.info("the new forest of the %s is not promoted: %s", self._field, verdict.why)
            return replace(served, revision=revision, verdict=verdict)
        if verdict.report is None:
            new = ServedForest(forest=NoForest(verdict.why), revision=revision, verdict=verdict)
        else:
            new = ServedForest(forest=load(path), path=path, revision=revision, verdict=verdict)
            remove_old_forests(
                path.parent, self._field, kept={path} | ({served.path} if served.path else set())
            )
        _log.info("forest of the %s: %s", self._field, new.forest.state)
        return new

    def _warn(self, report: ForestReport) -> None:
        """Log what settings say of labels that the tickets learned from do not have."""
        said, settings = report.misnamed, self._settings
        if self._field == PRIORITY:
            said = said + misnamed("SLACK_PRIORITIES", settings.slack_priorities, report.labels, PRIORITY)
            try:
                priority_order(tuple(report.labels), settings.priority_order)
            except LabelOrderError as error:
                said.append(f"PRECEDENT_PRIORITY_ORDER: {error}")
        for each in said:
            _log.warning("%s", each)

    @property
    def _pause(self) -> float:
        return min(self._intervals.refit_retry * 2.0 ** (self._failures - 1), self._intervals.refit)
