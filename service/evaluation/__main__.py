"""``python -m service.evaluation [audit]``: the same as ``precedent evaluate`` and ``precedent audit``."""

import sys

from service.cli import main

if __name__ == "__main__":
    given = sys.argv[1:]
    command = given if given[:1] == ["audit"] else ["evaluate", *given]
    sys.exit(main(command, name="python -m service.evaluation"))
