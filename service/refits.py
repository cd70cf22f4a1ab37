"""When another forest is fitted, and what is served after that."""

import asyncio
import logging
import time
from dataclasses import replace

from indexer.errors import PrecedentError
from indexer.ledger import Ledger
from indexer.settings import Settings
from service.classifier import FitError, Verdict, fit_forest
from service.priority import Forest, NoForest
from service.serving import Serving

__all__ = ["Refits"]

_log = logging.getLogger(__name__)
_SETTLE_SECONDS = 5.0
_REFIT_SECONDS = 600.0
_REFIT_SHARE = 0.01
_RETRY_SECONDS = 10.0


class Refits:
    """Fits, one after the other; after one that failed the next waits, each time twice as long."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ended = 0.0
        self._failures = 0

    async def due(self, ledger: Ledger, now: Serving) -> bool:
        """Tell whether a fit is worth it: enough labels changed and changes pause, or some did a while ago."""
        waited = time.monotonic() - self._ended
        if self._failures and waited < self._pause:
            return False
        if now.forest_revision is not None:
            changed = await asyncio.to_thread(ledger.tickets.changed_labels, now.forest_revision)
            if not changed:
                return False
            labelled = await asyncio.to_thread(ledger.tickets.count_labelled)
            if changed < _REFIT_SHARE * labelled and waited < _REFIT_SECONDS:
                return False
        before = await asyncio.to_thread(ledger.revision)
        await asyncio.sleep(_SETTLE_SECONDS)
        return before == await asyncio.to_thread(ledger.revision) or waited > _REFIT_SECONDS

    async def fitted(self, serving: Serving, revision: int) -> Serving:
        """Fit on what is stored, and return what is served then: with the new forest, or as before and why."""
        try:
            fitted = await fit_forest(self._settings, serving.generation, revision, rival=serving.forest_path)
        except (FitError, PrecedentError, OSError) as error:
            self._failures += 1
            why = f"fitting failed: {error}"
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
        return min(_RETRY_SECONDS * 2.0 ** (self._failures - 1), _REFIT_SECONDS)
