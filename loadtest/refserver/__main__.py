"""``python -m loadtest.refserver``."""

import sys

from loadtest.refserver.main import main

if __name__ == "__main__":
    sys.exit(main())
