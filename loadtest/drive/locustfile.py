"""The locustfile of runs that a verb starts by itself: it comes with the package, so the wheel alone is enough."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from loadtest.errors import UsageError

NAME = "users.py"


SEARCH = "search.py"


def write_locustfile(folder: Path, name: str = NAME) -> Path:
    """Put the locustfile into a folder, which is made where it does not exist.

    Args:
        folder: where.
        name: :data:`NAME`, or :data:`SEARCH` for the one of capacity searches.

    Returns:
        Its path.

    Raises:
        UsageError: the folder cannot be written.
    """
    text = resources.files("loadtest.drive").joinpath(f"{name}.txt").read_text(encoding="utf-8")
    path = folder / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"it cannot be written to ({error.strerror})",
            where=str(folder),
            remedy="Choose another folder, or give this user the right to write to it",
        ) from error
    return path
