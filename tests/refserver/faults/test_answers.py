"""Held REST answers: the event is there, the answer is late, and the truth says by how much."""

import asyncio
import time

from tests.refserver.faults.scene import key, key_in, text, with_faults
from tests.refserver.site import AGENT_MESSAGES, MEMBER, MESSAGES, TYPING, Site


async def message_and_answer(site: Site) -> tuple[str, bool, int]:
    """A contact's message: its key as an agent hears it, whether the answer was there by then, and how long it took."""
    ear = await site.listen(MEMBER)
    begun_ns = time.monotonic_ns()
    answer = asyncio.create_task(site.post(MESSAGES, {"content": text(1)}))
    heard = key_in(await ear.receive())
    early = answer.done()
    status, _ = await answer
    assert status == 200
    return heard, early, (time.monotonic_ns() - begun_ns) // 1000


def test_the_event_comes_before_the_held_answer() -> None:
    """What a call does is done at once; only its answer is held."""
    (heard, early, took_us), truth = with_faults("rest-delay=200ms", message_and_answer)
    (line,) = truth.lines

    assert (key(1), False) == (heard, early)
    assert ("rest-delay", "contact.send_message", "contact", 200_000) == (
        line.kind,
        line.call,
        line.role,
        line.planned_us,
    )
    assert 200_000 <= line.held_us <= took_us


def test_a_stall_of_answers_ends_for_all_at_once() -> None:
    """All answers of the interval come at its end."""
    (heard, early, took_us), truth = with_faults("rest-stall=700ms@0s", message_and_answer)
    (line,) = [line for line in truth.lines if line.kind == "rest-stall"]

    assert (key(1), False) == (heard, early)
    assert line.held_us <= took_us
    assert ["begin", "end"] == [line.state for line in truth.lines if line.kind == "window"]


def test_calls_and_roles_narrow_it() -> None:
    """Other calls are answered at once, and so are the health checks."""

    async def scenario(site: Site) -> None:
        await site.post(TYPING, {"typing_status": "on"})
        await site.post(AGENT_MESSAGES, {"content": "hi"}, MEMBER)
        await site.post(MESSAGES, {"content": "hi"})
        await site.get("/health")

    _, truth = with_faults("rest-delay[agent.send_message,contact.toggle_typing,contact]=1ms", scenario)

    assert ["contact.toggle_typing"] == [line.call for line in truth.lines]


def test_refusals_are_held_as_well() -> None:
    """An error's answer waits like any other."""

    async def scenario(site: Site) -> int:
        status, _ = await site.post(AGENT_MESSAGES, {"content": "hi"})
        return status

    status, truth = with_faults("rest-delay=uniform(1ms,2ms)", scenario)

    assert (401, ["agent.send_message"]) == (status, [line.call for line in truth.lines])
