"""Running rows: outcomes, exit codes, and what is left when it is interrupted; tests/calibration runs real ones."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from loadtest.analysis.calibration import Comparison
from loadtest.drive.calibration import Calibration, RowResult, calibrate
from loadtest.drive.matrix import QUICK, chosen
from tests.plugin.locusts import ROOT

FLOOR = chosen(["floor"])[0]


def result(outcome):
    """A row that came out so."""
    return RowResult(FLOOR, "", outcome, (Comparison("lost", 0, 0, 0, "deliveries", True),), (), 1.0, Path("floor"))


@pytest.mark.parametrize(
    ("outcomes", "interrupted", "code"),
    [
        (["ok", "ok"], False, 0),
        (["ok", "WRONG", "BROKEN"], False, 1),
        (["ok", "INCONCLUSIVE"], False, 3),
        (["ok", "INCONCLUSIVE", "BROKEN"], False, 4),
        (["ok"], True, 4),
        (["WRONG"], True, 1),
        ([], True, 4),
    ],
)
def test_the_exit_code_is_that_of_the_worst_row(outcomes, interrupted, code):
    """Wrong before not run before inconclusive; an interrupted matrix is not a good one."""
    found = Calibration(tuple(map(result, outcomes)), QUICK, "2026-11-23T00:00:00+00:00", 1.0, interrupted)

    assert code == found.exit_code
    assert code == found.as_dict()["exit_code"]


def test_a_row_that_locust_refuses_is_not_run(tmp_path):
    """Its reason is Locust's sentence, and the other rows go on."""
    refused = replace(FLOOR, name="refused", options={"agents": -1})
    heard = []
    rows = [replace(refused, name=name, beside=True) for name in ("one", "other")]
    found = calibrate(rows, QUICK, tmp_path / "a", on_row=heard.append)

    assert found.outcome == "BROKEN"
    assert "is not 0 or more" in found.rows[0].reasons[0]
    assert [row.outcome for row in heard] == ["BROKEN", "BROKEN"]


def test_a_folder_may_be_named_from_here(tmp_path, monkeypatch):
    """The default folder is a relative one; a row's truth file is found in it by a run whose working folder differs."""
    monkeypatch.chdir(tmp_path)
    refused = replace(FLOOR, options={"agents": -1})
    found = calibrate([refused], QUICK, Path("reports") / "a")

    assert "--truth" not in found.rows[0].reasons[0]


def test_an_interrupted_matrix_ends_its_runs(tmp_path):
    """SIGTERM ends the rows under way; what was judged is kept and the exit code says that it was not all."""
    with subprocess.Popen(
        [
            sys.executable,
            "-m",
            "loadtest",
            "calibrate",
            "--rows",
            "deaf,pings",
            "--report-dir",
            str(tmp_path),
            "--run-id",
            "c",
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as verb:
        try:
            said = [tmp_path / "c" / f"{name}.err" for name in ("deaf", "pings")]
            until_s = time.monotonic() + 60
            while not all(path.exists() and "All users spawned" in path.read_text(encoding="utf-8") for path in said):
                assert verb.poll() is None
                assert time.monotonic() < until_s
                time.sleep(0.05)
            children = psutil.Process(verb.pid).children(recursive=True)
            os.kill(verb.pid, signal.SIGTERM)
            out, _ = verb.communicate(timeout=90)
        finally:
            verb.kill()
    written = json.loads((tmp_path / "c" / "calibration.json").read_text(encoding="utf-8"))

    assert verb.returncode == 4, out
    assert (written["interrupted"], written["rows"]) == (True, [])
    assert "interrupted" in out
    assert not psutil.wait_procs(children, timeout=10)[1]
