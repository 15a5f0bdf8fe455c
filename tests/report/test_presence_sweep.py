"""A sweep as table, sentence and figure."""

from __future__ import annotations

from typing import Any

from loadtest.report.presence_sweep import advice, figure, markdown, reasons, table


def one(heartbeat_s: float, p_a: float | None, **more: Any) -> dict[str, Any]:
    """A point as its JSON has it."""
    return {
        "heartbeat_s": heartbeat_s, "verdict": "PASS", "p_a": p_a, "p_a_ceiling": p_a, "p_a_naive": 1.0,
        "expiry_s": 20.0, "mistakes_per_hour": 0.0, "detection_p50_s": 22.0, "detection_max_s": 41.0, "cut_short": 0,
        "false_online_share": 0.1, "bytes_per_s": 2048.0, "frames_per_s": 3.0, "server_cpu_share": None,
        "why": None, "run": "r", **more,
    }  # fmt: skip


POINTS = [one(10, 1.0), one(15, 0.995), one(30, 0.66, why="A beat every 30 s is too slow.", cut_short=4)]


def test_a_row_for_each_heartbeat() -> None:
    """Accuracy, its best, times and cost; what nobody watched is n/a."""
    rows = table(POINTS).rows

    assert [row[0].text for row in rows] == ["10 s", "15 s", "30 s"]
    assert [cell.text for cell in rows[2]][1:4] == ["66.0 %", "66.0 %", "100 %"]
    assert (rows[2][6].detail, rows[0][-1].text) == ("4 cut short", "n/a")


def test_advice_names_the_slowest_heartbeat_that_is_right() -> None:
    """Every second more costs less."""
    assert "is 15 s. It leaves 5 s for a beat that is late, and nothing for one that is lost" in advice(POINTS)
    assert advice([one(10, 1.0)]).endswith("is 10 s.")
    assert "No heartbeat" in advice(POINTS[2:])


def test_an_invalid_run_advises_nothing() -> None:
    """Its numbers are the generator's."""
    assert "No heartbeat" in advice([one(10, 1.0, verdict="INVALID")])


def test_markdown_has_table_advice_and_reasons() -> None:
    """All that a terminal needs."""
    text = markdown(POINTS)

    assert text.count("\n|") == 4
    assert reasons(POINTS)[0] in text


def test_a_figure_of_points_with_gaps_can_be_drawn() -> None:
    """What was not measured leaves a gap."""
    picture = figure([one(10, None, detection_p50_s=None, detection_max_s="inf"), one(20, 0.9)])

    assert "20 s: 90.0 %" in picture.alt
    assert picture.light.startswith("<?xml") or picture.light.startswith("<svg")
