"""A run that is watched from beginning to end, and judged as a soak."""

from __future__ import annotations

import json
import os
from pathlib import Path

from loadtest.cli import main
from loadtest.store import open_run
from tests.plugin.locusts import locust


def test_what_was_watched_can_be_judged(tmp_path: Path) -> None:
    """A process, a command and the embedded server are read during the run and after all have left; a source that
    fails is told of and ends nothing; a budget that nothing could break is kept or undecided, one for what was not
    watched says so."""
    folder = tmp_path / "run"
    watched = ("--watch", f"me=pid:{os.getpid()}", "--watch", "seven=command:echo 7", "--watch", "gone=pid:999999999")
    people = ("--agents", 4, "--contacts", 2, "--deadline", 2, "--emit-rate", 4, "--spawn-rate", 50)
    ran = locust("agents.py", folder, *people, *watched, "--watch-after", 5, "-t", "7s")

    run = open_run(folder)
    gauges, notes = run.gauge_frame(), run.note_frame()
    ended_s = float(notes.loc[notes["text"] == "end", "at_s"].iloc[0])
    read = {(name, source) for name, source in zip(gauges["name"], gauges["worker"], strict=True)}
    late = gauges[gauges["at_s"] > ended_s]
    budget = tmp_path / "budget.toml"
    budget.write_text('[target.seven]\nseven = "1/s"\n[target.jobs]\nrss_bytes = "1 MB/h"\n', encoding="utf-8")

    assert {("target.rss_bytes", "me"), ("target.seven", "seven"), ("target.rss_bytes", ""), ("target.fds", "")} <= read
    assert {"me", "seven", ""} <= set(late.loc[late["name"].str.startswith("target."), "worker"])
    assert ["gone: there is no process 999999999"] == notes.loc[notes["kind"] == "watch_failed", "text"].tolist()
    assert "not watched: gone" in ran.err

    assert 3 == main(["soak", str(folder), "--budget", str(budget)])
    drifts = json.loads((folder / "soak.json").read_text(encoding="utf-8"))["drifts"]
    assert drifts[0]["result"] in {"PASS", "INCONCLUSIVE"}
    assert "has no target.jobs.rss_bytes" in drifts[1]["note"]
