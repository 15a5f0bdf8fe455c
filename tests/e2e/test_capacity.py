"""One real capacity search, by the verb, on a server whose limit is known."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

from loadtest.store import open_run
from tests.plugin.locusts import ROOT, environment

#: two workers of 10 ms carry 200 deliveries a second, which is 18 messages to ten agents and the contact
KNEE = 200.0 / 11
SLO = '[fanout."message.created".agent]\np90_ms = 600\n'


def test_a_search_finds_the_known_limit_and_says_what_failed(tmp_path):
    """The interval has the true knee in it, within a wide factor, and latency failed first; all of it is one run.

    On a machine that is too busy the answer may be that the generator was the limit: then there is no capacity in it.
    """
    slo = tmp_path / "slo.toml"
    slo.write_text(SLO, encoding="utf-8")
    command = [
        sys.executable, "-m", "loadtest", "capacity", "--axis", "emit-rate", "--slo", str(slo),
        "--at", "agents=10,contacts=10,emit-rate=8", "--max-emit-rate", "64", "--factor", "4", "--tolerance", "1.5",
        "--hold", "4", "--settle", "1", "--confirm", "0", "--max-time", "0.1", "--report-dir", str(tmp_path),
        "--run-id", "search", "--", "--members", "10", "--deadline", "1", "--rest-timeout", "4",
        "--think-time", "0.2", "--faults", "service=10ms*2",
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=420, check=False
    )
    answer = json.loads((tmp_path / "search" / "capacity.json").read_text(encoding="utf-8"))

    assert done.returncode == answer["exit_code"], done.stderr
    assert "step 1, up to 8 messages/s" in done.stdout
    assert all(step["span"]["level"] <= 64 for step in answer["steps"])
    notes = open_run(tmp_path / "search").note_frame()
    assert len(answer["steps"]) == int((notes["kind"] == "step").sum()) > 0
    if answer["ending"] == "found":
        assert answer["last_pass"] <= 1.6 * KNEE
        assert answer["first_fail"] >= 0.6 * KNEE
        assert answer["failed_first"][0] in ("latency", "abort guard")
    else:
        assert answer["ending"] in ("generator", "unfinished", "least")
        assert answer["exit_code"] in (1, 3, 4)


def test_a_search_that_is_told_to_end_ends_with_what_it_has(tmp_path):
    """SIGTERM in the middle of a step: Locust stops, and the page of an unfinished search is there."""
    command = [
        sys.executable, "-m", "loadtest", "capacity", "--at", "agents=2,contacts=2,emit-rate=2", "--hold", "3600",
        "--settle", "1", "--confirm", "0", "--report-dir", str(tmp_path), "--run-id", "search",
    ]  # fmt: skip
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as searching:
        assert searching.stdout is not None
        assert any("step 1" in line for line in searching.stdout)
        searching.send_signal(signal.SIGTERM)
        _, said = searching.communicate(timeout=420)
    answer = json.loads((tmp_path / "search" / "capacity.json").read_text(encoding="utf-8"))

    assert searching.returncode == 130
    assert "--resume goes on" in said
    assert (answer["ending"], answer["steps"]) == ("unfinished", [])
