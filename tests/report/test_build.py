"""From a store to a report."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.analysis.slo import parse_slo
from loadtest.errors import UsageError
from loadtest.report import build
from loadtest.store import RunWriter
from tests.report.synthetic import Story, batch, meta, write_run


def test_a_run_gets_its_report(tmp_path: Path) -> None:
    """The summary that is handed back is the one in the file, and the page names the run."""
    folder = write_run(tmp_path / "run", Story())
    summary = build(folder)

    actual = (
        json.loads((folder / "summary.json").read_text(encoding="utf-8")),
        "made-up" in (folder / "report.html").read_text(encoding="utf-8"),
    )

    assert (summary.as_dict(), True) == actual


def test_the_file_may_be_named_in_place_of_its_folder(tmp_path: Path) -> None:
    """``loadtest report reports/x/run.sqlite`` writes beside the file."""
    folder = write_run(tmp_path / "run", Story(hold=5))
    build(folder / "run.sqlite")

    actual = (folder / "report.html").is_file()

    assert actual


def test_a_run_still_going_on_has_a_report(tmp_path: Path) -> None:
    """The store is read while it is written; the report says that the run has not ended."""
    with RunWriter.create(tmp_path / "run", meta(Story(), ended_at=None)) as writer:
        made = batch(Story(drain=0))
        made.notes = [note for note in made.notes if note.data.get("phase") not in {"drain", "end"}]
        writer.write(made)
        build(tmp_path / "run")

        actual = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")

    assert "The run has no end" in actual


def test_a_run_that_was_only_begun_has_a_report(tmp_path: Path) -> None:
    """Not one window, not one note: INVALID, and a page."""
    RunWriter.create(tmp_path / "run", meta(Story(), ended_at=None)).close()
    summary = build(tmp_path / "run")

    actual = (summary.verdict.result, (tmp_path / "run" / "report.html").is_file())

    assert ("INVALID", True) == actual


def test_an_interrupted_run_says_so(tmp_path: Path) -> None:
    """What it had measured is judged, and the interruption is said."""
    folder = write_run(tmp_path / "run", Story(hold=20, drain=0), interrupted=True)
    build(folder)

    actual = "The run was interrupted after 20 s of hold" in (folder / "summary.md").read_text(encoding="utf-8")

    assert actual


def test_an_slo_decides(tmp_path: Path) -> None:
    """Limits of one's own are judged and shown."""
    folder = write_run(tmp_path / "run", Story())
    summary = build(folder, parse_slo('[fanout."message.created".agent]\np50_ms = 0.001\n'))

    actual = (summary.verdict.result, "p50_ms" in (folder / "report.html").read_text(encoding="utf-8"))

    assert ("FAIL", True) == actual


def test_a_folder_without_a_run_is_a_usage_error(tmp_path: Path) -> None:
    """Nothing is written where no run is."""
    with pytest.raises(UsageError):
        build(tmp_path)

    actual = list(tmp_path.iterdir())

    assert [] == actual


def test_a_terminal_summary_costs_no_drawing() -> None:
    """Importing the package loads neither matplotlib nor pandas nor gevent."""
    heavy = {"matplotlib", "pandas", "numpy", "gevent", "locust"}
    code = f"import sys, loadtest.report; print(*({heavy!r} & set(sys.modules)))"

    actual = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()

    assert actual == ""


def test_making_a_report_needs_no_gevent(tmp_path: Path) -> None:
    """Reports are made in plain notebooks: Locust and gevent stay out."""
    folder = write_run(tmp_path / "run", Story(hold=5))
    code = (
        "import sys, loadtest.report as r; r.build(sys.argv[1]); print(*({'gevent', 'locust'} & set(sys.modules)));"
        "print(*[n for n in sys.modules if n == 'matplotlib.pyplot'])"
    )

    actual = subprocess.run(
        [sys.executable, "-c", code, folder], check=True, capture_output=True, text=True
    ).stdout.split()

    assert [] == actual
