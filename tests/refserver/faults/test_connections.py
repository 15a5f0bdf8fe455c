"""Faults of connections, as a plain client observes them."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.refserver.faults.scene import subscribed, with_faults
from tests.refserver.site import ADMIN, CONTACT, EVERYBODY, MEMBER, Listener, Site

CROWD = [who for name, who in EVERYBODY.items() if name != "both"]


def kinds(truth: Any) -> Counter[str]:
    return Counter(line.kind for line in truth.lines)


async def pings(listener: Listener) -> int:
    """How many pings have come."""
    await listener.beat()
    count = 0
    while (await listener.receive()).get("type") == "ping":
        count += 1
    return count


async def ending(listener: Listener) -> tuple[int, list[Any]]:
    """Read to the end of the connection: its close code, 1006 without a close frame, and the frames before it."""
    frames = []
    try:
        while True:
            frames.append(await listener.receive())
    except ConnectionClosed as closed:
        return 1006 if closed.rcvd is None else closed.rcvd.code, frames


def test_connections_are_accepted_late() -> None:
    """The welcome comes after the time drawn."""

    async def scenario(site: Site) -> None:
        await site.listen(MEMBER)

    _, truth = with_faults("accept-delay=50ms", scenario)
    (line,) = truth.lines

    assert ("accept-delay", 50_000, True) == (line.kind, line.planned_us, line.held_us >= 50_000)


def test_a_subscription_without_confirmation_hears_nothing() -> None:
    """No confirm, no reject, no event, and the same identifier is ignored when it is sent again; pings come."""

    async def scenario(site: Site) -> Any:
        ear = await subscribed(site, MEMBER)
        await ear.command("subscribe", identifier=ear.name)
        await ear.beat()
        hearing = await site.listen(CONTACT)
        await hearing.beat()
        await hearing.receive()
        site.server.cable.ping_all()
        return (await ear.receive())["type"]

    seen, truth = with_faults("unconfirmed[agent]=100%", scenario)

    assert "ping" == seen
    assert [("unconfirmed", "agent:2", "agent", 1)] == [
        (line.kind, line.receiver, line.role, line.account) for line in truth.lines
    ]


def test_a_rejected_subscription_is_forgotten_and_the_socket_stays() -> None:
    """The refusal names the identifier, each further try is judged, nothing is heard, and pings come."""

    async def scenario(site: Site) -> list[Any]:
        ear = await subscribed(site, MEMBER)
        await ear.command("subscribe", identifier=ear.name)
        await ear.beat()
        texts = [await ear.receive(), await ear.receive()]
        site.server.cable.ping_all()
        return [*((text["type"], text["identifier"] == ear.name) for text in texts), (await ear.receive())["type"]]

    seen, truth = with_faults("rejected[agent]=100%", scenario)

    assert [("reject_subscription", True)] * 2 + ["ping"] == seen
    assert [("rejected", "agent:2", "agent", 1)] * 2 == [
        (line.kind, line.receiver, line.role, line.account) for line in truth.lines
    ]


def test_each_try_to_subscribe_is_judged_anew() -> None:
    """An identity that was left unconfirmed may be confirmed on its next connection; the same in every run."""

    async def scenario(site: Site) -> list[bool]:
        confirmed = []
        for _ in range(12):
            ear = await subscribed(site, MEMBER)
            await (await ear.socket.ping())  # what was sent before it has been dealt with
            site.server.cable.ping_all()
            confirmed.append((await ear.receive())["type"] == "confirm_subscription")
            await ear.socket.close()
        return confirmed

    first, truth = with_faults("unconfirmed=50%", scenario)
    second, _ = with_faults("unconfirmed=50%", scenario)

    assert 0 < kinds(truth)["unconfirmed"] == first.count(False) < 12
    assert first == second


def test_missing_pings_are_told_one_by_one() -> None:
    """What a client does not get is what the truth says it did not get."""

    async def scenario(site: Site) -> Counter[str]:
        ears = {f"agent:{who.user_id}": await site.listen(who) for who in (ADMIN, MEMBER)}
        for _ in range(40):
            site.server.cable.ping_all()
        return Counter({name: await pings(ear) for name, ear in ears.items()})

    seen, truth = with_faults("ping-loss=25%", scenario)
    missed = Counter(line.receiver for line in truth.lines)

    assert Counter({"agent:1": 40, "agent:2": 40}) == seen + missed
    assert all(missed.values())


def test_pings_are_late_for_those_who_are_meant() -> None:
    """One beat's pings come late to a role's sockets, at once to others."""

    async def scenario(site: Site) -> list[str]:
        agent, contact = await site.listen(MEMBER), await site.listen(CONTACT)
        site.server.cable.ping_all()
        order = []

        async def ping(ear: Listener, name: str) -> None:
            assert (await ear.receive())["type"] == "ping"
            order.append(name)

        await asyncio.gather(ping(agent, "agent"), ping(contact, "contact"))
        return order

    order, truth = with_faults("ping-delay[agent]=80ms", scenario)
    (line,) = truth.lines

    assert ["contact", "agent"] == order
    assert ("ping-delay", 80_000, 1, True) == (line.kind, line.planned_us, line.sockets, line.held_us >= 80_000)


@pytest.mark.parametrize(
    ("faults", "code", "last"),
    [
        ("cut=100%@400ms", 1006, []),
        ("disconnect=100%@400ms", 1000, [{"type": "disconnect", "reason": "server_restart", "reconnect": True}]),
    ],
)
def test_sockets_are_ended_with_and_without_a_frame(faults: str, code: int, last: list[Any]) -> None:
    """A cut has neither disconnect nor close frame; a disconnect has both."""

    async def scenario(site: Site) -> list[Any]:
        ears = [await site.listen(who) for who in (MEMBER, CONTACT)]
        return [await ending(ear) for ear in ears]

    seen, truth = with_faults(faults, scenario)

    assert [(code, last), (code, last)] == seen
    assert {("agent:2", "agent"), ("contact:10", "contact")} == {(line.receiver, line.role) for line in truth.lines}


def test_the_share_that_is_cut_is_chosen_by_the_seed() -> None:
    """Of a crowd the same are cut in every run, and those that the truth names; the others stay."""

    async def scenario(site: Site) -> set[str]:
        ears = {name: await site.listen(who) for name, who in EVERYBODY.items() if name != "both"}
        await asyncio.wait(
            [asyncio.create_task(ending(ear)) for ear in ears.values()], return_when=asyncio.FIRST_COMPLETED
        )
        gone = set()  # all were cut at the same moment: whoever still answers was not
        for name, ear in ears.items():
            try:
                await (await ear.socket.ping())
            except ConnectionClosed:
                gone.add(name)
        return gone

    (first, truth), (second, _) = (with_faults("cut=40%@600ms", scenario) for _ in range(2))

    assert first == second
    assert 0 < len(first) < len(CROWD)
    assert len(first) == kinds(truth)["cut"]


def test_a_server_that_restarts_is_away_and_comes_back_to_its_address() -> None:
    """Everything is cut, REST connections included; nobody listens; then the same port answers, with its state."""

    async def scenario(site: Site) -> Any:
        ear = await site.listen(MEMBER)
        await site.get("/health")
        code, _ = await ending(ear)
        refused = 0
        while True:
            try:
                status, _ = await site.get("/health")
                break
            except OSError:
                refused += 1
                await asyncio.sleep(0.01)
        again = await site.listen(MEMBER)
        presence = await again.presence()
        return code, refused > 0, status, presence["users"]

    seen, truth = with_faults("restart=200ms@400ms", scenario)
    (line,) = truth.lines

    assert (1006, True, 200, {"2": "online"}) == seen
    assert ("restart", 1, 200_000) == (line.kind, line.sockets, line.held_us)


def test_a_server_that_is_redeployed_says_so_before_it_is_away() -> None:
    """Everybody, subscribed or not, is told to come back and is closed; then nobody listens, until the port answers."""

    async def scenario(site: Site) -> Any:
        stranger = await site.open()
        ear = await site.listen(MEMBER)
        code, frames = await ending(ear)
        refused = 0
        while True:
            try:
                status, _ = await site.get("/health")
                break
            except OSError:
                refused += 1
                await asyncio.sleep(0.01)
        await stranger.wait_closed()
        return code, [frame for frame in frames if frame.get("type") == "disconnect"], refused > 0, status

    seen, truth = with_faults("redeploy=200ms@400ms", scenario)
    (line,) = truth.lines

    assert (1000, [{"type": "disconnect", "reason": "server_restart", "reconnect": True}], True, 200) == seen
    assert ("redeploy", 2, 200_000) == (line.kind, line.sockets, line.held_us)


def test_whoever_has_not_subscribed_is_pinged_as_ever() -> None:
    """A connection without a subscription is nobody, and nothing is done to it."""

    async def scenario(site: Site) -> str:
        socket = await site.open()
        site.server.cable.ping_all()
        return str(await socket.recv())

    seen, truth = with_faults("ping-loss=100%", scenario)

    assert '"ping"' in seen
    assert () == truth.lines
