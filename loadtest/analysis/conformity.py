"""The contract's section of summary.json: what was checked, which events the run drove, and what reached wrong hands.

All of it is counted over the whole run. An event that nothing of the run caused is *not driven*, with the reason beside
it, so that nobody reads it as one that failed to come. What causes an event is
:data:`loadtest.contract.consequences.CAUSES`, what a run did is in its counts.

Violations are counted by kind and role; of which events they were is known from those that left evidence, the first 20
of a kind in each process. A number of violations by event is therefore the least there were.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from loadtest.analysis.model import RunData
from loadtest.analysis.sections import Section
from loadtest.analysis.series import Series
from loadtest.analysis.windows import notes_of
from loadtest.contract import CAUSES, Consequence, DialectName, consequences, events_of

LEAKING: Mapping[str, str] = MappingProxyType(
    {
        "wrong_audience": "though not of their audience",
        "wrong_account": "though of an account that the receiver does not belong to",
        "private_to_contact": "with a private note in them",
        "contact_in_contact_presence": "telling of contacts other than itself",
    }
)
"""Kinds of violations that put a frame, or a part of it, into the wrong hands; in words that follow the receiver."""

_DRIVEN_BY: Mapping[str, str] = MappingProxyType(
    {
        "contact.create_conversation": "--mix conversation=RATE",
        "contact.send_message": "--emit-rate",
        "agent.send_message": "--emit-rate",
        "contact.toggle_typing": "--typing",
        "agent.toggle_typing": "--typing",
        "contact.update_last_seen": "--mix read=RATE",
        "contact.update_message": "--mix email=RATE",
        "agent.toggle_status": "--mix status=RATE",
        "agent.assign_agent": "--mix assign=RATE",
        "agent.assign_team": "--mix team=RATE",
        "agent.create_contact": "--mix contact_create=RATE",
        "agent.update_contact": "--mix contact_update=RATE",
        "agent.merge_contacts": "--mix merge=RATE",
        "cable.subscribe": "--agents",
        "cable.update_presence": "--heartbeat",
    }
)
"""The option that brings a call into the plan."""

_MOST_NAMED = 2


def contract(data: RunData, series: Series) -> Section:
    """What the contract's checker found, and which of the dialect's events the run drove."""
    return {
        "checked": _count(series, "contract.checked"),
        "violations": series.by_name("contract.violation", None),
        "unknown_events": series.by_name("contract.unknown", None),
        "leaks": _leaks(data, series),
        "events": _events(data, series),
    }


def tolerated(data: RunData, most: int = 5) -> list[str]:
    """What arrived although only some versions of the server allow it: warnings, for the version is not known."""
    texts = Counter(text for _, text, _ in notes_of(data, "tolerated") if text)
    found = [
        f"Allowed in some versions of the server only, so no leak is claimed{f' ({n:,} noted)' if n > 1 else ''}: "
        f"{text.rstrip('.')}. Say --dialect if you know the version."
        for text, n in texts.most_common(most)
    ]
    left_out = len(texts) - most
    return [*found, f"{left_out:,} more kinds of such frames are on the time line."] if left_out > 0 else found


def _count(series: Series, metric: str, event: str | None = None) -> int:
    return round(series.total(metric, None, name=event) or 0)


def _leaks(data: RunData, series: Series) -> list[Section]:
    """One row for each leaking kind and receiver role that occurred; ``events`` is of those that left evidence."""
    evidence = Counter(
        (str(extra.get("kind")), str(extra.get("role")), str(extra.get("event")))
        for _, _, extra in notes_of(data, "violation")
    )
    rows = []
    for metric, kind, role in series.count_keys("contract.violation"):
        n = round(series.total(metric, None, name=kind, role=role) or 0)
        if kind in LEAKING and n:
            told = sorted(
                (event, k)
                for (its_kind, its_role, event), k in evidence.items()
                if (its_kind, its_role) == (kind, role)
            )
            rows.append({"kind": kind, "role": role, "n": n, "events": dict(told)})
    return rows


def _events(data: RunData, series: Series) -> Section:
    dialect = dialect_of(data.meta)
    violations = Counter(str(extra.get("event")) for _, _, extra in notes_of(data, "violation"))
    actions = {name: _Action.of(name, series) for name in CAUSES}
    section: Section = {}
    for event in events_of(dialect):
        emitted = _count(series, "delivery.emitted", event)
        received = _count(series, "delivery.received", event)
        sure, perhaps = _causes(event, dialect)
        followed = received > 0 and any(actions[name].taken for name in (*sure, *perhaps))
        driven = emitted > 0 or followed
        section[event] = {
            "driven": driven,
            "emitted": emitted,
            "received": received,
            "checked": _count(series, "contract.checked", event),
            "violations": violations[event],
            "why": "" if driven else _why(sure or perhaps, actions, received),
        }
    return section


def dialect_of(meta: Mapping[str, Any]) -> DialectName:
    """The dialect a run was judged by; ``auto`` where its description names none."""
    name = (meta.get("target") or {}).get("dialect")
    return "seed" if name == "seed" else "current" if name == "current" else "auto"


@dataclass(frozen=True, slots=True)
class _Action:
    """How often an action of :data:`loadtest.contract.CAUSES` was tried, and how often the target refused it."""

    tried: int
    refused: Mapping[str, int]

    @classmethod
    def of(cls, name: str, series: Series) -> _Action:
        if name == "cable.update_presence":
            return cls(_count(series, "presence.beats"), {})
        if name == "cable.subscribe":
            return cls(_count(series, "cable.confirmed"), {})
        refused = series.by_role("rest.error", None, name=name)
        void = _count(series, "emission.void", name)
        if void and not refused:
            refused = {"without a usable body": void}
        return cls(_count(series, "rest.n", name), refused)

    @property
    def taken(self) -> int:
        return max(0, self.tried - sum(self.refused.values()))


@cache
def _causes(event: str, dialect: DialectName) -> tuple[Mapping[str, Consequence], Mapping[str, Consequence]]:
    """The actions that cause an event surely, and those that do so perhaps."""
    sure: dict[str, Consequence] = {}
    perhaps: dict[str, Consequence] = {}
    for name, cause in CAUSES.items():
        for choice in cause.choices or ("",):
            for one in consequences(name, dialect, choice=choice):
                if one.event == event:
                    (sure if one.certainty == "always" else perhaps)[name] = one
    return sure, perhaps


def _why(causes: Mapping[str, Consequence], actions: Mapping[str, _Action], received: int) -> str:
    others = "; what was received came of others' work" if received else ""
    if not causes:
        return f"nothing that this tool does causes it{others}"
    taken = [name for name in causes if actions[name].taken]
    if taken:
        told = ", ".join(taken[:_MOST_NAMED])
        more = f" and {len(taken) - _MOST_NAMED} others" if len(taken) > _MOST_NAMED else ""
        when = next((f" ({causes[name].when})" for name in taken if causes[name].when), "")
        times = sum(actions[name].taken for name in taken)
        return f"it may follow from {told}{more}{when}, taken {times:,} times, and never did"
    refused = [name for name in causes if actions[name].tried]
    if refused:
        told = "; ".join(
            f"{name} answered {status} {n:,} times" for name in refused for status, n in actions[name].refused.items()
        )
        return f"refused by the target: {told}{others}"
    options = dict.fromkeys(_DRIVEN_BY[name] for name in causes)
    return f"not in the plan: {' or '.join(options)}{others}"
