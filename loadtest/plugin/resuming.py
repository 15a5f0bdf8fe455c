"""``--resume``: go on with a run whose generator is no more, into the same folder, with the gap on its time line.

The plan goes on at the time of day that it would have had without the gap; who is simulated, on what and how must be
what it was, since one run has one summary.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtest.errors import UsageError
from loadtest.store import open_run

_MOST_TOLD = 5


@dataclass(frozen=True, slots=True)
class Resumed:
    """A run that is gone on with.

    Attributes:
        folder: its folder.
        run_id: its name.
        window_s: length of its windows.
        plan_began_s: seconds since its plan began; 0 where it never did.
        meta: what it was.
    """

    folder: Path
    run_id: str
    window_s: float
    plan_began_s: float
    meta: Mapping[str, Any]


def read(folder: str | None, run_id: str | None) -> Resumed | None:
    """The run that ``--resume`` names; None where it is not given.

    Raises:
        UsageError: there is no such run, or ``--run-id`` names another one.
    """
    if not folder:
        return None
    run = open_run(folder)
    if run_id and run_id != run.folder.name:
        raise UsageError(
            f"the run that is gone on with is {run.folder.name}",
            where=f"--run-id {run_id}",
            remedy="Leave --run-id out: a run keeps its name",
        )
    with run:
        meta = run.meta
        began_s = [
            at_s
            for at_s, kind, data in run.note_frame()[["at_s", "kind", "data"]].itertuples(index=False)
            if kind == "phase" and data.get("phase") == "hold"
        ]
        held_s = time.time() - run.started_s - began_s[0] if began_s else 0.0
    return Resumed(run.folder, str(meta.get("run_id") or run.folder.name), run.window_s, max(0.0, held_s), meta)


def check(resumed: Resumed, now: Mapping[str, Any]) -> None:
    """Make sure that the run goes on as the run that it was.

    Args:
        resumed: the run.
        now: what it would be described as now.

    Raises:
        UsageError: the target, who is simulated, or the plan is another one.
    """
    before, after = _described(resumed.meta), _described(now)
    differ = [
        f"{name} was {before[name]!r}, is {after[name]!r}"
        for name in before
        if name in after and before[name] != after[name]
    ]
    if differ:
        more = f", and {len(differ) - _MOST_TOLD} more" if len(differ) > _MOST_TOLD else ""
        raise UsageError(
            f"this is another run: {'; '.join(differ[:_MOST_TOLD])}{more}",
            where=f"--resume {resumed.folder}",
            remedy="Give the options that the run was started with, or leave --resume out for a run of its own",
        )


def _described(meta: Mapping[str, Any]) -> dict[str, Any]:
    target = meta.get("target") or {}
    told = {"deadline_s": meta.get("deadline_s"), "seed": meta.get("seed"), "embedded": target.get("embedded")}
    if not target.get("embedded"):
        told["target"] = target.get("url")
    told |= {str(name): value for name, value in (meta.get("population") or {}).items()}
    return told | {str(name): value for name, value in (meta.get("plan") or {}).items()}
