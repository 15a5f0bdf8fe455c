"""The verb presence-sweep: what it refuses, and what it makes of options."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.cli import main
from loadtest.cli.presence_sweep import read_heartbeats, read_options
from loadtest.errors import UsageError


def test_heartbeats_are_sorted_and_told_once() -> None:
    """However they are written."""
    assert read_heartbeats("30, 10,10.0,20") == [10, 20, 30]


@pytest.mark.parametrize("text", ["x", "", "0", "10,inf", "nan"])
def test_what_is_no_heartbeat_is_refused(text: str) -> None:
    """One line says how they are written."""
    with pytest.raises(UsageError, match="--heartbeats"):
        read_heartbeats(text)


def test_options_behind_the_dashes_go_to_every_run() -> None:
    """With a value behind an equals sign, behind a blank, or none."""
    words = ["--agents", "50", "--agent-expiry=20", "--push-presence"]

    assert read_options(words) == {"agents": "50", "agent-expiry": "20", "push-presence": True}


@pytest.mark.parametrize("words", [["50"], ["--agents", "5", "6"], ["--heartbeat", "3"], ["--run-time=5s"]])
def test_stray_words_and_the_sweeps_own_options_are_refused(words: list[str]) -> None:
    """A sweep sets heartbeat and length itself."""
    with pytest.raises(UsageError):
        read_options(words)


def test_a_sweep_is_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An existing folder ends it before anything is run."""
    (tmp_path / "mine").mkdir()
    code = main(["presence-sweep", "--report-dir", str(tmp_path), "--run-id", "mine"])

    assert code == 2
    assert "never overwritten" in capsys.readouterr().err
