"""Local addresses to connect from: one address has some 28,000 ports towards one server, several have more.

A port is one of ``/proc/sys/net/ipv4/ip_local_port_range``, and a connection needs one that no other connection from
the same address to the same server has (tcp(7), ip(7)). With ``IP_BIND_ADDRESS_NO_PORT`` the port is chosen when
connecting, as it is without a source address, so that connections to other servers do not use ports up.
"""

from __future__ import annotations

import ipaddress
import itertools
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from loadtest.errors import TransportError

_PORT_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_DEFAULT_PORTS = 28_232  # Linux: 32768 to 60999
_NO_PORT = getattr(socket, "IP_BIND_ADDRESS_NO_PORT", 24)  # ip(7); Python names it from 3.12 on

_turns = itertools.count()


def bind_source(sock: Any, family: int, addresses: Sequence[str]) -> None:
    """Let a socket connect from the next of the addresses of its family; does nothing without addresses.

    Args:
        sock: not connected yet.
        family: its address family.
        addresses: local IP addresses, taken in turn by all sockets of the process.

    Raises:
        TransportError: ``source_address``, when none is of the family or this host does not have it.
    """
    if not addresses:
        return
    version = 6 if family == socket.AF_INET6 else 4
    fitting = [address for address in addresses if ipaddress.ip_address(address).version == version]
    if not fitting:
        raise TransportError("source_address", detail=f"no IPv{version} address among {', '.join(addresses)}")
    address = fitting[next(_turns) % len(fitting)]
    if version == 4:
        sock.setsockopt(socket.IPPROTO_IP, _NO_PORT, 1)
    try:
        sock.bind((address, 0))
    except OSError as error:
        raise TransportError(
            "source_address", detail=f"cannot connect from {address}: {error.strerror}; `ip address` lists this host's"
        ) from error


def local_ports() -> int:
    """How many connections one local address can have to one server."""
    try:
        first, last = _PORT_RANGE.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return _DEFAULT_PORTS
    return int(last) - int(first) + 1
