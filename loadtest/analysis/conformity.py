"""The contract's section of summary.json: what was checked, which events the run drove, and what reached wrong hands.

All of it is counted over the whole run. An event that nothing of the run caused is *not driven*, with the reason beside
it, so that nobody reads it as one that failed to come. What causes an event is
:data:`loadtest.contract.consequences.CAUSES`, what a run did is in its counts.

Violations are counted by kind and role, and again by kind, role and event (``contract.violated.<kind>``). Frames that
only some versions of the server send to their receiver are *tolerated* where the version is not known: warnings.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from loadtest.analysis.model import RunData
from loadtest.analysis.sections import Section
from loadtest.analysis.series import Series
from loadtest.analysis.windows import notes_of
from loadtest.contract import CAUSES, Consequence, DialectName, consequences, events_of
from loadtest.contract.versions import written
from loadtest.nouns import many, noun
from loadtest.plan import Mix

LEAKING: Mapping[str, str] = MappingProxyType(
    {
        "wrong_audience": "though not of their audience",
        "wrong_account": "though of an account that the receiver does not belong to",
        "private_to_contact": "with a private note in them",
        "contact_in_contact_presence": "telling of contacts other than itself",
    }
)
"""Kinds of violations that put a frame, or a part of it, into the wrong hands; in words that follow the receiver."""

_TALK = "--emit-rate"

_DRIVEN_BY: Mapping[str, str] = MappingProxyType(
    {
        "contact.create_conversation": "--mix conversation=RATE",
        "contact.send_message": _TALK,
        "agent.send_message": _TALK,
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
        "tolerated": series.by_name("contract.tolerated", None),
        "leaks": _leaks(series),
        "not_driven": _missing(data, series),
        "events": _events(data, series),
    }


def not_driven(section: Section, rest: Section) -> list[str]:
    """What the target cannot do, a sentence each: its events did not fail to come, nor are its refusals errors.

    Args:
        section: as :func:`contract` gives it.
        rest: the summary's calls.
    """
    found = []
    for cause, missing in section["not_driven"].items():
        n = sum((rest.get(cause) or {}).get("errors", {}).values())
        refused = f" Its {many(n, 'refused call')} {noun(n, 'is no REST error', 'are no REST errors')}." if n else ""
        found.append(f"{cause} is not driven: it needs {missing}.{refused}")
    return found


def tolerated(section: Section, most: int = 5) -> list[str]:
    """What arrived although only some versions of the server send it there: warnings, for the version is not known.

    Args:
        section: as :func:`contract` gives it.
        most: events named.
    """
    counts: dict[str, int] = section["tolerated"]
    found = []
    for event in sorted(counts, key=lambda name: (-counts[name], name))[:most]:
        n = counts[event]
        spec = events_of("auto").get(event)
        since = f" (it does since {written(spec.contacts_since)})" if spec and spec.contacts_since else ""
        found.append(
            f"{event} reached contacts {_times(n)}. Some versions of the server send it to "
            f"them{since}, so no leak is claimed. Say --dialect if you know the version."
        )
    left_out = len(counts) - most
    if left_out > 0:
        told = many(left_out, "more event is", "more events are")
        found.append(f"{told} tolerated likewise: see the contract.")
    return found


def _times(n: int) -> str:
    return noun(n, "once", f"{n:,} times")


def _count(series: Series, metric: str, event: str | None = None) -> int:
    return round(series.total(metric, None, name=event) or 0)


def _missing(data: RunData, series: Series) -> dict[str, str]:
    """The causes that the target cannot do, with what it lacks; one that it did after all is none of them."""
    told = {str(extra.get("cause")): str(extra.get("missing")) for _, _, extra in notes_of(data, "not_driven")}
    return {
        cause: why for cause, why in sorted(told.items()) if cause in CAUSES and not _Action.of(cause, series).taken
    }


def _leaks(series: Series) -> list[Section]:
    """One row for each leaking kind and receiver role that occurred, with the events that they were of."""
    rows = []
    for metric, kind, role in series.count_keys("contract.violation"):
        n = round(series.total(metric, None, name=kind, role=role) or 0)
        if metric == "contract.violation" and kind in LEAKING and n:
            events = series.by_name(f"contract.violated.{kind}", None, role=role)
            rows.append({"kind": kind, "role": role, "n": n, "events": events})
    return rows


def _events(data: RunData, series: Series) -> Section:
    dialect = dialect_of(data.meta)
    metrics = sorted({metric for metric, _, _ in series.count_keys("contract.violated.")})
    actions = {name: _Action.of(name, series) for name in CAUSES}
    missing = _missing(data, series)
    planned = _planned(data.meta)
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
            "violations": sum(_count(series, metric, event) for metric in metrics),
            "why": "" if driven else _why(sure or perhaps, actions, missing, planned, received),
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


def _planned(meta: Mapping[str, Any]) -> frozenset[str]:
    """The options of :data:`_DRIVEN_BY` for what was in the run's plan: messages, and the acts of its mix."""
    plan = meta.get("plan") or {}
    rates = Mix.parse(str(plan.get("mix") or "")).rates
    acts = {f"--mix {act}=RATE" for act, rate in rates.items() if rate > 0}
    return frozenset(acts | ({_TALK} if plan.get("emit_rate") else set()))


def _why(
    causes: Mapping[str, Consequence],
    actions: Mapping[str, _Action],
    missing: Mapping[str, str],
    planned: Collection[str],
    received: int,
) -> str:
    others = "; what was received came of others' work" if received else ""
    if not causes:
        return f"nothing that this tool does causes it{others}"
    taken = [name for name in causes if actions[name].taken]
    if taken:
        told = ", ".join(taken[:_MOST_NAMED])
        more = f" and {many(len(taken) - _MOST_NAMED, 'other')}" if len(taken) > _MOST_NAMED else ""
        when = next((f" ({causes[name].when})" for name in taken if causes[name].when), "")
        times = sum(actions[name].taken for name in taken)
        return f"it may follow from {told}{more}{when}, taken {_times(times)}, and never did"
    cannot = [name for name in causes if name in missing]
    if cannot:
        return "the target cannot: " + "; ".join(f"{name} needs {missing[name]}" for name in cannot) + others
    refused = [name for name in causes if actions[name].tried]
    if refused:
        told = "; ".join(
            f"{name} answered {status} {_times(n)}" for name in refused for status, n in actions[name].refused.items()
        )
        return f"refused by the target: {told}{others}"
    options = dict.fromkeys(_DRIVEN_BY[name] for name in causes)
    if any(option in planned for option in options):
        told = " or ".join(option for option in options if option in planned)
        if _TALK in options:
            return f"in the plan, but nobody could take it up: hold longer, or give more --contacts{others}"
        return f"in the plan, but its turn did not come: hold longer, or raise {told}{others}"
    return f"not in the plan: {' or '.join(options)}{others}"
