"""`loadtest report`: a run's report from its store alone."""

import json
import shutil
import sqlite3
import subprocess
import sys

import pytest

from loadtest.cli import main
from tests.report.synthetic import Story, write_run


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A stored run that lost deliveries, without a report."""
    return write_run(tmp_path_factory.mktemp("runs") / "made-up", Story(hold=20, lost_share=0.1))


@pytest.fixture
def run(stored, tmp_path):
    """A copy of it for one test."""
    return shutil.copytree(stored, tmp_path / "run")


def test_the_report_is_made_from_the_store(run, capsys):
    """All files of a report are there afterwards, and the summary is printed."""
    main(["report", str(run)])
    out = capsys.readouterr().out

    assert {"run.sqlite", "summary.json", "summary.md", "report.html", "figures"} <= {p.name for p in run.iterdir()}
    assert "verdict" in out
    assert str(run / "report.html") in out


def test_a_report_is_no_verdict(run):
    """The exit code says that the report was made, whatever it says."""
    assert main(["report", str(run)]) == 0


def test_the_verdicts_code_is_had_on_request(run):
    """--check exits with the verdict's code."""
    code = main(["report", str(run), "--check"])
    verdict = json.loads((run / "summary.json").read_text(encoding="utf-8"))["verdict"]

    assert code == verdict["exit_code"] == 1


def test_other_limits_can_be_applied_afterwards(run, tmp_path):
    """--slo judges a stored run by limits that it was not run with."""
    slo = tmp_path / "slo.toml"
    slo.write_text('[fanout."message.created".agent]\np50_ms = { max = 100000 }\n', encoding="utf-8")

    assert main(["report", str(run), "--check", "--slo", str(slo)]) == 0


def test_a_wrong_limit_is_wrong_usage(run, tmp_path, capsys):
    """An unknown key ends with code 2 and the nearest name; no report is made."""
    slo = tmp_path / "slo.toml"
    slo.write_text("[cable]\nping_gap_p99 = { max = 4 }\n", encoding="utf-8")

    assert main(["report", str(run), "--slo", str(slo)]) == 2
    assert "ping_gap_p99_s" in capsys.readouterr().err
    assert not (run / "summary.json").exists()


@pytest.mark.parametrize("content", [None, "", "not a database, but long enough to be looked at as one" * 100])
def test_what_is_no_run_is_wrong_usage(tmp_path, capsys, content):
    """A folder without a readable store is refused in a line that names it."""
    if content is not None:
        (tmp_path / "run.sqlite").write_text(content)

    assert main(["report", str(tmp_path)]) == 2
    err = capsys.readouterr().err

    assert err.startswith("loadtest: ")
    assert str(tmp_path) in err
    assert err.count("\n") == 1


def test_a_reader_who_leaves_is_no_error(run):
    """`loadtest report RUN | head -1` ends quietly."""
    command = f"{sys.executable} -m loadtest report {run} | head -1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, timeout=120, check=False
    )

    assert "Traceback" not in done.stderr
    assert done.returncode == 0


def test_a_defect_of_this_tool_is_no_failure_of_the_target(run, capsys):
    """A number that no release writes, and that nothing expects: exit code 4, not Python's 1, which is FAIL's."""
    with sqlite3.connect(run / "run.sqlite") as connection:
        connection.execute("UPDATE gauge SET value = 9e999 WHERE name LIKE 'users.planned.%'")
    connection.close()
    code = main(["report", str(run), "--check"])

    assert (4, True) == (code, "a defect of this tool" in capsys.readouterr().err)
