"""``loadtest capacity``: one capacity search as a child process, with its progress as it is told.

The search itself is Locust's run (:mod:`loadtest.plugin.capacity`); here it is started, ended in time, and listened to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from loadtest.drive.locustfile import SEARCH, write_locustfile
from loadtest.drive.runner import RunOutcome, run

SAID = "loadtest: search: "
"""How a search begins each line of its progress."""

GRACE_S = 90.0


class Listener:
    """Reads what a search says, as it says it.

    Args:
        path: the file with its standard error.
        on_line: told each line of progress, without :data:`SAID`.
    """

    def __init__(self, path: Path, on_line: Callable[[str], None]) -> None:
        self._path = path
        self._on_line = on_line
        self._offset = path.stat().st_size if path.exists() else 0
        self._rest = ""

    def listen(self, _passed_s: float = 0.0) -> None:
        """Hand on what was said since the last time."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._offset)
            read = file.read()
        self._offset += len(read)
        *lines, self._rest = (self._rest + read.decode("utf-8", errors="replace")).split("\n")
        for line in lines:
            if line.startswith(SAID):
                self._on_line(line.removeprefix(SAID))


def search(
    folder: Path,
    options: Mapping[str, object],
    *,
    timeout_s: float,
    workers: int = 1,
    resumes: bool = False,
    on_line: Callable[[str], None],
) -> RunOutcome:
    """Search.

    Args:
        folder: the search's folder, which is the run's.
        options: of the run, by name.
        timeout_s: the search is ended after this; it can be gone on with.
        workers: processes that simulate users.
        resumes: the folder holds a search that is to be gone on with.
        on_line: told each line of progress.

    Returns:
        What became of the run.

    Raises:
        UsageError: the folder exists (or does not, for one to go on with), or cannot be written.
        GeneratorError: Locust could not be started.
        KeyboardInterrupt: this process was interrupted; the run has ended and written what it had.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    locustfile = write_locustfile(folder.parent / f".{folder.name}", SEARCH)
    listener = Listener(folder.absolute().with_name(f"{folder.name}.err"), on_line)
    try:
        return run(
            locustfile,
            folder,
            {**options, **({"resume": folder} if resumes else {})},
            timeout_s=timeout_s,
            workers=workers,
            grace_s=GRACE_S,
            on_tick=listener.listen,
            resumes=resumes,
        )
    finally:
        listener.listen()
        locustfile.unlink(missing_ok=True)
        locustfile.parent.rmdir()
