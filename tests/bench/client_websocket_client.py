"""``websocket-client`` as Locust's own SocketIO user uses it: under gevent, a greenlet a socket that calls ``recv``.

Run as ``python -m tests.bench.client_websocket_client PORT SOCKETS``. Locust's ``contrib/socketio.py`` reaches the
library through python-engineio, which leaves its options alone; with wsaccel installed the library uses that.
"""

from __future__ import annotations

import sys
from typing import Any

import gevent
import gevent.monkey

gevent.monkey.patch_all()

import websocket  # noqa: E402
from gevent.event import Event  # noqa: E402
from gevent.pool import Pool  # noqa: E402

from loadtest.cable.frames import encode_subscribe  # noqa: E402
from tests.bench import frames  # noqa: E402
from tests.bench.client_websockets import Books, serve  # noqa: E402
from tests.bench.gate import say  # noqa: E402


def main() -> None:
    """Connect all, then obey."""
    port, sockets = int(sys.argv[1]), int(sys.argv[2])
    books = Books(Event())
    opened: list[Any] = []

    def open_one(user: int) -> None:
        connection = websocket.create_connection(f"ws://127.0.0.1:{port}/cable", enable_multithread=True, timeout=60)
        connection.settimeout(None)
        connection.recv()
        connection.send(encode_subscribe(frames.identifier(user)))
        connection.recv()
        opened.append(connection)

    def receive(connection: Any) -> None:
        while True:
            books.take(connection.recv())

    pool = Pool(64)
    try:
        gevent.joinall([pool.spawn(open_one, user) for user in range(sockets)], raise_error=True)
    except (OSError, websocket.WebSocketException) as error:
        say({"error": str(error)})
        return
    serve(books, [gevent.spawn(receive, connection) for connection in opened])


if __name__ == "__main__":
    main()
