"""Finished answers posted to a webhook and into Slack, by way of the ledger, so that none is lost."""

from service.deliveries.outbox import Outbox

__all__ = ["Outbox"]
