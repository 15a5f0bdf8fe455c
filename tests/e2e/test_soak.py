"""Soaks and storms as a user runs them: days in seconds, a kill and its resume, a herd that comes back."""

import json
import signal
import subprocess
import sys

import jsonschema
import pytest

from loadtest.report import build
from loadtest.store import open_run
from tests.plugin.locusts import ROOT, Running, command, locust

FEW = ("--agents", 6, "--contacts", 8, "--spawn-rate", 20, "--emit-rate", 8, "--typing", 0, "--think-time", 0.1)
STEADY = (*FEW, "--load-profile", "flat", "--session", 0, "--deadline", 3, "--window", 1, "--heartbeat", 2)


def test_a_killed_run_is_whole_and_goes_on(tmp_path):
    """What is there can be reported; the next part adds to it; the time between is a gap in which nothing was lost."""
    folder = tmp_path / "run"
    with Running(command("soak.py", folder, *STEADY, "-t", "600s"), folder) as running:
        running.until_delivering()
        running.signal(signal.SIGKILL)
        running.wait()
    before = build(folder).as_dict()
    argv = command("soak.py", folder, *STEADY, "-t", "6s", "--progress", 1, "--resume", folder)
    went_on = subprocess.run(
        [part for part in argv if part not in ("--run-id", folder.name)], check=False, capture_output=True, text=True,
        timeout=120, cwd=ROOT,
    )  # fmt: skip
    after = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    run = open_run(folder)
    ((first, last),) = run.meta["gaps"]
    sums = after["delivery"]["message.created"]

    assert any("no end" in text for text in before["verdict"]["warnings"])
    assert after["run"]["hold_s"] > before["run"]["hold_s"]
    assert last >= first
    assert len(run.meta["parts"]) == 2
    assert sums["expected"] == sums["delivered"] + sums["cut_by_us"] + sums["undetermined"]
    assert sums["lost"] == 0
    assert any("gone on with" in text for text in after["verdict"]["warnings"])
    assert "hold | load 100%" in went_on.stderr


def test_another_plan_is_another_run(tmp_path):
    """A run is not gone on with under other options, and stays as it was."""
    folder = tmp_path / "run"
    assert locust("soak.py", folder, *STEADY, "-t", "4s").code in (0, 3, 4)
    content = (folder / "run.sqlite").read_bytes()
    argv = command("soak.py", folder, *STEADY, "-t", "4s", "--emit-rate", 9, "--resume", folder)
    refused = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=120, cwd=ROOT)

    assert refused.returncode == 2
    assert "emit_rate was 8.0, is 9.0" in refused.stderr
    assert (folder / "run.sqlite").read_bytes() == content


@pytest.mark.parametrize("manner", ["clean", "half-open"])
def test_who_a_storm_dropped_comes_back(tmp_path, manner):
    """Everybody is dropped and comes back at once; what was sent meanwhile is away, never lost, and no alarm."""
    storm = ("--storm", f"100%@1s:{manner}", "--reconnect", "immediate", "-t", "6s")
    ran = locust("storm.py", tmp_path / "run", *FEW, "--deadline", 3, *storm)
    (row,) = ran.summary["storms"]
    schema = json.loads((ROOT / "loadtest" / "analysis" / "summary.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(ran.summary, schema)

    assert (row["name"], row["dropped"], row["back"]) == (f"1 {manner}", 14, 14)
    assert sum(row["herd"]) == row["attempts"] >= 14
    assert row["back_all_s"] != "inf"
    assert ran.sums()["lost"] == 0
    assert "Storms" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")


def test_a_redeploy_is_waited_for(tmp_path):
    """Nothing is dropped by us; the embedded server is redeployed, and who it had is back when it is."""
    ran = locust(
        "storm.py", tmp_path / "run", *FEW, "--deadline", 3, "--storm", "wait", "--reconnect", "immediate",
        "--faults", "redeploy=1s@4s", "-t", "10s",
    )  # fmt: skip
    (row,) = ran.summary["storms"]

    assert (row["manner"], row["dropped"], row["back"]) == ("wait", 14, 14)
    assert row["back_all_s"] > 0.5
    assert ran.summary["cable"]["disconnects"]["server_restart"] == 14


SOAKED = """
[soak]
warm_up = "4 s"
[target]
rss_bytes = "1200 MB/h"
"""


def soaking(folder, *options):
    """A run of the embedded server just long enough for growth to be told."""
    return Running(command("soak.py", folder, *STEADY, "-t", "34s", "--seed", 5, *options), folder)


def soaked(folder, budget):
    """What the console script says of a run: exit code and the target's memory."""
    argv = [sys.executable, "-m", "loadtest", "soak", str(folder), "--budget", str(budget), "--json"]
    done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=120, cwd=ROOT)
    (level,) = [row for row in json.loads(done.stdout)["drifts"] if row["name"] == "target.rss_bytes"]
    return done.returncode, level


def test_a_planted_leak_is_found(tmp_path):
    """A megabyte a second fails, and its growth is what the server says it leaked; a server without it does not."""
    truth, budget = tmp_path / "truth.jsonl", tmp_path / "budget.toml"
    budget.write_text(SOAKED, encoding="utf-8")
    leak = ("--faults", "memory-leak=20kB/delivery", "--truth", truth)
    with soaking(tmp_path / "leaking", *leak) as leaking, soaking(tmp_path / "sound") as sound:
        leaking.wait()
        sound.wait()
    told = [json.loads(line) for line in truth.read_text(encoding="utf-8").splitlines()]
    leaked = [(line["t"], line["bytes"]) for line in told if line["kind"] == "memory-leak"]
    (since_s, before), (until_s, after) = leaked[len(leaked) // 8], leaked[-2]
    planted = (after - before) / (until_s - since_s) * 3600
    code, level = soaked(tmp_path / "leaking", budget)
    sound_code, sound_level = soaked(tmp_path / "sound", budget)

    assert (code, level["result"]) == (1, "FAIL")
    assert level["interval"][0] * 0.8 < planted < level["interval"][1] * 1.25
    assert sound_code != 1
    assert sound_level["result"] != "FAIL"
