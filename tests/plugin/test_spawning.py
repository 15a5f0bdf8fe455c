"""Locust's own options are worked out once a process."""

import pytest
from locust import argument_parser

from loadtest.plugin.spawning import remember_defaults


@pytest.fixture
def untouched(monkeypatch):
    """Locust's function as it is, and put back after the test."""
    monkeypatch.setattr(argument_parser, "default_args_dict", _original())
    return argument_parser.default_args_dict


def _original():
    found = argument_parser.default_args_dict
    return getattr(found, "__wrapped__", found)


def test_the_options_are_those_that_locust_finds(untouched):
    """The same names and values, worked out once however often they are asked for."""
    expected = untouched()
    remember_defaults()
    remember_defaults()
    found = [argument_parser.default_args_dict() for _ in range(3)]

    assert [expected] * 3 == found
    assert (2, 1) == argument_parser.default_args_dict.cache_info()[:2]
