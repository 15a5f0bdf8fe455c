"""Runs as comparisons take them."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.errors import UsageError
from loadtest.report.compared import load, summarised
from loadtest.store.baseline import pack
from tests.report.gated import run
from tests.report.synthetic import Story


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was slow in its first seconds."""
    return run(tmp_path_factory.mktemp("runs") / "one", Story(hold=40, stall=(0, 1)))


def test_a_folder_is_summarised_from_its_store(stored: Path) -> None:
    """Without the warm-up, and saying so; no summary.json is needed."""
    whole, held = summarised(stored, 0.0), summarised(stored, 5.0)

    assert (0.0, 5.0) == (whole["run"]["warm_up_s"], held["run"]["warm_up_s"])
    assert held["delivery"]["message.created"]["expected"] < whole["delivery"]["message.created"]["expected"]


def test_a_baseline_stands_for_its_runs(stored: Path, tmp_path: Path) -> None:
    """Packed and unpacked they are the same, among run folders and run files."""
    pack(load([stored, stored / "run.sqlite"]), tmp_path / "b")
    found = load([tmp_path / "b", stored])

    assert [summarised(stored, 5.0)] * 3 == found


def test_a_leak_in_the_warm_up_is_still_a_leak(tmp_path: Path) -> None:
    """However much is dropped."""
    leaky = run(tmp_path / "leaky", Story(hold=40, leaked=2))

    assert summarised(leaky, 39.0)["delivery"]["message.created"]["leaked"] == 2


def test_a_missing_run_is_told(tmp_path: Path) -> None:
    """With its path."""
    with pytest.raises(UsageError, match="no such run"):
        load([tmp_path / "none"])


def test_a_truncated_store_is_told(stored: Path, tmp_path: Path) -> None:
    """Half a file is no run."""
    data = (stored / "run.sqlite").read_bytes()
    (tmp_path / "run.sqlite").write_bytes(data[: len(data) // 2])

    with pytest.raises(UsageError, match="cut off or damaged"):
        load([tmp_path])


def test_a_run_without_an_end_is_refused(tmp_path: Path) -> None:
    """It goes on, or was killed: half of it would be compared with a whole."""
    killed = run(tmp_path / "killed", Story(hold=40), ended_at=None)

    with pytest.raises(UsageError, match="has no end"):
        load([killed])


def test_a_run_shorter_than_its_warm_up_is_refused(stored: Path) -> None:
    """With what to do."""
    with pytest.raises(UsageError, match="smaller --warm-up"):
        load([stored], 40.0)
