"""When another forest is fitted, and what is served after that."""

import logging
import math
import time
from dataclasses import replace

from indexer.errors import PrecedentError
from indexer.ledger import Ledger
from indexer.settings import Settings
from service.forest.fitting_process import FitError, Verdict, fit_forest
from service.priority import Forest, NoForest
from service.snapshot import Snapshot

__all__ = ["Refits"]

_log = logging.getLogger(__name__)


class Refits:
    """When a forest is fitted: soon after enough labels changed, and later after fewer.

    :param settle: seconds without a change of the ledger after which enough changes are learned, where a forest serves.
    :param longest: seconds after which any change is learned.
    :param share: of the labels, which is enough.
    :param pause: seconds after a fit that failed; each time twice as long, up to ``longest``.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        settle: float = 5.0,
        longest: float = 600.0,
        share: float = 0.01,
        pause: float = 10.0,
    ) -> None:
        self._settings = settings
        self._settle, self._longest, self._share, self._first_pause = settle, longest, share, pause
        self._ended, self._changed_at = -math.inf, time.monotonic()
        self._failures = 0
        self._looked_at: tuple[int, int | None] | None = None
        self._changed = self._labelled = 0

    def due(self, ledger: Ledger, now: Snapshot, revision: int) -> bool:
        """Tell whether a fit is worth it. The ledger is asked once for each of its revisions.

        :param revision: the ledger's.
        """
        if self._looked_at is None or self._looked_at[0] != revision:
            self._changed_at = time.monotonic()
        waited = time.monotonic() - self._ended
        if self._failures and waited < self._pause:
            return False
        if now.forest_revision is None:
            return True
        if self._looked_at != (revision, now.forest_revision):
            self._looked_at = revision, now.forest_revision
            self._changed = ledger.tickets.changed_labels(now.forest_revision)
            self._labelled = ledger.tickets.count_labelled() if self._changed else 0
        if not self._changed or (waited < self._longest and self._changed < self._share * self._labelled):
            return False
        settled = time.monotonic() - self._changed_at >= self._settle
        return settled or waited > self._longest or isinstance(now.forest, NoForest)

    async def fitted(self, serving: Snapshot, revision: int) -> Snapshot:
        """Fit on what is stored, and return what is served then: with the new forest, or as before and why."""
        try:
            fitted = await fit_forest(self._settings, serving.generation, revision, rival=serving.forest_path)
        except Exception as error:  # noqa: BLE001 (whatever it is, what serves goes on)
            self._failures += 1
            expected = isinstance(error, FitError | PrecedentError | OSError)
            why = f"fitting failed: {error if expected else f'unexpected {type(error).__name__}'}"
            _log.warning("no new forest: %s; trying again in %.0f s or later", why, self._pause)
            # The revision stays the one of the last good fit: what changed since is still to be learned.
            serves = serving.forest
            forest = serves if isinstance(serves, Forest) else NoForest(f"{why}; it is tried again")
            return replace(serving, forest=forest, verdict=Verdict(promoted=False, why=why))
        finally:
            self._ended = time.monotonic()
        self._failures = 0
        if fitted.forest is None:
            _log.info("the new forest is not promoted: %s", fitted.verdict.why)
            return replace(serving, forest_revision=revision, verdict=fitted.verdict)
        _log.info("forest: %s", fitted.forest.state)
        return replace(
            serving,
            forest=fitted.forest,
            forest_path=fitted.path,
            forest_revision=revision,
            verdict=fitted.verdict,
        )

    @property
    def _pause(self) -> float:
        return min(self._first_pause * 2.0 ** (self._failures - 1), self._longest)
