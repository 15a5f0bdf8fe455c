"""Limits that were met: whose they are, and what to do."""

from __future__ import annotations

from typing import Any

import pytest

from loadtest.analysis import summarise
from loadtest.analysis.limits import limit_warnings, own_limits
from tests.analysis.builders import typical


def sections(connect_failed: dict[str, int], *errors: dict[str, int]) -> dict[str, Any]:
    """Sections of a summary, as far as limits show in them."""
    return {
        "cable": {"connect_failed": connect_failed},
        "rest": {f"call {number}": {"errors": one} for number, one in enumerate(errors)},
    }


def test_rate_limits_are_the_targets() -> None:
    """Calls and upgrades that were answered 429 are named together, 422 apart; neither makes a run INVALID."""
    met = sections({"http_429": 3, "http_404": 9}, {"429": 4, "500": 1}, {"429": 5, "422": 2})
    (rate, rule) = limit_warnings(met)

    assert "refused 9 calls and 3 upgrades (HTTP 429)" in rate
    assert "refused 2 calls by a rule of its own (HTTP 422)" in rule
    assert [] == own_limits(met)


def test_nothing_met_is_nothing_said() -> None:
    """Other failures are no limits."""
    met = sections({"refused": 3, "timeout": 1}, {"500": 4, "404": 1})

    assert ([], []) == (limit_warnings(met), own_limits(met))


@pytest.mark.parametrize(("kind", "option"), [("no_files", "ulimit"), ("no_ports", "--source-address")])
def test_what_this_machine_lacks_is_invalid(kind: str, option: str) -> None:
    """It says nothing of the target; the remedy is here."""
    (check,) = own_limits(sections({kind: 7}, {kind: 2}))

    assert ("INVALID", 9, True) == (check.result, check.value, option in check.note)


def test_a_run_that_met_them_says_so() -> None:
    """In verdict and warnings of a whole run."""
    limited = summarise(
        typical().count(20, "rest.n", 9, "x").count(20, "rest.error", 5, "x", "429").build(), None
    ).verdict
    lacking = summarise(typical().count(20, "cable.connect_failed", 5, "no_ports").build(), None).verdict

    assert any("HTTP 429" in warning for warning in limited.warnings)
    assert ("INVALID", True) == (lacking.result, any("local ports" in reason for reason in lacking.reasons))
