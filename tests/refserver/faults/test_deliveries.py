"""Faults of deliveries, as plain clients observe them: the truth is exactly what they saw."""

import time
from collections import Counter
from typing import Any

import pytest

from loadtest.refserver.faults import Truth
from tests.refserver.faults.scene import heard, key, key_in, subscribed, told, with_faults, write, write_note
from tests.refserver.site import ADMIN, BOTH, CONTACT, EVERYBODY, FOREIGN, MEMBER, OTHER, OUTSIDER, TYPING, Site

AUDIENCE = {"agent:1": ADMIN, "agent:2": MEMBER, "contact:10": CONTACT}
OUTSIDE = {"agent:3": OUTSIDER, "agent:4": EVERYBODY["stranger"], "contact:11": OTHER, "contact:12": FOREIGN}
MESSAGES = range(60)


async def everybody_hears(site: Site) -> Counter[tuple[str, str]]:
    """Write all messages and count what each client, within the audience and outside, heard of each."""
    listeners = {name: await site.listen(who) for name, who in (AUDIENCE | OUTSIDE).items()}
    await write(site, MESSAGES)
    return Counter(
        {(name, mark): copies for name, ear in listeners.items() for mark, copies in (await heard(ear)).items()}
    )


def due(names: Any = AUDIENCE) -> Counter[tuple[str, str]]:
    """One of each message for each receiver."""
    return Counter((name, key(number)) for name in names for number in MESSAGES)


@pytest.mark.parametrize(
    "faults",
    [
        "none",
        "loss=10%",
        "dup=10%",
        "leak=20%",
        "loss=10%,dup=10%,leak=20%",
        "loss[contact]=30%,dup[agent]=20%",
        "deaf[message.created]=50%",
        "service=100us*2,dup=5%",
    ],
)
def test_the_truth_is_what_clients_saw(faults: str) -> None:
    """Everything due, less what was lost, with what was doubled and leaked, is what each client heard, to the copy."""
    seen, truth = with_faults(faults, everybody_hears)
    expected = due()
    expected.subtract(told(truth, "loss") + told(truth, "deaf"))
    expected.update(told(truth, "dup") + told(truth, "leak"))

    assert +expected == +seen


def test_the_servers_own_count_is_what_it_handed_over() -> None:
    """Deliveries are counted once each, whichever way they took; so is what was held when it leaves."""

    async def scenario(site: Site) -> tuple[int, int]:
        ears = [await site.listen(who) for who in AUDIENCE.values()]
        before = site.server.stats()["deliveries"]
        await write(site, MESSAGES)
        handed = site.server.stats()["deliveries"] - before
        return int(handed), sum([sum((await heard(ear)).values()) for ear in ears])

    (counted, seen), _ = with_faults("loss=10%,dup=10%,leak=5%", scenario)

    assert counted == seen


def test_faults_happen_at_all() -> None:
    """The case above is not empty: each fault struck, and both roles."""
    _, truth = with_faults("loss=10%,dup=10%,leak=20%", everybody_hears)
    struck = {(line.kind, line.role) for line in truth.lines}

    assert {(kind, role) for kind in ("loss", "dup", "leak") for role in ("agent", "contact")} == struck


def test_equal_seeds_do_equal_harm() -> None:
    """Two servers with one seed apply the same faults to the same deliveries; another seed others."""
    truths = [with_faults("loss=10%,dup=10%,leak=20%", everybody_hears, seed=seed)[1] for seed in (1, 1, 2)]
    first, same, other = ([told(truth, kind) for kind in ("loss", "dup", "leak")] for truth in truths)

    assert first == same
    assert first != other


def test_another_order_of_arrival_is_the_same_harm() -> None:
    """The same messages written backwards lose the same deliveries."""

    async def backwards(site: Site) -> None:
        ears = [await site.listen(who) for who in AUDIENCE.values()]
        await write(site, list(MESSAGES)[::-1])
        for ear in ears:
            await heard(ear)

    _, forth = with_faults("loss=10%,dup=10%", everybody_hears)
    _, back = with_faults("loss=10%,dup=10%", backwards)

    assert [told(forth, kind) for kind in ("loss", "dup")] == [told(back, kind) for kind in ("loss", "dup")]


def test_every_socket_of_a_receiver_meets_its_faults() -> None:
    """A loss concerns an identity: two sockets of it lose the same, with a line each."""

    async def two_sockets(site: Site) -> list[list[str]]:
        ears = [await site.listen(MEMBER) for _ in range(2)]
        await ears[0].receive()  # the answer to the other's subscription is for both
        seen: list[list[str]] = [[], []]
        for number in range(8):
            await write(site, [number])
        await site.post(TYPING, {"typing_status": "on"})
        for ear, marks in zip(ears, seen, strict=True):
            while (frame := await ear.receive())["message"]["event"] == "message.created":
                marks.append(key_in(frame))
        return seen

    (first, second), truth = with_faults("loss[message.created]=40%", two_sockets)

    assert 0 < len(first) < 8
    assert first == second
    assert set(told(truth, "loss").values()) == {2}


def test_events_and_roles_narrow_a_fault() -> None:
    """Only the deliveries that a term names are touched."""

    async def scenario(site: Site) -> list[list[str]]:
        ears = [await site.listen(MEMBER), await site.listen(CONTACT)]
        await write(site, [1])
        await site.post(TYPING, {"typing_status": "on"})
        return [await ear.events() for ear in ears]

    seen, truth = with_faults("loss[message.created,contact]=100%,loss[conversation.typing_on]=100%", scenario)

    assert [["message.created"], []] == seen
    assert [("message.created", "contact:10"), ("conversation.typing_on", "agent:2")] == [
        (line.event, line.receiver) for line in truth.lines
    ]


def test_a_private_note_leaks_to_its_contact_alone() -> None:
    """The conversation's contact hears the note it must not see; no other contact does."""

    async def scenario(site: Site) -> list[Counter[str]]:
        ears = [await site.listen(who) for who in (MEMBER, CONTACT, OTHER)]
        await write_note(site, 1)
        await write(site, [2])
        return [await heard(ear) for ear in ears]

    (agent, contact, other), truth = with_faults("note-leak", scenario)

    assert ({key(1): 1, key(2): 1}, {key(1): 1, key(2): 1}, {}) == (agent, contact, other)
    assert {("contact:10", key(1)): 1} == told(truth, "note-leak")


async def held(site: Site) -> tuple[list[tuple[str, int]], list[int]]:
    """Messages to one agent: their keys with the time of arrival, and when each was written, monotonic us."""
    ear = await site.listen(MEMBER)
    sent_us = []
    for number in range(20):
        sent_us.append(time.monotonic_ns() // 1000)
        await write(site, [number])
    heard_us = []
    for _ in range(20):
        frame = await ear.receive()
        heard_us.append((key_in(frame), time.monotonic_ns() // 1000))
    return heard_us, sent_us


@pytest.mark.parametrize(
    "faults",
    ["delay=30ms", "delay=normal(30ms,10ms)", "delay=pareto(5ms,1.5,100ms)", "stall=150ms@0s", "service=3ms"],
)
def test_holds_keep_the_order_and_are_told_in_time(faults: str) -> None:
    """Every message comes, in order, none earlier than the truth says that it was held."""
    (heard_us, sent_us), truth = with_faults(faults, held)
    lines = {line.mark: line for line in truth.lines if line.event == "message.created"}

    assert [key(number) for number in range(20)] == [mark for mark, _ in heard_us]
    assert [] == [
        mark
        for (mark, at_us), written_us in zip(heard_us, sent_us, strict=True)
        if mark in lines and at_us - written_us < lines[mark].held_us - 1
    ]
    assert all(line.held_us >= line.planned_us for line in lines.values())
    assert lines.keys() == {key(number) for number in range(20)} or "stall" in faults


def test_what_is_planned_depends_on_the_seed_alone() -> None:
    """The times drawn are the same in another run, whatever was really held."""
    plans = [
        {line.mark: line.planned_us for line in with_faults("delay=lognormal(5ms,1)", held)[1].lines} for _ in range(2)
    ]

    assert plans[0] == plans[1]
    assert len(set(plans[0].values())) == 20


def test_an_answer_to_a_beat_waits_out_a_stall_too() -> None:
    """Nothing of the pub/sub side leaves during a stall; what was to leave leaves at its end."""

    async def scenario(site: Site) -> list[str]:
        ear = await subscribed(site, MEMBER)
        assert (await ear.receive())["type"] == "confirm_subscription"
        await write(site, [1])
        return [(await ear.receive())["message"]["event"] for _ in range(2)]

    seen, truth = with_faults("stall=700ms@0s", scenario)

    assert ["presence.update", "message.created"] == seen
    assert [("presence.update", True), ("message.created", True)] == [
        (line.event, line.held_us > 0) for line in truth.lines if line.kind == "stall"
    ]


def test_deaf_sockets_are_told_nothing_and_still_confirmed() -> None:
    """A dead pub/sub side answers no beat and delivers no event, while subscriptions are confirmed and pings come."""

    async def scenario(site: Site) -> list[str]:
        ear = await subscribed(site, MEMBER)
        await write(site, [1])
        await ear.beat()
        kinds = [(await ear.receive())["type"]]
        site.server.cable.ping_all()
        return [*kinds, (await ear.receive())["type"]]

    seen, truth = with_faults("deaf@0s", scenario)

    assert ["confirm_subscription", "ping"] == seen
    assert {"presence.update": 2, "message.created": 1} == Counter(
        line.event for line in truth.lines if line.kind == "deaf"
    )


def test_deafness_heals() -> None:
    """At the end of its time the sockets hear again, without having been closed."""

    async def scenario(site: Site) -> Counter[str]:
        ear = await site.listen(MEMBER)
        await write(site, [1])
        number = 1
        heard_: Counter[str] = Counter()
        while not heard_:
            number += 1
            await write(site, [number])
            heard_ = await heard(ear)
        return heard_

    seen, truth = with_faults("deaf[message.created]=100%@0s..500ms", scenario)
    deaf = told(truth, "deaf")

    assert deaf
    assert not {mark for _, mark in deaf} & seen.keys()
    assert ["begin", "end"] == [line.state for line in truth.lines if line.kind == "window"]


def test_an_overtaken_message_comes_after_a_later_one() -> None:
    """The client sees the very pairs that the truth names: the overtaken message right behind its last overtaker."""

    async def scenario(site: Site) -> list[str]:
        ear = await site.listen(MEMBER)
        for number in range(30):  # due 200 ms apart, so that each is surely later than the one before was answered
            await write(site, [number], due_us=time.time_ns() // 1000 + 200_000 * number)
        return [key_in(await ear.receive()) for _ in range(30)]

    seen, truth = with_faults("reorder=20%", scenario)
    reordered = [line for line in truth.lines if line.kind == "reorder"]

    assert sorted(seen) == [key(number) for number in range(30)]
    assert reordered
    for line in reordered:
        overtakers = [by["mark"] for by in line.overtaken_by]
        assert all(seen.index(mark) < seen.index(line.mark) for mark in overtakers)
        assert all(mark > line.mark for mark in overtakers)
    late = {mark for place, mark in enumerate(seen) if any(other > mark for other in seen[:place])}
    assert late == {line.mark for line in reordered}


async def four_ears(site: Site) -> float:
    """One message to four receivers; CPU time of the process until all have it."""
    ears = [await site.listen(who, 1 if who is BOTH else None) for who in (ADMIN, MEMBER, BOTH, CONTACT)]
    before_s = time.process_time()
    await write(site, [1])
    for ear in ears:
        await ear.receive()
    return time.process_time() - before_s


def test_a_worker_pool_has_the_capacity_it_was_given() -> None:
    """Four deliveries at once over two workers are done two by two."""
    _, truth = with_faults("service=20ms*2", four_ears)
    planned_us = sorted(line.planned_us for line in truth.lines if line.kind == "service")

    assert [20_000, 20_000, 40_000, 40_000] == [round(us, -4) for us in planned_us]


def test_burnt_service_time_costs_the_server_its_cpu() -> None:
    """Each delivery burns its time in the process."""
    burnt_s, truth = with_faults("service=cpu(25ms)", four_ears)

    assert len(truth.lines) == 4
    assert burnt_s >= 0.1


def test_without_faults_only_header_and_end_are_written() -> None:
    """A truth without a specification is whole and empty."""
    _, truth = with_faults("", everybody_hears)

    assert Truth("", 0, (), True) == truth


def test_the_marks_run_is_told() -> None:
    """A line names run, account, conversation and role, so that it can be held against any record."""
    _, truth = with_faults("loss[contact]=100%", everybody_hears)
    line = truth.lines[0]

    assert ("faulty", key(0), key(0), "contact:10", "contact", 1, 3) == (
        line.run,
        line.mark,
        line.emission,
        line.receiver,
        line.role,
        line.account,
        line.conversation,
    )
