"""Sends the toolkit's calls to an installation, one after the other, outside of a run.

What was refused for its rate is sent again when it may be (nothing was done, by rack-attack's place in front of the
application); what only looks, or does the same when done twice, is sent again after a failure. A POST that may have
arrived is not: the caller has to look first whether it did (:class:`DoubtfulError`).
TLS is verified, by the system's authorities or a file of one's own; no redirect is followed, no proxy or ``.netrc`` of
the environment is used, and no error quotes a token.
"""

from __future__ import annotations

import ipaddress
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec
import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import MaxRetryError, NameResolutionError, NewConnectionError

import loadtest
from loadtest.api import Call
from loadtest.api.installed import read
from loadtest.errors import TransportError, UsageError

_T = TypeVar("_T")

CONNECT_S = 10.0
ANSWER_S = 60.0
"""Longer than upstream's own limit of 15 s (rack-timeout) behind a proxy that queues."""

TRIES = 5
RATE_TRIES = 20
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 60.0
_LONGEST_RATE_WAIT_S = 300.0
_PASSING = frozenset({500, 502, 503, 504})
_NEVER_SENT = (NewConnectionError, NameResolutionError)


class DoubtfulError(TransportError):
    """A call that changes something may have arrived, and was not answered."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call was answered.

    Attributes:
        call: the call.
        status: HTTP status.
        body: as it came.
    """

    call: Call
    status: int
    body: bytes = field(repr=False)

    @property
    def is_ok(self) -> bool:
        """Whether it was done."""
        return 200 <= self.status < 300

    def read(self, shape: type[_T]) -> _T:
        """Read the body of a call that was done.

        Raises:
            TransportError: it was not done, or the answer has another shape.
        """
        if not self.is_ok:
            raise refusal(self)
        try:
            return read(self.body, shape)
        except ValueError as error:
            raise TransportError("answer", self.call.path, f"{self.call.endpoint.name}: {error}") from None


def refusal(answer: Answer) -> TransportError | UsageError:
    """The error to raise for an answer that is no success."""
    name, where = answer.call.endpoint.name, answer.call.path.partition("?")[0]
    words = _words(answer.body)
    if answer.status in (401, 403):
        kind = "platform app's" if answer.call.endpoint.auth == "platform" else "user's access"
        return UsageError(
            f"{name} was refused with {answer.status}{f' ({words})' if words else ''}",
            where=where,
            remedy=f"Check the {kind} token and what it may; behind nginx the header api_access_token needs "
            "underscores_in_headers, or another name ([target] auth_header in the profile)",
        )
    if 300 <= answer.status < 400:
        return UsageError(
            f"{name} was answered with a redirect ({answer.status}), which is not followed with a token",
            where=where,
            remedy="Give the address it leads to, most often https:// in place of http://",
        )
    return TransportError(f"http_{answer.status}", where, f"{name}{f': {words}' if words else ''}")


@dataclass(frozen=True, slots=True)
class Address:
    """Where and how to reach an installation.

    Attributes:
        url: base URL, with a path where the installation lives under one.
        ca_file: PEM file of the authorities to trust in place of the system's.
        auth_header: name of the header that carries a token.
        headers: sent with every call, for a gate in front; may hold secrets.
        allow_plaintext: whether tokens may be sent unencrypted off this machine.
        per_minute: most calls a minute; 0 for no limit of our own.
    """

    url: str
    ca_file: str | None = None
    auth_header: str = "api_access_token"
    headers: Sequence[tuple[str, str]] = field(default=(), repr=False)
    allow_plaintext: bool = False
    per_minute: int = 0

    def check(self) -> str:
        """The base URL without a slash at its end.

        Raises:
            UsageError: it is no URL of an installation, or tokens would be sent unencrypted.
        """
        remedy = "Give a URL such as https://chat.example.com or http://127.0.0.1:3000"
        try:
            parts = urlsplit(self.url)
            host = parts.hostname
            _ = parts.port
        except ValueError as error:
            raise UsageError(f"{self.url!r} is not a URL ({error})", where="--host", remedy=remedy) from error
        if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
            raise UsageError(
                f"{without_secrets(self.url)!r} is no http:// or https:// URL", where="--host", remedy=remedy
            )
        if parts.scheme == "http" and not is_loopback(self.url) and not self.allow_plaintext:
            raise UsageError(
                "tokens would be sent unencrypted",
                where=f"--host {without_secrets(self.url)}",
                remedy="Use https://, or say --allow-plaintext if you mean it",
            )
        return self.url.rstrip("/")


def is_loopback(url: str) -> bool:
    """Whether a URL names this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def without_secrets(url: str) -> str:
    """A URL as it may be shown and kept: without the user and password it may hold, and no slash at its end."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().rstrip("/")


class Caller:
    """Sends calls; close it when done.

    Args:
        address: of the installation.
        on_wait: told in a sentence why and how long nothing is sent.
        sleep: waits so many seconds.

    Raises:
        UsageError: the address cannot be used.
    """

    def __init__(
        self,
        address: Address,
        *,
        on_wait: Callable[[str], None] = lambda text: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._base = address.check()
        self._address = address
        self._on_wait = on_wait
        self._sleep = sleep
        self._pause_s = 60 / address.per_minute if address.per_minute else 0.0
        self._next_s = 0.0
        self.calls = 0
        session = self._session = requests.Session()
        session.trust_env = False
        session.headers["User-Agent"] = f"onechat-loadtest/{loadtest.__version__}"
        session.headers.update(dict(address.headers))
        session.mount("https://", _Verifying(address.ca_file))
        session.verify = address.ca_file or True

    @property
    def url(self) -> str:
        """The base URL as it may be shown and kept."""
        return without_secrets(self._base)

    def close(self) -> None:
        """Close its connections."""
        self._session.close()

    def send(self, call: Call, *, repeatable: bool | None = None) -> Answer:
        """Send a call until it is answered.

        Args:
            call: what to send.
            repeatable: whether doing it twice does no harm; by default what is no POST.

        Returns:
            The answer, of whatever status.

        Raises:
            DoubtfulError: what is not repeatable may have been done.
            TransportError: the installation cannot be reached, or fails again and again.
        """
        safe = call.endpoint.method != "POST" if repeatable is None else repeatable
        pause_s, failures, refusals = _FIRST_PAUSE_S, 0, 0
        while True:
            error: TransportError | None = None
            answer: Answer | None = None
            try:
                answer, retry_after = self._once(call)
            except TransportError as raised:
                error = raised
            if answer is not None and answer.status == 429:
                refusals += 1
                if refusals >= RATE_TRIES:
                    return answer
                wait_s = min(retry_after or pause_s, _LONGEST_RATE_WAIT_S)
                self._wait(wait_s, "the installation limits the rate (429)")
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
                continue
            if answer is not None and answer.status not in _PASSING:
                return answer
            doubtful = answer is not None or isinstance(error, DoubtfulError)
            if doubtful and not safe:
                what = f"answered {answer.status}" if answer is not None else str(error.detail if error else "")
                raise DoubtfulError("doubtful", call.path, f"{call.endpoint.name} may have been done: {what}")
            failures += 1
            if failures >= TRIES or (error is not None and error.kind == "tls"):
                if answer is not None:
                    return answer
                raise error or TransportError("timeout", call.path)
            self._wait(pause_s, f"{call.endpoint.name} failed ({answer.status if answer else error and error.kind})")
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def get(self, call: Call, shape: type[_T], *, repeatable: bool | None = None) -> _T:
        """Send a call that must succeed, and read its answer."""
        return self.send(call, repeatable=repeatable).read(shape)

    def find(self, call: Call, shape: type[_T]) -> _T | None:
        """Send a call that looks something up; None when it is not there (404)."""
        answer = self.send(call)
        return None if answer.status == 404 else answer.read(shape)

    def do(self, call: Call, *, repeatable: bool | None = None) -> None:
        """Send a call that must succeed; its answer is of no interest."""
        answer = self.send(call, repeatable=repeatable)
        if not answer.is_ok:
            raise refusal(answer)

    def _once(self, call: Call) -> tuple[Answer, float | None]:
        self._keep_pace()
        self.calls += 1
        headers = {self._address.auth_header if n == "api_access_token" else n: v for n, v in call.headers.items()}
        where = f"{self.url}{call.path.partition('?')[0]}"
        try:
            response = self._session.request(
                call.endpoint.method,
                self._base + call.path,
                data=call.body or None,
                headers=headers,
                timeout=(CONNECT_S, ANSWER_S),
                allow_redirects=False,
            )
        except requests.exceptions.SSLError as error:
            raise TransportError("tls", where, f"{_reason(error)}: give its authority with --ca-file") from None
        except requests.exceptions.ConnectTimeout as error:
            raise TransportError("timeout", where, _reason(error)) from None
        except requests.exceptions.ConnectionError as error:
            if _never_sent(error):
                raise TransportError("refused", where, _reason(error)) from None
            raise DoubtfulError("reset", where, _reason(error)) from None
        except requests.exceptions.RequestException as error:
            raise DoubtfulError("timeout", where, _reason(error)) from None
        return Answer(call, response.status_code, response.content), _retry_after_s(response.headers)

    def _keep_pace(self) -> None:
        now_s = time.monotonic()
        if now_s < self._next_s:
            self._sleep(self._next_s - now_s)
        self._next_s = max(now_s, self._next_s) + self._pause_s

    def _wait(self, seconds: float, why: str) -> None:
        self._on_wait(f"{why}: waiting {seconds:g} s")
        self._sleep(seconds)


class _Verifying(HTTPAdapter):
    """Connects by the system's authorities as well as those that come with ``requests``, or by a file alone."""

    def __init__(self, ca_file: str | None) -> None:
        try:
            self._context = ssl.create_default_context(cafile=ca_file)
        except ssl.SSLError as error:
            raise UsageError(
                f"no usable certificate in it ({error.reason or error})",
                where=str(ca_file),
                remedy="Give a PEM file that holds the certificate of the authority that signed the server's",
            ) from error
        except OSError as error:
            raise UsageError(
                f"cannot read the CA file ({error.strerror})", where=str(ca_file), remedy="Give a readable PEM file"
            ) from error
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    text = headers.get("Retry-After", "").strip()
    return float(text) if text.isascii() and text.isdigit() else None


def _never_sent(error: requests.exceptions.ConnectionError) -> bool:
    inner = error.args[0] if error.args else None
    return isinstance(inner, MaxRetryError) and isinstance(inner.reason, _NEVER_SENT)


def _reason(error: Exception) -> str:
    """The innermost words of a failure; urllib3's own quote the path, which holds no token."""
    inner: Any = error.args[0] if error.args else error
    reason = getattr(inner, "reason", inner)
    return str(reason).partition(": ")[2] or str(reason)


def _words(body: bytes) -> str:
    """What an error's body says, as far as it is one of the known forms."""
    try:
        told = msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return ""
    if not isinstance(told, dict):
        return ""
    found = told.get("error") or told.get("message") or told.get("errors") or ""
    text = found if isinstance(found, str) else "; ".join(map(str, found)) if isinstance(found, list) else ""
    return " ".join(text.split())[:200]
