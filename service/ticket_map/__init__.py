"""The map of the stored tickets: a projection of their vectors onto a plane, made once a generation in a child process."""

from service.ticket_map.files import TicketMap
from service.ticket_map.gaps import LOOKED_AT, Gap, place_gaps
from service.ticket_map.maps import MapProgress, NoMapError, ServedMap, TicketMaps

__all__ = [
    "LOOKED_AT",
    "Gap",
    "MapProgress",
    "NoMapError",
    "ServedMap",
    "TicketMap",
    "TicketMaps",
    "place_gaps",
]
