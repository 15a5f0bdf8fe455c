"""Figures of latency: fan-out over time, and percentile distributions of fan-out, REST and the cable."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from loadtest.report import ink, wording
from loadtest.report.series import BEYOND, Curve, Frames, Key, curve
from loadtest.report.timeline import Timeline

ROLES = ("agent", "contact", "")
SEEN_BY = {"agent": "agents", "contact": "contacts", "": "all"}
_MOST_EVENTS_OVER_TIME = 3
_MOST_CURVES = len(ink.SERIES)
_APART = 0.05


def events_by_weight(frames: Frames) -> list[str]:
    """Events with a fan-out latency in the hold: message.created first, then by deliveries; presence.update last."""
    weight: dict[str, int] = {}
    for event, role in frames.keys("fanout"):
        weight[event] = weight.get(event, 0) + frames.hold(("fanout", event, role)).n
    told = [event for event, n in weight.items() if n]
    return sorted(told, key=lambda e: (e != "message.created", e == "presence.update", -weight[e], e))


def fanout_over_time(frames: Frames, line: Timeline) -> ink.Picture | None:
    """Fan-out latency from the due time, by percentile: a row for each of the main events, a column for each role."""
    events = events_by_weight(frames)
    shown = [e for e in events if e != "presence.update"][:_MOST_EVENTS_OVER_TIME] or events[:1]
    roles = [role for role in ROLES if any((event, role) in frames.keys("fanout") for event in shown)]
    if not shown or not roles:
        return None
    marks = [(50.0, "p50", ink.GREEN), (90.0, "p90", ink.BLUE), (99.0, "p99", ink.VERMILLION)]
    keys = [ink.key_line(colour, text) for _, text, colour in marks]
    keys.append(ink.key_line(ink.MUTED, "max", marker=".", linestyle="none", markersize=5))
    figure, axes = ink.grid(
        len(shown), len(roles), row_in=1.95 if len(shown) < 3 else 1.6, legend=ink.with_breach(keys, line)
    )
    bins = frames.bins([("fanout", shown[0], role) for role in roles])
    told: list[str] = []
    for row, event in enumerate(shown):
        values: list[float] = []
        for column, role in enumerate(roles):
            panel = axes[row * len(roles) + column]
            series = frames.percentiles(("fanout", event, role), [q for q, _, _ in marks], bins)
            panel.plot(bins.centre_s, series.max_ms, ".", color=ink.MUTED, markersize=3.5)
            for q, _, colour in marks:
                ink.percentile_line(panel, bins.centre_s, series.by_q[q], colour)
                values += series.by_q[q].tolist()
            values += series.max_ms.tolist()
            panel.set_title(ink.label(f"{event} seen by {SEEN_BY[role]}"))
            if not series.n.any():
                _empty(panel)
            told.append(_spoken(event, role, series.by_q[99.0].tolist(), series.by_q[50.0].tolist()))
        for column in range(len(roles)):
            panel = axes[row * len(roles) + column]
            ink.log_ms_axis(
                panel, values, labelled=column == 0, title="latency (log)", room=ink.NAMED_ROOM if row == 0 else 0.0
            )
            ink.time_axis(panel, line.begin_s, line.end_s, labelled=row == len(shown) - 1)
            ink.stretches(panel, line, named=row == 0)
    left_out = len([e for e in events if e != "presence.update"]) - len(shown)
    return ink.finish(
        figure,
        name="fanout_over_time",
        title="Fan-out latency over time",
        caption=(
            "From the moment an action was due until a socket saw it; each point joins "
            f"{wording.seconds(bins.width_s)}. A percentile is drawn where at least {BEYOND} samples lie beyond it, "
            f"so p99 needs {BEYOND * 100} samples a point. "
            + (f"{wording.many(left_out, 'more event')} in the tables below. " if left_out > 0 else "")
            + ink.shading(line)
        ),
        alt="Line charts of fan-out latency over time. " + " ".join(told),
    )


def _spoken(event: str, role: str, p99: Sequence[float], p50: Sequence[float]) -> str:
    for name, values in (("p99", p99), ("p50", p50)):
        told = [v for v in values if math.isfinite(v)]
        if told:
            low, high = wording.milliseconds(min(told)), wording.milliseconds(max(told))
            return f"{wording.plain(event)} to {SEEN_BY[role]}: {name} between {low} and {high}."
    return f"{wording.plain(event)} to {SEEN_BY[role]}: too few samples for a percentile."


def fanout_distribution(frames: Frames) -> ink.Picture | None:
    """Percentile distributions of fan-out latency in the hold, a panel for each role, a colour for each event.

    The curve from the due time counts the lost; the curve from the actual send is added, dashed, where it differs.
    """
    events = events_by_weight(frames)[:_MOST_CURVES]
    roles = [role for role in ROLES if any(frames.hold(("fanout", event, role)).n for event in events)]
    if not roles:
        return None
    colours = dict(zip(events, ink.SERIES, strict=False))
    keys = [ink.key_line(colour, event) for event, colour in colours.items()]
    panels: list[tuple[str, list[tuple[str, Curve, Curve | None]]]] = []
    for role in roles:
        drawn = []
        for event in events:
            lost = int(frames.total(("delivery.lost", event, role)))
            due = curve(frames.hold(("fanout", event, role)), lost)
            sent = curve(frames.hold(("fanout_sent", event, role)), lost)
            if due is not None:
                drawn.append((event, due, sent if sent is not None and differ(due, sent) else None))
        panels.append((f"seen by {SEEN_BY[role]}", drawn))
    apart = any(sent is not None for _, drawn in panels for _, _, sent in drawn)
    lossy = any(due.lost for _, drawn in panels for _, due, _ in drawn)
    if apart:
        keys.append(ink.key_line(ink.MUTED, "from the actual send", linestyle=(0, (3, 2)), linewidth=1.2))
    if lossy:
        keys.append(ink.key_line(ink.INK, "from here on lost", marker="x", linestyle="none", markersize=6))
    figure, axes = ink.grid(1, len(panels), row_in=3.1, legend=keys)
    _curves(axes, panels, colours)
    spoken = [
        f"{wording.plain(event)} {seen}: {wording.many(due.n, 'delivery', 'deliveries')}, "
        f"slowest {wording.milliseconds(float(due.ms[-1]))}."
        for seen, drawn in panels
        for event, due, _ in drawn
    ]
    send = (
        "Dashed: counted from the actual send instead of the due time. "
        if apart
        else "Counted from the actual send the curves differ by less than 5 % and are not drawn. "
    )
    loss = "A cross marks where the lost begin: beyond it no latency exists. " if lossy else ""
    return ink.finish(
        figure,
        name="fanout_distribution",
        title="How slow are the slow ones",
        caption=(
            f"Share of deliveries that were at least as fast. {send}{loss}"
            f"Thin line: fewer than {BEYOND} samples beyond."
        ),
        alt="Percentile distributions of fan-out latency on a log-nines axis. " + " ".join(spoken),
    )


def differ(due: Curve, sent: Curve) -> bool:
    """Whether two curves of the same deliveries are further than 5 % and 50 µs apart where both are told."""
    if due.told < 2 or sent.told < 2:
        return False
    at = np.linspace(0.1, min(due.nines[due.told - 1], sent.nines[sent.told - 1]), 24)
    one, other = np.interp(at, due.nines, due.ms), np.interp(at, sent.nines, sent.ms)
    gap = np.abs(one - other)
    return bool(np.any((gap > _APART * np.maximum(one, other)) & (gap > 0.05)))


def answers_distribution(frames: Frames) -> ink.Picture | None:
    """Percentile distributions in the hold of REST answers (left) and of the cable's own answers (right)."""
    calls = sorted((name for name, _ in frames.keys("rest")), key=lambda c: -frames.hold(("rest", c, "")).n)
    rest = _told(frames, [(call, ("rest", call, "")) for call in dict.fromkeys(calls)], ("hold",))
    moments = {"connect": "connect", "confirm": "subscription confirmed", "beat_reply": "presence beat answered"}
    cable = []
    for metric, text in moments.items():
        roles = frames.keys(metric)
        named = [(f"{text}, {SEEN_BY.get(role, role)}", (metric, name, role)) for name, role in roles]
        cable += _told(frames, named, ("ramp", "hold"))
    panels = [(title, drawn[:_MOST_CURVES]) for title, drawn in (("REST answers", rest), ("the cable", cable)) if drawn]
    if not panels:
        return None
    colours = {name: colour for _, drawn in panels for (name, _, _), colour in zip(drawn, ink.SERIES, strict=False)}
    figure, axes = ink.grid(1, len(panels), row_in=3.2, legend=())
    most = max(len(drawn) for _, drawn in panels)
    _curves(axes, panels, colours, room=0.062 * most)
    for axis, (_, drawn) in zip(axes, panels, strict=True):
        keys = [ink.key_line(colours[name], name) for name, _, _ in drawn]
        axis.legend(handles=keys, loc="upper left", fontsize=8, borderaxespad=0.2)
    spoken = [
        f"{name}: slowest {wording.milliseconds(told.ms[-1])} of {wording.count(told.n)}."
        for _, drawn in panels
        for name, told, _ in drawn
    ]
    return ink.finish(
        figure,
        name="answers_distribution",
        title="Answers of REST and of the cable",
        caption=(
            "REST counts from the written request to its answer, in the hold. Connecting counts TCP, TLS, upgrade and "
            "welcome; the cable's side includes the ramp, when connects happen. "
            f"Thin line: fewer than {BEYOND} samples beyond."
        ),
        alt="Percentile distributions of REST and cable answers on a log-nines axis. "
        + " ".join(map(wording.plain, spoken)),
    )


def _told(frames: Frames, named: Sequence[tuple[str, Key]], phases: Sequence[str]) -> list[tuple[str, Curve, None]]:
    curves = [(name, curve(frames.hold(key, phases=phases))) for name, key in named]
    return [(name, found, None) for name, found in curves if found is not None]


def _curves(
    axes: Sequence[Axes],
    panels: Sequence[tuple[str, Sequence[tuple[str, Curve, Curve | None]]]],
    colours: dict[str, str],
    *,
    room: float = 0.0,
) -> None:
    """Draw the panels on one common scale, with a share of ``room`` of their height free at the top."""
    everything = [c for _, drawn in panels for _, due, sent in drawn for c in (due, sent) if c is not None]
    values = [v for c in everything for v in (c.ms[0], c.ms[-1])]
    for at, (panel, (title, drawn)) in enumerate(zip(axes, panels, strict=True)):
        panel.set_title(ink.label(title))
        for name, due, sent in drawn:
            colour = colours[name]
            if sent is not None:
                panel.plot(
                    sent.nines[: sent.told], sent.ms[: sent.told], color=colour, linestyle=(0, (3, 2)), linewidth=1.2
                )
            told = max(due.told, 1)
            panel.plot(due.nines[:told], due.ms[:told], color=colour)
            panel.plot(due.nines[told - 1 :], due.ms[told - 1 :], color=colour, linewidth=0.8, alpha=0.6)
            if due.lost:
                panel.plot(due.nines[-1], due.ms[-1], "x", color=colour, markersize=7, markeredgewidth=1.8)
        ink.log_ms_axis(panel, values, labelled=at == 0, title="latency (log)", room=room)
        ink.nines_axis(panel, max(c.nines[-1] for c in everything))


def _empty(panel: Axes) -> None:
    panel.text(
        0.5, 0.5, "nothing was seen here", transform=panel.transAxes, ha="center", va="center", color=ink.MUTED
    )  # fmt: skip
