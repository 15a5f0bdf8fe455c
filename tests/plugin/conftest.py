"""Locust environments inside the test's own process, with the plugin's listeners and events of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gevent
import locust.log
import pytest
from locust.argument_parser import get_parser
from locust.env import Environment
from locust.event import Events
from locust.stats import RequestStats

import loadtest.plugin  # noqa: F401 - registers the options with Locust's parser
from loadtest.plugin import listeners
from loadtest.users import AgentUser, ContactUser

PATIENCE_S = 60
EVENTS = ("init", "test_start", "spawning_complete", "test_stopping", "test_stop", "quitting", "quit")
SMALL = ("--headless", "--agents", "4", "--contacts", "2", "--members", "4", "--deadline", "2", "--spawn-rate", "50")


def eventually(condition: Callable[[], Any]) -> Any:
    """Wait until a condition holds and return its value; a minute without it is a failure."""
    with gevent.Timeout(PATIENCE_S, AssertionError("it never came")):
        while not (value := condition()):
            gevent.sleep(0.005)
    return value


@pytest.fixture
def environment(tmp_path) -> Iterator[Callable[..., Environment]]:
    """Makes environments out of a command line; runs are written below ``tmp_path / "reports"``."""
    made: list[Environment] = []

    def make(*arguments: Any) -> Environment:
        class Agent(AgentUser):
            """An agent."""

        class Contact(ContactUser):
            """A contact."""

        argv = [*SMALL, "--report-dir", tmp_path / "reports", *arguments]
        options = get_parser(default_config_files=[]).parse_args(list(map(str, argv)))
        events = Events()
        for name in EVENTS:
            getattr(events, name).add_listener(getattr(listeners, f"on_{name}"))
        result = Environment(user_classes=[Agent, Contact], events=events, host=options.host, parsed_options=options)
        result.locustfile = "agents.py"
        result.stats = RequestStats()
        made.append(result)
        return result

    locust.log.unhandled_greenlet_exception = False
    yield make
    for each in made:
        if each.runner is not None:
            each.runner.quit()
        if run := getattr(each, "cable_run", None):
            run.close()
    locust.log.unhandled_greenlet_exception = False


@pytest.fixture
def ready(environment):
    """Makes environments whose local run is prepared: the embedded server is up."""

    def make(*arguments: Any) -> Environment:
        result = environment(*arguments)
        runner = result.create_local_runner()
        result.events.init.fire(environment=result, runner=runner, web_ui=None)
        return result

    return make


@pytest.fixture
def holding(ready):
    """Makes environments whose run is in its hold and has delivered something."""

    def make(*arguments: Any) -> Environment:
        result = ready("--emit-rate", "40", "--think-time", "0.1", "--typing", "0", *arguments)
        result.runner.start(result.parsed_options.num_users, spawn_rate=50)
        run = result.cable_run
        eventually(lambda: run.conductor is not None and run.conductor.phase == "hold")
        eventually(lambda: run.keeper.deliveries)
        return result

    return make
