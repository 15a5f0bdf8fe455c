"""Budgets of a soak: what they say, and errors that name the nearest key."""

import pytest

from loadtest.analysis.budget import load_budget, parse_budget
from loadtest.errors import UsageError

WHOLE = """
[soak]
warm_up = "1 h"
period = "24 h"
[target]
rss_bytes = "5 MB/h"
[target.web]
rss_bytes = { limit = "2 GB", within = "72 h" }
[generator]
rss_bytes = "2 MB/h"
[fanout."message.created".agent]
p99_ms = { growth = "1 ms/h", limit = "1000 ms" }
[rest."*"]
p99_ms = "5 %/day"
[cable]
ping_gap_p99_ms = "1 ms/h"
[presence.contact]
beat_reply_p99_ms = "1 ms/h"
[drain]
rss_bytes = "20 MB"
"""


def test_a_whole_budget_is_read():
    """Every part of the grammar arrives where it belongs."""
    budget = parse_budget(WHOLE)

    assert (budget.warm_up_s, budget.period_s) == (3600.0, 86400.0)
    assert [allowance.path for allowance in budget.allowances] == [
        ("target", "rss_bytes"),
        ("target", "web", "rss_bytes"),
        ("generator", "rss_bytes"),
        ("fanout", "message.created", "agent", "p99_ms"),
        ("rest", "*", "p99_ms"),
        ("cable", "ping_gap_p99_ms"),
        ("presence", "contact", "beat_reply_p99_ms"),
    ]
    assert [(name, amount.value) for name, amount in budget.drain] == [("rss_bytes", 20e6)]


def test_a_budget_is_said_in_its_own_words():
    """A budget reads as it was written."""
    budget = parse_budget(WHOLE)

    assert [one.text for one in budget.allowances[:4]] == [
        "5 MB/h",
        "not 2 GB within 72 h",
        "2 MB/h",
        "1 ms/h, at most 1000 ms",
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[traget]\nrss_bytes = '1 MB/h'", "Did you mean target?"),
        ("[soak]\nwarmup = '1 h'\n[target]\nx = '1/h'", "budget:2.*Did you mean warm_up?"),
        ("[soak]\nwarm_up = '95 %'\n[target]\nx = '1/h'", "from 0 to 90"),
        ("[soak]\nperiod = 24\n[target]\nx = '1/h'", "in quotes"),
        ("[target]\nrss_bytes = { grwoth = '1 MB/h' }", "Did you mean growth?"),
        ("[target]\nrss_bytes = { limit = '1 GB' }", "how fast"),
        ("[target]\nrss_bytes = { within = '1 h' }", "no limit"),
        ("[target]\nrss_bytes = { growth = '1 MB/h', limit = '5 %' }", "the limit itself"),
        ("[target]\nrss_bytes = '1 ms/h'", "units here"),
        ("[fanout.'message.craeted'.agent]\np99_ms = '1 ms/h'", "Did you mean message.created?"),
        ("[fanout.'message.created'.agnet]\np99_ms = '1 ms/h'", "Did you mean agent?"),
        ("[fanout.'message.created'.agent]\np99 = '1 ms/h'", "Did you mean p99_ms?"),
        ("[rest.'contact.send_mesage']\np99_ms = '1 ms/h'", "Did you mean contact.send_message?"),
        ("[cable]\nconnect_p98_ms = '1 ms/h'", "Did you mean connect_p99_ms?"),
        ("[presence.agents]\nbeat_reply_p99_ms = '1 ms/h'", "Did you mean agent?"),
        ("target = 5", "not a table"),
        ("", "no budget"),
        ("[target", "not valid TOML"),
    ],
)
def test_errors_name_the_nearest_key(text, says):
    """A mistake is refused with its place and what was meant."""
    with pytest.raises(UsageError, match=says):
        parse_budget(text)


def test_a_file_that_is_not_there_is_said_to_be(tmp_path):
    """A missing file names `loadtest init` as the way to one."""
    with pytest.raises(UsageError, match="loadtest init"):
        load_budget(tmp_path / "budget.toml")
