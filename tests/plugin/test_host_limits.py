"""Descriptors and ports of this machine: raised, or refused with what is needed."""

import resource

import pytest

from loadtest.errors import UsageError
from loadtest.plugin import host_limits
from loadtest.transport.sources import local_ports


@pytest.fixture
def limits():
    """The limits of this process as they are; put back after the test."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield before
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_the_soft_limit_is_raised_to_what_is_needed(limits):
    """Up to the hard limit this is nobody's business but ours."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))
    host_limits.raise_file_limit(500)

    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (500 + host_limits._SPARE_FILES, limits[1])


def test_a_limit_that_suffices_is_left_alone(limits):
    """Nothing is lowered."""
    host_limits.raise_file_limit(1)

    assert resource.getrlimit(resource.RLIMIT_NOFILE) == limits


def test_a_hard_limit_that_is_too_low_is_refused_with_the_number(monkeypatch):
    """What is needed, how to get it, and over how many processes the run would fit."""
    monkeypatch.setattr(resource, "getrlimit", lambda which: (1024, 4096))
    with pytest.raises(UsageError, match="10,000 connections") as caught:
        host_limits.raise_file_limit(10_000)

    assert "LimitNOFILE=10128" in caught.value.remedy
    assert "--processes 3" in caught.value.remedy


def test_ports_are_counted_by_address():
    """One address has so many; more connections than that need more addresses."""
    ports = local_ports()
    host_limits.check_ports(ports, 0)
    host_limits.check_ports(2 * ports, 2)
    with pytest.raises(UsageError, match="local ports") as caught:
        host_limits.check_ports(2 * ports + 1, 0)

    assert "--source-address 3 addresses" in caught.value.remedy
