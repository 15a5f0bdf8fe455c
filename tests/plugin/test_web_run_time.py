"""The run time of the web page, over Locust's own page: which length a run is held against."""

from __future__ import annotations

import json

import pytest
from flask import Flask, jsonify

from loadtest.plugin.web_run_time import follow_run_time
from tests.plugin.conftest import eventually

FORM = {"user_count": "6", "spawn_rate": "50"}


@pytest.fixture
def page(environment, monkeypatch):
    """Makes an environment that waits for the form, as ``locust`` without ``--headless``, and a client of its page."""
    monkeypatch.setattr("sys.argv", ["locust"])  # the page reads it

    def make(*arguments):
        result = environment("--emit-rate", "40", "--think-time", "0.1", "--typing", "0", *arguments)
        result.parsed_options.headless = False
        runner = result.create_local_runner()
        web_ui = result.create_web_ui(delayed_start=True)
        result.events.init.fire(environment=result, runner=runner, web_ui=web_ui)
        return result, web_ui.app.test_client()

    return make


def run_of(environment, client, **form):
    """A run that is started by the form, and stopped by the page's button in its hold; its summary."""
    run = environment.cable_run
    assert client.post("/swarm", data=FORM | form).json["success"]
    eventually(lambda: run.conductor is not None and run.conductor.phase == "hold" and run.keeper.deliveries)
    folder = run.keeper.folder
    client.post("/stop")
    return json.loads((folder / "summary.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("form", [{"run_time": ""}, {}], ids=["empty", "left out"])
def test_without_a_run_time_the_default_is_no_plan(page, form):
    """The locustfile's minute is not what was asked for: the button is the run's normal end."""
    environment, client = page("--run-time", "60s")
    run = run_of(environment, client, **form)["run"]

    assert (False, None) == (run["interrupted"], run["run_time_s"])
    assert run["ran_s"] > 0


def test_the_forms_run_time_is_the_plan(page):
    """Stopped before it was over, the run is cut short; that of the command line does not matter."""
    environment, client = page("--run-time", "1s")
    run = run_of(environment, client, run_time="10m")["run"]

    assert (True, 600.0) == (run["interrupted"], run["run_time_s"])


def test_a_second_run_has_its_own_plan(page):
    """The first run's time is not kept for a second one without."""
    environment, client = page()
    first = run_of(environment, client, run_time="10m")["run"]
    environment.parsed_options.run_id = "second"
    second = run_of(environment, client, run_time="")["run"]

    assert ((True, 600.0), (False, None)) == tuple((run["interrupted"], run["run_time_s"]) for run in (first, second))


def test_a_form_under_way_takes_the_plan_away(page):
    """Locust ends its timer with a form that has no time; the run then goes on until it is stopped."""
    environment, client = page()
    run = environment.cable_run
    client.post("/swarm", data=FORM | {"run_time": "10m"})
    eventually(lambda: run.conductor is not None and run.conductor.phase == "hold")
    again = run_of(environment, client)["run"]

    assert (False, None) == (again["interrupted"], again["run_time_s"])


@pytest.fixture
def answers():
    """A page that answers its form as told, and what is told of it."""
    app, told = Flask(__name__), []
    app.add_url_rule("/swarm", "locust.swarm", lambda: jsonify(told.pop(0)))
    app.add_url_rule("/stop", "locust.stop", lambda: jsonify({"success": True}))
    seen = []
    follow_run_time(type("Page", (), {"app": app}), seen.append)
    return app.test_client(), told, seen


def test_a_form_that_was_refused_changes_nothing(answers):
    """Nor does any other request."""
    client, told, seen = answers
    told += [{"success": False, "message": "Valid run_time formats are"}, {"success": True, "run_time": 9}]
    client.get("/swarm")
    client.get("/stop")
    client.get("/swarm")

    assert [9] == seen
