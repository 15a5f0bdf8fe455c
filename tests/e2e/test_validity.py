"""A slow generator is INVALID and no slow server; a slow server is no slow generator; a deaf one fails.

The loads are tiny, so that a busy machine does not decide: what is asserted is what the run says of itself.
"""

from __future__ import annotations

import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from loadtest.collect.health import MACHINE_SHARE_LIMIT, OWN_SHARE
from loadtest.errors import UsageError
from loadtest.store import open_run
from tests.plugin.locusts import Ran, Running, command, locust

SMALL = ("--agents", 3, "--contacts", 2, "--members", 3, "--deadline", 3)
USERS = 5
OWN = {"lateness", "loop_lag", "cpu", "gc", "dropped", "read_lag", "backlog"}
HELD_MS = 2_000
BURN_MS = 500
PERIOD_US = 2_000_000

BURNING = f"""
import time

import gevent
import locust

import loadtest.plugin
from loadtest.users import AgentUser, ContactUser


def burn():
    while True:
        until_s = time.monotonic() + {BURN_MS / 1000}
        while time.monotonic() < until_s:
            pass
        gevent.sleep(0.02)


@locust.events.test_start.add_listener
def start(**_):
    gevent.spawn(burn)


class Agent(AgentUser):
    pass


class Contact(ContactUser):
    pass
"""

SLO = """
[rest."contact.send_message"]
p50_ms = { max = 500 }
"""


@pytest.fixture(scope="module")
def burnt(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A run whose locustfile computes for half a second at a time."""
    folder = tmp_path_factory.mktemp("burnt")
    locustfile = folder / "burning.py"
    locustfile.write_text(BURNING, encoding="utf-8")
    return locust(locustfile, folder / "run", *SMALL, "--emit-rate", 5, "--run-time", "8s")


@pytest.fixture(scope="module")
def side_by_side(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ran]:
    """Two servers that do wrong: one holds every REST answer for two seconds, one falls deaf in a silent run."""
    folder = tmp_path_factory.mktemp("servers")
    (folder / "slo.toml").write_text(SLO, encoding="utf-8")
    talk = ("--typing", 0, "--think-time", 0, "--canary", 0, "--window", 0.25, "--kernel-stamps", 0)
    silence = ("--emit-rate", 0, "--heartbeat", 600, "--canary", 2, "--run-time", "10m", "--faults", "deaf@8s")
    held = ("--emit-rate", 2, "--emissions", 16, "--faults", "rest-delay=2s", "--slo", folder / "slo.toml")
    plans = {"held": (*SMALL, *talk, *held), "deaf": (*SMALL, *silence)}
    with ExitStack() as stack:
        runs = {
            name: stack.enter_context(Running(command("agents.py", folder / name, *options), folder / name))
            for name, options in plans.items()
        }
        runs["deaf"].until(lambda: found_deaf(folder / "deaf") == USERS)
        runs["deaf"].signal(signal.SIGTERM)
        return {name: running.wait() for name, running in runs.items()}


def found_deaf(folder: Path) -> int:
    """How many sockets a run has found deaf so far."""
    try:
        counts = open_run(folder).count_frame()
    except UsageError:  # not there yet
        return 0
    return int(counts.loc[counts["metric"] == "cable.deaf", "value"].sum())


def test_a_generator_that_computes_is_invalid(burnt: Ran) -> None:
    """Exit code 4, every cause its own or the machine's, and no word of a slow or lossy server."""
    verdict, generator = burnt.summary["verdict"], burnt.summary["generator"]

    assert (4, "INVALID") == (burnt.code, verdict["result"])
    assert generator["loop_lag_max_ms"] >= BURN_MS * 0.9
    kept_off = generator["machine_cpu_share_max"] > MACHINE_SHARE_LIMIT and generator["cpu_share_max"] < OWN_SHARE
    assert generator["marked_by"].keys() & (OWN | {"machine"} if kept_off else OWN)  # others had its core
    assert not [check for check in verdict["checks"] if check["result"] == "FAIL"]


def test_a_breach_says_what_to_do(burnt: Ran) -> None:
    """Each marked window has its cause, its limit and a remedy."""
    notes = open_run(burnt.folder).note_frame()
    breaches: list[dict[str, Any]] = notes[notes["kind"] == "breach"]["data"].tolist()

    assert breaches
    assert all(breach["cause"] and breach["value"] > breach["limit"] and breach["remedy"] for breach in breaches)


def test_a_server_that_holds_its_answers_is_slow(side_by_side: dict[str, Ran]) -> None:
    """The limit on its answers fails the run; nothing is late or left out by it, which would be the generator's."""
    ran = side_by_side["held"]
    generator, rest = ran.summary["generator"], ran.summary["rest"]["contact.send_message"]
    stages = ran.summary["service"]["message.created"]

    assert rest["p50_ms"] >= HELD_MS * 0.99
    assert stages["answer_p50_ms"] >= HELD_MS * 0.99 > stages["lateness_p50_ms"]
    assert stages["lateness_p50_ms"] < HELD_MS / 4
    assert (0, False) == (generator["dropped"], "dropped" in generator["marked_by"])
    # a busy machine may invalidate any run
    assert ran.summary["verdict"]["result"] == ("FAIL" if generator["valid"] else "INVALID")


def test_deliveries_do_not_wait_for_the_answer(side_by_side: dict[str, Ran]) -> None:
    """Fan-out shows that the events came at once."""
    fanout = side_by_side["held"].summary["fanout"]["message.created"]

    assert all(row["p50_ms"] < HELD_MS / 2 for row in fanout.values())


def test_sockets_that_fall_deaf_fail_a_run_that_only_beats(side_by_side: dict[str, Ran]) -> None:
    """Pings flow and nobody talks; canaries show that no event arrives any more."""
    ran = side_by_side["deaf"]
    cable = ran.summary["cable"]
    (check,) = (check for check in ran.summary["verdict"]["checks"] if check["name"] == "deaf sockets")

    assert ("FAIL", USERS, USERS, 0) == (check["result"], check["value"], cable["deaf"], cable["deaf_recovered"])
    assert cable["pings"] > 0
    assert cable["stale"] == 0
    assert cable["proof_age_max_s"] > 2


def test_deafness_is_noticed_within_a_period_and_the_deadline(side_by_side: dict[str, Ran]) -> None:
    """The first canary that nobody heard was due a period after the last one heard was written, and told deafness."""
    ran = side_by_side["deaf"]
    notes = open_run(ran.folder).note_frame()
    rows = open_run(ran.folder).closing_frame()
    heard = rows[(rows["delivered"] > 0) & (rows["emitted"] > 0)].sort_values("due_us").iloc[-1]
    missed = rows[(rows["lost"] > 0) & (rows["emitted"] > 0)].sort_values("due_us").iloc[0]
    heard_us, missed_us = (int(row["due_us"] + row["lateness_us"] + row["rest_wait_us"]) for row in (heard, missed))
    since_us = min(data["since_us"] for data in notes[notes["kind"] == "deaf"]["data"])

    assert abs(int(missed["due_us"]) - heard_us - PERIOD_US) < 1_000
    assert abs(since_us - missed_us) < 1_000
