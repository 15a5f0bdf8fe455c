"""The tab in the web UI: what Locust's page is told, over Locust's own application."""

import json
from pathlib import Path
from types import SimpleNamespace

from flask import Flask, jsonify

from loadtest.distributed.progress import Progress
from loadtest.plan import LoadProfile
from loadtest.plugin.web_progress import KEY, ended_rows, show


def test_the_page_gets_the_standing():
    """The table is announced once, and each poll of the page brings its rows."""
    app = Flask(__name__)
    app.add_url_rule("/stats/requests", view_func=lambda: jsonify({"stats": []}))
    web_ui = SimpleNamespace(app=app, template_args={"extended_tabs": [{"title": "Other", "key": "other"}]})
    progress = Progress(LoadProfile(), 60.0, 0)
    show(web_ui, lambda: progress.newest)
    client = app.test_client()

    before = json.loads(client.get("/stats/requests").data)
    progress.look(30_000_000_000, "hold")
    after = json.loads(client.get("/stats/requests").data)

    assert [tab["key"] for tab in web_ui.template_args["extended_tabs"]] == ["other", KEY]
    assert before == {"stats": [], "extended_stats": [{"key": KEY, "data": []}]}
    assert {"name": "run", "value": "0:00:30 of 0:01:00, hold"} in after["extended_stats"][0]["data"]


def test_the_page_gets_the_result_in_the_end():
    """Once the test is over its result and its report stand in place of how it stood last."""
    app = Flask(__name__)
    app.add_url_rule("/stats/requests", view_func=lambda: jsonify({"stats": []}))
    web_ui = SimpleNamespace(app=app, template_args={})
    progress = Progress(LoadProfile(), 60.0, 0)
    progress.look(30_000_000_000, "hold")
    show(web_ui, lambda: progress.newest, lambda: ended_rows("PASS", Path("reports") / "mine" / "report.html"))
    data = json.loads(app.test_client().get("/stats/requests").data)["extended_stats"][0]["data"]

    assert data == [
        {"name": "run", "value": "over"},
        {"name": "result", "value": "PASS"},
        {"name": "report", "value": "reports/mine/report.html"},
    ]
