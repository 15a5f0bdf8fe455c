"""A comparison as text and Markdown."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from loadtest.analysis.compare import compare
from loadtest.report import comparison
from tests.analysis.runs import summary


def content(effect: float = 0.0, pairs: int = 5, events: int = 0, **candidate: Any) -> dict[str, Any]:
    """A comparison of made-up runs."""
    rng = np.random.default_rng(3)

    def run(name: str, factor: float, **more: Any) -> dict[str, Any]:
        made = summary(
            name, p99=40 * factor * float(np.exp(rng.normal(0, 0.01))), p_a=float(rng.normal(0.98, 1e-3)), **more
        )
        for n in range(events):
            made["fanout"][f"event.{n}"] = {
                "agent": {"p50_ms": 5 * factor + rng.normal(0, 0.1), "p99_incl_lost_ms": 9.0}
            }
        return made

    first = [run(f"a{n}", 1.0) for n in range(pairs)]
    return compare(first, [run(f"b{n}", 1 + effect, **candidate) for n in range(pairs)]).as_dict()


def test_the_terminal_tells_verdict_reason_and_numbers() -> None:
    """What failed, by how much, against which margin."""
    text = comparison.terminal(content(0.3))

    assert text.startswith("FAIL         5 interleaved pairs")
    assert "fanout.message.created.agent.p99_incl_lost_ms" in text
    assert "+30" in text.split("metric ")[1]
    assert "5%" in text


def test_presence_says_that_less_is_better() -> None:
    """Its value is the share shown wrongly."""
    assert "presence.agent.p_a (share wrong)" in comparison.terminal(content())


def test_more_pairs_are_asked_for_where_that_decides() -> None:
    """In the first lines."""
    noisy = content(0.0)
    told = {**noisy, "more_pairs": 4}

    assert "4 more pairs would decide with 80 % power" in comparison.terminal(told).replace("\n             ", " ")


def test_what_was_never_measured_is_said() -> None:
    """A row without numbers, and no NaN anywhere."""
    made = content()
    for row in made["rows"]:
        if row["name"] == "cable.connect_p99_ms":
            row |= {"baseline": [None] * 5, "candidate": [None] * 5, "change": None, "interval": None}

    assert "n/a |" in comparison.markdown(made)
    assert "not measured" in comparison.markdown(made)
    assert "nan" not in comparison.markdown(made)


def test_an_infinite_percentile_is_told() -> None:
    """More than a percent lost in most runs."""
    made = content()
    made["rows"][0]["candidate"] = ["inf"] * 5

    assert "∞" in comparison.terminal(made)


def test_markdown_shows_what_decides_and_folds_the_rest() -> None:
    """Verdict, table, details."""
    text = comparison.markdown(content(0.3))

    assert text.startswith("## ❌ FAIL: candidate against baseline")
    assert text.index("**FAIL**") < text.index("<details>")


@pytest.mark.parametrize("events", [0, 400])
def test_markdown_fits_a_comment(events: int) -> None:
    """Below 65,536 characters however many metrics there are; the rest is in compare.json."""
    text = comparison.markdown(content(0.1, events=events))

    assert len(text) < 65_536
    assert (events > 0) == ("more are in compare.json" in text)


def test_names_from_outside_are_escaped() -> None:
    """An event's name is the server's."""
    made = content()
    made["rows"][-1]["name"] = "x|<script>"

    assert "x\\|\\<script\\>" in comparison.markdown(made)


def test_changes_have_signs_and_units() -> None:
    """Percent for ratios, points for shares."""
    rows = {row["name"]: row for row in content(0.3)["rows"]}

    assert comparison.changed(rows['fanout."message.created".agent.p99_incl_lost_ms']).startswith("+")
    assert "points" in comparison.changed(rows["presence.agent.p_a"])
    assert "Holm p" in comparison.judged(rows["presence.agent.p_a"])


def test_without_a_valid_run_there_are_no_rows_without_a_number() -> None:
    """Why nothing is left is said; a table of nothing says no more."""
    made = compare([summary("a", verdict="INVALID")], [summary("b", verdict="INVALID")]).as_dict()
    texts = comparison.terminal(made), comparison.markdown(made)

    assert {"no pair of valid runs is left"} == {row["why"] for row in made["rows"]}
    for text in texts:
        assert "No pair of valid runs is left to compare." in text
        assert "not measured" not in text
        assert "decided nothing" not in text


def test_a_margin_of_one_point_is_one() -> None:
    """As in English."""
    assert "0.05 points" in comparison.terminal(content())
    assert "1 point " in comparison.terminal(content())
