"""A plain Action Cable client in a process of its own, which keeps what everybody receives.

``python -m tests.e2e.plain_listener CABLE_URL IDENTITIES`` subscribes as every identity of the file, each on a socket
of its own, says ``listening`` when all are confirmed, and when its standard input ends prints one JSON line: for each
receiver the marks and conversations of its ``message.created`` frames, in the order of arrival.
It is the ``websockets`` library and ``json``: nothing of the toolkit's cable, transport or ledger is used.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from loadtest.directory import Agent, Contact, read_identities
from tests.e2e.plain_client import OFFERED, identifier_of


def name_of(who: Agent | Contact) -> str:
    """How a receiver is called here."""
    return f"agent:{who.user_id}" if isinstance(who, Agent) else f"contact:{who.contact_id}"


async def listen(cable_url: str, who: Agent | Contact, heard: list[list[Any]], confirmed: asyncio.Semaphore) -> None:
    """Subscribe, and keep marks until the socket is closed."""
    async with connect(cable_url, subprotocols=OFFERED, compression=None, proxy=None, max_queue=None) as socket:
        await socket.send(json.dumps({"command": "subscribe", "identifier": identifier_of(who)}))
        try:
            await _read(socket, heard, confirmed)
        except ConnectionClosed:
            return


async def _read(socket: ClientConnection, heard: list[list[Any]], confirmed: asyncio.Semaphore) -> None:
    async for text in socket:
        frame = json.loads(text)
        if frame.get("type") == "confirm_subscription":
            confirmed.release()
        message = frame.get("message")
        if isinstance(message, dict) and message["event"] == "message.created":
            data = message["data"]
            heard.append([data["content"].split(":")[2], data["conversation_id"]])


async def main(cable_url: str, identities: str) -> None:
    """Listen until standard input ends."""
    directory = read_identities(identities)
    people = [*directory.agents, *directory.contacts]
    heard: dict[str, list[list[Any]]] = {name_of(who): [] for who in people}
    confirmed = asyncio.Semaphore(0)
    tasks = [asyncio.create_task(listen(cable_url, who, heard[name_of(who)], confirmed)) for who in people]
    for _ in people:
        await confirmed.acquire()
    print("listening", flush=True)
    over = asyncio.Event()
    loop = asyncio.get_running_loop()

    def await_end() -> None:
        sys.stdin.buffer.read()
        loop.call_soon_threadsafe(over.set)

    threading.Thread(target=await_end, daemon=True).start()
    await over.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    print(json.dumps(heard), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
