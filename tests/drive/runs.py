"""Calibration runs made up in a real store, beside a truth file as the server writes it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from loadtest.drive.evidence import Evidence
from loadtest.metrics import Batch, Note
from loadtest.refserver.faults import read_truth
from loadtest.store import open_run
from tests.store.runs import START_S, write

MESSAGE = "message.created"
WINDOW = START_S


def line(kind: str, mark: str = "", role: str = "agent", **values: Any) -> dict[str, Any]:
    """A line of the truth."""
    event = MESSAGE if mark else ""
    return {
        "t": START_S + 5.0,
        "kind": kind,
        "event": event,
        "mark": mark,
        "receiver": "",
        "held_us": 0,
        "role": role,
        **values,
    }


def write_truth(path: Path, lines: Iterable[dict[str, Any]], *, whole: bool = True) -> Path:
    """A truth file of these lines between header and end."""
    told = list(lines)
    common = {"event": "", "mark": "", "receiver": "", "held_us": 0}
    header = {"t": START_S, "kind": "header", **common, "schema": 1, "faults": "loss=2%"}
    end = [{"t": START_S + 60, "kind": "end", **common, "lines": len(told)}] if whole else []
    path.write_text("".join(json.dumps(one) + "\n" for one in [header, *told, *end]), encoding="utf-8")
    return path


def evidence(folder: Path, batch: Batch, lines: Iterable[dict[str, Any]] = (), **summary: Any) -> Evidence:
    """What a run left behind.

    Args:
        folder: a folder for it.
        batch: what was stored.
        lines: of the truth.
        summary: sections of its summary.
    """
    run = write(folder / "run", batch)
    sections = {"generator": {"valid": True, "reasons": []}, "run": {"hold_s": 10.0}, **summary}
    return Evidence(open_run(run), read_truth(write_truth(folder / "truth.jsonl", lines)), sections)


def note(kind: str, second: float, **data: Any) -> Note:
    """A note, so many seconds into the run."""
    return Note(round((START_S + second) * 1_000_000), kind, kind, data)
