"""Local addresses to connect from."""

import socket

import pytest

from loadtest.errors import TransportError
from loadtest.transport.sources import bind_source, local_ports


def bound(family, addresses):
    """The address a new socket of the family is bound to."""
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        bind_source(sock, family, addresses)
        return sock.getsockname()[0]


def test_addresses_take_turns():
    """Each socket leaves from the next one; all of 127.0.0.0/8 is this machine's."""
    addresses = ["127.0.0.2", "127.0.0.3"]

    assert {"127.0.0.2", "127.0.0.3"} == {bound(socket.AF_INET, addresses) for _ in range(4)}


def test_without_addresses_the_kernel_chooses():
    """Nothing is bound."""
    assert bound(socket.AF_INET, []) == "0.0.0.0"


def test_no_port_is_taken_before_the_connection():
    """Connections to other servers may use the same port."""
    with socket.socket() as sock:
        bind_source(sock, socket.AF_INET, ["127.0.0.2"])

        assert sock.getsockname() == ("127.0.0.2", 0)


def test_an_address_that_is_not_here_is_named():
    """TEST-NET is nobody's."""
    with pytest.raises(TransportError, match=r"cannot connect from 192\.0\.2\.1") as caught:
        bound(socket.AF_INET, ["192.0.2.1"])

    assert caught.value.kind == "source_address"


def test_a_target_of_another_family_is_named():
    """An IPv4 address cannot reach an IPv6 server."""
    with pytest.raises(TransportError, match="no IPv6 address among 127"):
        bound(socket.AF_INET6, ["127.0.0.1"])


def test_the_kernel_says_how_many_ports_there_are():
    """More than the registered ones, fewer than all."""
    assert 1_000 < local_ports() < 65_536
