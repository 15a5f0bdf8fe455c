"""A machine's noise as a file, and as a table: which regression it can see, with how many pairs."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loadtest.analysis.comparable import at
from loadtest.analysis.noise import SCHEMA_VERSION
from loadtest.errors import UsageError
from loadtest.nouns import many, noun

SHOWN_PAIRS = (4, 6, 8, 12)
_PLACES = {
    "plan": ("run", "plan"),
    "population": ("run", "population"),
    "workers": ("run", "workers"),
    "CPU model": ("run", "versions", "cpu"),
    "cores": ("run", "versions", "cores"),
    "kernel": ("run", "versions", "kernel"),
}


def read_noise(path: Path) -> dict[str, Any]:
    """A noise file's content, with ``margins`` by metric.

    Raises:
        UsageError: it cannot be read, or is no noise file of this release.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"it cannot be read ({error.strerror or error})",
            where=f"--noise {path}",
            remedy="Name the noise.json that `loadtest calibrate --aa` wrote",
        ) from error
    except ValueError as error:
        raise _no_noise(path, f"it is no JSON ({error})") from error
    if not isinstance(content, dict) or content.get("kind") != "noise":
        raise _no_noise(path, "it is no noise file")
    if content.get("schema_version") != SCHEMA_VERSION:
        raise _no_noise(path, f"it has layout {content.get('schema_version')}, and this release reads {SCHEMA_VERSION}")
    try:
        margins = {str(metric["name"]): float(metric["margin"]) for metric in content["metrics"]}
        like = dict(content["like"])
    except (KeyError, TypeError, ValueError) as error:
        raise _no_noise(path, f"its metrics cannot be read ({error!r})") from error
    wrong = [name for name, margin in margins.items() if not (margin > 0 and math.isfinite(margin))]
    if wrong:
        raise _no_noise(path, f"its margin of {wrong[0]} is {margins[wrong[0]]}")
    return {**content, "margins": margins, "like": like}


def differences(content: Mapping[str, Any], run: Mapping[str, Any], where: str) -> list[str]:
    """In what a run differs from those that the noise was measured with, a sentence each."""
    found = []
    for what, known in content["like"].items():
        now = at(run, _PLACES.get(what, (what,)))
        if json.loads(json.dumps(now)) != known:
            detail = "" if isinstance(known, dict) else f" ({known!r} then, {now!r} now)"
            found.append(f"{where} was measured with another {what}{detail}: calibrate again for margins that fit.")
    return found


def terminal(content: Mapping[str, Any]) -> str:
    """What the machine can see, as text; lines joined by newlines."""
    pairs = content["pairs"]
    rows = [["metric", "noise", "margin", *(f"seen by {k}" for k in SHOWN_PAIRS)]]
    for metric in content["metrics"]:
        sights = {sight["pairs"]: sight for sight in metric["sights"]}
        cells = [_size(metric, sights[k]["sees"]) for k in SHOWN_PAIRS]
        rows.append([metric["name"].replace('"', ""), _noise(metric), _size(metric, metric["margin"]), *cells])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(c.rjust(w) if i else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    ]
    lines += ["", *(f"{name}: nothing is known, {why}." for name, why in content["unknown"].items())]
    lines += [
        f"Noise: how much two runs of one build differ, from {many(content['measured'], 'pair')} (its upper "
        "80 % bound).",
        "Seen by k: the smallest regression that k pairs fail 4 times out of 5 at that margin.",
        _advice(content, pairs),
    ]
    return "\n".join(lines)


def _advice(content: Mapping[str, Any], pairs: int) -> str:
    names = [name.replace('"', "") for name in content.get("undecided", ())]
    if not names:
        passes = "with these margins an unchanged build then passes 4 times out of 5, else asks for more"
        return f"Take {many(pairs, 'pair')}: {passes}."
    return (
        f"No number of pairs helps yet: {', '.join(names)} {noun(len(names), 'stays', 'stay')} undecided in runs "
        f"like these, and with {noun(len(names), 'it', 'them')} the gate. Why is said above; measure anew after."
    )


def _noise(metric: Mapping[str, Any]) -> str:
    value = math.expm1(metric["sd_upper"]) if metric["kind"] == "ratio" else metric["sd_upper"]
    return _size(metric, value)


def _size(metric: Mapping[str, Any], value: float) -> str:
    return f"{100 * value:.2g}%" if metric["kind"] == "ratio" else f"{100 * value:.2g} points"


def _no_noise(path: Path, what: str) -> UsageError:
    return UsageError(what, where=f"--noise {path}", remedy="Write it anew with `loadtest calibrate --aa`")
