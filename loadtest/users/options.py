"""The option group "cable" of Locust's command line, and its values.

Files and grammars are validated while the command line is parsed, so that a mistake ends the run with one line and exit
code 2 before anything is forked, started or sent.
"""

from __future__ import annotations

import argparse
import functools
import ipaddress
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from loadtest.analysis import load_slo
from loadtest.directory import read_identities
from loadtest.errors import LoadtestError, UsageError
from loadtest.plan import ACTS, LoadProfile, Mix, Scenario
from loadtest.plan import load_profile as profiles
from loadtest.plan.scenario import GRAMMAR
from loadtest.plan.storm import SLOW_GRAMMAR, STORM_GRAMMAR, SlowReaders, parse_storms
from loadtest.refserver.faults import parse_faults
from loadtest.store import open_run
from loadtest.target.profile import read_profile
from loadtest.target.watch_spec import GRAMMAR as WATCH_GRAMMAR
from loadtest.target.watch_spec import parse_watch

_T = TypeVar("_T")


def _unprefixed(error: LoadtestError) -> LoadtestError:
    """The error without the option's name, which argparse puts before it."""
    if not isinstance(error, UsageError) or not error.where.startswith("--"):
        return error
    _, _, rest = error.where.partition(" ")
    return UsageError(error.what, where=rest, remedy=error.remedy)


def _checked(check: Callable[[str], _T]) -> Callable[[str], _T]:
    """Turn the toolkit's errors into argparse's, which print one line and exit with 2."""

    @functools.wraps(check)
    def parse(text: str) -> _T:
        try:
            return check(text)
        except LoadtestError as error:
            raise argparse.ArgumentTypeError(str(_unprefixed(error))) from None

    return parse


def number(minimum: float, *, above: bool = False, whole: bool = False) -> Callable[[str], Any]:
    """What reads an option that is a number.

    Args:
        minimum: the least it may be.
        above: it must be more than that.
        whole: it must be a whole number.
    """

    def parse(text: str) -> Any:
        try:
            value = int(text) if whole else float(text)
        except ValueError:
            kind = "a whole number" if whole else "a number"
            raise argparse.ArgumentTypeError(f"{text!r} is not {kind}") from None
        if not abs(value) <= sys.float_info.max:
            raise argparse.ArgumentTypeError(f"{text} is not a number that can be counted with")
        if value < minimum or (above and value == minimum):
            bound = f"above {minimum:g}" if above else f"{minimum:g} or more"
            raise argparse.ArgumentTypeError(f"{text} is not {bound}")
        return value

    return parse


def _share(text: str) -> float:
    value: float = number(0)(text)
    if value > 1:
        raise argparse.ArgumentTypeError(f"{text} is not a share between 0 and 1")
    return value


def _rate(text: str) -> float:
    """A rate, with or without the unit: ``10`` and ``10/s`` are the same."""
    value: float = number(0)(text.removesuffix("/s"))
    return value


@_checked
def _identities(text: str) -> str:
    read_identities(text)
    return text


@_checked
def _mix(text: str) -> str:
    mix = "" if text == "none" else text
    Mix.parse(mix)
    return mix


@_checked
def _scenario(text: str) -> str:
    Scenario.parse(text)
    return text


@_checked
def _load_profile(text: str) -> str:
    LoadProfile.parse(text)
    return text


@_checked
def _storm(text: str) -> str:
    parse_storms(text)
    return text


@_checked
def _slow_readers(text: str) -> str:
    SlowReaders.parse(text)
    return text


def _window(text: str) -> float:
    value: float = 0.0 if text.strip() == "0" else number(0.1)(text)
    return value


@_checked
def _slo(text: str) -> str:
    load_slo(text)
    return text


def _report_dir(text: str) -> str:
    path = Path(text)
    existing = path
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        raise argparse.ArgumentTypeError(f"{existing} is not a folder: choose another --report-dir")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise argparse.ArgumentTypeError(
            f"{existing} cannot be written to: give this user the right to, or choose another --report-dir"
        )
    return text


def _run_id(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", text):
        raise argparse.ArgumentTypeError(
            f"{text!r} cannot name a folder: use letters, digits, '.', '_' and '-', beginning with a letter or digit"
        )
    return text


@_checked
def _folder_of_run(text: str) -> str:
    open_run(text)
    return text


def _file(text: str) -> str:
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text}")
    return text


@_checked
def _target(text: str) -> str:
    read_profile(text)
    return text


@_checked
def _watch(text: str) -> str:
    parse_watch(text)
    return text


@_checked
def _header(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]+", text):
        raise UsageError(f"{text!r} is no name of a header", remedy="Give one such as api-access-token")
    return text


def _addresses(text: str) -> str:
    for address in text.split(","):
        try:
            ipaddress.ip_address(address)
        except ValueError:
            raise argparse.ArgumentTypeError(
                f"{address!r} is no IP address: give this machine's, such as 192.0.2.10,192.0.2.11"
            ) from None
    return text


@_checked
def _faults(text: str) -> str:
    return text if parse_faults(text) else ""


def _new_file(text: str) -> str:
    path = Path(text)
    if path.is_dir() or not path.parent.is_dir():
        what = "is a folder" if path.is_dir() else "is in no folder that exists"
        raise argparse.ArgumentTypeError(f"{text} {what}: name a file that can be made")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text} cannot be written to: choose a file that this user may write")
    return text


def add_options(parser: Any) -> None:
    """Add the option group "cable" to Locust's parser. Called several times by Locust, so it keeps nothing.

    The web UI shows options of plain values that have a default: what it is given for another comes back as text.

    Args:
        parser: Locust's ``LocustArgumentParser``.
    """
    group = parser.add_argument_group("cable", "OneChat /cable load: who is simulated, what they do, how it is judged")

    def add(flag: str, text: str, *, ui: bool = True, **kwargs: Any) -> None:
        name = "LOADTEST_" + flag.removeprefix("--").upper().replace("-", "_")
        action = group.add_argument(flag, env_var=name, help=text, **kwargs)
        action.include_in_web_ui = ui

    whole = functools.partial(number, whole=True)
    add(
        "--target",
        "What is known of the target; options given here win over it (TOML)",
        type=_target,
        metavar="FILE",
        ui=False,
    )
    add("--agents", "Agents simulated", type=whole(0), default=50, metavar="N")
    add("--contacts", "Contacts simulated", type=whole(0), default=5, metavar="M")
    add("--members", "Agents that see an inbox (embedded server)", type=whole(1), default=10, metavar="K")
    add("--accounts", "Accounts they are dealt to (embedded server)", type=whole(1), default=1, metavar="A")
    add("--identities", "Who there is on the target (JSON lines)", type=_identities, metavar="FILE", ui=False)
    add("--heartbeat", "Seconds between presence beats", type=number(0, above=True), default=30.0, metavar="SECONDS")
    add("--emit-rate", "Messages a second of the whole fleet, open loop", type=_rate, default=10.0, metavar="N/s")
    add(
        "--connect-rate",
        "Users that first connect, a second, evenly spread; 0 for --spawn-rate (which Locust starts in one burst)",
        type=number(0),
        default=0.0,
        metavar="N/s",
    )
    add(
        "--emissions",
        "End after so many messages of the plan (questions and their answers, so an even number); 0 for no such end",
        type=whole(0),
        default=0,
        metavar="N",
    )
    add(
        "--load-profile",
        f"How much of --emit-rate and of the users is there when: {profiles.GRAMMAR}",
        type=_load_profile,
        default="flat",
        metavar="PROFILE",
    )
    add(
        "--progress",
        "Tell every so many seconds how the run stands; 0 for never",
        type=number(0),
        default=0.0,
        metavar="SECONDS",
    )
    add(
        "--storm",
        f"Drop sockets in bulk, seconds into the hold: {STORM_GRAMMAR.replace('%', '%%')}",
        type=_storm,
        default="",
        metavar="STORM,...",
    )
    add("--slow-readers", SLOW_GRAMMAR.replace("%", "%%"), type=_slow_readers, default="", metavar="SHARE@BYTES")
    add("--think-time", "Mean seconds from a question to its answer", type=number(0), default=2.0, metavar="SECONDS")
    add("--typing", "Seconds of typing before a message, 0 for none", type=number(0), default=1.0, metavar="SECONDS")
    add(
        "--mix",
        "Further acts per exchange of question and answer, such as read=0.5,status=0.1; 'none' for talk alone. "
        f"Acts: {', '.join(ACTS)}",
        type=_mix,
        default="",
        metavar="ACT=RATE,...",
    )
    add(
        "--canary",
        "Seconds of silence in an inbox after which a contact writes there, so that deaf sockets show; 0 for never",
        type=number(0),
        default=10.0,
        metavar="SECONDS",
    )
    add(
        "--session",
        "Mean seconds a contact stays before it leaves and comes back, 0 to stay",
        type=number(0),
        default=0.0,
        metavar="SECONDS",
    )
    add("--away", "Mean seconds a contact stays away", type=number(0), default=5.0, metavar="SECONDS")
    add(
        "--deadline",
        "Seconds within which a delivery must come",
        type=number(0, above=True),
        default=10.0,
        metavar="SECONDS",
    )
    add("--slo", "Limits that decide the verdict (TOML)", type=_slo, metavar="FILE", ui=False)
    add("--report-dir", "Where run folders are made", type=_report_dir, default="reports", metavar="DIR", ui=False)
    add("--run-id", "Name of the run's folder (default: file and time)", type=_run_id, metavar="NAME", ui=False)
    add(
        "--resume",
        "Go on with this run after its generator was gone; the time between is a gap, not a loss",
        type=_folder_of_run,
        metavar="FOLDER",
        ui=False,
    )
    add(
        "--window",
        "Seconds of one window; 0 for as long as suits --run-time (1 up to 84 minutes, 120 for a week)",
        type=_window,
        default=0.0,
        metavar="SECONDS",
    )
    add("--dialect", "Version of OneChat spoken", choices=("auto", "seed", "current"), default="auto")
    add("--client", "Handshake as this client makes it", choices=("official", "seed"), default="official")
    add(
        "--reconnect",
        "Back-off after a lost connection",
        choices=("official", "chatwoot", "immediate", "no-jitter", "none"),
        default="official",
    )
    add(
        "--refetch",
        "REST calls that real clients make by themselves: after a reconnect, or for the counts of conversations (meta)",
        choices=("none", "reconnect", "meta", "all"),
        default="none",
    )
    add("--cable-path", "Path of the cable", default="/cable", metavar="PATH")
    add("--origin", "Origin sent instead of the target's own, empty for none", metavar="ORIGIN", ui=False)
    add("--auth-header", "Header of access tokens, if not api_access_token", type=_header, metavar="NAME", ui=False)
    add(
        "--source-address",
        "Connect from these addresses of this machine in turn: each has ports of its own",
        type=_addresses,
        metavar="A,B,...",
        ui=False,
    )
    add("--ca-file", "Trust this CA (PEM)", type=_file, metavar="FILE", ui=False)
    add(
        "--agent-expiry",
        "Seconds the target shows an agent after its beat, if known",
        type=number(0, above=True),
        metavar="SECONDS",
        ui=False,
    )
    add(
        "--contact-expiry",
        "Seconds the target shows a contact after its beat, if known",
        type=number(0, above=True),
        metavar="SECONDS",
        ui=False,
    )
    add(
        "--presence-scenario",
        f"How people come, beat and go: {GRAMMAR.replace('%', '%%')}",
        type=_scenario,
        default="steady",
        metavar="TRAIT,...",
    )
    add(
        "--presence-oracle",
        "Ask REST who is online about every so many seconds and hold that against the truth too; 0 for never",
        type=number(0),
        default=0.0,
        metavar="SECONDS",
    )
    add(
        "--presence-pairs",
        "Pairs of observer and target followed in a process; above it a seeded sample of observers",
        type=whole(1),
        default=1_000_000,
        metavar="N",
        ui=False,
    )
    add(
        "--presence-log",
        "Log who came, beat, was told what and went, each process in a file of its own (FILE.local, FILE.WORKER)",
        type=_new_file,
        metavar="FILE",
        ui=False,
    )
    add(
        "--delivery-log",
        "Log every latency with its message and receiver, each process in a file of its own (FILE.local, FILE.WORKER)",
        type=_new_file,
        metavar="FILE",
        ui=False,
    )
    add("--push-presence", "The server tells of presence unasked (embedded server)", action="store_true", ui=False)
    add(
        "--whole-seconds",
        "Presence compares whole seconds, as upstream's does (embedded server)",
        action="store_true",
        ui=False,
    )
    add(
        "--rest-timeout",
        "Seconds after which a REST call is given up",
        type=number(0, above=True),
        default=10.0,
        metavar="SECONDS",
    )
    add(
        "--kernel-stamps",
        "Share of the sockets on which the kernel stamps arrivals, to tell this tool's lag from the server's: 0 to 1",
        type=_share,
        default=0.1,
        metavar="SHARE",
    )
    add(
        "--rest-pool",
        "REST connections of a process (default: rate x timeout, 32 to 2048)",
        type=whole(1),
        metavar="N",
        ui=False,
    )
    add(
        "--faults",
        "What the embedded server does wrong, such as loss=2%%,delay=100ms; `loadtest serve --help` lists all",
        type=_faults,
        default="",
        metavar="SPEC",
        ui=False,
    )
    add("--truth", "Write every fault that was applied (embedded server)", type=_new_file, metavar="FILE", ui=False)
    add("--seed", "Makes everything that is drawn", type=whole(0), default=0, metavar="N")
    add("--max-users", "Refuse to run more users than this", type=whole(1), metavar="N", ui=False)
    add("--max-emit-rate", "Refuse to emit faster than this", type=_rate, metavar="N/s", ui=False)
    add(
        "--require-brakes",
        "Refuse a target off loopback without --max-users and --max-emit-rate",
        action="store_true",
        ui=False,
    )
    add(
        "--abort-guard",
        "Stop when the target answers 5xx, 429 or not at all in bulk, or its pings stay out (auto: off loopback)",
        choices=("auto", "on", "off"),
        default="auto",
    )
    add("--allow-plaintext", "Send tokens over http:// off loopback", action="store_true", ui=False)
    add(
        "--watch",
        f"Read this beside the run, for `loadtest soak`; may be given again: {WATCH_GRAMMAR}. Credentials: environment "
        "LOADTEST_WATCH_<NAME>_PASSWORD or _TOKEN",
        type=_watch,
        action="append",
        default=[],
        metavar="SOURCE",
        ui=False,
    )
    add(
        "--watch-after",
        "Seconds to go on reading once all users have left: what stays then is a leak",
        type=number(0),
        default=0.0,
        metavar="SECONDS",
        ui=False,
    )
