"""`loadtest baseline pack`, and comparing with what it packed."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.cli import main
from tests.report.gated import arms

Arms = tuple[list[Path], list[Path]]


@pytest.fixture(scope="module")
def lossy(tmp_path_factory: pytest.TempPathFactory) -> Arms:
    """Three pairs of which the candidate loses one delivery in fifty."""
    return arms(tmp_path_factory.mktemp("lossy"), 3, lost_share=0.02)


def test_a_packed_baseline_takes_the_place_of_its_runs(
    lossy: Arms, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is small, and the verdict is that of the folders."""
    file = tmp_path / "main.baseline"
    packed = main(["baseline", "pack", *map(str, lossy[0]), "-o", str(file)])
    code = main(["compare", "--baseline", str(file), "--candidate", *map(str, lossy[1])])

    assert (0, 1) == (packed, code)
    assert file.stat().st_size < 100_000
    assert "3 runs" in capsys.readouterr().out


def test_another_warm_up_is_a_difference(lossy: Arms, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was dropped when it was packed must be dropped now."""
    file = tmp_path / "main.baseline"
    main(["baseline", "pack", str(lossy[0][0]), "-o", str(file), "--warm-up", "9"])
    code = main(["compare", "--baseline", str(file), "--candidate", *map(str, lossy[1])])

    assert (2, True) == (code, "warm-up: 9.0 against 5.0" in capsys.readouterr().err)


def test_a_truncated_baseline_exits_with_2(lossy: Arms, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As any run that cannot be read."""
    file = tmp_path / "main.baseline"
    main(["baseline", "pack", str(lossy[0][0]), "-o", str(file)])
    file.write_bytes(file.read_bytes()[:-50])
    code = main(["compare", "--baseline", str(file), "--candidate", *map(str, lossy[1])])

    assert (2, True) == (code, "cut off or damaged" in capsys.readouterr().err)


def test_a_missing_run_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And nothing is written."""
    code = main(["baseline", "pack", str(tmp_path / "none"), "-o", str(tmp_path / "b")])

    assert (2, False) == (code, (tmp_path / "b").exists())
    assert "no such run" in capsys.readouterr().err
