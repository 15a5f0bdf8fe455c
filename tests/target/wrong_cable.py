"""Servers that are not what a cable should be, on the ``websockets`` library, in the test's own loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.server import Request, Response, ServerConnection, serve
from websockets.datastructures import Headers

Treat = Callable[[ServerConnection], Awaitable[None]]
Answer = Callable[[Request], tuple[int, dict[str, str]] | None]

WELCOME = '{"type":"welcome"}'


async def welcome(socket: ServerConnection) -> None:
    """Welcome whoever comes, and listen."""
    await socket.send(WELCOME)
    await socket.wait_closed()


async def mute(socket: ServerConnection) -> None:
    """Say nothing."""
    await socket.wait_closed()


@asynccontextmanager
async def wrong_cable(
    treat: Treat = welcome, answer: Answer = lambda request: None, **options: Any
) -> AsyncIterator[str]:
    """Serve, and give the base URL.

    Args:
        treat: what a socket gets.
        answer: status and headers of a refusal, or None to upgrade.
        **options: of the library's server.
    """

    def refuse(connection: ServerConnection, request: Request) -> Response | None:
        refusal = answer(request)
        return None if refusal is None else Response(refusal[0], "", Headers(refusal[1]), b"Page not found")

    options = {"subprotocols": ["actioncable-v1-json"], "compression": None} | options
    async with serve(treat, "127.0.0.1", 0, process_request=refuse, **options) as server:
        (listening,) = server.sockets
        scheme = "https" if "ssl" in options else "http"
        yield f"{scheme}://{'localhost' if scheme == 'https' else '127.0.0.1'}:{listening.getsockname()[1]}"
