"""A OneChat that does what a test tells it to, in a process of its own: cables that misbehave, REST that stalls.

Run as ``python scripted_server.py CERTIFICATE KEY``; prints one JSON line with its ports and ends when its stdin
closes. ``/{script}/{tag}/...`` chooses what a REST call gets; ``/cable/{script}/{tag}`` what a socket gets.
What arrives is kept by tag, which each test has of its own; ``/await/{tag}/{n}`` answers with it once there is so much.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import json
import ssl
import sys
from typing import Any

from aiohttp import WSMsgType, web

seen: dict[str, list[dict[str, Any]]] = collections.defaultdict(list)
arrived = asyncio.Condition()
let_go: dict[str, asyncio.Event] = collections.defaultdict(asyncio.Event)


async def keep(tag: str, what: dict[str, Any]) -> None:
    """Remember what came, and wake who awaits it."""
    async with arrived:
        seen[tag].append(what)
        arrived.notify_all()


async def awaited(request: web.Request) -> web.Response:
    """All that came for a tag, once it is ``n`` or more."""
    tag, n = request.match_info["tag"], int(request.match_info["n"])
    async with arrived:
        await arrived.wait_for(lambda: len(seen[tag]) >= n)
    return web.json_response(seen[tag])


async def go(request: web.Request) -> web.Response:
    """Let go of what a tag's script holds back, now and from now on."""
    let_go[request.match_info["tag"]].set()
    return web.Response()


async def rest(request: web.Request) -> web.StreamResponse:
    """A call of the API, answered as its script says."""
    script, tag, path = (request.match_info[name] for name in ("script", "tag", "path"))
    await keep(tag, {"path": path, "body": json.loads(await request.text() or "null")})
    number = len(seen[tag])
    if script == "hold":
        await let_go[tag].wait()
    elif script == "reset":
        assert request.transport is not None
        request.transport.abort()
    elif script == "once-500" and number == 1:
        return web.Response(status=500)
    elif script == "no-id":
        return web.json_response({"sorry": True})
    elif script.isdigit():
        return web.Response(status=int(script))
    return web.json_response({"id": 100 + number, "conversation_id": 1})


async def cable(request: web.Request) -> web.WebSocketResponse:
    """A socket, treated as its script says."""
    script, tag = request.match_info["script"], request.match_info["tag"]
    socket = web.WebSocketResponse(protocols=("actioncable-v1-json",), autoping=True)
    await socket.prepare(request)
    await keep(tag, {"opened": script})
    with contextlib.suppress(ConnectionError):
        await treat(socket, request, script, tag)
    await keep(tag, {"closed": socket.close_code})
    return socket


async def treat(socket: web.WebSocketResponse, request: web.Request, script: str, tag: str) -> None:
    """One socket's life."""
    if script == "hang-up":
        await socket.close(code=1013)
        return
    if script != "no-welcome":
        await socket.send_json({"type": "welcome"})
    if script == "unauthorized":
        await socket.send_json({"type": "disconnect", "reason": "unauthorized", "reconnect": False})
    async for message in socket:
        if message.type is not WSMsgType.TEXT:
            return
        command = json.loads(message.data)
        await keep(tag, {"command": command["command"]})
        if command["command"] != "subscribe":
            continue
        if script in ("reject", "reject-cut", "reject-confirm"):
            await socket.send_json({"type": "reject_subscription", "identifier": command["identifier"]})
            if script == "reject":
                continue
        if script == "slow":
            await let_go[tag].wait()
        if script not in ("mute", "reject-cut"):
            await socket.send_json({"type": "confirm_subscription", "identifier": command["identifier"]})
        if script == "throw-out":
            await let_go[tag].wait()
            await socket.send_json({"type": "reject_subscription", "identifier": command["identifier"]})
        if script in ("cut", "reject-cut"):
            await let_go[tag].wait()
            assert request.transport is not None
            request.transport.abort()
            return
        if script == "restart":
            await socket.send_json({"type": "disconnect", "reason": "server_restart", "reconnect": True})


async def main(certificate: str, key: str) -> None:
    """Serve until stdin closes."""
    app = web.Application()
    app.router.add_get("/await/{tag}/{n}", awaited)
    app.router.add_get("/go/{tag}", go)
    app.router.add_get("/cable/{script}/{tag}", cable)
    app.router.add_post("/{script}/{tag}/{path:.*}", rest)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    ports = []
    for ssl_context in (None, context):
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=ssl_context).start()
        ports.append(runner.addresses[-1][1])
    print(json.dumps(dict(zip(("http", "https"), ports, strict=True))), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for event in let_go.values():
        event.set()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
