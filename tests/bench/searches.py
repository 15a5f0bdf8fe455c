"""Several capacity searches of one bench, each in a folder of its own, gone on with where they were stopped."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from loadtest.drive.capacity import search
from loadtest.report.capacity import read_answer, terminal

LEAST_S = 30.0
"""With less time left no search is begun."""

UNFINISHED = 3
"""Exit code of a bench that the same command goes on with."""

Served = Callable[[Path], AbstractContextManager[Mapping[str, object]]]


def bench_parser(module: str, about: str, *, hold_s: float, time_s: float) -> argparse.ArgumentParser:
    """The command line of such a bench: ``--out``, ``--hold`` and ``--time``.

    Args:
        module: its name.
        about: its docstring.
        hold_s: how long a step is held, unless told otherwise.
        time_s: when it stops by itself, unless told otherwise.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=about.split("\n")[0])
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="folder of the searches")
    parser.add_argument("--hold", metavar="SECONDS", type=float, default=hold_s)
    parser.add_argument("--time", metavar="SECONDS", type=float, default=time_s, help="stop after so long")
    return parser


def prepared(out: Path, slo: str) -> tuple[Path, Path]:
    """The folder of the searches, absolute and there, and the file of limits in it."""
    out = out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    path = out / "slo.toml"
    path.write_text(slo, encoding="utf-8")
    return out, path


def is_over(folder: Path) -> bool:
    """Whether a search came to its end."""
    return (folder / "capacity.json").exists() and read_answer(folder)["ending"] != "unfinished"


def completed(folders: Sequence[Path], served: Served, until_s: float) -> list[Mapping[str, Any]] | None:
    """Make the searches that are not over, one after the other.

    Args:
        folders: of the searches.
        served: of each folder, a context in which its target serves, and which gives the search's options.
        until_s: monotonic time at which to stop.

    Returns:
        All answers, or None when one is not at its end; why is printed.
    """
    for folder in folders:
        if is_over(folder):
            continue
        left_s = until_s - time.monotonic()
        if left_s < LEAST_S:
            print(f"stopped before the end of {folder.name}; the same command goes on")
            return None
        print(folder.name, flush=True)
        with served(folder) as options:
            outcome = search(
                folder,
                options,
                timeout_s=left_s,
                resumes=(folder / "run.sqlite").exists(),
                on_line=lambda line: print(line, flush=True),
            )
        if not is_over(folder):
            print(f"{folder.name} is not at its end ({outcome.complaint()}); the same command goes on")
            return None
        print(terminal(read_answer(folder), folder), flush=True)
    return [read_answer(folder) for folder in folders]
