"""``python -m service``: the same as ``precedent serve``."""

import sys

from service.cli import main

if __name__ == "__main__":
    sys.exit(main(["serve", *sys.argv[1:]], name="python -m service"))
