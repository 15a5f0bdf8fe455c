"""How a soak's numbers are said."""

import pytest

from loadtest.report.soak_words import amount, name, rate, span, ticks


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("target", "rss_bytes"), "rss_bytes of the target"),
        (("target", "web", "rss_bytes"), "rss_bytes of web"),
        (("generator", "rss_bytes"), "rss_bytes of the generator"),
        (("generator", "w0", "rss_bytes"), "rss_bytes of the generator (w0)"),
        (("fanout", "message.created", "agent", "p99_ms"), "message.created to agents, p99"),
        (("rest", "agent.send_message", "p99_ms"), "agent.send_message, p99"),
        (("presence", "contact", "beat_reply_p99_ms"), "beat reply p99 of contacts"),
        (("cable", "connect_p99_ms"), "cable connect p99 ms"),
    ],
)
def test_levels_have_names(path, expected):
    """Each kind of level reads as a phrase."""
    assert expected == name(path)


@pytest.mark.parametrize(
    ("value", "dimension", "expected"),
    [
        (5e6, "bytes", "5.00 MB"),
        (999.0, "bytes", "999 B"),
        (0.0, "bytes", "0 B"),
        (1.5, "ms", "1.50 ms"),
        (0.005, "share", "0.500 %"),
        (12.0, "", "12.0"),
        (None, "ms", "n/a"),
        (float("inf"), "ms", "∞"),
        (-2e3, "bytes", "-2.00 kB"),
    ],
)
def test_amounts_are_said_in_the_unit_that_reads_best(value, dimension, expected):
    """Bytes in decimal prefixes as budgets have them, shares in percent."""
    assert expected == amount(value, dimension)


def test_growth_has_a_sign():
    """A growth and its interval are signed and per hour."""
    assert [rate(1e6, "bytes"), rate(None, "bytes"), span((-1.0, 2.0), "ms")] == [
        "+1.00 MB/h",
        "n/a",
        "-1.00 ms to +2.00 ms/h",
    ]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 4e8, "200 MB"), (1.99e8, 2.01e8, "200.00 MB"), (1.9999e8, 2.0001e8, "200.0000 MB")],
)
def test_ticks_tell_neighbours_apart(low, high, expected):
    """The closer the ticks, the more digits."""
    assert ticks(low, high, "bytes")(2e8) == expected
