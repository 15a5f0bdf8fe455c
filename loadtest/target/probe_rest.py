"""A probe's REST calls, on asyncio, and what their answers say by the way: rate limits and the server's clock."""

from __future__ import annotations

import os
import re
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from types import TracebackType

import aiohttp

import loadtest
from loadtest.api import Call
from loadtest.target.profile import ACCESS_TOKEN_HEADER

USER_AGENT = f"onechat-loadtest/{loadtest.__version__} (probe)"

_RATE_HEADER = re.compile(r"rate-?limit|retry-after", re.IGNORECASE)


@dataclass(slots=True)
class Overheard:
    """What answers say of the server besides what was asked.

    Attributes:
        answers: how many there were.
        limits: headers about rates, newest values, by name.
        refused: how many answers were 429.
        ahead_s: bounds of how far the server's clock is ahead of this one's, each (least, most), in seconds.
    """

    answers: int = 0
    limits: dict[str, str] = field(default_factory=dict)
    refused: int = 0
    ahead_s: list[tuple[float, float]] = field(default_factory=list)

    def hear(self, status: int, headers: Mapping[str, str], sent_s: float, came_s: float) -> None:
        """Take an answer's head.

        Args:
            status: HTTP status.
            headers: its headers.
            sent_s: wall clock when the request was sent, in Unix seconds.
            came_s: wall clock when the answer came.
        """
        self.answers += 1
        self.refused += status == 429
        self.limits.update({name: value for name, value in headers.items() if _RATE_HEADER.search(name)})
        date = headers.get("Date")
        if date is not None:
            try:
                second = parsedate_to_datetime(date).timestamp()
            except ValueError:
                return
            self.tell(second, sent_s, came_s)

    def tell(self, second: float, earliest_s: float, latest_s: float) -> None:
        """The server's clock showed a whole second at some moment between two moments of this one's."""
        self.ahead_s.append((second - latest_s, second + 1 - earliest_s))

    def clock(self) -> tuple[float, float] | None:
        """Bounds of how far the server's clock is ahead, from all that was heard; None where nothing was.

        Where the bounds contradict each other (a clock that jumped, or answers out of a cache) they are the widest.
        """
        if not self.ahead_s:
            return None
        least, most = max(low for low, _ in self.ahead_s), min(high for _, high in self.ahead_s)
        if least <= most:
            return least, most
        return min(low for low, _ in self.ahead_s), max(high for _, high in self.ahead_s)


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a call.

    Attributes:
        status: HTTP status, or None without an answer.
        body: the answer's body.
        sent_ns: monotonic time at which the request was about to be sent.
        came_ns: monotonic time at which the answer had come.
        error: why there is none, in the library's words.
    """

    status: int | None
    body: bytes
    sent_ns: int
    came_ns: int
    error: str = ""

    @property
    def is_ok(self) -> bool:
        """Whether the call was done."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def seen(self) -> str:
        """The status, or why there is none."""
        return self.error if self.status is None else f"HTTP {self.status}"


class ProbeRest:
    """An installation's REST interface; a context manager.

    Args:
        base_url: where it is.
        context: verifies TLS; None for plain HTTP.
        overheard: takes what answers say by the way.
        headers: sent with every call.
        auth_header: header that carries access tokens, where it is not upstream's.
        timeout_s: bound on one call.
    """

    def __init__(
        self,
        base_url: str,
        context: ssl.SSLContext | None,
        overheard: Overheard,
        *,
        headers: Iterable[tuple[str, str]] = (),
        auth_header: str = "",
        timeout_s: float = 3.0,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._overheard = overheard
        self._auth_header = auth_header or ACCESS_TOKEN_HEADER
        self._headers = {"User-Agent": USER_AGENT, **dict(headers)}
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._timeout_s = timeout_s
        self._context = context
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> ProbeRest:
        connector = aiohttp.TCPConnector(ssl=self._context or True)
        self._session = aiohttp.ClientSession(connector=connector, headers=self._headers, timeout=self._timeout)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._session is not None
        await self._session.close()

    async def send(self, call: Call) -> Answer:
        """Send a call once; failures of the network are answers without a status."""
        headers = dict(call.headers)
        if ACCESS_TOKEN_HEADER in headers:
            headers[self._auth_header] = headers.pop(ACCESS_TOKEN_HEADER)
        return await self._request(call.endpoint.method, call.path, call.body, headers)

    async def get(self, path: str) -> Answer:
        """Get a page that needs no token."""
        return await self._request("GET", path, b"", {})

    async def _request(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        assert self._session is not None
        sent_ns, sent_s = time.monotonic_ns(), time.time()
        try:
            async with self._session.request(
                method, self._base_url + path, data=body or None, headers=headers, allow_redirects=False
            ) as response:
                content = await response.read()
                self._overheard.hear(response.status, response.headers, sent_s, time.time())
                return Answer(response.status, content, sent_ns, time.monotonic_ns())
        except TimeoutError:
            detail = f"no answer within {self._timeout_s:g} s"
        except aiohttp.ClientError as error:
            detail = _reason(error)
        return Answer(None, b"", sent_ns, time.monotonic_ns(), detail)


def _reason(error: aiohttp.ClientError) -> str:
    """Why there was no answer, in the system's words where the address could not be reached at all."""
    if isinstance(error, aiohttp.ClientConnectorError) and not isinstance(error, aiohttp.ClientSSLError):
        cause = error.os_error
        number = cause.errno or 0  # below 0, or none, where the name was not resolved
        why = os.strerror(number) if number > 0 else cause.strerror
        return f"cannot connect to {error.host}:{error.port}" + (f" ({why})" if why else "")
    return str(error) or type(error).__name__
