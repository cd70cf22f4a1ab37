"""The fit of a forest in a child process at low priority, so that neither the event loop nor a query waits."""

from pathlib import Path

import msgspec

from indexer.ledger import Generation
from indexer.settings import Settings
from service.child_process import ChildOrder, run_child
from service.forest.served import Verdict

__all__ = ["FitOrder", "fit_in_child"]


class FitOrder(ChildOrder, frozen=True, kw_only=True):
    """The order to fit a forest."""

    field: str
    """Whose labels are learned: `service.decided_fields.PRIORITY`, or a field's name."""
    path: Path
    """Where the new forest is saved."""
    rival: Path | None
    """The file of the forest that serves."""


async def fit_in_child(
    settings: Settings, generation: Generation, path: Path, *, field: str, rival: Path | None
) -> Verdict:
    """Fit a forest on the generation's vectors and judge it against its rival.

    :param path: where the forest is saved if it is promoted and the verdict has a report.
    :param rival: the file of the forest that serves, ``None`` when none does.
    :raises ChildError: the process failed.
    """
    order = FitOrder(settings=settings, generation=generation.name, field=field, path=path, rival=rival)
    answer = await run_child("service.forest.child", order)
    return msgspec.json.decode(answer, type=Verdict)
