"""What is watched beside a run: ``[NAME=]pid:N``, ``prometheus:URL``, ``redis:URL``, ``command:...``, ``chatwoot``.

Credentials come from the environment alone, since arguments are seen by everybody on the machine and are stored:
``LOADTEST_WATCH_<NAME>_PASSWORD`` and ``LOADTEST_WATCH_<NAME>_TOKEN``, with the source's name in capitals.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final
from urllib.parse import urlsplit

from loadtest.errors import UsageError

KINDS: Final = ("pid", "prometheus", "redis", "command", "chatwoot")
GRAMMAR: Final = (
    "[NAME=]pid:N (a process and its children), [NAME=]prometheus:URL[#NAME,...], [NAME=]redis:URL, "
    "[NAME=]command:COMMAND (prints numbers, or lines of name and number), chatwoot[:REDIS-URL]"
)
REDIS_URL_VARIABLE: Final = "LOADTEST_WATCH_REDIS_URL"
_NAMED: Final = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9_-]{0,30})=(?P<rest>.*)", re.DOTALL)
_REDIS: Final = ("redis", "rediss", "unix")


@dataclass(frozen=True, slots=True)
class WatchSpec:
    """One source to watch.

    Attributes:
        name: what its readings are told by.
        kind: one of :data:`KINDS`.
        argument: the process id, URL or command; may be empty for ``chatwoot``.
    """

    name: str
    kind: str
    argument: str

    def secret(self, what: str, environ: Mapping[str, str] | None = None) -> str | None:
        """A credential of this source, from the environment.

        Args:
            what: ``PASSWORD`` or ``TOKEN``.
            environ: where to look; None for the process's own environment.
        """
        name = re.sub(r"[^A-Z0-9]", "_", self.name.upper())
        return (os.environ if environ is None else environ).get(f"LOADTEST_WATCH_{name}_{what}") or None


def parse_watch(text: str) -> WatchSpec:
    """Read one source.

    Raises:
        UsageError: it is none; the remedy says how to write it.
    """
    named = _NAMED.fullmatch(text)
    rest = named["rest"] if named else text
    kind, _, argument = rest.partition(":")
    if kind not in KINDS:
        near = get_close_matches(kind, KINDS, 1, 0.5)
        raise UsageError(
            f"{kind!r} is nothing that can be watched",
            where=f"--watch {shown(text)}",
            remedy=f"Did you mean {near[0]}?" if near else f"Write {GRAMMAR}",
        )
    if not argument and kind != "chatwoot":
        raise UsageError(f"{kind} of what", where=f"--watch {text}", remedy=f"Write {GRAMMAR}")
    argument = _CHECKS[kind](argument, text)
    return WatchSpec(named["name"] if named else kind if kind != "pid" else f"pid-{argument}", kind, argument)


def parse_watches(texts: Sequence[str]) -> list[WatchSpec]:
    """Read all sources of a run; two of one name get numbers.

    Raises:
        UsageError: one is none, or a name is given twice.
    """
    specs: list[WatchSpec] = []
    for text in texts:
        spec = parse_watch(text)
        taken = {one.name for one in specs}
        if spec.name in taken and _NAMED.fullmatch(text):
            raise UsageError(
                f"two sources are called {spec.name!r}", where="--watch", remedy="Give each a name of its own"
            )
        name = next(n for n in (spec.name, *(f"{spec.name}-{i}" for i in range(2, len(specs) + 3))) if n not in taken)
        specs.append(WatchSpec(name, spec.kind, spec.argument))
    return specs


def shown(text: str) -> str:
    """A source as it may be shown: a URL in it without its user and password."""
    return re.sub(r"://[^/@\s]*@", "://", text)


def _pid(argument: str, text: str) -> str:
    if not argument.isdecimal() or int(argument) < 1:
        raise UsageError(
            f"{argument!r} is no process id", where=f"--watch {text}", remedy="Give a number, such as pid:4711"
        )
    return argument


def _http(argument: str, text: str) -> str:
    parts = _url(argument, text)
    if parts[0] not in ("http", "https") or not parts[1]:
        raise UsageError(
            "this is no http(s) address",
            where=f"--watch {shown(text)}",
            remedy="Write prometheus:http://HOST:PORT/metrics",
        )
    return argument


def _redis(argument: str, text: str) -> str:
    if argument and (_url(argument, text)[0] not in _REDIS):
        raise UsageError(
            "this is no address of Redis", where=f"--watch {shown(text)}", remedy="Write redis:redis://HOST:6379/0"
        )
    return argument


def _url(argument: str, text: str) -> tuple[str, str | None]:
    try:
        parts = urlsplit(argument)
        host, secret = parts.hostname, parts.password
        _ = parts.port
    except ValueError as error:
        raise UsageError(f"no address ({error})", where=f"--watch {shown(text)}", remedy=f"Write {GRAMMAR}") from None
    if secret is not None:
        raise UsageError(
            "a password in an argument is seen by everybody on this machine",
            where=f"--watch {shown(text)}",
            remedy="Leave it out, and put it into the environment as LOADTEST_WATCH_<NAME>_PASSWORD",
        )
    return parts.scheme, host


def _command(argument: str, text: str) -> str:
    try:
        words = shlex.split(argument)
    except ValueError as error:
        raise UsageError(f"no command ({error})", where=f"--watch {text}", remedy="Close the quotes") from None
    if not words:
        raise UsageError("no command", where=f"--watch {text}", remedy="Write command:PROGRAM ARGUMENTS")
    return argument


_CHECKS: Final = {"pid": _pid, "prometheus": _http, "redis": _redis, "command": _command, "chatwoot": _redis}
