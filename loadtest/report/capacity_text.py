"""A capacity search in words: what it found, as sentences, tables, terminal text and Markdown.

Works on the JSON values of ``capacity.json``, so that a stored one reads as it did when it was made.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from loadtest.report import wording
from loadtest.report.tables import Cell, Column, Table, measured
from loadtest.report.tables import limit as limit_said
from loadtest.report.wording import bytes_, count, milliseconds, number, percent, plain, rate, seconds

Values = Mapping[str, Any]

WIDTH = 98
_NOTHING = 1e-9
"""A share or a cost below this is none."""

UNIT = {"agents": "agents", "contacts": "contacts", "emit-rate": "messages/s"}
KINDS = {
    "up": "upwards",
    "down": "downwards",
    "bisect": "in between",
    "hysteresis": "back at once",
    "confirm": "held long",
}
_TONES = {"pass": "good", "fail": "bad", "invalid": "void", "unsettled": "warn", "short": "warn"}
_DRIVERS = {
    "deliveries_per_s": "a delivery",
    "presence_per_s": "a presence frame",
    "users": "an idle connection",
}


def level(content: Values, value: Any) -> str:
    """A level with its unit."""
    return f"{count(_rounded(value))} {UNIT[content['axis']]}"


def _rounded(value: Any) -> float | None:
    found = number(value)
    return None if found is None else float(f"{found:.3g}")


def finding(content: Values) -> list[str]:
    """What was found, a sentence each, the most important one first."""
    ending = content["ending"]
    passed, failed = content["last_pass"], content["first_fail"]
    told = []
    if ending == "generator":
        told.append(_generator(content))
        if passed is not None:
            told.append(f"Up to {level(content, passed)} the target kept its limits: it carries at least that.")
    elif ending == "bound":
        told.append(
            f"No limit was found up to {level(content, passed)}, the most that was allowed: it carries at least that."
        )
    elif ending == "short":
        told.append("The holds are too short for the limits: hold longer (--hold), or begin at a higher rate (--at).")
    elif ending == "least":
        told.append(f"The target failed already at {level(content, failed)}, the least load there is to try.")
    elif passed is None or failed is None:
        told.append("The search is not at its end, and has no interval yet.")
    else:
        told.append(f"It carries {level(content, passed)} and not {level(content, failed)}.")
        if ending == "unfinished":
            told.append("The search is not at its end: go on with --resume for a narrower interval.")
    told += _in_deliveries(content)
    told += _first(content)
    if content["confirmed_at"] is not None:
        told.append(f"{level(content, content['confirmed_at'])} were held to the end, and kept the limits.")
    elif ending == "unconfirmed":
        told.append(_unconfirmed(content))
    if content["recovered"] is False:
        told.append(_hysteresis(content))
    elif content["recovered"]:
        told.append("Right after the overload it carried the level below again.")
    told += _not_judged(content)
    if not content["watched"]:
        told.append("The target's CPU and memory were not watched.")
    return told


def _unconfirmed(content: Values) -> str:
    """Why 90 % of the answer were not held to the end."""
    outcomes = {step["outcome"] for step in content["steps"] if step["span"]["kind"] == "confirm"}
    if "fail" in outcomes:
        return "90 % of it did not hold for long: the target wears out below what it carries for a short time."
    if outcomes == {"invalid"}:
        return "Whether 90 % of it hold for long is not known: the load generator was not fit in that step."
    return "Whether 90 % of it hold for long is not known: that step could not tell."


def _not_judged(content: Values) -> list[str]:
    """The limits that no step which passed could be held against."""
    passed = [step["margins"] for step in content["steps"] if step["outcome"] == "pass"]
    if not passed:
        return []
    blank = [{m["name"] for m in margins if set(m["parts"]) == {"INCONCLUSIVE"}} for margins in passed]
    names = sorted(set.intersection(*blank))
    return [f"Not judged, since too few people connect in a step: {', '.join(map(plain, names))}."] if names else []


def _hysteresis(content: Values) -> str:
    """How the target came back, when it did not do so at once."""
    numbers = [step["span"]["number"] for step in content["steps"] if step["span"]["kind"] == "hysteresis"]
    said = (
        "Right after the overload it failed at a level that it had carried before (hysteresis): "
        "what piled up outlasts the load"
    )
    later = [s for s in content["steps"] if s["span"]["number"] > numbers[0] and s["outcome"] == "pass"]
    return f"{said}; after a rest it was back." if later else f"{said}, and no later step shows it back."


def _generator(content: Values) -> str:
    at = level(content, content["generator_at"])
    needed, workers = content["workers_needed"], content["workers"]
    more = ""
    if needed is not None:
        wanted = max(int(needed), int(workers or 1) + 1)
        more = f" It takes about {wanted} workers of a core each (--processes {wanted}); there were {count(workers)}."
    return f"The load generator was the limit at {at}, so this is no capacity of the target.{more}"


def _in_deliveries(content: Values) -> list[str]:
    low, high = content["at_last_pass"], content["at_first_fail"]
    if not low:
        return []
    what = f"At the last pass: {_figures(low)}."
    return [what, f"At the first failure: {_figures(high)}."] if high else [what]


def _figures(figures: Values) -> str:
    told = [
        wording.many(figures["users"], "user"),
        rate(figures["messages_per_s"], " messages/s"),
        rate(figures["deliveries_per_s"], " deliveries/s"),
    ]
    if number(figures["p99_ms"]) is not None:
        told.append(f"p99 {milliseconds(figures['p99_ms'])}")
    if number(figures["target_cpu"]) is not None:
        told.append(f"{wording.significant(float(figures['target_cpu']))} cores")
    if number(figures["target_rss_bytes"]) is not None:
        told.append(bytes_(figures["target_rss_bytes"]))
    return ", ".join(told)


def _first(content: Values) -> list[str]:
    if not content["failed_first"]:
        return []
    why = plain(content["failed_why"][0]) if content["failed_why"] else ""
    return [f"What failed first: {', '.join(map(plain, content['failed_first'][:3]))}{f' ({why})' if why else ''}."]


def steps_table(content: Values) -> Table:
    """Every step, in order."""
    rows = []
    for step in content["steps"]:
        span, figures = step["span"], step["figures"]
        why = plain(step["why"][0]) if step["why"] else ""
        rows.append(
            [
                Cell(f"{span['number']} {KINDS.get(span['kind'], span['kind'])}"),
                Cell(count(_rounded(span["level"]))),
                Cell(step["outcome"], why, _TONES[step["outcome"]]),
                Cell(count(figures.get("users"))),
                Cell(rate(figures.get("messages_per_s"))),
                Cell(rate(figures.get("deliveries_per_s"))),
                Cell(milliseconds(figures.get("p50_ms"))),
                Cell(milliseconds(figures.get("p99_ms"))),
                Cell(seconds(figures.get("ping_gap_max_s"))),
                Cell(percent(figures.get("target_cpu"))),
                Cell(bytes_(figures.get("target_rss_bytes"))),
            ]
        )
    columns = [
        Column("step", numeric=False),
        Column(UNIT[content["axis"]], "The level asked for."),
        Column("outcome", "Two of the three windows of its hold decide.", numeric=False),
        Column("users", "Connected, on average."),
        Column("messages", "Emitted a second."),
        Column("deliveries", "Arrived a second, of all events but presence."),
        Column("p50", "message.created to agents, from the due time."),
        Column("p99 incl. lost"),
        Column("ping gap", "The longest between two pings of a socket; clients give up after 6 s."),
        Column("target CPU", "Of one core, where it was watched."),
        Column("target RSS"),
    ]
    return Table("steps", "Steps", columns, rows)


def margins_table(content: Values) -> Table:
    """How the last pass and the first failure stood to each limit."""
    ends = [(_step_at(content, content["last_pass"], "pass")), (_step_at(content, content["first_fail"], "fail"))]
    names = list(dict.fromkeys(margin["name"] for step in ends if step for margin in step["margins"]))
    rows = []
    for name in names:
        cells = [Cell(name)]
        limit = next(m for step in ends if step for m in step["margins"] if m["name"] == name)
        cells.append(Cell(limit_said(limit)))
        for step in ends:
            margin = next((m for m in step["margins"] if m["name"] == name), None) if step else None
            cells.append(_margin(margin))
        rows.append(cells)
    columns = [
        Column("limit", numeric=False),
        Column("", numeric=False),
        Column("at the last pass"),
        Column("at the first failure"),
    ]
    return Table("margins", "Margins to the limits", columns, rows)


def _margin(margin: Values | None) -> Cell:
    if margin is None:
        return Cell(wording.MISSING)
    text = measured(margin["value"], str(margin.get("unit") or ""))
    fails = margin["parts"].count("FAIL")
    return Cell(text, f"broken in {fails} of {len(margin['parts'])} windows" if fails else "", "bad" if fails else "")


def _step_at(content: Values, at: Any, outcome: str) -> Values | None:
    for step in content["steps"]:
        if step["span"]["level"] == at and step["outcome"] == outcome and step["span"]["kind"] != "hysteresis":
            return dict(step)
    return None


def sizing_table(content: Values) -> Table:
    """The levels that passed, as shares of the capacity found; without an interval there is none to be a share of."""
    low, high = number(content["last_pass"]), number(content["first_fail"])
    rows = []
    passed = [s for s in content["steps"] if s["outcome"] == "pass" and s["span"]["kind"] != "hysteresis"]
    levels = {step["span"]["level"]: step for step in passed}
    if low is not None and high is not None:
        for at in sorted(levels):
            figures = levels[at]["figures"]
            rows.append(
                [
                    Cell(level(content, at)),
                    Cell(f"{percent(at / high)} to {percent(min(at / low, 1.0))}"),
                    Cell(count(_rounded(figures.get("agents")))),
                    Cell(count(_rounded(figures.get("contacts")))),
                    Cell(rate(figures.get("messages_per_s"))),
                    Cell(rate(figures.get("deliveries_per_s"))),
                    Cell(percent(figures.get("target_cpu"))),
                ]
            )
    columns = [
        Column("at", numeric=False),
        Column("of the capacity", "Of the first failure, to of the last pass."),
        Column("agents"),
        Column("contacts"),
        Column("messages"),
        Column("deliveries"),
        Column("target CPU", "Of one core, where it was watched."),
    ]
    axes = [UNIT[axis] for axis in UNIT if axis != content["axis"]]
    note = f"Not varied in this search: {' and '.join(axes)}. Loads in between, and off this axis: `loadtest sizing`."
    return Table("sizing", "Sizing", columns, rows, note)


def fit_said(content: Values) -> list[str]:
    """What the Universal Scalability Law makes of the steps."""
    usl = content["usl"]
    if usl is None:
        return ["The Universal Scalability Law takes six steps at four levels; there are fewer."]
    told = [
        f"Contention {_share(usl['sigma'], usl['sigma_interval'])}, coherency "
        f"{_share(usl['kappa'], usl['kappa_interval'])} (load in units of {wording.significant(usl['unit'])})."
    ]
    if usl["peak"] is not None:
        low, high = usl["peak_interval"]
        told.append(
            f"Throughput peaks at {level(content, usl['peak'])} "
            f"(95 %: {count(_rounded(low))} to {count(_rounded(high))})."
        )
    else:
        told.append(usl["note"])
    return told


def _share(value: float, interval: Sequence[float]) -> str:
    low, high = interval
    return f"{_shown(value)} (95 %: {_shown(low)} to {_shown(high)})"


def _shown(value: float) -> str:
    return f"{value:.3g}" if value >= _NOTHING else "0"


def costs_table(content: Values) -> Table:
    """What the target's CPU and memory are spent on."""
    rows = []
    for key, unit in (("cpu", "ms of CPU"), ("memory", "KiB")):
        model = content[key]
        if model is None:
            continue
        factor = 1000.0 if key == "cpu" else 1 / 1024
        idle = "cores idle" if key == "cpu" else "MiB without users"
        scale = 1.0 if key == "cpu" else 1 / 1024**2
        rows.append([Cell(idle), *_interval(model["idle"], model["idle_interval"], scale)])
        rows += [
            [Cell(f"{unit} for {_DRIVERS[cost['driver']]}"), *_interval(cost["value"], cost["interval"], factor)]
            for cost in model["costs"]
        ]
    return Table(
        "costs",
        "What it costs",
        [Column("", numeric=False), Column("cost"), Column("95 % interval")],
        rows,
        _left_in(content),
    )


def _interval(value: float, interval: Sequence[float], factor: float) -> list[Cell]:
    low, high = interval
    return [Cell(f"{value * factor:.3g}"), Cell(f"{low * factor:.3g} to {high * factor:.3g}")]


def _left_in(content: Values) -> str:
    model = content["cpu"]
    if model is None:
        return ""
    told = []
    if model["unvaried"]:
        unvaried = ", ".join(_DRIVERS[driver] for driver in model["unvaried"])
        told.append(f"Did not vary, so that its cost stands in what is idle: {unvaried}.")
    told += [
        f"{_DRIVERS[a]} went along with {_DRIVERS[b]}; the two cannot be told apart."
        for a, b in model["merged"].items()
    ]
    return " ".join(told)


def littles_said(content: Values) -> str:
    """Whether counts and latencies agree."""
    laws = content["littles_law"]
    if not laws:
        return "Little's law could not be looked at: no step that passed without losses."
    wrong = [number_ for number_, law in laws.items() if not law["holds"]]
    if not wrong:
        return f"Little's law holds in all of {wording.many(len(laws), 'step')}: counts and latencies agree."
    law = laws[wrong[0]]
    return (
        f"Little's law does not hold in step {', '.join(wrong)}: {law['counted']:.3g} deliveries were counted "
        f"under way, and rate times latency gives {law['expected']:.3g}. Do not trust these steps, and report this."
    )


def terminal(content: Values, folder: Path | str) -> str:
    """Sum a search up for a terminal.

    Args:
        content: capacity.json's.
        folder: where the report is.
    """
    lines = ["capacity"]
    for sentence in (*finding(content), littles_said(content)):
        lines += textwrap.wrap(
            plain(sentence), WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False
        )
    lines.append("")
    table = steps_table(content)
    shown = [0, 1, 2, 4, 5, 7, 8, 9]
    cells = [[table.columns[n].title for n in shown]] + [[row[n].text for n in shown] for row in table.rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        lines.append(
            "  "
            + "  ".join(
                c.ljust(w) if n in (0, 2) else c.rjust(w) for n, (c, w) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
        )
    lines += ["", f"report     {Path(folder) / 'capacity.html'}"]
    return "\n".join(lines)


def markdown(content: Values) -> str:
    """The whole finding as Markdown."""
    run = content["run"]
    target = (run.get("target") or {}).get("url") or wording.MISSING
    lines = [f"# Capacity of {plain(target)} by {content['axis']}", ""]
    lines += [plain(sentence) for sentence in finding(content)]
    for table in (sizing_table(content), steps_table(content), margins_table(content), costs_table(content)):
        if table.rows:
            lines += ["", f"## {table.caption}", "", *_grid(table)]
            lines += ["", table.note] if table.note else []
    lines += ["", "## The fit", "", *fit_said(content), littles_said(content)]
    return "\n".join(lines) + "\n"


def _grid(table: Table) -> list[str]:
    rows = ["| " + " | ".join(column.title for column in table.columns) + " |"]
    rows.append("|" + "|".join("--:" if column.numeric else "---" for column in table.columns) + "|")
    for row in table.rows:
        cells = (f"{cell.text} ({cell.detail})" if cell.detail else cell.text for cell in row)
        rows.append("| " + " | ".join(plain(cell).replace("|", "\\|") for cell in cells) + " |")
    return rows
