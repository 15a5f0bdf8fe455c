"""What this machine allows a run: descriptors and local ports; raised where that can be done, else refused early."""

from __future__ import annotations

import resource

from loadtest.errors import UsageError
from loadtest.transport.sources import local_ports

_SPARE_FILES = 128
"""Descriptors of a process besides its sockets: libraries, the store, Locust's own."""


def raise_file_limit(sockets: int, processes: int = 1) -> None:
    """Let this process open so many sockets, up to the hard limit.

    Args:
        sockets: WebSockets and pooled connections, of this process.
        processes: over how many processes of this machine the run is spread, for the remedy.

    Raises:
        UsageError: the hard limit is lower; says what is needed.
    """
    needed = sockets + _SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise UsageError(
            f"{sockets:,} connections in one process need {needed:,} open files, and its hard limit is {hard:,}",
            where="ulimit -n",
            remedy=f"Raise it (ulimit -Hn {needed}, LimitNOFILE={needed} in a systemd unit), "
            f"or spread the run: --processes {-(-needed * processes // max(hard - _SPARE_FILES, 1))}",
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def check_ports(sockets: int, addresses: int) -> None:
    """Make sure that this machine has a local port for every connection to one target.

    Args:
        sockets: connections of all processes of this machine.
        addresses: local addresses that they leave from; 0 for the kernel's choice, which is one.

    Raises:
        UsageError: there are too few; says how many addresses are needed.
    """
    ports = local_ports()
    there = ports * max(addresses, 1)
    if sockets > there:
        raise UsageError(
            f"{sockets:,} connections to one target need as many local ports, and this machine has {there:,}",
            where="--source-address" if addresses else "net.ipv4.ip_local_port_range",
            remedy=f"Give --source-address {-(-sockets // ports)} addresses of this machine, or use more machines, "
            "or widen the range: sysctl -w net.ipv4.ip_local_port_range='1024 65535'",
        )
