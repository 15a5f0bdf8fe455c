"""Sources made of what was asked to be watched."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from loadtest.target.watch_process import CommandSource, ProcessSource
from loadtest.target.watch_prometheus import PrometheusSource
from loadtest.target.watch_redis import ChatwootSource, RedisSource
from loadtest.target.watch_source import Source
from loadtest.target.watch_spec import REDIS_URL_VARIABLE, WatchSpec, parse_watches


def open_source(
    spec: WatchSpec, host: str | None = None, ca_file: str | None = None, environ: Mapping[str, str] | None = None
) -> Source:
    """Make a source; nothing is asked yet.

    Args:
        spec: what is to be watched.
        host: the run's target, for its health endpoints; None for an embedded one.
        ca_file: a CA to trust instead of the system's.
        environ: where credentials are; None for the process's environment.
    """
    environ = os.environ if environ is None else environ
    password = spec.secret("PASSWORD", environ)
    match spec.kind:
        case "pid":
            return ProcessSource(spec.name, int(spec.argument))
        case "prometheus":
            return PrometheusSource(spec.name, spec.argument, spec.secret("TOKEN", environ), password, ca_file)
        case "redis":
            return RedisSource(spec.name, spec.argument, password, ca_file)
        case "command":
            return CommandSource(spec.name, spec.argument)
        case _:
            url = spec.argument or environ.get(REDIS_URL_VARIABLE)
            return ChatwootSource(spec.name, host, url, password, ca_file)


def open_sources(
    texts: Sequence[str], host: str, ca_file: str | None = None, embedded_pid: int | None = None
) -> list[Source]:
    """All sources of a run: what was asked for, and the embedded server's process.

    Args:
        texts: the values of ``--watch``.
        host: the run's target.
        ca_file: a CA to trust instead of the system's.
        embedded_pid: the embedded server's process; None for another target.

    Raises:
        UsageError: one of them is none.
    """
    asked = None if embedded_pid is not None else host
    sources = [open_source(spec, asked, ca_file) for spec in parse_watches(texts)]
    if embedded_pid is not None:
        sources.append(ProcessSource("", embedded_pid))
    return sources
