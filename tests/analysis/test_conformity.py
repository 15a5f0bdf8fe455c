"""The contract's section: what was checked, what was driven, what reached the wrong hands."""

from __future__ import annotations

from typing import Any

import pytest

from loadtest.analysis import conformity
from loadtest.analysis.series import Series
from loadtest.contract import CAUSES, EVENTS, events_of
from loadtest.plan.mix import ACTS
from tests.analysis.builders import RunBuilder, typical
from tests.analysis.test_keys import SCHEMA


def contract(run: RunBuilder) -> dict[str, Any]:
    """The section."""
    data = run.build()
    return conformity.contract(data, Series(data))


def event(run: RunBuilder, name: str) -> dict[str, Any]:
    """One event's row."""
    row: dict[str, Any] = contract(run)["events"][name]
    return row


def called(call: str, n: int = 7, *, refused: int = 0) -> RunBuilder:
    """A run that made a call."""
    run = RunBuilder().count(6, "rest.n", n, call)
    return run.count(6, "rest.error", refused, call, "404") if refused else run


def dialect(name: str) -> RunBuilder:
    """A run of a dialect."""
    return RunBuilder(target={"url": "", "embedded": False, "dialect": name, "server": ""})


def test_violations_of_the_whole_run_are_listed_by_kind():
    """A violation in the ramp counts as one in the hold does."""
    run = RunBuilder().count(1, "contract.violation", 1, "wrong_type", "agent")
    row = contract(run.count(6, "contract.violation", 2, "wrong_type", "contact"))

    assert row["violations"] == {"wrong_type": 3}


@pytest.mark.parametrize("name", ["seed", "current", "auto"])
def test_every_event_of_the_dialect_has_a_row(name: str):
    """Driven or not, each is told."""
    assert list(events_of(name)) == list(contract(dialect(name))["events"])


def test_a_run_that_names_no_dialect_is_told_by_all_versions():
    """Nothing is left out where the version is unknown."""
    assert list(events_of("auto")) == list(contract(RunBuilder(target=None))["events"])


def test_what_was_emitted_was_driven():
    """Messages were sent; the row counts the whole run."""
    row = event(typical().count(20, "contract.checked", 5, "message.created", "agent"), "message.created")

    assert {
        "driven": True,
        "emitted": 600,
        "received": 6_000,
        "checked": 5,
        "violations": 0,
        "why": "",
    } == row


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("team.changed", "not in the plan: --mix team=RATE"),
        ("conversation.contact_changed", "not in the plan: --mix merge=RATE"),
        ("conversation.typing_on", "not in the plan: --typing"),
        ("presence.update", "not in the plan: --heartbeat"),
    ],
)
def test_an_event_that_nobody_caused_was_not_in_the_plan(name: str, why: str):
    """Without a call that causes it there is nothing to have failed, and the option that adds it is named."""
    row = event(RunBuilder(), name)

    assert (False, why) == (row["driven"], row["why"])


def test_talk_that_nobody_could_take_up_was_in_the_plan():
    """A rate without contacts is no missing rate."""
    row = event(RunBuilder(plan={"emit_rate": 10.0}), "message.created")

    assert row["why"] == "in the plan, but nobody could take it up: hold longer, or give more --contacts"
    assert event(RunBuilder(plan={"emit_rate": 0.0}), "message.created")["why"] == "not in the plan: --emit-rate"


def test_an_act_of_the_mix_whose_turn_did_not_come_was_in_the_plan():
    """A run may be too short for a rare act."""
    row = event(RunBuilder(plan={"mix": "read=0.5,merge=0.05,team=0"}), "conversation.contact_changed")

    assert row["why"] == "in the plan, but its turn did not come: hold longer, or raise --mix merge=RATE"
    assert event(RunBuilder(plan={"mix": "team=0"}), "team.changed")["why"] == "not in the plan: --mix team=RATE"


def test_an_event_whose_calls_were_refused_says_so():
    """A target without the widget's API is no target that loses events."""
    row = event(called("contact.update_message", 7, refused=7), "message.updated")

    assert (False, "refused by the target: contact.update_message answered 404 7 times") == (row["driven"], row["why"])


def test_an_answer_without_what_was_needed_is_a_refusal():
    """A void emission never happened, whatever its status."""
    row = event(
        called("agent.create_contact", 2).count(6, "emission.void", 2, "agent.create_contact"), "contact.created"
    )

    assert row["why"] == "refused by the target: agent.create_contact answered without a usable body 2 times"


def cannot(run: RunBuilder, cause: str, missing: str = "teams") -> RunBuilder:
    """A run that was told that the target cannot do something, by two workers."""
    for at_s in (6.0, 6.5):
        run.note(at_s, "not_driven", "x", cause=cause, missing=missing)
    return run


def test_what_the_target_cannot_do_is_not_driven():
    """Its event was not driven for want of something: it is none of 13 that failed."""
    run = cannot(RunBuilder(), "agent.assign_team", "at least one team")
    row = event(run, "team.changed")

    assert (False, "the target cannot: agent.assign_team needs at least one team") == (row["driven"], row["why"])
    assert {"agent.assign_team": "at least one team"} == contract(run)["not_driven"]


def test_what_another_worker_did_can_be_done():
    """A worker with other contacts may know better."""
    run = cannot(called("agent.assign_team", 2), "agent.assign_team").count(6, "delivery.emitted", 2, "team.changed")

    assert ({}, True) == (contract(run)["not_driven"], event(run, "team.changed")["driven"])


def test_what_the_target_cannot_do_is_said_with_its_refusals():
    """A sentence each; refused calls are counted there and nowhere else."""
    run = cannot(called("contact.update_message", 3, refused=3), "contact.update_message", "a route")
    rest = {"contact.update_message": {"n": 3, "errors": {"404": 3}}}

    assert [
        "contact.update_message is not driven: it needs a route. Its 3 refused calls are no REST errors."
    ] == conformity.not_driven(contract(run), rest)


def test_an_event_that_only_may_follow_and_did_not_says_after_what():
    """The circumstance is named, since the run did its part."""
    run = dialect("current").count(6, "rest.n", 7, "contact.send_message")

    assert event(run, "notification.created")["why"] == (
        "it may follow from contact.send_message (an agent is to be notified), taken 7 times, and never did"
    )


def test_of_many_causes_two_are_named():
    """A sentence, not a list."""
    run = dialect("current")
    for call in ("contact.send_message", "agent.send_message", "agent.assign_agent", "agent.assign_team"):
        run.count(6, "rest.n", 2, call)

    assert event(run, "notification.created")["why"] == (
        "it may follow from contact.send_message, agent.send_message and 2 others (an agent is to be notified), "
        "taken 8 times, and never did"
    )


def test_an_event_that_followed_without_an_account_was_driven():
    """What came after a call that causes it is the run's doing, though nobody expected a number of it."""
    run = dialect("current").count(6, "rest.n", 7, "agent.send_message")
    row = event(run.count(6, "delivery.received", 3, "conversation.updated", "agent"), "conversation.updated")

    assert (True, 0, 3) == (row["driven"], row["emitted"], row["received"])


def test_what_others_caused_is_not_the_runs():
    """Received without any call that causes it: the others of a real account."""
    row = event(RunBuilder().count(6, "delivery.received", 3, "team.changed", "agent"), "team.changed")

    assert (False, "not in the plan: --mix team=RATE; what was received came of others' work") == (
        row["driven"],
        row["why"],
    )


def test_an_event_that_nothing_here_causes_says_so():
    """A newer server sends more than the tool can cause."""
    assert event(dialect("current"), "account.cache_invalidated")["why"] == "nothing that this tool does causes it"


def violated(run: RunBuilder, kind: str, role: str, **events: int) -> RunBuilder:
    """A run with violations of a kind, by event (dots written as two underscores)."""
    run.count(6, "contract.violation", sum(events.values()), kind, role)
    for name, n in events.items():
        run.count(6, f"contract.violated.{kind}", n, name.replace("__", "."), role)
    return run


def test_violations_are_counted_by_event():
    """Each event tells of all its violations, whatever their kind and receiver."""
    run = violated(RunBuilder(), "wrong_type", "agent", team__changed=30)
    run = violated(run, "missing_field", "agent", team__changed=2, assignee__changed=1)

    assert [32, 1, 0] == [
        event(run, name)["violations"] for name in ("team.changed", "assignee.changed", "message.created")
    ]


def test_leaks_are_told_by_kind_and_role_with_their_events():
    """All are counted by event, with evidence or without; what leaks nothing is left out."""
    run = violated(RunBuilder(), "wrong_audience", "contact", team__changed=20, assignee__changed=10)
    run = violated(run, "wrong_audience", "agent", message__created=1)
    run = violated(run, "missing_field", "contact", team__changed=5)

    assert [
        {"kind": "wrong_audience", "role": "agent", "n": 1, "events": {"message.created": 1}},
        {
            "kind": "wrong_audience",
            "role": "contact",
            "n": 30,
            "events": {"assignee.changed": 10, "team.changed": 20},
        },
    ] == contract(run)["leaks"]


def test_what_only_some_versions_send_is_a_warning():
    """The event, how often, since when, and what to do to know."""
    run = dialect("auto").count(6, "contract.tolerated", 1_200, "conversation.created", "contact")

    assert [
        "conversation.created reached contacts 1,200 times. Some versions of the server send it to them (it does since "
        "2.3), so no leak is claimed. Say --dialect if you know the version."
    ] == conformity.tolerated(contract(run))


def test_many_tolerated_events_are_cut():
    """Five are said, the others counted."""
    run = RunBuilder()
    for i in range(7):
        run.count(6, "contract.tolerated", 1, f"event.{i}", "contact")

    found = conformity.tolerated(contract(run))

    assert (6, "2 more events are tolerated likewise: see the contract.") == (len(found), found[-1])


def test_every_cause_names_the_option_that_brings_it():
    """A new act of the mix, or a new cause, must be told about."""
    acts = {option.removeprefix("--mix ").removesuffix("=RATE") for option in conformity._DRIVEN_BY.values()}
    silent = {cause.name for cause in CAUSES.values() if not cause.rules}

    assert (set(ACTS) - {"note"}, set(CAUSES) - silent) == (  # a note is a message, which the talk brings already
        {act for act in acts if not act.startswith("--")},
        set(conformity._DRIVEN_BY),
    )


def test_every_documented_event_can_be_driven():
    """The document's 13 each have a cause."""
    run = dialect("seed")
    run.meta["plan"] = {}
    rows = contract(run)["events"]

    assert [True] * len(EVENTS) == [rows[name]["why"].startswith("not in the plan: --") for name in EVENTS]


def test_the_schema_knows_the_leaking_kinds():
    """Adding one means telling the schema."""
    assert sorted(conformity.LEAKING) == sorted(SCHEMA["$defs"]["leak_row"]["properties"]["kind"]["enum"])
