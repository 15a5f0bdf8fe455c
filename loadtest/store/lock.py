"""One writer a folder: a lock on the folder of a run, or of runs, held for as long as its writer lives.

SQLite lets two processes write in turn, and two generators in one file would be one run of twice the load. The lock is
the kernel's (``flock``), on the folder itself: it ends with the process that holds it, however that ends, and leaves
nothing behind.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from loadtest.errors import UsageError


class FolderLock:
    """Holds a folder.

    Args:
        folder: it must exist. One that cannot be locked (a file system without locks, a folder that may be written
            but not listed) is not locked.
        what: what is written to it, in the refusal's words.
        then: what its user may do once it is free.

    Raises:
        UsageError: another writer holds it.
    """

    def __init__(self, folder: Path, what: str = "run", then: str = "resume") -> None:
        self._descriptor = -1
        try:
            self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.release()
            raise UsageError(
                f"another process still writes to this {what}",
                where=str(folder),
                remedy=f"Wait for its end (or end it), then {then}.",
            ) from None
        except OSError:
            self.release()

    def release(self) -> None:
        """Let others write; done twice it does nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            with contextlib.suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_UN)  # under gevent the descriptor may be closed a little later
            os.close(descriptor)
