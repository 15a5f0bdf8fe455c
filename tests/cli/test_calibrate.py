"""`loadtest calibrate`: choosing rows, refusing nonsense, and what it prints and writes."""

import json

import pytest

from loadtest.cli import main
from loadtest.drive.matrix import MATRIX


@pytest.fixture(scope="module")
def floor(tmp_path_factory):
    """The quick floor, as the command line runs it: exit code and folder."""
    folder = tmp_path_factory.mktemp("reports")
    code = main(["calibrate", "--quick", "--rows", "floor", "--report-dir", str(folder), "--run-id", "c"])
    return code, folder / "c"


def test_the_rows_can_be_listed(capsys):
    """With what each injects, and nothing is run."""
    assert main(["calibrate", "--list"]) == 0

    lines = capsys.readouterr().out.splitlines()

    assert [row.name for row in MATRIX] == [line.split()[0] for line in lines]
    assert any("loss=2%" in line for line in lines)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--rows", "floor,losses"], "there is no row 'losses'"),
        (["--rate", "0"], "--rate"),
        (["--rate", "nan"], "--rate"),
        (["--duration", "1"], "Give 6 to 600"),
        (["--seed", "-1"], "--seed"),
    ],
)
def test_nonsense_is_wrong_usage(arguments, said, capsys, tmp_path):
    """One line and exit code 2, before anything is started or made."""
    code = main(["calibrate", *arguments, "--report-dir", str(tmp_path / "new")])

    assert code == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_calibration_is_never_overwritten(tmp_path, capsys):
    """An existing folder is refused."""
    (tmp_path / "c").mkdir()

    assert main(["calibrate", "--report-dir", str(tmp_path), "--run-id", "c"]) == 2
    assert "never overwritten" in capsys.readouterr().err


def test_json_and_figure_are_written(floor):
    """The exit code is the one in the file, beside the figure for both pages and the row's run."""
    code, folder = floor
    written = json.loads((folder / "calibration.json").read_text(encoding="utf-8"))

    assert (code, "floor") == (written["exit_code"], written["rows"][0]["name"])
    assert {"calibration.svg", "calibration.dark.svg", "floor"} <= {path.name for path in folder.iterdir()}


def test_the_floor_invents_nothing(floor):
    """Whatever the machine does, no delivery of the zero-fault row is called lost, doubled, leaked or reordered."""
    (row,) = json.loads((floor[1] / "calibration.json").read_text(encoding="utf-8"))["rows"]
    counts = {one["what"]: one["recovered"] for one in row["comparisons"] if one["ok"] is not None}

    assert counts
    assert set(counts.values()) == {0}
