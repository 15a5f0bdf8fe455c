"""The terminal's summary."""

from itertools import pairwise

import pytest

from loadtest.report.text import terminal
from tests.report.synthetic import Story, summary

STORIES = [
    Story(),
    Story(lost_share=0.02, leaked=3),
    Story(breached=tuple(range(30)), expiry_s=None),
    Story(emissions=0, agents=0, contacts=0),
    Story(ramp=0, hold=0, drain=1),
]


@pytest.mark.parametrize("story", STORIES)
def test_it_fits_a_terminal(story: Story) -> None:
    """At most 100 columns and 32 lines, whatever happened."""
    lines = terminal(summary(story), "reports/made-up").splitlines()

    actual = (max(map(len, lines)) <= 100, len(lines) <= 32)

    assert (True, True) == actual


def test_it_says_what_was_found() -> None:
    """Target, verdict, fan-out, balance, presence, connections, generator, and where the report is."""
    text = terminal(summary(Story(lost_share=0.02)), "reports/made-up")
    wanted = (
        "embedded reference server",
        "verdict    FAIL",
        "- lost: ",
        "message.created         agents",
        "delivery balance",
        "shown rightly 99.7 % of the time (ceiling 100 %)",
        "50 of 50 agents subscribed",
        "violations: 0; events driven: 2 of 13; not driven:",
        "fit to measure",
        "reports/made-up/report.html",
    )

    actual = [part for part in wanted if part not in text]

    assert [] == actual


def test_it_has_no_colour_unless_asked() -> None:
    """A log file gets plain text."""
    content = summary(Story())

    actual = ("\x1b" in terminal(content, "r"), "\x1b[1;32mPASS\x1b[0m" in terminal(content, "r", colour=True))

    assert (False, True) == actual


def test_names_from_a_server_move_no_cursor() -> None:
    """Escape sequences in an event's name or a reason are taken out."""
    content = {
        "fanout": {"evil\x1b[2J": {"agent": {"n": 5, "p50_ms": 1.0}}},
        "run": {"id": "x\x1b]0;title\x07", "target": {"url": "http://a\x1b[31m"}},
        "verdict": {"result": "FAIL", "reasons": ["bad\x1b[5m thing"]},
    }

    actual = "\x1b" in terminal(content, "r")

    assert not actual


def test_an_empty_summary_is_said_to_be_invalid() -> None:
    """Nothing at all still gives lines to read."""
    text = terminal({}, "reports/x")

    actual = ("INVALID" in text, "no delivery with a known due time" in text)

    assert (True, True) == actual


def test_numbers_stay_with_their_units() -> None:
    """No line ends with a number whose unit begins the next one."""
    lines = terminal(summary(Story(breached=tuple(range(30)))), "r").splitlines()

    actual = [
        (one, other)
        for one, other in pairwise(lines)
        if one and one[-1].isdigit() and other.strip().split(" ")[0] in {"ms", "s", "%", "min"}
    ]

    assert [] == actual


def test_many_events_are_cut_with_a_count() -> None:
    """Six fan-outs are shown, the rest is in the report."""
    content = {"fanout": {f"event.{i}": {"agent": {"n": 10}} for i in range(9)}}

    actual = "and 3 more rows in the report" in terminal(content, "r")

    assert actual


def test_messages_lead_however_many_events_there_are() -> None:
    """message.created is shown first, though others came more often."""
    rows = {f"event.{i}": {"expected": 100 + i} for i in range(9)} | {"message.created": {"expected": 1}}
    fanouts = {event: {"agent": {"n": row["expected"]}} for event, row in rows.items()}
    lines = terminal({"fanout": fanouts, "delivery": rows}, "r").splitlines()
    heads = [i for i, line in enumerate(lines) if line.startswith(("fan-out", "delivery balance"))]

    actual = [lines[i + 1].split()[0] for i in heads]

    assert ["message.created", "message.created"] == actual
