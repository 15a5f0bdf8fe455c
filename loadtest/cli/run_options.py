"""What verbs that start runs have in common: bounded numbers, a folder of their own, Locust's options behind ``--``."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Sequence
from pathlib import Path

from loadtest.errors import UsageError


def bounded(value: float, least: float, most: float, where: str) -> float:
    """A number within bounds.

    Args:
        value: what was given; NaN is within no bounds.
        least: the smallest that is allowed.
        most: the largest that is allowed.
        where: the option, for the error.

    Raises:
        UsageError: it is not.
    """
    if not least <= value <= most:
        raise UsageError(f"{value:g} is out of bounds", where=where, remedy=f"Give {least:g} to {most:g}")
    return value


def stamped(name: str) -> str:
    """A folder's name that nothing has yet: ``name`` and the time in UTC."""
    return f"{name}-{datetime.datetime.now(datetime.UTC):%Y%m%d-%H%M%S}"


def new_folder(report_dir: Path, run_id: str | None, name: str) -> Path:
    """The folder that a verb writes to; it is not made here.

    Args:
        report_dir: where folders of runs are.
        run_id: its name as given, or None for ``name`` and the time.
        name: what the verb makes, such as ``calibration``.

    Raises:
        UsageError: it exists already.
    """
    folder = report_dir / (run_id or stamped(name))
    if folder.exists():
        raise UsageError(
            f"it exists, and a {name} is never overwritten",
            where=str(folder),
            remedy="Give another --run-id, or move the folder away",
        )
    return folder


def read_locust_options(words: Sequence[str], fixed: Collection[str], remedy: str) -> dict[str, object]:
    """Locust's options as a run takes them: ``--name value``, ``--name=value``, or ``--name`` alone.

    Args:
        words: what stands behind ``--``.
        fixed: options that are the verb's own.
        remedy: what to give instead of those.

    Raises:
        UsageError: a word that belongs to no option, or an option that is the verb's own.
    """
    found: dict[str, object] = {}
    name = ""
    for word in words:
        if word.startswith("--"):
            name, sign, value = word[2:].partition("=")
            if name in fixed:
                raise UsageError(f"--{name} is set by the verb itself", where="--", remedy=remedy)
            found[name] = value if sign else True
        elif name and found[name] is True:
            found[name] = word
        else:
            raise UsageError(f"{word!r} belongs to no option", where="--", remedy="Write options as --name value")
    return found
