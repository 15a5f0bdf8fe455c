"""The reference server as a process: ``loadtest serve``, ``python -m loadtest.refserver``, and the child of a run.

It prints exactly one line when it is ready, a JSON object with its URLs, and nothing after. It ends with exit code 0 on
SIGTERM, on SIGINT and, with ``--exit-on-stdin-eof``, as soon as its standard input ends, however the writer died.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import resource
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType
from typing import Any, NoReturn

from loadtest import __version__
from loadtest.directory import Population, write_identities
from loadtest.errors import UsageError
from loadtest.refserver.dialect import DIALECTS
from loadtest.refserver.faults import described
from loadtest.refserver.server import ReferenceServer
from loadtest.refserver.settings import ServerSettings


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``loadtest serve`` to a parser."""
    defaults = ServerSettings()
    add = parser.add_argument
    add("--host-address", default=defaults.host_address, metavar="ADDRESS", help="address to listen on (%(default)s)")
    add("--port", type=int, default=defaults.port, metavar="N", help="TCP port; 0 is any free one (%(default)s)")
    add("--accounts", type=int, default=defaults.population.accounts, metavar="N", help="accounts (%(default)s)")
    add("--agents", type=int, default=defaults.population.agents, metavar="N", help="agents in all (%(default)s)")
    add("--contacts", type=int, default=defaults.population.contacts, metavar="N", help="contacts in all (%(default)s)")
    add(
        "--members",
        type=int,
        default=defaults.population.members,
        metavar="N",
        help="agents that see an inbox's conversations, its administrator included (%(default)s)",
    )
    add("--dialect", choices=sorted(DIALECTS), default=defaults.dialect, help="version spoken (%(default)s)")
    add(
        "--agent-expiry",
        type=float,
        metavar="SECONDS",
        help=f"an agent's beat counts this long ({_by_dialect('agent_expiry_s')})",
    )
    add(
        "--contact-expiry",
        type=float,
        metavar="SECONDS",
        help=f"a contact's beat counts this long ({_by_dialect('contact_expiry_s')})",
    )
    add(
        "--ping-interval",
        type=float,
        default=defaults.ping_interval_s,
        metavar="SECONDS",
        help="between two pings (%(default)s)",
    )
    add("--seed", type=int, default=defaults.seed, metavar="N", help="makes the tokens (%(default)s)")
    add("--identities", metavar="FILE", help="write all identities to FILE, readable by you alone")
    add("--platform-token-file", metavar="FILE", help="serve the platform API to who has the token in FILE")
    add("--rate-limit", type=int, metavar="N", help="answer 429 to an address beyond N requests a period (no limit)")
    add(
        "--rate-period",
        type=float,
        default=defaults.rate_period_s,
        metavar="SECONDS",
        help="length of that period (%(default)s)",
    )
    add(
        "--faults",
        default=defaults.faults,
        metavar="SPEC",
        help="what goes wrong, such as loss=2%%,delay=100ms; see below",
    )
    add("--truth", metavar="FILE", help="write every fault applied to FILE, a JSON object a line")
    add("--email-collect", action="store_true", help="ask contacts without an address for one, after a first message")
    add("--whole-seconds", action="store_true", help="compare presence in whole seconds, as upstream does")
    add("--push-presence", action="store_true", help="tell everybody of an account when its presence changes")
    add("--exit-on-stdin-eof", action="store_true", help="end as soon as standard input does")


def settings_from(options: argparse.Namespace) -> ServerSettings:
    """Settings from the options of :func:`add_options`.

    Raises:
        UsageError: a value that cannot be served with.
    """
    return ServerSettings(
        population=Population(
            agents=options.agents, contacts=options.contacts, members=options.members, accounts=options.accounts
        ),
        seed=options.seed,
        host_address=options.host_address,
        port=options.port,
        dialect=options.dialect,
        agent_expiry_s=options.agent_expiry,
        contact_expiry_s=options.contact_expiry,
        ping_interval_s=options.ping_interval,
        identities_path=options.identities,
        exit_on_stdin_eof=options.exit_on_stdin_eof,
        email_collect=options.email_collect,
        whole_seconds=options.whole_seconds,
        push_presence=options.push_presence,
        platform_token_path=options.platform_token_file,
        rate_limit=options.rate_limit,
        rate_period_s=options.rate_period,
        faults=options.faults,
        truth_path=options.truth,
    )


def serve(options: argparse.Namespace) -> int:
    """Serve until told to end.

    Args:
        options: as :func:`add_options` parses them.

    Returns:
        The exit code: 0 after a clean end, 2 when the options cannot be served, with one paragraph on standard error.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end_early)
    try:
        asyncio.run(_serve(settings_from(options)))
    except UsageError as error:
        sys.stderr.write(f"loadtest serve: {error}\n")
        return 2
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """``python -m loadtest.refserver``; the exit code is returned."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.refserver",
        description="Serve an embedded OneChat.",
        epilog=described(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser)
    return serve(parser.parse_args(argv))


async def _serve(settings: ServerSettings) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    if settings.exit_on_stdin_eof:
        threading.Thread(target=_await_stdin_eof, args=(loop, ended), daemon=True, name="stdin-eof").start()
    _raise_file_limit()
    server = ReferenceServer(settings)
    if settings.identities_path is not None:
        write_identities(settings.identities_path, server.directory)
    # Identities live as long as the process: no collection has to look at them again.
    gc.collect()
    gc.freeze()
    async with server:
        with suppress(BrokenPipeError):  # nobody listens any more: standard input tells when to end
            sys.stdout.write(json.dumps(_ready(server)) + "\n")
            sys.stdout.flush()
        server.on_failure = ended.set
        await ended.wait()
        server.check()


def _ready(server: ReferenceServer) -> dict[str, Any]:
    settings = server.settings
    return {
        "url": server.url,
        "cable_url": server.cable_url,
        "pid": os.getpid(),
        "dialect": settings.dialect,
        "agents": settings.population.agents,
        "contacts": settings.population.contacts,
        "members": settings.population.members,
        "accounts": settings.population.accounts,
        "seed": settings.seed,
        "agent_expiry_s": settings.agent_presence_s,
        "contact_expiry_s": settings.contact_presence_s,
        "ping_interval_s": settings.ping_interval_s,
        "identities": settings.identities_path,
        "server": f"embedded reference server {__version__}",
    }


def _await_stdin_eof(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    # A thread of its own, because epoll takes no regular file or closed descriptor as standard input.
    with suppress(OSError):  # a closed or broken standard input is at its end
        while os.read(0, 4096):
            pass
    with suppress(RuntimeError):  # the loop has ended by itself
        loop.call_soon_threadsafe(ended.set)


def _raise_file_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _end_early(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)


def _by_dialect(field: str) -> str:
    return ", ".join(f"{dialect.name}: {getattr(dialect, field):g}" for dialect in DIALECTS.values())
