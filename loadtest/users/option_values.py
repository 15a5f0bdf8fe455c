"""What options of the command line may be: files and grammars are validated while it is parsed.

A mistake so ends the run with one line and exit code 2 before anything is forked, started or sent. Each function reads
an option's text and raises ``argparse.ArgumentTypeError`` with what is wrong; those of files and grammars give the text
back, which every process of the run reads again.
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
from loadtest.plan import LoadProfile, Mix, Scenario
from loadtest.plan.storm import SlowReaders, parse_storms
from loadtest.refserver.faults import parse_faults
from loadtest.store import open_run
from loadtest.target.profile import read_profile
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


def share(text: str) -> float:
    """A number from 0 to 1."""
    value: float = number(0)(text)
    if value > 1:
        raise argparse.ArgumentTypeError(f"{text} is not a share between 0 and 1")
    return value


def rate(text: str) -> float:
    """A rate, with or without the unit: ``10`` and ``10/s`` are the same."""
    value: float = number(0)(text.removesuffix("/s"))
    return value


@_checked
def identities(text: str) -> str:
    """A file of identities, which can be read."""
    read_identities(text)
    return text


@_checked
def mix(text: str) -> str:
    """Acts an exchange; ``none`` for none."""
    mix = "" if text == "none" else text
    Mix.parse(mix)
    return mix


@_checked
def scenario(text: str) -> str:
    """How people come, beat and go."""
    Scenario.parse(text)
    return text


@_checked
def load_profile(text: str) -> str:
    """How much of the load is there when."""
    LoadProfile.parse(text)
    return text


@_checked
def storm(text: str) -> str:
    """Which sockets are dropped when."""
    parse_storms(text)
    return text


@_checked
def slow_readers(text: str) -> str:
    """Who reads how slowly."""
    SlowReaders.parse(text)
    return text


def window(text: str) -> float:
    """Seconds of a window; 0 for what suits."""
    value: float = 0.0 if text.strip() == "0" else number(0.1)(text)
    return value


@_checked
def slo(text: str) -> str:
    """A file of limits, which can be read."""
    load_slo(text)
    return text


def report_dir(text: str) -> str:
    """A folder that is there, or can be made."""
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


def run_id(text: str) -> str:
    """A name that a folder can have."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", text):
        raise argparse.ArgumentTypeError(
            f"{text!r} cannot name a folder: use letters, digits, '.', '_' and '-', beginning with a letter or digit"
        )
    return text


@_checked
def folder_of_run(text: str) -> str:
    """A run that is stored."""
    open_run(text)
    return text


def file(text: str) -> str:
    """A file that is there."""
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text}")
    return text


@_checked
def target(text: str) -> str:
    """A target's profile, which can be read."""
    read_profile(text)
    return text


@_checked
def watch(text: str) -> str:
    """A source to read beside the run."""
    parse_watch(text)
    return text


@_checked
def header(text: str) -> str:
    """The name of a header."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", text):
        raise UsageError(f"{text!r} is no name of a header", remedy="Give one such as api-access-token")
    return text


def addresses(text: str) -> str:
    """IP addresses with commas between."""
    for address in text.split(","):
        try:
            ipaddress.ip_address(address)
        except ValueError:
            raise argparse.ArgumentTypeError(
                f"{address!r} is no IP address: give this machine's, such as 192.0.2.10,192.0.2.11"
            ) from None
    return text


@_checked
def faults(text: str) -> str:
    """What a server does wrong; empty where that is nothing."""
    return text if parse_faults(text) else ""


def new_file(text: str) -> str:
    """A file that can be made, or written over."""
    path = Path(text)
    if path.is_dir() or not path.parent.is_dir():
        what = "is a folder" if path.is_dir() else "is in no folder that exists"
        raise argparse.ArgumentTypeError(f"{text} {what}: name a file that can be made")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text} cannot be written to: choose a file that this user may write")
    return text
