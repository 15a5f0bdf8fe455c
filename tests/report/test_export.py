"""A run as files for other tools."""

import pandas as pd
import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

from loadtest.errors import UsageError
from loadtest.metrics.buckets import MAX_US
from loadtest.report.export import export
from loadtest.store import open_run
from loadtest.store.frames import fanout_frame
from tests.report.synthetic import Story, write_run

TABLES = ("fanout", "rest", "delivery", "cable", "presence", "generator", "gauges", "notes", "emissions")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A stored run."""
    return write_run(tmp_path_factory.mktemp("runs") / "made-up", Story(hold=12))


def test_csv_has_a_file_a_subject(run, tmp_path):
    """Every table is there with its rows, and numbers are those of the frames."""
    paths = export(run, "csv", tmp_path)

    read = pd.read_csv(tmp_path / "fanout.csv")
    assert [path.name for path in paths] == [f"{name}.csv" for name in TABLES]
    pd.testing.assert_frame_equal(read, fanout_frame(open_run(run)), check_dtype=False)


def test_parquet_keeps_types(run, tmp_path):
    """A Parquet file reads back as the frame it was."""
    export(run, "parquet", tmp_path)

    read = pd.read_parquet(tmp_path / "fanout.parquet")
    pd.testing.assert_frame_equal(read, fanout_frame(open_run(run)), check_dtype=False, check_column_type=False)


def test_a_log_holds_every_histogram(run, tmp_path):
    """All of the log's intervals together are all of the run's samples."""
    (path,) = export(run, "hlog", tmp_path)

    reader = HistogramLogReader(str(path), HdrHistogram(1, MAX_US, 3))
    total = 0
    while (hist := reader.get_next_interval_histogram()) is not None:
        total += hist.total_count
    reader.input_file.close()
    assert total == sum(hist.n for hist in open_run(run).hist_frame()["hist"])


def test_coarser_rows_are_fewer(run, tmp_path):
    """Ten windows to a row."""
    fine, coarse = (pd.read_csv(export(run, "csv", tmp_path / str(n), n)[0]) for n in (1, 10))

    assert len(coarse) < len(fine) / 5
    assert coarse["n"].sum() == fine["n"].sum()


def test_without_a_folder_it_is_the_runs_own(run):
    """Files go into export/ of the run's folder."""
    (path,) = export(run, "hlog")

    assert path == run / "export" / "run.hlog"


def test_a_folder_that_cannot_be_made_is_refused(run, tmp_path):
    """A file where the folder should be."""
    (tmp_path / "file").write_text("")

    with pytest.raises(UsageError, match="another --out"):
        export(run, "csv", tmp_path / "file")
