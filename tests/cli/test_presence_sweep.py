"""The verb presence-sweep: what it refuses, and what it makes of options."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.cli import main
from loadtest.cli.presence_sweep import read_heartbeats
from loadtest.errors import UsageError


def test_heartbeats_are_sorted_and_told_once() -> None:
    """However they are written."""
    assert read_heartbeats("30, 10,10.0,20") == [10, 20, 30]


@pytest.mark.parametrize("text", ["x", "", "0", "10,inf", "nan"])
def test_what_is_no_heartbeat_is_refused(text: str) -> None:
    """One line says how they are written."""
    with pytest.raises(UsageError, match="--heartbeats"):
        read_heartbeats(text)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--", "--heartbeat", "3"], "--heartbeat is set by the verb itself"),
        (["--", "--run-time=5s"], "--run-time is set by the verb itself"),
        (["--duration", "nan"], "--duration"),
        (["--processes", "0"], "--processes"),
    ],
)
def test_the_sweeps_own_options_and_nonsense_are_refused(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A sweep sets heartbeat and length itself; nothing is run or made."""
    code = main(["presence-sweep", "--report-dir", str(tmp_path / "new"), *words])

    assert code == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_sweep_is_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An existing folder ends it before anything is run."""
    (tmp_path / "mine").mkdir()
    code = main(["presence-sweep", "--report-dir", str(tmp_path), "--run-id", "mine"])

    assert code == 2
    assert "never overwritten" in capsys.readouterr().err


def test_an_interrupted_sweep_has_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 130 and how far it came."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("loadtest.drive.presence_sweep.run", interrupt)
    code = main(["presence-sweep", "--report-dir", str(tmp_path), "--run-id", "mine"])

    assert (130, "loadtest: interrupted after 0 of 5 heartbeats.\n") == (code, capsys.readouterr().err)
