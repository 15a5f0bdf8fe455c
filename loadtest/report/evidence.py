"""The frames that broke the contract, as the report shows them: keys, types, ids and lengths, folded by kind.

The notes hold no word of what people wrote (:mod:`loadtest.contract.evidence`); they are shown as they are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loadtest.report import wording
from loadtest.report.wording import count, number, plain

if TYPE_CHECKING:
    import pandas as pd

MOST_PER_KIND = 20
"""Frames shown of a kind."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame that broke the contract.

    Attributes:
        text: what is wrong with it, on whose socket.
        json: what may be shown of it.
    """

    text: str
    json: str


@dataclass(frozen=True, slots=True)
class Fold:
    """The evidence of one kind of violation.

    Attributes:
        title: the kind, and how many frames of how many are shown.
        frames: the frames.
    """

    title: str
    frames: Sequence[Frame]


def folds(notes: pd.DataFrame, violations: Mapping[str, Any]) -> list[Fold]:
    """The evidence of a run, by kind.

    Args:
        notes: columns at_s, kind, text, data.
        violations: how many there were, by kind.
    """
    by_kind: dict[str, list[Frame]] = {}
    for text, data in zip(
        *(notes.loc[notes["kind"] == "violation", c].tolist() for c in ("text", "data")), strict=True
    ):
        told = data if isinstance(data, Mapping) else {}
        kind = plain(told.get("kind") or "violation")
        role = f"socket of role {plain(told['role'])}: " if told.get("role") else ""
        frame = told.get("frame")
        shown = json.dumps(frame, indent=1, default=str) if frame is not None else ""
        by_kind.setdefault(kind, []).append(Frame(f"{role}{plain(text)}", shown))
    return [
        Fold(_title(kind, min(len(frames), MOST_PER_KIND), violations.get(kind)), frames[:MOST_PER_KIND])
        for kind, frames in sorted(by_kind.items())
    ]


def _title(kind: str, shown: int, n: Any) -> str:
    total = number(n)
    of = f" of {count(total)}" if total is not None and total > shown else ""
    noun = "frame" if shown == 1 and not of else "frames"
    return f"Evidence of {wording.plain(kind)}: {count(shown)}{of} {noun}"
