"""The intervals of the service's background work."""

from dataclasses import dataclass

__all__ = ["Intervals"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervals:
    """Intervals of the background work, in seconds."""

    poll: float = 1.0
    """Between two looks at the ledger."""
    retry: float = 5.0
    """Before something that failed is tried again."""
    settle: float = 5.0
    """Without a write, after which enough changed labels are learned; it is not waited for without a forest."""
    refit: float = 600.0
    """After the last fit, when even a single changed label is learned."""
    sweep: float = 3_600.0
    """Between two looks for answers that are too old to be kept."""
    redeliver: float = 5.0
    """Before an answer is sent to a webhook or to Slack once more; doubled with each failure."""
    receive: float = 15.0
    """That a webhook or Slack may take to acknowledge an answer."""
    grow: float = 1.0
    """Between two versions of a draft that Slack shows as it grows."""
    refit_retry: float = 10.0
    """After a failed fit; doubled with each failure, up to ``refit``."""
