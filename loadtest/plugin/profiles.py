"""``--target FILE``: a profile's values become options, unless command line, environment or a file gave them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from locust.argument_parser import get_parser

from loadtest.target.profile import Profile, read_profile

_NOT_GIVEN = object()


def apply_profile(options: Any, arguments: Sequence[str] | None = None) -> Profile | None:
    """Read the profile that ``--target`` names and fill in what was not given otherwise.

    A locustfile's default is not given: the profile wins over it.

    Args:
        options: Locust's parsed options; changed in place.
        arguments: the command line, or None for the process's own.

    Returns:
        The profile, or None without ``--target``.

    Raises:
        UsageError: the profile is unusable.
    """
    if not options.target:
        return None
    profile = read_profile(options.target)
    given = given_options(sys.argv[1:] if arguments is None else arguments)
    for name, value in profile.options().items():
        if name not in given:
            setattr(options, name, value)
    if "client" in given:  # a client has subprotocols of its own
        values = {key: value for key, value in profile.values.items() if key != "target.subprotocols"}
        profile = replace(profile, values=values)
    return profile


def given_options(arguments: Sequence[str]) -> set[str]:
    """Which options, by ``dest``, were given on the command line, in the environment or in a configuration file."""
    parser = get_parser()
    plain = [action for action in parser._actions if not getattr(action, "is_config_file_arg", False)]
    # what is appended to must be a list, or nothing
    lists = {action.dest for action in plain if isinstance(action, argparse._AppendAction)}
    parser.set_defaults(**{action.dest: None if action.dest in lists else _NOT_GIVEN for action in plain})
    parsed, _ = parser.parse_known_args(list(arguments))
    names = {action.dest for action in plain}
    absent = {name: None if name in lists else _NOT_GIVEN for name in names}
    return {name for name, value in vars(parsed).items() if name in names and value is not absent[name]}
