"""A soak's verdict on made-up runs: planted leaks are found, their absence is too, and the rest is not mistaken."""

import pytest

from loadtest.analysis import plain
from loadtest.analysis.budget import parse_budget
from loadtest.analysis.soak import as_dict, hours, judge
from tests.analysis.soaks import Story, data

MEMORY = '[target]\nrss_bytes = "1 MB/h"\n'


def judged(text, **story):
    """A made-up run under a budget."""
    return judge(data(Story(**story)), parse_budget(text))


def test_no_leak_passes():
    """Flat memory keeps a budget of 1 MB/h."""
    soak = judged(MEMORY)

    assert (soak.result, soak.exit_code, soak.reasons) == ("PASS", 0, ())


def test_a_leak_fails_and_says_why():
    """A leak of 3 MB/h fails it, in the name of the level."""
    soak = judged(MEMORY, leak=3e6)

    assert ("FAIL", 1) == (soak.result, soak.exit_code)
    assert soak.drifts[0].growth.per_hour == pytest.approx(3e6, rel=0.1)
    assert soak.reasons[0].startswith("target.rss_bytes: It grew faster than allowed")


def test_too_short_a_run_says_how_long_to_run():
    """A run whose interval holds the budget names the hold that would tell."""
    soak = judged('[target]\nrss_bytes = "50 kB/h"', hours=2.0)

    assert ("INCONCLUSIVE", 3) == (soak.result, soak.exit_code)
    assert soak.drifts[0].needed_hours > 2
    assert "A hold of about" in soak.reasons[0]


def test_a_limit_that_must_not_be_reached_is_a_budget():
    """At 3 MB/h from about 110 MB, 200 MB are reached in about 30 h: within 72 h fails, within 12 h passes."""
    late, soon = (
        judged(f'[target]\nrss_bytes = {{ limit = "200 MB", within = "{within}" }}', leak=3e6).drifts[0]
        for within in ("72 h", "12 h")
    )

    assert (late.result, soon.result) == ("FAIL", "PASS")
    assert late.reaches_interval[0] < late.reaches_h < late.reaches_interval[1]
    assert late.reaches_h == pytest.approx(25, abs=4)


def test_a_limit_already_reached_fails():
    """A level above its limit fails whatever its growth."""
    soak = judged('[target]\nrss_bytes = { growth = "1 MB/h", limit = "90 MB" }')

    assert soak.drifts[0].result == "FAIL"
    assert "at its limit already" in soak.drifts[0].note


def test_connections_are_no_leak():
    """What connections cost is told from the ramp, 40 kB each, and is in no growth."""
    soak = judged(MEMORY)

    (found,) = soak.per_connection
    assert found.each == pytest.approx(40_000, rel=0.05)
    assert found.interval[0] <= found.each <= found.interval[1]


@pytest.mark.parametrize(("leak", "expected"), [(0.0, "PASS"), (2e6, "FAIL")])
def test_a_day_shaped_load_is_compared_day_over_day(leak, expected):
    """Memory that follows a load of a 24 h period passes without a leak, and fails with one."""
    soak = judged('[soak]\nperiod = "24 h"\n' + MEMORY, hours=80.0, day_h=24.0, leak=leak, per_window=1)

    assert expected == soak.result


def test_latency_is_judged_as_well():
    """A p99 that gains 2 ms an hour fails a budget of 0.5 ms/h; one that gains nothing keeps it."""
    text = '[fanout."message.created".agent]\np99_ms = "0.5 ms/h"'

    assert ("FAIL", "PASS") == (judged(text, slower_ms=2.0).result, judged(text).result)


def test_latency_of_a_generator_at_its_limit_is_invalid():
    """With a tenth of the windows marked, a budget of latency is INVALID, and one of memory is judged."""
    text = '[fanout."*"."*"]\np99_ms = "0.5 ms/h"\n'

    soak = judged(text + MEMORY, marked=0.1, slower_ms=2.0)

    assert ["INVALID", "PASS"] == [one.result for one in soak.drifts]
    assert ("INVALID", 4) == (soak.result, soak.exit_code)


def test_what_stays_once_all_have_gone_is_judged():
    """30 MB that stay with nobody there fail a drain budget of 20 MB; 0 keep it."""
    text = '[drain]\nrss_bytes = "20 MB"'

    kept, gone = (judged(text, drain=True, kept=kept) for kept in (30e6, 0.0))

    assert ("FAIL", "PASS") == (kept.result, gone.result)
    assert kept.stays[0].found.kept == pytest.approx(30e6, rel=0.1)


def test_what_does_not_come_back_is_judged_by_when_all_are_back():
    """With all back, the same connections are compared with when they were first all there."""
    soak = judged('[drain]\nrss_bytes = "5 %"', drain=True, reopened=True, leak=3e6)

    assert soak.stays[0].found.not_back == pytest.approx(16e6, rel=0.35)
    assert soak.result == "FAIL"


def test_a_drain_that_was_not_watched_is_undecided():
    """A drain budget on a run that ended with all there says what to give."""
    soak = judged('[drain]\nrss_bytes = "20 MB"')

    assert soak.result == "INCONCLUSIVE"
    assert "--watch-after" in soak.reasons[0]


def test_a_level_that_is_not_there_names_the_nearest():
    """A budget for a level that the run does not have is undecided and says which one was meant."""
    soak = judged('[target]\nrss_byte = "1/h"')

    assert soak.result == "INCONCLUSIVE"
    assert "Did you mean target.rss_bytes?" in soak.drifts[0].note


def test_a_source_is_judged_by_its_own_budget():
    """A budget of one source leaves the others alone; one without a source means all."""
    assert judged('[target.web]\nrss_bytes = "1 MB/h"', source="web", leak=3e6).result == "FAIL"
    assert judged('[target.jobs]\nrss_bytes = "1 MB/h"', source="web", leak=3e6).result == "INCONCLUSIVE"
    assert judged(MEMORY, source="web", leak=3e6).drifts[0].path == ("target", "web", "rss_bytes")


def test_without_a_budget_everything_is_measured_and_nothing_judged():
    """The levels of the run are there with their growth, and no result."""
    soak = judge(data(Story(leak=3e6)))

    assert (soak.result, soak.exit_code) == (None, 0)
    assert [".".join(one.path) for one in soak.drifts] == [
        "target.rss_bytes",
        "generator.w0.rss_bytes",
        "fanout.message.created.agent.p99_ms",
    ]


def test_a_killed_run_is_judged_by_what_is_there():
    """A run without an end is judged, with a warning."""
    soak = judged(MEMORY, ended=False, leak=3e6)

    assert soak.result == "FAIL"
    assert "still goes on or was killed" in soak.warnings[0]


def test_a_target_that_was_not_watched_is_said_to_be():
    """Without a reading of the target the report says how to get one."""
    assert any("--watch" in text for text in judge(data(Story(watched=False))).warnings)


def test_a_day_without_a_period_is_warned_of():
    """A load that goes up and down is judged at like connections alone, unless the budget says when it repeats."""
    run = data(Story(day_h=2.0))
    run.meta["plan"] = {"load_profile": "day=2h@6"}

    assert any('Write period = "2h" under [soak]' in text for text in judge(run, parse_budget(MEMORY)).warnings)
    with_period = parse_budget(f'[soak]\nperiod = "2h"\n{MEMORY}')
    assert not any("--load-profile" in text for text in judge(run, with_period).warnings)


def test_a_restart_is_warned_of():
    """Memory begins anew with a process, so growth across a restart is not to be trusted."""
    run = data(Story())
    run.notes.loc[len(run.notes)] = [3600.0, "restart", "web was restarted", {}]

    (warning,) = judge(run, parse_budget(MEMORY)).warnings
    assert warning.startswith("Web was restarted: what it has in memory began anew")


def restarted(story, *moments_h, source):
    """A run whose watched process begins anew at these hours of the hold, and gives back what it leaked."""
    run = data(story)
    begin_s = 1800.0
    for number, at_h in enumerate(moments_h):
        back = story.leak * (at_h - (moments_h[number - 1] if number else 0.0))
        later = (run.gauges["name"] == "target.rss_bytes") & (run.gauges["at_s"] > begin_s + at_h * 3600)
        run.gauges.loc[later, "value"] -= back
        run.notes.loc[len(run.notes)] = [
            begin_s + at_h * 3600,
            "restart",
            f"{source} was restarted",
            {"source": source},
        ]
    return run


@pytest.mark.parametrize(
    ("source", "moments_h", "result"),
    [
        ("web", (2.5, 3.5, 4.5, 5.5, 6.5, 7.5), "INCONCLUSIVE"),
        ("redis", (), "PASS"),
        ("web", (1.0,), "PASS"),
    ],
    ids=["sawtooth", "of another", "in the warm-up"],
)
def test_a_leak_that_restarts_give_back_cannot_pass(source, moments_h, result):
    """30 MB/h against 5 MB/h, given back by a restart an hour: the slope over all of it is about nothing."""
    story = Story(leak=30e6 if result == "INCONCLUSIVE" else 0.0, source="web")
    run = restarted(story, *moments_h, source=source)
    if source == "redis":
        run.notes.loc[len(run.notes)] = [4 * 3600.0, "restart", "redis was restarted", {"source": "redis"}]
    soak = judge(run, parse_budget('[target]\nrss_bytes = "5 MB/h"\n'))

    assert (result, result) == (soak.result, soak.drifts[0].result)
    assert (result == "INCONCLUSIVE") == ("restarted meanwhile" in soak.drifts[0].note)


def test_its_json_holds_plain_values():
    """Everything that is measured has a JSON form."""
    content = plain(as_dict(judged(MEMORY + '[drain]\nrss_bytes = "20 MB"', leak=3e6, drain=True)))

    assert content["result"] == "FAIL"
    assert content["drifts"][0]["unit"] == "bytes"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.01, "36 s"), (0.5, "30 min"), (7.52, "7.52 h"), (240.0, "10 days"), (float("inf"), "for ever")],
)
def test_hours_are_said_as_people_say_them(value, text):
    """Short times in minutes, long ones in days."""
    assert text == hours(value)


def test_levels_without_a_growth_are_told_once():
    """Why is one warning, however many levels there are; soak.json keeps them all."""
    soak = judge(data(Story(hours=0.1)))

    assert [False] == [one.is_told for one in soak.drifts]
    assert ["No growth can be told of target.rss_bytes: only 5 of 20 stretches"] == [
        warning.split(" after")[0] for warning in soak.warnings
    ]
