"""`loadtest compare`: exit codes, files, and what it says of bad input."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from loadtest.cli import main
from tests.report.gated import arms, run
from tests.report.synthetic import Story

Arms = tuple[list[Path], list[Path]]


@pytest.fixture(scope="module")
def lossy(tmp_path_factory: pytest.TempPathFactory) -> Arms:
    """Three pairs of which the candidate loses one delivery in fifty."""
    return arms(tmp_path_factory.mktemp("lossy"), 3, lost_share=0.02)


def compare(runs: Arms, *more: str) -> int:
    """The verb on these runs."""
    return main(["compare", "--baseline", *map(str, runs[0]), "--candidate", *map(str, runs[1]), *more])


def test_a_worse_candidate_exits_with_1_and_leaves_its_files(
    lossy: Arms, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Table on the terminal; JSON, Markdown and JUnit XML in the folder."""
    code = compare(lossy, "--out", str(tmp_path / "gate"))
    told = capsys.readouterr().out

    assert (1, True) == (code, told.startswith("FAIL"))
    assert {"compare.json", "compare.md", "junit.xml"} == {path.name for path in (tmp_path / "gate").iterdir()}


def test_a_single_pair_exits_with_3(lossy: Arms, capsys: pytest.CaptureFixture[str]) -> None:
    """The better arm as candidate: one pair never passes."""
    code = compare(([lossy[1][0]], [lossy[0][0]]))

    told = capsys.readouterr().out

    assert (3, 1) == (code, told.count("1 pair cannot show"))
    assert "--out DIR writes" in told


def test_groups_are_compared_with_a_warning(lossy: Arms, capsys: pytest.CaptureFixture[str]) -> None:
    """As asked for."""
    code = compare(lossy, "--unpaired")

    assert (1, True) == (code, "not interleaved" in capsys.readouterr().out)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--margin", "latency"], "no margin"),
        (["--allow-unlike", "weather"], "'weather' is not known"),
        (["--noise", "none.json"], "cannot be read"),
        (["--warm-up", "1000"], "smaller --warm-up"),
    ],
    ids=["margin", "unlike", "noise", "warm-up"],
)
def test_bad_options_exit_with_2(lossy: Arms, more: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, no traceback."""
    code = compare(lossy, *more)

    assert (2, True) == (code, told in capsys.readouterr().err)


def test_a_missing_run_exits_with_2(lossy: Arms, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With its path."""
    code = compare((lossy[0], [tmp_path / "none"]))

    assert (2, True) == (code, str(tmp_path / "none") in capsys.readouterr().err)


def cut_off(store: Path) -> None:
    """Half of it is gone."""
    data = store.read_bytes()
    store.write_bytes(data[: len(data) // 2])


def of_layout(number: int) -> Callable[[Path], None]:
    """Makes a store of another release's layout."""

    def change(store: Path) -> None:
        with sqlite3.connect(store) as connection:
            connection.execute(f"PRAGMA user_version = {number}")
        connection.close()

    return change


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (cut_off, "cut off or damaged"),
        (of_layout(0), "layout 0"),
        (of_layout(99), "layout 99"),
        (Path.unlink, "not a run"),
    ],
    ids=["truncated", "older", "newer", "missing"],
)
def test_a_store_that_cannot_be_read_exits_with_2(
    lossy: Arms, tmp_path: Path, spoil: Callable[[Path], None], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The better arm as candidate, of which one run is spoilt: it is said which, and nothing passes."""
    spoilt = shutil.copytree(lossy[0][1], tmp_path / "spoilt")
    spoil(spoilt / "run.sqlite")
    code = compare((lossy[1], [lossy[0][0], spoilt]))
    said = capsys.readouterr().err

    assert (2, True, True) == (code, told in said, str(spoilt) in said)
    assert "Traceback" not in said


def test_runs_without_any_variance_exit_with_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Four copies of one run are no four measurements."""
    story = Story(hold=40)
    began = (f"2026-11-23T00:0{minute}:00+00:00" for minute in range(4))
    a, b, c, d = (run(tmp_path / name, story, started_at=next(began)) for name in "abcd")
    code = compare(([a, d], [b, c]))

    assert (3, True) == (code, "no measurement of noise" in capsys.readouterr().out)
