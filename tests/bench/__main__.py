"""Everything that is claimed about speed, in one run: ``python -m tests.bench``. Ratios count, not seconds.

Five are runs of their own: ``python -m tests.bench million``, which takes hours, ``… console``, which needs a browser,
``… cleaning FILE`` and ``… retrieval``, which need real tickets, and ``… real_model``, which needs a real model and takes half an hour.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.bench import (
    cleaning,
    console,
    forest,
    hosted,
    indexing,
    million,
    outage,
    overload,
    reading,
    real_model,
    retrieval,
    serving,
    unchanged,
)


def main() -> None:
    """Run the benchmarks that are asked for, all by default."""
    alone = {
        "million": million.main,
        "console": console.main,
        "cleaning": cleaning.main,
        "retrieval": retrieval.main,
        "real_model": real_model.main,
    }
    if sys.argv[1:2] and (run := alone.get(sys.argv[1])):
        run(sys.argv[2:])
        return
    runs = {
        "forest": forest.run,
        "indexing": indexing.run,
        "hosted": hosted.run,
        "serving": serving.run,
        "unchanged": unchanged.run,
        "reading": reading.run,
        "overload": overload.run,
        "outage": outage.run,
    }
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(runs)}")
    chosen = parser.parse_args().names or list(runs)
    for name in chosen:
        print(f"\n== {name}: {(runs[name].__doc__ or '').splitlines()[0]}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            runs[name](Path(folder))


if __name__ == "__main__":
    main()
