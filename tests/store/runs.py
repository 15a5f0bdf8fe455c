"""Small runs to read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from loadtest.metrics import Batch, Closing, Note
from loadtest.store import RunWriter

START_S = 1_767_225_600  # 2026-01-01T00:00:00Z
META = {"window_s": 1.0, "started_at": "2026-01-01T00:00:00+00:00", "run_id": "r1"}


def closing(mark: str, **values: Any) -> Closing:
    """A complete emission to ten agents, but for ``values``."""
    fields: dict[str, Any] = {
        "mark": mark,
        "event": "message.created",
        "role": "agent",
        "worker": "w1",
        "account_id": 1,
        "conversation_id": 2,
        "inbox_id": 3,
        "actor_role": "contact",
        "actor_id": 4,
        "due_us": START_S * 1_000_000,
        "lateness_us": 5,
        "rest_wait_us": 6,
        "response_us": 7,
        "status": "ok",
        "emitted": 1,
        "expected": 10,
        "delivered": 10,
        "late": 0,
        "lost": 0,
        "duplicated": 0,
        "reordered": 0,
        "leaked": 0,
        "cut_by_peer": 0,
        "cut_by_us": 0,
        "away": 0,
        "undetermined": 0,
        "first_us": 900,
        "last_us": 2_000,
    }
    return Closing(**{**fields, **values})


def phase(name: str, second: float) -> Note:
    """The note that starts a phase, ``second`` seconds into the run."""
    return Note(round((START_S + second) * 1_000_000), "phase", name, {"phase": name})


def write(folder: Path, *batches: Batch, **meta: Any) -> Path:
    """A finished run of these batches."""
    with RunWriter.create(folder, {**META, **meta}) as writer:
        for batch in batches:
            writer.write(batch)
    return folder
