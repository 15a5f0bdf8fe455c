"""Presence of a summary: shares of pair time, ceilings, times."""

import pytest

from loadtest.analysis.presence import presence
from loadtest.analysis.series import Series
from loadtest.analysis.windows import timeline
from tests.analysis.builders import US, RunBuilder

SECOND = 1_000_000


def rows(run):
    """Presence over the whole hold, by target role."""
    data = run.build()
    return presence(data, Series(data), timeline(data).full())


def test_presence_is_a_share_of_pair_time():
    """Accuracy, ceiling and loss come from integrals over pairs."""
    row = rows(RunBuilder().presence(right=0.6, ideal=0.7))["agent"]

    assert pytest.approx(
        [
            row["p_a"],
            row["p_a_ceiling"],
            row["p_a_loss"],
            row["mistake_rate_per_hour"],
            row["mistake_duration_s"],
            row["false_online_share"],
        ]
    ) == [0.6, 0.7, 0.1, 36.0, 2.0, 0.1]


def test_an_unknown_expiry_leaves_the_ceiling_open():
    """Without ideal counts there is no ceiling and no loss."""
    row = rows(RunBuilder().presence(ideal=None))["agent"]

    assert (row["p_a_ceiling"], row["p_a_loss"]) == (None, None)


def test_presence_keeps_observers_apart():
    """Agents seen by contacts are a row of their own."""
    run = RunBuilder().presence()
    run.count(5, "presence.alive_us", US, "agent", "contact").count(5, "presence.right_us", US / 2, "agent", "contact")

    assert rows(run)["agent"]["by_observer"]["contact"]["p_a"] == 0.5


def test_a_role_that_only_beats_has_no_accuracy():
    """Contacts that nobody observes are listed with their beats alone."""
    run = RunBuilder().count(5, "presence.beats", 3, "contact", "contact")
    row = rows(run.count(5, "presence.unanswered", 1, "contact", "contact"))["contact"]

    assert (row["p_a"], row["beats"], row["beats_answered"], row["beats_unanswered"]) == (None, 3, 0, 1)


def recorded(run, metric, seconds, name="agent", role="agent", window=20):
    """The run with a histogram of so many seconds each."""
    return run.times(window, metric, [round(s * SECOND) for s in seconds], name, role)


def test_detection_times_know_of_those_that_were_never_seen_to_their_end():
    """Half of the absences ended unnoticed after 10 s: the median of the rest is no median of detection."""
    run = recorded(RunBuilder().presence(), "detection_time", [5] * 100 + [40] * 200)
    recorded(run, "detection_censored", [10] * 300)
    row = rows(run)["agent"]["detection_time_s"]

    assert (row["n"], row["censored"], row["max"]) == (300, 300, pytest.approx(40, rel=1e-3))
    assert row["p50"] == pytest.approx(40, rel=1e-3)


def test_the_sentence_says_what_beat_and_expiry_alone_make_of_it():
    """With E = 20 s and H = 30 s at best two thirds are possible, and the report says why."""
    run = RunBuilder(plan={"heartbeat_s": 30.0, "agent_expiry_s": 20.0}).presence()
    row = rows(run)["agent"]

    assert row["p_a_naive"] == pytest.approx(2 / 3)
    assert "offline for 10 s of every beat before any load" in row["why"]


def test_frames_nobody_asked_for_make_it_a_push_server_with_another_ceiling():
    """The ceiling of a server that tells at once is that of beat and expiry, whoever asks when."""
    run = RunBuilder().presence(ideal=0.5)
    for window in run.held:
        run.count(window, "presence.unasked", 4, "agent", "agent")
        run.count(window, "presence.ideal_push_right_us", 99 * US, "agent", "agent")
    row = rows(run)["agent"]

    assert row["delivery"] == "push"
    assert row["p_a_ceiling"] == pytest.approx(0.99)


def test_without_a_given_expiry_the_ceiling_comes_from_the_estimated_one():
    """Two thirds of the time stands on beats younger than the estimated 20 s."""
    run = RunBuilder().presence(ideal=None)
    recorded(run, "presence_age_shown", [s / 10 for s in range(1, 200)], role="")
    recorded(run, "presence_age_missing", [s / 10 for s in range(201, 300)], role="")
    recorded(run, "presence_age_time", [second - 0.5 for second in range(1, 31) for _ in range(100)])
    row = rows(run)["agent"]

    assert row["expiry"]["estimate_s"] == pytest.approx(20, abs=0.1)
    assert row["p_a_ceiling"] == pytest.approx(2 / 3, abs=0.01)
    assert row["p_a_ceiling_bounds"][0] <= row["p_a_ceiling"] <= row["p_a_ceiling_bounds"][1]


def test_absences_are_told_by_length():
    """Short absences end before a server can forget anybody; how many were noticed stands beside each length."""
    run = RunBuilder().presence()
    for length, n, noticed in (("0-10", 8, 0), ("60-90", 4, 3)):
        run.count(20, f"presence.absences.{length}", n, "agent", "agent")
        if noticed:
            run.count(20, f"presence.absences_noticed.{length}", noticed, "agent", "agent")
    absences = rows(run)["agent"]["absences"]

    assert [(row["length_s"], row["n"], row["share"]) for row in absences] == [("0-10", 8, 0.0), ("60-90", 4, 0.75)]


def test_statuses_are_a_confusion_of_chosen_and_told():
    """Pair time by what agents chose and what observers were told."""
    run = RunBuilder().presence().count(20, "presence.status_us", 3 * US, "busy>online", "agent")

    assert rows(run)["agent"]["status_s"] == {"busy>online": 3.0}


def test_rest_is_a_second_observer():
    """Random instants of the REST lists are held against the truth."""
    run = RunBuilder().presence()
    for metric, n in (("alive", 10), ("right", 9), ("absent", 4), ("false_online", 1)):
        run.count(20, f"presence.oracle_{metric}", n, "agent", "rest")

    assert rows(run)["agent"]["oracle"] == {"n": 14, "p_a": 0.9, "false_online_share": 0.25}


def test_no_time_is_told_longer_than_the_longest():
    """Percentiles and mean of equal times are the longest, not the end of its bucket."""
    run = recorded(RunBuilder().presence(), "detection_time", [27.501] * 300)
    times = rows(run)["agent"]["detection_time_s"]

    assert [27.501] * 4 == [times[key] for key in ("p50", "p99", "mean", "max")]
