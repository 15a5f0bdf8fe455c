"""A server with faults, marked messages to it, and what plain clients heard of them."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from loadtest.collect.marks import emission_key, write_mark
from loadtest.directory import Agent, Contact
from loadtest.refserver.faults import Truth, read_truth
from loadtest.refserver.settings import ServerSettings
from tests.refserver.site import AGENT_MESSAGES, MEMBER, MESSAGES, QUIET, Listener, Site, identifier, serving

_T = TypeVar("_T")

RUN = "faulty"
DUE_US = 1_700_000_000_000_000


def key(number: int) -> str:
    """The key of the message with this number."""
    return emission_key(1, number)


def text(number: int, *, private: bool = False, due_us: int = DUE_US) -> str:
    """The text of a marked message."""
    return write_mark(RUN, key(number), due_us, private=private) + " hello"


async def write(site: Site, numbers: Sequence[int], **of_mark: Any) -> None:
    """The contact writes these messages, one after the other."""
    for number in numbers:
        status, _ = await site.post(MESSAGES, {"content": text(number, **of_mark)})
        assert status == 200


async def write_note(site: Site, number: int) -> None:
    """The agent writes a private note."""
    status, _ = await site.post(AGENT_MESSAGES, {"content": text(number, private=True), "private": True}, MEMBER)
    assert status == 200


def key_in(frame: Any) -> str:
    """The key in a frame's message."""
    return frame["message"]["data"]["content"].split(":")[2]


async def heard(listener: Listener) -> Counter[str]:
    """How often each message was heard, by its key; for faults that hold nothing."""
    frames = [frame for frame in await listener.frames() if frame["message"]["event"] == "message.created"]
    return Counter(map(key_in, frames))


async def subscribed(site: Site, who: Agent | Contact) -> Listener:
    """A socket that has sent its subscription and read nothing, for servers that answer late or not at all."""
    listener = Listener(await site.open(), identifier(who))
    await listener.command("subscribe", identifier=listener.name)
    return listener


def with_faults(
    faults: str, scenario: Callable[[Site], Awaitable[_T]], settings: ServerSettings = QUIET, **more: Any
) -> tuple[_T, Truth]:
    """Play a scenario on a server with faults; its result, and the truth."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "truth.jsonl")

        async def run() -> _T:
            async with serving(replace(settings, faults=faults, truth_path=path, **more)) as site:
                return await scenario(site)

        result = asyncio.run(run())
        truth = read_truth(path)
    assert truth.whole
    return result, truth


def told(truth: Truth, kind: str) -> Counter[tuple[str, str]]:
    """How often a fault happened, by receiver and key of the mark."""
    return Counter((line.receiver, line.mark) for line in truth.lines if line.kind == kind)
