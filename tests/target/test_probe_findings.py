"""From lines to a verdict."""

from __future__ import annotations

import json

import pytest

from loadtest.target.probe_findings import DECISIVE, EXIT_CODES, Finding, ProbeReport, State


def report(*findings: Finding) -> ProbeReport:
    """A report of these lines."""
    return ProbeReport("https://chat.example.com", "2026-01-01T00:00:00.000+00:00", 1.5, findings)


@pytest.mark.parametrize(
    ("states", "result"),
    [
        ({DECISIVE: "ok"}, "PASS"),
        ({DECISIVE: "ok", "order": "note", "pings": "warning", "bad token": "untested"}, "PASS"),
        ({DECISIVE: "ok", "pings": "fail"}, "FAIL"),
        ({DECISIVE: "untested", "pings": "fail"}, "FAIL"),
        ({DECISIVE: "untested", "pings": "ok"}, "INCONCLUSIVE"),
        ({"pings": "ok"}, "INCONCLUSIVE"),
    ],
)
def test_the_verdict_follows_from_the_lines(states: dict[str, State], result: str) -> None:
    """One broken thing fails; without a delivery nothing is proven; warnings do not decide."""
    made = report(*(Finding(name, state, "seen") for name, state in states.items()))

    assert result == made.result
    assert made.exit_code == {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 3}[result] == EXIT_CODES[made.result]


def test_a_report_is_json() -> None:
    """Every line with its data, and the verdict."""
    plain = json.loads(json.dumps(report(Finding("pings", "ok", "every 3 s", data={"gaps_s": [3.0]})).as_dict()))

    assert ("INCONCLUSIVE", 3, 1) == (plain["result"], plain["exit_code"], plain["schema"])
    assert {"gaps_s": [3.0]} == plain["findings"][0]["data"]
