"""An HTTP server that answers what a test tells it to, one answer a request, and keeps what it was asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = tuple[int, dict[str, str], bytes]
OK: Answer = (200, {}, b"{}")
HANG_UP: Answer = (0, {}, b"")
"""The request is read, and the connection ends without an answer."""


@dataclass
class Script:
    """What is answered and what was asked.

    Attributes:
        url: base URL.
        answers: given in turn; the last one again and again.
        asked: method, path, headers and body of each request.
    """

    url: str = ""
    answers: list[Answer] = field(default_factory=lambda: [OK])
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def scripted(*answers: Answer) -> Iterator[Script]:
    """Serve answers on a free port."""
    script = Script(answers=list(answers) or [OK])

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            script.asked.append((self.command, self.path, dict(self.headers), body))
            status, headers, content = script.answers[min(len(script.asked), len(script.answers)) - 1]
            if not status:
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = do_PATCH = answer  # noqa: N815 - names the library looks for

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    script.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
