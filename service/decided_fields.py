"""The fields that are decided for a new ticket, the priority first, and the settings that hold for each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from indexer.settings import Settings
from indexer.ticket import Ticket

__all__ = ["PRIORITY", "Rules", "decided_fields", "label_of", "rules_of"]

PRIORITY = "priority"
"""Stands for a ticket's priority among the names of its fields; no field has that name."""

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The settings by which one field is decided; parameters of `service.priority.fit`.

    :param reads: names of the fields that its forest reads beside the text; its own is never among them.
    """

    max_error: float
    max_missed: Mapping[str, float]
    costs: Mapping[str, float]
    alert: str | None
    order: tuple[str, ...]
    half_life_days: float | None
    reads: tuple[str, ...]

    @property
    def of_fit(self) -> dict[str, Any]:
        """Those of them that `service.priority.fit` takes by these names."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "reads"}


def decided_fields(settings: Settings) -> tuple[str, ...]:
    """Return the names of the fields that are decided, the priority first."""
    return tuple(dict.fromkeys((PRIORITY, *settings.decide)))


def rules_of(settings: Settings, field: str) -> Rules:
    """Return the settings that hold for a field; alert and order of labels are the priority's alone."""
    own = field == PRIORITY
    return Rules(
        max_error=settings.field_max_error.get(field, settings.max_error),
        max_missed=_of_field(settings, settings.max_missed, field),
        costs=_of_field(settings, settings.costs, field),
        alert=settings.alert if own else None,
        order=settings.priority_order if own else (),
        half_life_days=settings.half_life_days,
        reads=tuple(name for name in settings.forest_fields if name != field),
    )


def label_of(ticket: Ticket, field: str) -> str | None:
    """Return the ticket's priority, or the first value of another field; ``None`` where it has none."""
    if field == PRIORITY:
        return ticket.priority
    value = ticket.fields.get(field) or None
    return value if isinstance(value, str) or value is None else value[0]


def _of_field(settings: Settings, given: Mapping[str, _Value], field: str) -> dict[str, _Value]:
    """Return what is given for labels of the field: those of another field than the priority are named `field:label`."""
    found = {}
    for name, value in given.items():
        of, between, label = name.partition(":")
        # A priority may have a colon in its name.
        other = bool(between) and of != PRIORITY and of in (*settings.decide, field)
        if (of if other else PRIORITY) == field:
            found[label if other else name] = value
    return found
