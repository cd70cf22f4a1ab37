"""Everything that is claimed about speed, in one run: ``python -m tests.bench``. Ratios count, not seconds.

``python -m tests.bench million`` is a run of its own, since it takes hours.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.bench import forest, hosted, indexing, million, overload, serving, unchanged


def main() -> None:
    """Run the benchmarks that are asked for, all by default."""
    if sys.argv[1:2] == ["million"]:
        million.main(sys.argv[2:])
        return
    runs = {
        "forest": forest.run,
        "indexing": indexing.run,
        "hosted": hosted.run,
        "serving": serving.run,
        "unchanged": unchanged.run,
        "overload": overload.run,
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
