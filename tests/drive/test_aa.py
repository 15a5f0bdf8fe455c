"""Pairs of a build with itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.drive.aa import measure
from loadtest.drive.ab import Folder
from loadtest.errors import GeneratorError, UsageError
from loadtest.report.noise import read_noise
from tests.drive.pairs import experiment, made


def test_the_noise_is_written_and_can_be_read(tmp_path: Path) -> None:
    """Three pairs say something of every primary that varies or never went wrong."""
    plan = experiment(3)
    content = measure(plan, made(tmp_path / "aa", plan), most_pairs=8)

    assert content["metrics"] == read_noise(tmp_path / "aa" / "noise.json")["metrics"]
    assert {"delivery.lost", "rest.errors"} <= {metric["name"] for metric in content["metrics"]}
    assert 3 == content["measured"]


def test_two_pairs_are_refused(tmp_path: Path) -> None:
    """Before anything is run."""
    plan = experiment(2)
    with pytest.raises(UsageError, match="say nothing of noise"):
        measure(plan, Folder(tmp_path / "aa", plan), most_pairs=8)


def test_runs_that_are_not_fit_say_nothing(tmp_path: Path) -> None:
    """Their pairs are left out, and the reason is told."""
    plan = experiment(3)
    folder = made(tmp_path / "aa", plan, breached=tuple(range(15)))
    with pytest.raises(GeneratorError, match=r"0 of 3 pairs are fit.*windows"):
        measure(plan, folder, most_pairs=8)

    assert not (tmp_path / "aa" / "noise.json").exists()
