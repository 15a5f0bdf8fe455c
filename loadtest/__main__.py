"""``python -m loadtest`` is the console script ``loadtest``."""

import sys

from loadtest.cli import main

if __name__ == "__main__":
    sys.exit(main())
