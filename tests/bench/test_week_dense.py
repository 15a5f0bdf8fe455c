"""The bench of the worst week to read, on a few windows of it."""

from __future__ import annotations

from pathlib import Path

from loadtest.store import open_run
from tests.bench.week_dense import make, report, write


def test_every_series_has_samples_in_every_window(tmp_path: Path) -> None:
    """That is what makes it the worst; its soak page is made, and timed by the clock and by processors."""
    file_bytes = write(tmp_path / "week", windows=30)
    frame = open_run(tmp_path / "week").hist_frame()
    page = make("soak", tmp_path / "week")
    lines: list[str] = []
    report(lines.append, 30, file_bytes, {"soak": page})

    assert 30 * 24 == len(frame)
    assert min(hist.n for hist in frame["hist"]) >= 450
    assert (tmp_path / "week" / "soak.html").exists()
    assert min(page.took_s, page.cpu_s, page.most_mb) > 0
    assert 2 == len(lines)
