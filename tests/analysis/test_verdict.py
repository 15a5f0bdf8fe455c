"""Default checks, marked windows, and how checks combine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loadtest.analysis import Check, Verdict, summarise
from loadtest.analysis.model import Result
from loadtest.analysis.slo import parse_slo
from loadtest.analysis.verdict import decide
from tests.analysis.builders import US, RunBuilder, typical

LATENCY = 'fanout."message.created".agent.p99_ms = 200'


def verdict_of(run: RunBuilder, slo: str | None = None) -> Verdict:
    """The verdict of a run."""
    return summarise(run.build(), parse_slo(slo) if slo else None).verdict


def check_of(verdict: Verdict, name: str) -> Check:
    """One check by its name."""
    return next(check for check in verdict.checks if check.name == name)


def check(name: str, result: Result, *, final: bool = False) -> Check:
    """A check of a given result."""
    return Check(name, 1, 0, "max", "", result, final=final)


def test_a_sound_run_passes():
    """Nothing lost, everybody there: PASS and exit code 0, without a warning."""
    verdict = verdict_of(typical())

    assert (verdict.result, verdict.exit_code, verdict.reasons, verdict.warnings) == ("PASS", 0, (), ())


def test_the_default_checks_are_those_of_the_design():
    """What a run without an SLO is judged by."""
    assert [one.name for one in verdict_of(typical()).checks] == [
        "hold",
        "generator valid",
        "connected",
        "deliveries",
        "leaks",
        "leaks by content",
        "undetermined",
        "users confirmed",
        "connected time",
        "lost",
        "contract violations",
        "REST errors",
        "presence loss, agents seen by agents",
    ]


def test_an_slo_replaces_the_limits_but_not_what_every_run_must_meet():
    """With an SLO, losses are judged only where it says so."""
    verdict = verdict_of(typical().message(20, "x", [30_000] * 9, lost=1), LATENCY)

    assert verdict.result == "PASS"
    assert [one.name for one in verdict.checks] == [
        "hold",
        "generator valid",
        "connected",
        "deliveries",
        "leaks",
        "leaks by content",
        "undetermined",
        'fanout."message.created".agent.p99_ms max',
    ]


def test_one_loss_fails():
    """Lost 0 means none, and the reason says of which event."""
    verdict = verdict_of(typical().message(20, "x", [30_000] * 9, lost=1))

    assert (verdict.result, verdict.exit_code) == ("FAIL", 1)
    assert verdict.reasons == ("lost: 1, at most 0. Never arrived within the deadline or after: message.created 1.",)


def test_a_violation_fails():
    """The contract allows none."""
    assert verdict_of(typical().count(20, "contract.violation", 1, "wrong_type")).result == "FAIL"


@pytest.mark.parametrize(("errors", "result"), [(1, "PASS"), (2, "FAIL")])
def test_rest_errors_up_to_one_in_a_thousand_pass(errors: int, result: str):
    """The limit is a share of all calls."""
    run = typical().count(20, "rest.n", 400, "contact.send_message")

    assert result == verdict_of(run.count(20, "rest.error", errors, "contact.send_message", "500")).result


def test_missing_users_fail():
    """Ninety percent confirmed is not 99, and their time is missing too."""
    run = RunBuilder().users(confirmed=0.9).presence().message(20, "m", [30_000])

    assert {"users confirmed", "connected time"} == {one.name for one in verdict_of(run).checks if one.result == "FAIL"}


def test_a_role_without_anybody_fails_however_small():
    """Ten of 2,000 users are below one percent, but they were all the contacts."""
    run = RunBuilder().users(agents=2_000, contacts=0).message(20, "m", [30_000])
    run.gauge(20.0, "users.planned.contact", 10)

    assert check_of(verdict_of(run), "users confirmed").result == "FAIL"


def test_short_connected_time_fails():
    """A socket that was down for two percent of the hold counts for all of that time."""
    run = typical()
    for window in run.held:
        run.count(window, "users.connected_us", -3 * US, role="agent")

    assert check_of(verdict_of(run), "connected time").result == "FAIL"


@pytest.mark.parametrize("slo", [None, 'delivery."message.created".lost = 0'])
def test_much_undetermined_is_inconclusive(slo: str | None):
    """What cannot be told apart is neither right nor wrong, whatever the limits on what could."""
    run = typical().count(20, "delivery.expected", 100, "message.created", "agent")
    verdict = verdict_of(run.count(20, "delivery.undetermined", 100, "message.created", "agent"), slo)

    assert (verdict.result, verdict.exit_code) == ("INCONCLUSIVE", 3)


def test_presence_far_below_its_ceiling_fails():
    """Six points are more than five."""
    run = RunBuilder().users().presence(right=0.94).message(20, "m", [30_000])

    assert check_of(verdict_of(run), "presence loss, agents seen by agents").result == "FAIL"


def test_presence_is_judged_against_its_ceiling():
    """A low accuracy that expiry and heartbeat allow no better passes."""
    run = RunBuilder().users().presence(right=0.65, ideal=0.667).message(20, "m", [30_000])

    assert check_of(verdict_of(run), "presence loss, agents seen by agents").result == "PASS"


def test_presence_without_ceiling_is_skipped_with_a_warning():
    """An unknown expiry gives no verdict on presence."""
    verdict = verdict_of(RunBuilder().users().presence(ideal=None).message(20, "m", [30_000]))

    assert any(text.startswith("Presence of agents to agents was not judged") for text in verdict.warnings)


def test_reordering_never_fails():
    """It is shown and not judged."""
    assert verdict_of(typical().count(20, "delivery.reordered", 50, "message.created", "agent")).result == "PASS"


def test_no_delivery_is_invalid():
    """Zero samples are never success, and the reason names what REST said."""
    run = RunBuilder().users().count(20, "rest.n", 5, "contact.send_message")
    verdict = verdict_of(run.count(20, "rest.error", 5, "contact.send_message", "404"))

    assert (verdict.result, verdict.exit_code) == ("INVALID", 4)
    assert "(REST errors: 404 5)" in verdict.reasons[0]


def test_presence_alone_is_no_delivery_where_messages_were_planned():
    """A run that was to emit and only beat has measured nothing of its plan."""
    run = RunBuilder().users().count(20, "delivery.expected", 9, "presence.update", "agent")
    run.count(20, "delivery.delivered", 9, "presence.update", "agent")

    assert check_of(verdict_of(run), "deliveries").result == "INVALID"


def test_presence_alone_is_enough_where_nothing_else_was_planned():
    """A presence run emits nothing but beats."""
    run = RunBuilder(plan={"emit_rate": 0}).users().count(20, "delivery.expected", 9, "presence.update", "agent")
    run.count(20, "delivery.delivered", 9, "presence.update", "agent")

    assert check_of(verdict_of(run), "deliveries").result == "PASS"


def test_never_connected_is_invalid_and_says_how_it_failed():
    """The connection outcomes name the cause."""
    run = RunBuilder().count(1, "cable.connect_failed", 7, "refused", "agent").count(5, "x").count(64, "x")
    verdict = verdict_of(run)

    assert verdict.result == "INVALID"
    assert any("No user was ever subscribed (refused 7)" in reason for reason in verdict.reasons)


def test_a_run_that_never_held_is_invalid():
    """Interrupted in its ramp, it has nothing to judge."""
    assert verdict_of(RunBuilder(hold=0).count(0, "cable.confirmed", 5)).result == "INVALID"


def test_an_interrupted_run_is_no_pass():
    """What it measured stands, and the rest of its plan is not known (tests/analysis/test_interruption.py)."""
    verdict = verdict_of(typical(interrupted=True))

    assert (verdict.result, "The run was interrupted after 60 s" in verdict.reasons[0]) == ("INCONCLUSIVE", True)


def test_a_killed_run_is_no_pass():
    """Nor is one that still goes on (tests/analysis/test_interruption.py)."""
    verdict = verdict_of(typical(drain=None, interrupted=None, ended_at=None, run_time_s=300.0, ran_s=None))

    assert (verdict.result, verdict.exit_code) == ("INCONCLUSIVE", 3)


def test_a_generator_that_says_nothing_of_itself_is_not_fit():
    """No sample of its loop in the whole hold: a run of which nobody knows whether it measured."""
    run = typical()
    data = run.build()
    silent = replace(data, hists=data.hists[data.hists["metric"] != "loop_lag"])
    verdict = summarise(silent).verdict

    assert ("INVALID", "INVALID") == (verdict.result, check_of(verdict, "generator valid").result)
    assert "recorded nothing about itself" in verdict.reasons[0]


def test_a_lost_worker_is_invalid():
    """Its part of the population was not measured."""
    assert verdict_of(typical().note(30.0, "worker_lost", "worker-2")).result == "INVALID"


def test_a_lost_target_fails():
    """The target died in mid-run: FAIL, though the generator choked on it."""
    run = typical(target_lost=True)
    for window in range(40, 60):
        run.breach(window)

    assert (verdict_of(run).result, verdict_of(run).exit_code) == ("FAIL", 1)


@pytest.mark.parametrize("marked", [0, 20])
def test_a_target_that_was_let_go_fails(marked):
    """The abort guard ended the run: FAIL with its reason, though the generator choked on it."""
    run = typical(aborted="the target fails: 9 of 9 calls")
    for window in range(40, 40 + marked):
        run.breach(window)
    verdict = verdict_of(run)

    assert (verdict.result, verdict.exit_code) == ("FAIL", 1)
    assert any("the target fails: 9 of 9 calls" in reason for reason in verdict.reasons)


def test_a_target_that_never_answered_is_invalid():
    """Without one confirmed user there was no run to lose."""
    run = RunBuilder(target_lost=True).count(5, "cable.connect_failed", 7, "refused").count(64, "x")

    assert verdict_of(run).result == "INVALID"


def test_too_many_marked_windows_are_invalid():
    """The generator was the limit."""
    run = typical()
    for window in range(10, 14):
        run.breach(window)

    assert (verdict_of(run).result, verdict_of(run).exit_code) == ("INVALID", 4)


def test_a_leak_fails_whatever_else_is_wrong():
    """An unfit generator does not hide a frame in the wrong hands."""
    run = typical().count(2, "delivery.leaked", 1, "message.created", "contact")
    for window in range(10, 20):
        run.breach(window)
    verdict = verdict_of(run)

    assert (verdict.result, verdict.exit_code, check_of(verdict, "generator valid").result) == ("FAIL", 1, "INVALID")


def test_a_leak_names_event_and_role():
    """The reader must know what was seen by whom."""
    verdict = verdict_of(typical().count(20, "delivery.leaked", 3, "message.created", "contact"))

    assert (3, "Seen by somebody who must not: message.created by contacts 3; the delivery table has the balance.") == (
        check_of(verdict, "leaks").value,
        check_of(verdict, "leaks").note,
    )


LEAKS = ("wrong_audience", "private_to_contact", "contact_in_contact_presence", "wrong_account")


@pytest.mark.parametrize("kind", LEAKS)
@pytest.mark.parametrize("slo", [None, LATENCY])
def test_a_frame_that_its_receiver_must_not_see_fails(kind: str, slo: str | None):
    """Whatever the limits, it is a leak."""
    verdict = verdict_of(typical().count(2, "contract.violation", 1, kind, "contact"), slo)

    assert ("FAIL", "FAIL") == (verdict.result, check_of(verdict, "leaks by content").result)


def test_a_leak_by_content_fails_beside_an_unfit_generator():
    """No slow generator can invent a frame in the wrong hands."""
    run = typical().count(2, "contract.violation", 1, "wrong_account", "agent")
    for window in range(10, 20):
        run.breach(window)

    assert verdict_of(run).result == "FAIL"


def test_a_leak_by_content_names_event_and_role():
    """The reader must know what reached whom."""
    run = typical().count(2, "contract.violation", 30, "private_to_contact", "contact")
    run.count(2, "contract.violated.private_to_contact", 30, "message.created", "contact")
    expected = (
        "30 frames of message.created reached a socket of role contact with a private note in them "
        "(private_to_contact)."
    )

    assert expected == check_of(verdict_of(run), "leaks by content").note


def test_a_wrong_payload_is_no_leak():
    """A missing field breaks the contract and is seen by the right people."""
    verdict = verdict_of(typical().count(2, "contract.violation", 1, "missing_field", "contact"))

    assert ("PASS", "FAIL") == (
        check_of(verdict, "leaks by content").result,
        check_of(verdict, "contract violations").result,
    )


def test_what_the_target_cannot_do_is_no_rest_error():
    """A version without a route refuses each call to it, and is told as such."""
    run = typical().count(9, "rest.n", 3, "contact.toggle_typing")
    run.count(9, "rest.error", 3, "contact.toggle_typing", "404")
    before = check_of(verdict_of(run), "REST errors").result
    run.note(9.0, "not_driven", "x", cause="contact.toggle_typing", missing="a route")
    verdict = verdict_of(run)

    assert ("FAIL", "PASS") == (before, check_of(verdict, "REST errors").result)
    assert any(warning.startswith("contact.toggle_typing is not driven") for warning in verdict.warnings)


def test_what_is_tolerated_is_a_warning():
    """What only some versions allow fails nothing and is said once, however often it came."""
    verdict = verdict_of(typical().count(9, "contract.tolerated", 2, "conversation.created", "contact"))
    expected = (
        "conversation.created reached contacts 2 times. Some versions of the server send it to them (it does since "
        "2.3), so no leak is claimed. Say --dialect if you know the version."
    )

    assert ("PASS", (expected,)) == (verdict.result, verdict.warnings)


@pytest.mark.parametrize(
    ("value", "limit", "said"),
    [
        (5.26316, 5.0, "5.26"),
        (98.996, 99.0, "98.996"),
        (4.99999, 5.0, "4.99999"),
        (0.0, 0.0, "0"),
        (1_826_123, 0, "1,826,123"),
        (1234.6, 500.0, "1,235"),
    ],
)
def test_a_reason_has_three_digits_and_never_says_the_limit_itself(value: float, limit: float, said: str):
    """A value that broke its limit does not read as if it had kept it."""
    one = Check("x", value, limit, "max", "", "FAIL")

    assert f"x: {said}, at most {limit:g}." == decide([one], [one], []).reasons[0]


def test_marked_windows_do_not_decide():
    """A latency limit is judged without the windows in which the generator choked, where that changes nothing."""
    run = typical().breach(20)

    assert (verdict_of(run).result, verdict_of(run, LATENCY).result) == ("PASS", "PASS")


def test_losses_in_a_marked_window_are_invalid():
    """Nobody can tell whether the generator or the target lost them."""
    run = typical().message(20, "x", [30_000] * 9, lost=1).breach(20)
    summary = summarise(run.build())

    assert (summary.verdict.result, check_of(summary.verdict, "lost").result) == ("INVALID", "INVALID")
    assert [
        summary.sections["generator"]["valid"],
        len(summary.sections["generator"]["reasons"]),
    ] == [False, 1]


def test_a_percentile_decided_in_a_marked_window_is_invalid():
    """The slow deliveries that would fail the limit all lie where the generator was not fit."""
    run = typical().breach(20)
    for i in range(20):
        run.message(20, f"slow{i}", [900_000] * 10)

    assert check_of(verdict_of(run, LATENCY), 'fanout."message.created".agent.p99_ms max').result == "INVALID"


@pytest.mark.parametrize(
    ("metric", "name", "slo", "check_name"),
    [
        ("cable.connect_failed", "no_files", None, "this machine (no_files)"),
        ("cable.deaf", "", None, "deaf sockets"),
        ("cable.disconnects", "stale", 'cable.disconnects."*" = 0', "cable.disconnects.stale max"),
    ],
)
def test_what_only_a_marked_window_shows_is_not_passed_over(metric: str, name: str, slo: str | None, check_name: str):
    """A check that the unmarked windows give no cause to: nobody can tell whose doing it was."""
    run = typical().count(20, metric, 5, name, "agent").breach(20)
    summary = summarise(run.build(), parse_slo(slo) if slo else None)

    assert ("INVALID", "INVALID") == (summary.verdict.result, check_of(summary.verdict, check_name).result)
    assert (name == "no_files") == summary.sections["generator"]["valid"]


def test_a_check_that_passes_with_the_marked_windows_in_is_none():
    """All sockets that were deaf in a marked window heard again in another."""
    run = typical().count(20, "cable.deaf", 3, role="agent").count(21, "cable.deaf_recovered", 3, role="agent")

    assert "PASS" == verdict_of(run.breach(20).breach(21)).result


def test_a_failure_on_trusted_windows_stands():
    """Losses in unmarked windows fail, whatever the marked ones hold."""
    run = typical().message(20, "x", [30_000] * 9, lost=1).message(30, "y", [30_000] * 9, lost=1).breach(30)

    assert (verdict_of(run).result, check_of(verdict_of(run), "lost").value) == ("FAIL", 1)


@pytest.mark.parametrize(
    ("results", "combined"),
    [
        (["PASS", "PASS"], "PASS"),
        (["PASS", "INCONCLUSIVE"], "INCONCLUSIVE"),
        (["INCONCLUSIVE", "FAIL"], "FAIL"),
        (["FAIL", "INVALID"], "INVALID"),
        ([], "INVALID"),
    ],
)
def test_the_worst_check_decides(results: list[Result], combined: Result):
    """INVALID before FAIL before INCONCLUSIVE before PASS; no check at all is no success."""
    checks = [check(str(i), result) for i, result in enumerate(results)]

    assert combined == decide(checks, checks, []).result


def test_a_final_failure_decides_over_invalid():
    """A leak is FAIL even beside INVALID."""
    checks = [check("a", "INVALID"), check("b", "FAIL", final=True)]

    assert decide(checks, checks, []).result == "FAIL"


def test_warnings_are_said_once():
    """The same sentence twice is noise."""
    assert decide([check("a", "PASS")], [], ["w", "w"]).warnings == ("w",)


def test_sockets_that_stay_deaf_fail():
    """Open, subscribed, and nothing of what was due to them came any more: a check of its own, and a warning."""
    run = typical().count(20, "cable.deaf", 3, role="agent").count(21, "cable.deaf_recovered", 1, role="agent")
    verdict = verdict_of(run)

    assert ("FAIL", 2) == (check_of(verdict, "deaf sockets").result, check_of(verdict, "deaf sockets").value)
    assert any("3 sockets were connected but deaf" in warning for warning in verdict.warnings)


def test_sockets_that_hear_again_fail_nothing_by_that():
    """What they missed meanwhile is lost or late, and judged as such."""
    run = typical().count(20, "cable.deaf", 3, role="agent").count(21, "cable.deaf_recovered", 3, role="agent")

    assert "PASS" == check_of(verdict_of(run), "deaf sockets").result


def test_with_an_slo_deafness_is_a_warning():
    """The SLO decides; it may limit cable.deaf itself."""
    run = typical().count(20, "cable.deaf", 3, role="agent")
    verdict = verdict_of(run, "cable.deaf = 0")

    assert "FAIL" == check_of(verdict, "cable.deaf max").result
    assert any("connected but deaf" in warning for warning in verdict.warnings)
