"""`loadtest export`: a run's data for other tools."""

import pytest

from loadtest.cli import main
from tests.report.synthetic import Story, write_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A stored run."""
    return write_run(tmp_path_factory.mktemp("runs") / "made-up", Story(ramp=2, hold=4, drain=2))


@pytest.mark.parametrize(("kind", "files"), [("csv", 9), ("parquet", 9), ("hlog", 1)])
def test_files_are_written_and_named(run, tmp_path, kind, files, capsys):
    """Each file is printed with its size."""
    assert main(["export", str(run), "--format", kind, "--out", str(tmp_path)]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(list(tmp_path.glob(f"*.{kind}"))) == files
    assert all(line.endswith(" bytes") for line in lines)


def test_a_number_that_is_none_is_wrong_usage(run, capsys):
    """Rows of no windows cannot be."""
    assert main(["export", str(run), "--coarsen", "0"]) == 2
    assert "--coarsen" in capsys.readouterr().err
