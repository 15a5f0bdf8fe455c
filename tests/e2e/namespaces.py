"""Hosts made of network namespaces: a hub, and others that each have a line to it and to nobody else.

A line is a pair of virtual Ethernet devices. All addresses exist inside the namespaces only, and are gone with them;
names are unique, and the namespaces are removed in every case. It takes root, or CAP_SYS_ADMIN and CAP_NET_ADMIN, and
iproute2.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

HUB_ADDRESS = "10.213.0.1"
"""Where everybody reaches the hub."""

_TIMEOUT_S = 20


@dataclass(frozen=True, slots=True)
class Host:
    """A network namespace.

    Attributes:
        name: its name.
    """

    name: str

    @property
    def prefix(self) -> list[str]:
        """What a command line begins with to run in it; the process it starts is the command's own."""
        return ["nsenter", f"--net=/run/netns/{self.name}"]


def why_not() -> str:
    """Why this machine cannot make such hosts; empty where it can."""
    for tool, package in (("ip", "iproute2"), ("nsenter", "util-linux")):
        if shutil.which(tool) is None:
            return f"{tool} is missing: apt-get install {package}"
    try:
        with contextlib.ExitStack() as stack:
            one = _made(stack, _unique())
            _ip("-n", one.name, "link", "add", "here", "type", "veth", "peer", "name", "there")
            subprocess.run([*one.prefix, "true"], check=True, capture_output=True, timeout=_TIMEOUT_S)
    except subprocess.CalledProcessError as error:
        return f"no network namespaces here: {' '.join(error.cmd)}: {error.stderr.decode().strip()}"
    return ""


@contextlib.contextmanager
def hosts(leaves: int) -> Iterator[tuple[Host, ...]]:
    """A hub and so many hosts around it, for as long as the block lasts; processes in them are the caller's to end.

    Raises:
        subprocess.CalledProcessError: this machine cannot make them.
    """
    unique = _unique()
    with contextlib.ExitStack() as stack:
        hub, *others = (_made(stack, f"{unique}-{number}") for number in range(leaves + 1))
        _ip("-n", hub.name, "address", "add", f"{HUB_ADDRESS}/32", "dev", "lo")
        for number, other in enumerate(others, 1):
            near, far = f"10.213.{number}.1", f"10.213.{number}.2"
            _ip(
                "-n", hub.name, "link", "add", f"to{number}", "type", "veth", "peer", "name", "hub", "netns", other.name
            )
            for host, device, own in ((hub, f"to{number}", near), (other, "hub", far)):
                _ip("-n", host.name, "address", "add", f"{own}/24", "dev", device)
                _ip("-n", host.name, "link", "set", device, "up")
            _ip("-n", other.name, "route", "add", f"{HUB_ADDRESS}/32", "via", near)
        yield (hub, *others)


def _unique() -> str:
    return f"lt{os.getpid()}-{secrets.token_hex(3)}"


def _made(stack: contextlib.ExitStack, name: str) -> Host:
    _ip("netns", "add", name)
    stack.callback(_ip, "netns", "delete", name)
    _ip("-n", name, "link", "set", "lo", "up")
    return Host(name)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=_TIMEOUT_S)
