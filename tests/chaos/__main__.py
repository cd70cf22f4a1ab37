"""Portal writers and askers while Chroma and the service are killed: ``python -m tests.chaos --minutes 10``."""

import argparse
import sys
import tempfile
from pathlib import Path

from indexer.settings import Settings
from tests.chaos.portal import run_portal
from tests.provider import Provider

_READY_SECONDS = 15.0


def main() -> int:
    """Run it, print a table, and return 1 when anything is not as it must be."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--askers", type=int, default=8)
    parser.add_argument("--chroma-kills", type=int, default=20)
    parser.add_argument("--service-kills", type=int, default=5)
    parser.add_argument("--tickets", type=int, default=0, help="that are stored before")
    parser.add_argument("--dimension", type=int, default=64)
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        Provider.start(dimension=given.dimension) as provider,
    ):
        outcome = run_portal(
            Settings(data_dir=Path(folder) / "data", api_base=provider.url),
            provider,
            seconds=60 * given.minutes,
            writers=given.writers,
            askers=given.askers,
            kills={"chroma": given.chroma_kills, "service": given.service_kills},
            stored=given.tickets,
            dimension=given.dimension,
        )
    print(outcome.table())
    slow = [seconds for found in outcome.ready.values() for seconds in found if seconds > _READY_SECONDS]
    return 1 if outcome.lost or outcome.wrong or outcome.put_aside or slow else 0


if __name__ == "__main__":
    sys.exit(main())
