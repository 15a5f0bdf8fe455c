"""`loadtest calibrate --aa`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from loadtest.cli import aa, main
from loadtest.drive.target_server import TargetServer
from tests.drive.pairs import LOCUSTFILE, experiment, made


def test_what_the_machine_can_see_is_printed_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three pairs that are there: the table, what a gate of such short runs would stay open by, and the file."""
    server = TargetServer("http://127.0.0.1:1")
    parser = argparse.ArgumentParser()
    aa.add_aa_options(parser)
    known = {"duration": 30.0, "seed": 0, "report_dir": tmp_path, "run_id": "noise"}
    words = ["--aa", "--pairs", "3", "--server", server.given, "--warm-up", "2", "--locustfile", LOCUSTFILE]
    options = parser.parse_args([*words, "--", "--story", "x"], argparse.Namespace(**known))
    plan = aa.experiment_of(options, server, server, (3,), 2.0)
    made(tmp_path / "noise", plan).close()
    code = aa.run(options)
    told = capsys.readouterr().out

    assert (3, True) == (code, "contact.p99_incl_lost_ms, presence.agent.p_a stay undecided" in told)
    assert 3 == json.loads((tmp_path / "noise" / "noise.json").read_text())["measured"]
    assert experiment(3).pairs == plan.pairs


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--pairs", "2"], "say nothing of noise"),
        (["--pairs", "4,8"], "one number"),
        (["--gate-pairs", "7"], "is not looked at"),
    ],
    ids=["pairs", "looks", "gate"],
)
def test_bad_options_exit_with_2(more: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything runs."""
    code = main(["calibrate", "--aa", *more])

    assert (2, True) == (code, told in capsys.readouterr().err)
