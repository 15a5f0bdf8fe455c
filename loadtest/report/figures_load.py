"""Figures of the load: who was connected, what was emitted, what arrived and what did not."""

from __future__ import annotations

import numpy as np

from loadtest.report import ink, wording
from loadtest.report.series import Floats, Frames
from loadtest.report.timeline import Timeline

_ROLES = {"agent": "agents", "contact": "contacts"}
_MISSED = (("late", ink.GOLD), ("lost", ink.VERMILLION), ("leaked", ink.PINK), ("duplicated", ink.VIOLET))


def load_over_time(frames: Frames, line: Timeline) -> ink.Picture | None:
    """Users planned and connected, emissions and deliveries a second and, where there were any, what went wrong."""
    bins = frames.bins([])
    if not bins.count:
        return None
    at = bins.centre_s
    users = {
        role: (
            frames.gauge(f"users.planned.{role}", bins, across="sum"),
            frames.gauge(f"users.connected.{role}", bins, across="sum"),
        )
        for role in _ROLES
    }
    users = {role: both for role, both in users.items() if np.nansum(both[0]) + np.nansum(both[1]) > 0}
    emitted = frames.sums((("delivery.emitted", e, r) for e, r in frames.keys("delivery.emitted") if _acted(e)), bins)
    delivered = {role: frames.sums(_delivered(frames, role), bins) for role in _ROLES}
    missed = {
        kind: frames.sums(((f"delivery.{kind}", e, r) for e, r in frames.keys(f"delivery.{kind}")), bins)
        for kind, _ in _MISSED
    }
    missed = {kind: values for kind, values in missed.items() if values.any()}
    if not users and not missed and not emitted.any() and not any(values.any() for values in delivered.values()):
        return None
    keys: list[ink.Handle] = [ink.key_line(ink.ROLE_COLOUR[role], text) for role, text in _ROLES.items()]
    keys.append(ink.key_line(ink.MUTED, "planned", linestyle=(0, (3, 2)), linewidth=1.1))
    keys += [ink.key_area(colour, kind) for kind, colour in _MISSED if kind in missed]
    panels = 4 if missed else 3
    figure, axes = ink.grid(panels, 1, row_in=1.12, legend=ink.with_breach(keys, line))
    for role, (planned, connected) in users.items():
        axes[0].plot(at, planned, color=ink.ROLE_COLOUR[role], linestyle=(0, (3, 2)), linewidth=1.1)
        axes[0].plot(at, connected, color=ink.ROLE_COLOUR[role])
    axes[0].set_title("Users connected (subscription confirmed)")
    ink.linear_axis(
        axes[0],
        [v for both in users.values() for v in both[0].tolist() + both[1].tolist()],
        "users",
        room=ink.NAMED_ROOM,
    )
    for role, values in delivered.items():
        if values.any():
            axes[1].plot(at, values / bins.seconds, color=ink.ROLE_COLOUR[role])
    axes[1].set_title("Deliveries, by the second their emission was due")
    rates = [v for values in delivered.values() for v in (values / bins.seconds).tolist()]
    ink.linear_axis(axes[1], rates, "per second")
    axes[2].plot(at, emitted / bins.seconds, color=ink.GREEN)
    axes[2].set_title("Emissions (messages, typing, other actions)")
    ink.linear_axis(axes[2], (emitted / bins.seconds).tolist(), "per second")
    if missed:
        below = np.zeros(bins.count)
        for kind, colour in _MISSED:
            if kind in missed:
                axes[3].bar(at, missed[kind], bottom=below, width=bins.width_s * 0.9, color=colour, linewidth=0.0)
                below = below + missed[kind]
        axes[3].set_title("What went wrong, by the second its emission was due")
        ink.linear_axis(axes[3], below.tolist(), "deliveries")
    for row, panel in enumerate(axes):
        ink.time_axis(panel, line.begin_s, line.end_s, labelled=row == panels - 1)
        ink.stretches(panel, line, named=row == 0)
    return ink.finish(
        figure,
        name="load_over_time",
        title="Load: users, emissions, deliveries",
        caption=f"Each point joins {wording.seconds(bins.width_s)}. {ink.shading(line)}".strip(),
        alt=_spoken(users, emitted / bins.seconds, delivered, bins.seconds, missed),
    )


def _acted(event: str) -> bool:
    """Whether an event is an action of the plan; a presence beat is on a timer of its own and hides the others."""
    return event != "presence.update"


def _delivered(frames: Frames, role: str) -> list[tuple[str, str, str]]:
    """The counts that make up a role's deliveries: what the ledger saw arrive, else every event frame received."""
    accounted = [
        (metric, event, role)
        for metric in ("delivery.delivered", "delivery.late")
        for event, seen_by in frames.keys(metric)
        if seen_by == role and _acted(event)
    ]
    if accounted:
        return accounted
    return [
        ("delivery.received", event, role) for event, seen_by in frames.keys("delivery.received") if seen_by == role
    ]


def _spoken(
    users: dict[str, tuple[Floats, Floats]],
    emitted: Floats,
    delivered: dict[str, Floats],
    seconds: Floats,
    missed: dict[str, Floats],
) -> str:
    parts = [
        f"At most {wording.many(int(np.nanmax(connected)), role)} connected."
        for role, (_, connected) in users.items()
        if not np.isnan(connected).all()
    ]
    parts.append(f"At most {wording.rate(float(emitted.max()))} emissions.")
    parts += [
        f"At most {wording.rate(float((values / seconds).max()))} deliveries to {_ROLES[role]}."
        for role, values in delivered.items()
        if values.any()
    ]
    parts += [f"{wording.count(float(values.sum()))} {kind}." for kind, values in missed.items()]
    return "Line charts over time. " + " ".join(parts)
