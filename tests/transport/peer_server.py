"""The servers the transport is tested against, in a process of their own: websockets' asyncio server, and raw sockets.

Run as ``python peer_server.py CERTIFICATE KEY OTHER_CERTIFICATE``; prints one JSON line with the ports and ends when
its stdin closes. What a connection gets is chosen by its path.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import ssl
import sys
from collections.abc import Sequence
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
PROTOCOL = Subprotocol("actioncable-v1-json")


async def handle(connection: ServerConnection) -> None:
    """Do what the path says, until the client goes."""
    assert connection.request is not None
    url = urlsplit(connection.request.path)
    query = {key: values[0] for key, values in parse_qs(url.query).items()}
    if url.path == "/headers":
        await connection.send(json.dumps(dict(connection.request.headers.raw_items())))
    elif url.path == "/echo":
        async for message in connection:
            await connection.send(message)
    elif url.path == "/close":
        await connection.send("last words")
        await connection.close(int(query["code"]), query.get("reason", ""))
    elif url.path == "/cut":
        await connection.send("last words")
        connection.transport.abort() if "reset" in query else connection.transport.close()
    elif url.path == "/big":
        await connection.send("x" * int(query["bytes"]))
        await connection.send("after")
    elif url.path == "/burst":
        await connection.recv()
        for number in range(int(query["frames"])):
            await connection.send(f"{query['name']}:{number}:" + "x" * (number * 37 % 900))
        await connection.send("end")
    elif url.path == "/ping":
        pong = await connection.ping(b"are you there")
        await pong
        await connection.send("ponged")
    elif url.path == "/binary":
        await connection.send(b"\x00\x01\x02")
        await connection.send("after")
    elif url.path == "/fragments":
        await connection.send(["one ", "and ", "two"])
    await connection.wait_closed()


def select_subprotocol(_: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """As Rails does: the first known one offered, else none."""
    return PROTOCOL if PROTOCOL in offered else None


def refuse(connection: ServerConnection, request: Request) -> Response | None:
    """``/status/NNN`` is answered with that status."""
    if request.path.startswith("/status/"):
        response = connection.respond(HTTPStatus(int(request.path.rpartition("/")[2])), "Page not found")
        response.headers["Location"] = "https://elsewhere.example/cable?token=secret"
        return response
    return None


def accept(key: bytes, *, extra: bytes = b"") -> bytes:
    """The answer to an upgrade."""
    token = base64.b64encode(hashlib.sha1(key + GUID).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + token + b"\r\n" + extra + b"\r\n"
    )


async def raw(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A server by hand, for what a proper one cannot be made to do."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        writer.close()
        return
    path = head.split(b" ", 2)[1].decode()
    key = next(line.split(b": ")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key"))
    chosen = b"Sec-WebSocket-Protocol: actioncable-v1-json\r\n"
    welcome = b"\x81\x12" + b'{"type":"welcome"}'
    if path == "/same-segment":
        writer.write(accept(key, extra=chosen) + welcome + b"\x81\x05first\x81\x06sec")
        await writer.drain()
        await reader.readexactly(1)  # the client speaks once it has seen the two whole frames
        writer.write(b"ond")
    elif path == "/foreign":
        writer.write(accept(key, extra=b"Sec-WebSocket-Protocol: graphql-ws\r\n"))
    elif path == "/unsupported":
        writer.write(accept(key, extra=b"Sec-WebSocket-Protocol: actioncable-unsupported\r\n"))
    elif path == "/extension":
        writer.write(accept(key, extra=chosen + b"Sec-WebSocket-Extensions: permessage-deflate\r\n"))
    elif path == "/wrong-key":
        writer.write(accept(b"x" + key, extra=chosen))
    elif path == "/garbage":
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    elif path == "/endless-404":
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\n\r\nPage not")
    elif path == "/hang-up":
        writer.close()
    elif path == "/half-answer":
        writer.write(b"HTTP/1.1 101 Switching")
        await writer.drain()
        writer.close()
    elif path == "/reserved-bit":
        writer.write(accept(key, extra=chosen) + b"\x81\x02ok" + b"\xc1\x02no" + b"\x81\x05never")
    elif path == "/deaf":
        writer.write(accept(key, extra=chosen))
    with contextlib.suppress(ConnectionError):
        while await reader.read(65536):
            pass
    writer.close()


def port_of(server: Server | asyncio.Server) -> int:
    """The port the kernel gave."""
    return int(next(iter(server.sockets)).getsockname()[1])


async def main(certificate: str, key: str, other_certificate: str) -> None:
    """Serve until stdin closes."""

    async def web(ssl_context: ssl.SSLContext | None) -> Server:
        return await serve(
            handle,
            "127.0.0.1",
            0,
            ssl=ssl_context,
            process_request=refuse,
            select_subprotocol=select_subprotocol,
            compression=None,
            max_size=None,
            close_timeout=1,
        )

    def context(path: str) -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(path, key)
        return made

    ports = {
        "ws": port_of(await web(None)),
        "wss": port_of(await web(context(certificate))),
        "other_name": port_of(await web(context(other_certificate))),
        "raw": port_of(await asyncio.start_server(raw, "127.0.0.1", 0)),
    }
    print(json.dumps(ports), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
