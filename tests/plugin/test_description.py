"""What the store says of a run from its first moment."""

import datetime
import json

from locust.argument_parser import get_parser

import loadtest.plugin  # noqa: F401 - registers the options with Locust's parser
from loadtest.directory import Population, generate
from loadtest.plugin.description import describe
from loadtest.users import FleetSettings


def described(*arguments, embedded=True):
    """The description of a run of 4 agents and 2 contacts."""
    return describe(
        get_parser(default_config_files=[]).parse_args(list(arguments)),
        FleetSettings("abc123", mix="read=1"),
        generate(Population(4, 2, 3)),
        url="http://127.0.0.1:3000",
        embedded=embedded,
        run_id="mine",
        started=datetime.datetime(2026, 11, 23, tzinfo=datetime.UTC),
        workers=3,
        locustfile="agents.py",
    )


def test_a_run_is_described_in_values_that_json_knows():
    """Who, what, how many, and on how many workers."""
    meta = described("--emit-rate", "7", "--emissions", "90", "--members", "3")

    assert meta == json.loads(json.dumps(meta))
    assert ("mine", "2026-11-23T00:00:00.000+00:00", 3) == (meta["run_id"], meta["started_at"], meta["workers"])
    assert {"agents": 4, "contacts": 2, "accounts": 1, "members": 3} == meta["population"]
    assert (7.0, 90, "read=1") == tuple(meta["plan"][key] for key in ("emit_rate", "emissions", "mix"))


def test_another_server_is_not_called_ours():
    """Nor is anything claimed of its inboxes' width."""
    meta = described(embedded=False)

    assert ("", False, None) == (meta["target"]["server"], meta["target"]["embedded"], meta["population"]["members"])
