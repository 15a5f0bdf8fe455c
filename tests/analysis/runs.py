"""Made-up contents of summary.json, as far as comparisons read them."""

from __future__ import annotations

from typing import Any


def summary(
    run_id: str = "run",
    *,
    p99: float | str | None = 40.0,
    lost: int = 0,
    expected: int = 20_000,
    leaked: int = 0,
    violations: dict[str, int] | None = None,
    p_a: float = 0.98,
    connect: float = 30.0,
    errors: int = 0,
    verdict: str = "PASS",
) -> dict[str, Any]:
    """A run's summary; every argument is a number that a comparison reads."""
    fanout = {"p50_ms": 5.0, "p99_ms": p99, "p99_incl_lost_ms": p99}
    return {
        "run": {
            "id": run_id,
            "target": {"url": "http://127.0.0.1:1", "embedded": True, "dialect": "seed", "server": "x"},
            "population": {"agents": 50, "contacts": 50, "accounts": 1, "members": 50},
            "plan": {"emit_rate": 2.0, "agents": None},
            "versions": {"loadtest": "0.1", "locust": "2", "python": "3.11", "cpu": "c", "cores": 2, "kernel": "6"},
            "workers": 1,
            "window_s": 1.0,
            "deadline_s": 10.0,
            "warm_up_s": 5.0,
            "seed": 0,
        },
        "fanout": {"message.created": {"agent": dict(fanout), "contact": dict(fanout)}},
        "delivery": {
            "message.created": {"expected": expected, "lost": lost, "leaked": leaked},
            "presence.update": {"expected": 999, "lost": 0, "leaked": 0},
        },
        "rest": {"contact.send_message": {"n": 3000, "errors": {"500": errors} if errors else {}, "p99_ms": 9.0}},
        "presence": {"agent": {"p_a": p_a}, "contact": {"p_a": p_a}},
        "users": {role: {"connected_time_share": 1.0} for role in ("agent", "contact")},
        "cable": {"connect_p99_ms": connect},
        "contract": {"violations": violations or {}},
        "verdict": {"result": verdict},
    }
