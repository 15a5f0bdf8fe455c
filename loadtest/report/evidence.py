"""Frames that broke the contract, or are worth a look, as the report shows them: keys, types, ids and lengths.

They are folded by the kind of violation, and those of unknown or tolerated events by the event's name. The notes hold
no word of what people wrote (:mod:`loadtest.contract.evidence`); they are shown as they are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loadtest.report.tables import part
from loadtest.report.wording import count, number, plain

if TYPE_CHECKING:
    import pandas as pd

MOST_PER_KIND = 20
"""Frames shown of a kind."""

MOST_FOLDS = 40
"""Kinds shown of a sort; unknown names come from the server, and nobody reads the hundredth."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame of the evidence.

    Attributes:
        text: what is to be said of it, on whose socket.
        json: what may be shown of it.
    """

    text: str
    json: str


@dataclass(frozen=True, slots=True)
class Fold:
    """The evidence of one kind.

    Attributes:
        title: the kind, and how many frames of how many are shown.
        frames: the frames.
    """

    title: str
    frames: Sequence[Frame]


@dataclass(frozen=True, slots=True)
class _Source:
    """One sort of evidence.

    Attributes:
        note: kind of its notes.
        key: what in a note's data folds it.
        totals: key of the summary's contract section that tells how many there were.
        title: how a fold is called.
    """

    note: str
    key: str
    totals: str
    title: str


_SOURCES = (
    _Source("violation", "kind", "violations", "Evidence of {}"),
    _Source("unknown", "event", "unknown_events", "Frames of the unknown event {}"),
    _Source("tolerated", "event", "tolerated", "Tolerated {}"),
)


def folds(notes: pd.DataFrame, contract: Mapping[str, Any]) -> list[Fold]:
    """The evidence of a run, by kind.

    Args:
        notes: columns at_s, kind, text, data.
        contract: the summary's section ``contract``.
    """
    return [fold for source in _SOURCES for fold in _folds(source, notes, part(contract, source.totals))]


def _folds(source: _Source, notes: pd.DataFrame, totals: Mapping[str, Any]) -> list[Fold]:
    found: dict[str, list[Frame]] = {}
    chosen = notes.loc[notes["kind"] == source.note]
    for text, data in zip(chosen["text"].tolist(), chosen["data"].tolist(), strict=True):
        told = data if isinstance(data, Mapping) else {}
        name = str(told.get(source.key) or source.note)
        role = f"socket of role {plain(told['role'])}: " if told.get("role") else ""
        frame = told.get("frame")
        shown = json.dumps(frame, indent=1, default=str) if frame is not None else ""
        found.setdefault(name, []).append(Frame(f"{role}{plain(text)}", shown))
    folded = []
    for name, frames in sorted(found.items())[:MOST_FOLDS]:
        shown_frames = frames[:MOST_PER_KIND]
        title = _title(source.title.format(plain(name)), len(shown_frames), totals.get(name))
        folded.append(Fold(title, shown_frames))
    return folded


def _title(title: str, shown: int, n: Any) -> str:
    total = number(n)
    of = f" of {count(total)}" if total is not None and total > shown else ""
    noun = "frame" if shown == 1 and not of else "frames"
    return f"{title}: {count(shown)}{of} {noun}"
