"""A probe's REST calls, and what it overhears in their answers."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import formatdate

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from loadtest.api import Call, Endpoint
from loadtest.target.probe_rest import Answer, Overheard, ProbeRest

WITH_TOKEN = Call(Endpoint("test", "GET", "/echo", "agent"), "/echo", b"", {"api_access_token": "secret"})


async def echo(request: web.Request) -> web.Response:
    """Answer with the request's headers."""
    return web.json_response(
        {k: v for k, v in request.headers.items() if k != "Host"}, headers={"X-RateLimit-Limit": "3000"}
    )


async def elsewhere(request: web.Request) -> web.Response:
    """Redirect to where a token must not go."""
    raise web.HTTPFound("http://127.0.0.1:9/")


async def silence(request: web.Request) -> web.Response:
    """Never answer."""
    await asyncio.Event().wait()  # until the connection's end cancels this
    return web.Response()


@asynccontextmanager
async def server() -> AsyncIterator[str]:
    """A server in the test's own loop; gives its base URL."""
    app = web.Application()
    app.router.add_get("/echo", echo)
    app.router.add_get("/elsewhere", elsewhere)
    app.router.add_get("/silence", silence)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def answer(call: Call | str, overheard: Overheard | None = None, **options: object) -> Answer:
    """What a call, or a path, is answered."""

    async def scenario() -> Answer:
        async with server() as url, ProbeRest(url, None, overheard or Overheard(), **options) as rest:  # type: ignore[arg-type]
            return await (rest.get(call) if isinstance(call, str) else rest.send(call))

    return asyncio.run(scenario())


def test_a_call_carries_its_token_and_the_gates_headers() -> None:
    """The access token, under the name that the target takes it by, and what a gate in front asks for."""
    seen = answer(WITH_TOKEN, auth_header="api-access-token", headers=[("X-Gate", "open")])

    assert seen.is_ok
    assert b'"api-access-token": "secret"' in seen.body
    assert b'"X-Gate": "open"' in seen.body
    assert b"api_access_token" not in seen.body


def test_a_redirect_is_an_answer() -> None:
    """It is not followed, since the token would follow it."""
    assert answer("/elsewhere").status == 302


def test_silence_is_an_answer_without_a_status() -> None:
    """After its time a call is given up."""
    seen = answer("/silence", timeout_s=0.1)

    assert (None, False) == (seen.status, seen.is_ok)
    assert "no answer within 0.1 s" in seen.seen


def test_an_address_where_nothing_listens_is_told_in_plain_words() -> None:
    """Host, port and the system's reason; nothing of the library's inside."""

    async def scenario() -> Answer:
        with socket.socket() as bound:  # bound, and not listening
            bound.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{bound.getsockname()[1]}"
            async with ProbeRest(url, None, Overheard()) as rest:
                return await rest.get("/api")

    assert re.search(r"cannot connect to 127\.0\.0\.1:\d+ \(Connection refused\)$", asyncio.run(scenario()).seen)


def test_rates_and_time_are_overheard() -> None:
    """Headers about rates are kept, and the Date bounds the clock's offset: this machine's is its own."""
    overheard = Overheard()
    answer("/echo", overheard)
    bounds = overheard.clock()

    assert {"X-RateLimit-Limit": "3000"} == overheard.limits
    assert bounds is not None
    assert bounds[0] <= 0 <= bounds[1]


@pytest.mark.parametrize("date", ["yesterday", "", "Thu, 99 Foo 2026 00:00:00 GMT"])
def test_a_date_that_is_none_is_passed_over(date: str) -> None:
    """A server may say what it likes."""
    overheard = Overheard()
    overheard.hear(200, {"Date": date}, 1.0, 2.0)

    assert overheard.clock() is None


@given(st.floats(-1e5, 1e5), st.lists(st.tuples(st.floats(0, 1e4), st.floats(0, 2)), min_size=1, max_size=8))
def test_the_bounds_hold_the_offset(ahead_s: float, moments: list[tuple[float, float]]) -> None:
    """Whatever the server's clock is off by, and however long answers take, the truth lies within the bounds."""
    overheard = Overheard()
    for sent_s, took_s in moments:
        server_s = 1.8e9 + sent_s + took_s / 2 + ahead_s
        overheard.hear(200, {"Date": formatdate(server_s // 1, usegmt=True)}, 1.8e9 + sent_s, 1.8e9 + sent_s + took_s)
    bounds = overheard.clock()

    assert bounds is not None
    assert bounds[0] - 1e-3 <= ahead_s <= bounds[1] + 1e-3
