"""The regression gate on runs that are there: read them, refuse what cannot be compared, judge, write the outcome."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from loadtest.errors import UsageError
from loadtest.report import comparison, junit
from loadtest.report.compared import WARM_UP_S, load

JSON_NAME = "compare.json"
GROUPS = ("latency", "connect", "lost", "errors", "presence", "connected")
"""Margins of whole groups of metrics, by name."""


@dataclass(frozen=True, slots=True)
class Gate:
    """How to judge.

    Attributes:
        margins: how much worse is still good enough, by metric or by one of :data:`GROUPS`; a share of the baseline's
            value for times, a difference of shares for the rest.
        noise: a file that ``calibrate --aa`` wrote, or None.
        allow_unlike: in what runs may differ, by its name in ``analysis.comparable.LIKE``.
        unpaired: compare two groups even if the runs were interleaved.
        warm_up_s: seconds of each hold to drop.
        looks: how many looks were declared before the first.
    """

    margins: Mapping[str, float] = field(default_factory=dict)
    noise: Path | None = None
    allow_unlike: Collection[str] = ()
    unpaired: bool = False
    warm_up_s: float = WARM_UP_S
    looks: int = 1


def judge(baseline: Sequence[Path], candidate: Sequence[Path], gate: Gate) -> dict[str, Any]:
    """Compare the runs of two builds.

    Args:
        baseline: run folders or packed baselines.
        candidate: the same of the candidate.
        gate: how to judge.

    Returns:
        The content of compare.json.

    Raises:
        UsageError: a run cannot be read or is named twice, runs are unlike, a margin or a name is unknown.
    """
    from loadtest.analysis.comparable import LIKE, metrics_of, unlike
    from loadtest.analysis.compare import compare
    from loadtest.analysis.pairing import arms
    from loadtest.report.noise import differences, read_noise

    _known(gate.allow_unlike, LIKE, "--allow-unlike")
    told = read_noise(gate.noise) if gate.noise else None
    before, after = load(baseline, gate.warm_up_s), load(candidate, gate.warm_up_s)
    _refuse_twice([*before, *after])
    found = unlike([*before, *after], gate.allow_unlike)
    if found:
        raise UsageError(
            f"these runs cannot be compared, since they differ in what must be alike. {'; '.join(found)}",
            remedy="Make both with `loadtest ab` on one machine, or, where the difference is meant, give "
            + " ".join(f"--allow-unlike {_quoted(one.split(':')[0])}" for one in found),
        )
    names = {metric.name.replace('"', ""): metric.name for metric in metrics_of([*before, *after], _margins({}))}
    given = {name if name in GROUPS else name.replace('"', ""): margin for name, margin in gate.margins.items()}
    _known(set(given) - set(GROUPS), names, "--margin")
    margins = _margins(
        {**(told["margins"] if told else {}), **{names.get(name, name): margin for name, margin in given.items()}}
    )
    paired = arms(before, after, unpaired=gate.unpaired)
    content = compare(paired.baseline, paired.candidate, margins, paired=paired.paired, looks=gate.looks).as_dict()
    allowed = [one for one in unlike([*before, *after]) if one not in found]
    content["warnings"] += [*paired.warnings, *(f"Allowed to differ: {one}." for one in allowed)]
    if told is not None:
        content["warnings"] += differences(told, before[0], str(gate.noise))
    content["warm_up_s"] = gate.warm_up_s
    content["runs"] = {
        "baseline": [run["run"]["id"] for run in paired.baseline],
        "candidate": [run["run"]["id"] for run in paired.candidate],
    }
    return content


def write(content: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write compare.json, compare.md and junit.xml into a folder, which is made where it does not exist.

    Returns:
        The files.

    Raises:
        UsageError: it cannot be written.
    """
    files = {
        JSON_NAME: json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n",
        "compare.md": comparison.markdown(content),
        "junit.xml": junit.of_comparison(content),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"it cannot be written to ({error.strerror or error})", where=str(folder), remedy="Give another --out"
        ) from error
    return [folder / name for name in files]


def _margins(given: Mapping[str, float]) -> Any:
    from loadtest.analysis.comparable import Margins

    groups = {name: value for name, value in given.items() if name in GROUPS}
    return Margins(**groups, named={name: value for name, value in given.items() if name not in GROUPS})


def _refuse_twice(runs: Sequence[Mapping[str, Any]]) -> None:
    seen = set()
    for run in runs:
        key = (run["run"]["id"], run["run"]["started_at"])
        if key in seen:
            raise UsageError(
                f"the run {key[0]} is named twice, and a run compared with itself shows nothing",
                remedy="Name each run once, in one of the arms",
            )
        seen.add(key)


def _known(given: Collection[str], known: Collection[str], option: str) -> None:
    for name in sorted(given):
        if name not in known:
            near = get_close_matches(name, [*known, *(GROUPS if option == "--margin" else ())], 1, 0.4)
            raise UsageError(
                f"{name!r} is not known",
                where=option,
                remedy=f"Did you mean {near[0]!r}?" if near else f"Known are {', '.join(sorted(known))}",
            )


def _quoted(name: str) -> str:
    return f"'{name}'" if " " in name else name
