"""The canary on the reference server: what is delivered, and what it is called when it is not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from loadtest.directory import Directory, Population, generate
from loadtest.refserver import ServerSettings, start_child
from loadtest.target import probe_delivery
from loadtest.target.probe_delivery import Canary, Cast, Stage, canary, choose_cast, confirm_all, dialect
from loadtest.target.probe_findings import Finding
from loadtest.target.probe_rest import Overheard, ProbeRest
from loadtest.target.probe_socket import Arrival, open_socket
from loadtest.transport.address import cable_endpoint

POPULATION = Population(agents=8, contacts=4, members=3)
DIRECTORY = generate(POPULATION)


def cast_of(directory: Directory = DIRECTORY) -> Cast:
    """Who takes part."""
    cast = choose_cast(directory)
    assert cast is not None
    return cast


def played(
    cast: Cast, *, change: Callable[[Stage], None] = lambda stage: None, **settings: object
) -> tuple[list[Finding], Canary]:
    """The lines of the confirms, and the canary, on a server with these settings."""
    server = start_child(ServerSettings(population=POPULATION, ping_interval_s=0.2, **settings))  # type: ignore[arg-type]

    async def scenario() -> tuple[list[Finding], Canary]:
        stage = Stage(cast)
        async with ProbeRest(server.url, None, Overheard()) as rest:
            for part in stage.parts():
                stage.take(part, await open_socket(cable_endpoint(server.url), 5.0))
            change(stage)
            try:
                confirms = await confirm_all(stage)
                return confirms, await canary(stage, rest)
            finally:
                await asyncio.gather(*(socket.close() for socket in stage.sockets.values()))

    try:
        return asyncio.run(scenario())
    finally:
        server.stop()


def states(canary: Canary) -> dict[str, str]:
    """State by name."""
    return {finding.name: finding.state for finding in canary.findings}


@pytest.mark.parametrize("spoken", ["seed", "current"])
def test_a_healthy_server_delivers(spoken: str) -> None:
    """Both ways, in order, to those it is meant for; and its dialect shows in what it sends."""
    confirms, result = played(cast_of(), dialect=spoken)

    assert ["ok", "ok"] == [finding.state for finding in confirms]
    assert {"delivery": "ok", "order": "ok", "audience": "ok"} == states(result)
    assert spoken == dialect(result.caused).data["dialect"]


def test_a_deaf_server_is_called_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sockets are open and pings arrive, REST says 2xx, and nobody is told anything."""
    monkeypatch.setattr(probe_delivery, "EVENT_S", 1.0)
    _, result = played(cast_of(), faults="deaf")
    (finding,) = result.findings

    assert finding.state == "fail"
    assert "connected, pings arrive, but no event is delivered" in finding.value
    assert ("Redis" in finding.remedy, False) == (True, finding.data["presence_answered"])


def test_a_dead_job_queue_is_told_from_a_dead_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Presence comes from the web process itself: where it is answered the workers are at fault."""
    monkeypatch.setattr(probe_delivery, "EVENT_S", 1.0)
    _, result = played(cast_of(), faults="loss=100%")
    (finding,) = result.findings

    assert ("fail", True) == (finding.state, finding.data["presence_answered"])
    assert "workers" in finding.remedy


def test_one_deaf_side_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """What reaches one of the two sockets only is another fault than what reaches none."""
    monkeypatch.setattr(probe_delivery, "EVENT_S", 1.0)
    _, result = played(cast_of(), faults="loss[contact]=100%")
    (finding,) = result.findings

    assert ("fail", ["contact"]) == (finding.state, finding.data["missing"])


def test_a_leak_is_a_failure() -> None:
    """Words that reach an agent outside the inbox, or another contact, are named."""
    cast = cast_of()
    assert cast.outsider is not None

    def seat_a_member(stage: Stage) -> None:
        member = next(a for a in DIRECTORY.agents if a != cast.agent and cast.contact.inbox_id in a.inbox_ids)
        stage.cast = replace(cast, outsider=member)
        stage.take("outsider", stage.sockets["outsider"])

    _, result = played(cast, change=seat_a_member)

    assert states(result)["audience"] == "fail"
    assert ["outsider"] == result.findings[-1].data["leaked_to"]


def test_who_could_not_subscribe_is_no_witness(monkeypatch: pytest.MonkeyPatch) -> None:
    """An outsider whose token is wrong hears nothing, whatever leaks."""
    monkeypatch.setattr(probe_delivery, "CONFIRM_S", 0.5)

    def spoil(stage: Stage) -> None:
        for part in ("outsider", "stranger"):
            stage.identifiers[part] = stage.identifiers[part].replace("pubsub_token", "pubsub_tokem")

    _, result = played(cast_of(), change=spoil)

    assert ("untested", "nobody else could subscribe") == (
        states(result)["audience"], result.findings[-1].value,
    )  # fmt: skip


def test_a_bad_token_of_the_file_is_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A subscription that is neither confirmed nor rejected names the fields to check."""
    monkeypatch.setattr(probe_delivery, "CONFIRM_S", 0.3)
    monkeypatch.setattr(probe_delivery, "EVENT_S", 0.3)
    cast = cast_of()
    confirms, _ = played(replace(cast, agent=replace(cast.agent, pubsub_token="nobody")))

    assert [("confirm agent", "fail"), ("confirm contact", "ok")] == [(f.name, f.state) for f in confirms]
    assert "pubsub_token" in confirms[0].remedy


@pytest.mark.parametrize(
    ("who", "says"),
    [
        ("contact", "the contact opens a conversation: HTTP 404"),
        ("agent", "the agent answers: HTTP 401"),
    ],
)
def test_a_call_that_fails_is_the_finding(who: str, says: str) -> None:
    """Where REST refuses there is nothing to deliver, and the remedy names the field."""
    cast = cast_of()
    wrong = (
        replace(cast, contact=replace(cast.contact, source_id="nobody"))
        if who == "contact"
        else replace(cast, agent=replace(cast.agent, access_token="nobody"))
    )
    _, result = played(wrong)

    assert ("fail", True) == (result.findings[-1].state, says in result.findings[-1].value)
    assert "identities" in result.findings[-1].remedy


def test_messages_that_are_lost_or_doubled_show_in_the_order() -> None:
    """Five messages one after the other: some that come twice are a warning."""
    _, result = played(cast_of(), faults="dup=100%")

    assert {"delivery": "ok", "order": "warning", "audience": "ok"} == states(result)


def test_who_cannot_write_is_not_chosen() -> None:
    """A contact without an API inbox cannot be the canary, nor one whom no agent sees."""
    mute = Directory(DIRECTORY.agents, tuple(replace(c, inbox_identifier=None) for c in DIRECTORY.contacts))

    assert choose_cast(mute) is None
    assert choose_cast(Directory((), DIRECTORY.contacts)) is None


def test_members_come_before_administrators() -> None:
    """An administrator sees everything, so it proves less."""
    assert cast_of().agent.role == "agent"


def test_without_events_there_is_no_dialect() -> None:
    """Nothing is guessed."""
    assert dialect([]).state == "untested"


@pytest.mark.parametrize(
    ("data", "expected"), [({"sender": {"type": "contact"}}, "auto"), ({"sentiment": {}}, "current")]
)
def test_signs_make_the_dialect(data: dict[str, object], expected: str) -> None:
    """A payload without the document's token and without later fields is of a version between."""
    arrival = Arrival(None, 0, "message.created", data)  # type: ignore[arg-type]

    assert expected == dialect([arrival]).data["dialect"]
