"""What the supervisor notes of the last run of the server, and what users of the index order for the next start."""

import contextlib
import json
from pathlib import Path
from typing import Any

from indexer.durable import write_durably

__all__ = [
    "endpoint_of",
    "forget_orders",
    "is_compacting",
    "note_state",
    "order",
    "orders_of",
    "state_of",
    "take_orders",
]


def state_of(data_dir: Path) -> dict[str, Any]:
    """Return what the last supervisor noted: ``run``, ``died`` (how, if its server crashed), ``failed`` starts in a row."""
    return _object(data_dir / "chroma.state")  # without one the files count as in disorder


def endpoint_of(data_dir: Path) -> dict[str, Any]:
    """Return where the server that was started last listens, with its process ids; nothing when that is not known."""
    return _object(data_dir / "chroma.json")


def _object(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def orders_of(data_dir: Path) -> list[dict[str, Any]]:
    """Return what users asked for since the server was started."""
    return _orders(data_dir / "chroma.orders")


def take_orders(data_dir: Path) -> list[dict[str, Any]]:
    """Return the orders for this start; what is ordered from now on is for the next one."""
    path, taken = data_dir / "chroma.orders", data_dir / "chroma.orders.taken"
    if path.exists() and not taken.exists():
        path.rename(taken)
    return _orders(taken)


def _orders(path: Path) -> list[dict[str, Any]]:
    orders = []
    with contextlib.suppress(OSError):
        for line in path.read_text(errors="replace").splitlines():
            with contextlib.suppress(ValueError):
                order = json.loads(line)
                if isinstance(order, dict):
                    orders.append(order)
    return orders


def forget_orders(data_dir: Path) -> None:
    """Note that the orders for this start are carried out."""
    (data_dir / "chroma.orders.taken").unlink(missing_ok=True)


def is_compacting(data_dir: Path) -> bool:
    """Tell whether the supervisor is rewriting the files before it starts the server, which takes as long as they are large."""
    return any("compact" in order for order in _orders(data_dir / "chroma.orders.taken"))


def order(data_dir: Path, what: dict[str, Any]) -> None:
    """Order something for the next start of the server."""
    with (data_dir / "chroma.orders").open("a") as file:
        file.write(json.dumps(what) + "\n")


def note_state(data_dir: Path, state: dict[str, Any]) -> None:
    """Note how the run is, for the next one and for those who use the index."""
    write_durably(data_dir / "chroma.state", json.dumps(state).encode())
