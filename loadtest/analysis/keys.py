"""Which numbers of a summary a limit may name, with their units and which way is better.

The tree mirrors summary.json: a branch is a table, a :class:`Key` is a number. Names in angle brackets stand for what
a run brings: ``<event>``, ``<role>``, ``<call>``, and ``<name>`` where anything goes (a reason, a status, a kind) and
what was never seen is 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from loadtest.analysis.bootstrap import required_n
from loadtest.analysis.model import Bound
from loadtest.analysis.sections import LEDGER

MIN_EMISSIONS_P99 = 300
"""Fewer emissions than this give no verdict on a p99 (299 by the rule, rounded up by the design)."""


@dataclass(frozen=True, slots=True)
class Key:
    """A number that can have a limit.

    Attributes:
        unit: its unit; empty for counts. ``share`` is a number between 0 and 1.
        bound: what a bare number means: ``max`` where less is better, ``min`` where more is.
        quantile: for a percentile, its quantile.
    """

    unit: str = ""
    bound: Bound = "max"
    quantile: float | None = None


Branch: TypeAlias = Mapping[str, "Key | Branch"]

_MORE = Key(bound="min")
_LESS = Key()
_SHARE = Key("share")
_GOOD_SHARE = Key("share", "min")
_OPEN: Branch = {"<name>": _LESS}


def _percentiles(*labels: str, unit: str = "ms", prefix: str = "") -> dict[str, Key | Branch]:
    quantiles = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999}
    return {f"{prefix}{label}_{unit}": Key(unit, quantile=quantiles[label]) for label in labels}


_FANOUT: Branch = {
    "n": _MORE,
    "emissions": _MORE,
    **_percentiles("p50", "p90", "p99", "p999"),
    "max_ms": Key("ms"),
    "p99_incl_lost_ms": Key("ms", quantile=0.99),
    "last_n": _MORE,
    **_percentiles("p50", "p99", prefix="last_"),
    "last_p99_incl_lost_ms": Key("ms", quantile=0.99),
    **_percentiles("p50", "p99", prefix="sent_"),
    "arrival_n": _MORE,
    **_percentiles("p50", "p99", prefix="arrival_"),
}
_BALANCE: Branch = {
    **{column: _MORE if column in {"expected", "delivered"} else _LESS for column in LEDGER if column != "emitted"},
    "received": _MORE,
    "bytes": _LESS,
    "delivered_share": _GOOD_SHARE,
    "lost_share": _SHARE,
}
_TIMES: Branch = {
    "n": _MORE,
    "p50": Key("s", quantile=0.5),
    "p99": Key("s", quantile=0.99),
    "mean": Key("s"),
    "max": Key("s"),
}
_ACCURACY: Branch = {
    "p_a": _GOOD_SHARE,
    "p_a_ceiling": _GOOD_SHARE,
    "p_a_loss": _SHARE,
    "offline_min_per_hour": Key("min/h"),
    "mistakes": _LESS,
    "mistake_rate_per_hour": Key("1/h"),
    "mistake_duration_s": Key("s"),
    "mistake_recurrence_s": Key("s", "min"),
    "unseen_share": _SHARE,
    "false_online_share": _SHARE,
    "false_online_floor": _SHARE,
    "detection_time_s": {**_TIMES, "censored": _LESS},
    "recovery_time_s": _TIMES,
    "staleness_s": {"p50": Key("s", quantile=0.5), "p99": Key("s", quantile=0.99)},
    "disagreement_share": _SHARE,
    "excused_share": _SHARE,
    "alive_s": Key("s", "min"),
    "absent_s": Key("s", "min"),
}

_SERVICE: Branch = {
    "n": _MORE,
    "spread_n": _MORE,
    "before_answer_share": _SHARE,
    **_percentiles("p50", "p99", prefix="lateness_"),
    **_percentiles("p50", "p99", prefix="wait_"),
    **_percentiles("p50", "p99", prefix="answer_"),
    **_percentiles("p50", "p99", prefix="first_"),
    **_percentiles("p50", "p99", prefix="spread_"),
    **_percentiles("p50", "p99", prefix="sent_first_"),
}

JUDGEABLE: Branch = {
    "fanout": {"<event>": {"<role>": _FANOUT}},
    "service": {"<event>": _SERVICE},
    "delivery": {"<event>": {"emitted": _MORE, **_BALANCE, "by_role": {"<role>": _BALANCE}}},
    "rest": {
        "<call>": {
            "n": _MORE,
            **_percentiles("p50", "p99"),
            **_percentiles("p99", prefix="wait_"),
            "error_share": _SHARE,
            "uncertain": _LESS,
            "void": _LESS,
            "errors": _OPEN,
        }
    },
    "presence": {
        "<role>": {
            **_ACCURACY,
            "detection_by_departure": {"<name>": _TIMES},
            "oracle": {"n": _MORE, "p_a": _GOOD_SHARE, "false_online_share": _SHARE},
            **_percentiles("p99", prefix="beat_reply_"),
            "beats": _MORE,
            "beats_answered": _MORE,
            "beats_unanswered": _LESS,
            "forbidden": _LESS,
            "by_observer": {"<role>": _ACCURACY},
        }
    },
    "cable": {
        "connects": _MORE,
        "confirmed": _MORE,
        "unconfirmed": _LESS,
        "rejected": _LESS,
        "stale": _LESS,
        "reconnects": _LESS,
        "pings": _MORE,
        **_percentiles("p99", prefix="connect_"),
        **_percentiles("p99", prefix="confirm_"),
        **_percentiles("p99", unit="s", prefix="ping_gap_"),
        "ping_gap_max_s": Key("s"),
        **_percentiles("p99", unit="s", prefix="proof_age_"),
        "proof_age_max_s": Key("s"),
        "deaf": _LESS,
        "deaf_recovered": _LESS,
        "canaries": _MORE,
        "connect_failed": _OPEN,
        "disconnects": _OPEN,
        "protocol_errors": _OPEN,
    },
    "contract": {
        "checked": _MORE,
        "violations": _OPEN,
        "unknown_events": _OPEN,
        "tolerated": _OPEN,
        "events": {"<event>": {"emitted": _MORE, "received": _MORE, "checked": _MORE, "violations": _LESS}},
    },
    "generator": {
        **_percentiles("p99", prefix="lateness_"),
        **_percentiles("p99", prefix="loop_lag_"),
        **_percentiles("p99", prefix="rest_wait_"),
        **_percentiles("p50", "p99", prefix="read_lag_"),
        **_percentiles("p99", prefix="read_lag_most_"),
        "loop_lag_max_ms": Key("ms"),
        "cpu_share_max": Key("cores"),
        "steal_share_max": Key("share"),
        "machine_cpu_share_max": Key("share"),
        "dropped": _LESS,
        "overflow": _LESS,
    },
    "users": {"<role>": {"planned": _MORE, "confirmed": _MORE, "connected_time_share": _GOOD_SHARE}},
}
"""Every number that a limit may name."""


def required_emissions(quantile: float) -> int:
    """Fewest emissions that allow a verdict on a fan-out percentile."""
    return MIN_EMISSIONS_P99 if quantile == 0.99 else required_n(quantile)
