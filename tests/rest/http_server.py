"""The servers the REST client is tested against, in a process of their own: aiohttp, and sockets by hand.

Run as ``python http_server.py CERTIFICATE KEY OTHER_CERTIFICATE``; prints one JSON line with the ports and ends when
its stdin closes. Every request that arrives is counted by its path.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import json
import ssl
import sys

from aiohttp import web

seen: collections.Counter[str] = collections.Counter()
released = asyncio.Event()


async def echo(request: web.Request) -> web.Response:
    """What was sent, and over which connection."""
    seen[request.path] += 1
    assert request.transport is not None
    return web.json_response(
        {
            "method": request.method,
            "path": request.path,
            "headers": dict(request.headers),
            "body": await request.text(),
            "client_port": request.transport.get_extra_info("peername")[1],
        }
    )


async def status(request: web.Request) -> web.Response:
    """An answer with the status asked for."""
    seen[request.path] += 1
    headers = {"Location": "/elsewhere"} if request.match_info["status"].startswith("3") else {}
    return web.Response(status=int(request.match_info["status"]), text="body", headers=headers)


async def hold(request: web.Request) -> web.Response:
    """Answered when ``/release`` is called."""
    seen[request.path] += 1
    await released.wait()
    return web.Response(text="held")


async def release(_: web.Request) -> web.Response:
    """Let the held ones go."""
    released.set()
    await asyncio.sleep(0)
    released.clear()
    return web.Response(text="released")


async def large(_: web.Request) -> web.StreamResponse:
    """A chunked body of 300 kB."""
    response = web.StreamResponse()
    response.enable_chunked_encoding()
    await response.prepare(_)
    for _number in range(300):
        await response.write(b"x" * 1000)
    return response


async def counted(request: web.Request) -> web.Response:
    """How often a path was requested."""
    return web.json_response(seen[request.query["path"]])


async def by_hand(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A server with the faults that a proper one does not have; each connection serves until it says otherwise."""
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            path = head.split(" ", 2)[1]
            length = next((line.split(":")[1] for line in head.splitlines() if line.startswith("Content-Length")), "0")
            await reader.readexactly(int(length))
            seen[path] += 1
            if path == "/silent":
                continue
            if path == "/reset":
                writer.transport.abort()
                return
            if path == "/once":  # a kept connection that dies on its second request, as Puma's does on a restart
                if seen[path] > 1:
                    writer.close()
                    return
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            elif path == "/hang-up-idle":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                await writer.drain()
                writer.close()
                return
            elif path == "/truncated":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok")
                await writer.drain()
                writer.close()
                return
            elif path == "/garbage":
                writer.write(b"220 smtp.example ESMTP\r\n\r\n")
            elif path == "/interim":
                writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            elif path == "/until-close":
                writer.write(b"HTTP/1.1 200 OK\r\n\r\nall of it")
                await writer.drain()
                writer.close()
                return


async def main(certificate: str, key: str, other_certificate: str) -> None:
    """Serve until stdin closes."""
    app = web.Application()
    app.router.add_route("*", "/status/{status}", status)
    app.router.add_route("*", "/hold", hold)
    app.router.add_route("*", "/release", release)
    app.router.add_route("*", "/large", large)
    app.router.add_route("*", "/counted", counted)
    app.router.add_route("*", "/{path:.*}", echo)
    runner = web.AppRunner(app)
    await runner.setup()

    async def listen(path: str | None) -> int:
        context = None
        if path is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(path, key)
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        return int(runner.addresses[-1][1])

    raw = await asyncio.start_server(by_hand, "127.0.0.1", 0)
    ports = {
        "http": await listen(None),
        "https": await listen(certificate),
        "other_name": await listen(other_certificate),
        "raw": int(raw.sockets[0].getsockname()[1]),
    }
    print(json.dumps(ports), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
