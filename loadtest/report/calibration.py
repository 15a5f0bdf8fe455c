"""A calibration as text: what each row injected, beside what the toolkit found.

Works on the JSON values of ``calibration.json`` (:meth:`loadtest.drive.calibration.Calibration.as_dict`), so that a
stored one reads as it did when it was made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from loadtest.report import wording

Values = Mapping[str, Any]

SAID = {
    "ok": "ok",
    "WRONG": "WRONG",
    "INCONCLUSIVE": "INCONCLUSIVE",
    "BROKEN": "NOT RUN",
}
SENTENCES = {
    "ok": "every fault was recovered as it was injected",
    "WRONG": "a fault was not recovered as it was injected: figures of this toolkit cannot be trusted here",
    "INCONCLUSIVE": "a row could not tell, or its generator was not fit to measure; what could be judged agrees",
    "BROKEN": "a row could not be run to its end",
}
_INDENT = " " * 4
_HEADING = ("", "injected", "recovered", "may differ by", "")


def row(content: Values) -> str:
    """One row of the matrix in a few lines.

    Args:
        content: an element of ``rows``.
    """
    head = f"{content['name']:<15} {SAID[content['result']]:<13} {content['title']}  ({content['duration_s']:.0f} s)"
    lines = [head]
    if content["faults"]:
        lines.append(f"{_INDENT}--faults {content['faults']}")
    judged = [c for c in content["comparisons"] if c["ok"] is not None or not c["decided"]]
    clear = [c for c in judged if c["ok"] and not (c["injected"] or c["recovered"] or c["tolerance"])]
    told = [c for c in judged if c not in clear]
    if told:
        lines += _table([_HEADING, *(_cells(comparison) for comparison in told)])
        lines += [f"{_INDENT}  {c['what']}: {wording.plain(c['note'])}" for c in told if c["note"] and not c["ok"]]
    if clear:
        lines.append(f"{_INDENT}{', '.join(c['what'] for c in clear)}: none injected, none found")
    measured = [f"{c['what']} {value(c['recovered'], c['unit'])}" for c in content["comparisons"] if c not in judged]
    if measured:
        lines.append(f"{_INDENT}measured: {', '.join(measured)}")
    if content["reasons"]:
        lines.append(f"{_INDENT}{wording.plain(content['reasons'][0])}")
    return "\n".join(lines)


def verdict(content: Values) -> str:
    """The last lines: what the rows come to."""
    rows = content["rows"]
    counts = [(said, sum(1 for one in rows if one["result"] == result)) for result, said in SAID.items()]
    tally = ", ".join(f"{n} {said}" for said, n in counts if n)
    stopped = "; interrupted, the other rows were not run" if content["interrupted"] else ""
    text = f"{SAID[content['result']]}: {SENTENCES[content['result']]}"
    return f"{wording.many(len(rows), 'row')} in {wording.seconds(content['duration_s'])}: {tally}{stopped}\n{text}"


def value(number: Any, unit: str) -> str:
    """A figure in its unit."""
    if number is None:
        return wording.MISSING
    if unit == "ms":
        return f"{number:.2f} ms" if abs(number) < 1000 else f"{number / 1000:.3f} s"
    if unit in ("s", "%"):
        return f"{number:.3f} {unit}"
    return wording.count(number)


def _cells(comparison: Values) -> tuple[str, ...]:
    unit, tolerance, injected = comparison["unit"], comparison["tolerance"], comparison["injected"]
    allowed = value(tolerance, unit) if tolerance else "0"
    return (
        comparison["what"],
        "" if injected is None else value(injected, unit),
        value(comparison["recovered"], unit),
        f"at most {allowed}" if injected is None else allowed,
        "ok" if comparison["ok"] else "WRONG" if comparison["decided"] else "undecided",
    )


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(cells[column]) for cells in rows) for column in range(len(rows[0]))]
    return [
        _INDENT
        + "  ".join(
            cell.ljust(width) if column in (0, len(cells) - 1) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ).rstrip()
        for cells in rows
    ]
