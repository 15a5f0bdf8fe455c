"""A soak's files: the verdict as JSON, Markdown and a page, from a stored run in few rows."""

import json
import re

import pytest

from loadtest.analysis.budget import parse_budget
from loadtest.analysis.soak import judge
from loadtest.errors import UsageError
from loadtest.report import soak as module
from loadtest.report.soak import build, load, view
from loadtest.store.reader import Run
from tests.analysis.soaks import Story
from tests.report.soaked import write_soak

BUDGET = parse_budget('[target]\nrss_bytes = "1 MB/h"\n[drain]\nrss_bytes = "50 MB"\n', "budget.toml")
EVENTS = ((2.0, "annotation", "deploy <4.13>"), (5.0, "restart", "web was restarted"), (6.0, "breach", "late"))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A stored soak that leaks, with a deploy and a restart in it."""
    return write_soak(tmp_path_factory.mktemp("runs") / "leak", Story(leak=3e6, drain=True, source="web"), EVENTS)


@pytest.fixture(scope="module")
def built(run):
    """The judged soak, its files written."""
    return build(run, BUDGET)


def test_the_three_files_say_the_verdict(run, built):
    """JSON, Markdown and page are in the run's folder, and agree."""
    soak, _ = built
    content = json.loads((run / "soak.json").read_text(encoding="utf-8"))
    page = (run / "soak.html").read_text(encoding="utf-8")

    assert content["result"] == soak.result == "FAIL"
    assert "## ❌ FAIL: soak made-up-soak" in (run / "soak.md").read_text(encoding="utf-8")
    assert "<title>FAIL: soak made-up-soak</title>" in page


def test_the_page_shows_what_happened_when(run, built):
    """Notes are on its time line, escaped; breaches are shaded in the figures instead."""
    page = (run / "soak.html").read_text(encoding="utf-8")

    assert "deploy &lt;4.13&gt;" in page
    assert "web was restarted" in page
    assert not re.search(r"<td[^>]*>breach</td>", page)


def test_the_page_needs_nothing_from_outside(run, built):
    """No script, and no address but data and anchors."""
    page = (run / "soak.html").read_text(encoding="utf-8")

    assert "<script" not in page
    assert set(re.findall(r'(?:src|srcset|href)="([^"]{5})', page)) <= {"data:", "#verd", "#chec"} | {
        match[:5] for match in re.findall(r'href="(#[a-z]+)', page)
    }


def test_the_page_says_its_own_words(run, built):
    """How to read it explains growth, not due times; the command is the soak's."""
    page = (run / "soak.html").read_text(encoding="utf-8")

    assert "<dt>Growth</dt>" in page
    assert "<dt>Due time</dt>" not in page
    assert "loadtest soak leak --budget budget.toml" in page


def test_a_long_run_is_read_in_few_rows(run, monkeypatch):
    """Windows are joined and gauges averaged until they are few, and the verdict stays."""
    fine = load(run)
    monkeypatch.setattr(module, "windows_per_step", lambda _run: 8)
    coarse = load(run)

    assert (fine.joined, coarse.joined) == (1, 8)
    assert len(coarse.data.hists) < len(fine.data.hists) / 7
    assert len(coarse.data.gauges) < len(fine.data.gauges) / 7
    assert judge(coarse.data, BUDGET, coarse.joined).result == "FAIL"


def test_no_closing_is_read(run, monkeypatch):
    """Emissions, of which there are millions, are not looked at."""
    monkeypatch.setattr(Run, "closing_frame", None)

    assert load(run).data.closings.empty


def test_a_run_that_was_never_held_is_told_of(tmp_path):
    """A run without a hold gives a page that says so instead of an error."""
    folder = write_soak(tmp_path / "short", Story(hours=0.0, ended=False))

    soak, loaded = build(folder, BUDGET)

    assert soak.result == "INCONCLUSIVE"
    assert "Nothing" in view(soak, loaded, None).sections[0].nothing


def test_days_are_a_section_of_their_own_with_a_period(tmp_path):
    """With a period the page has each day over the others."""
    folder = write_soak(tmp_path / "days", Story(hours=80.0, day_h=24.0, per_window=1))

    soak, loaded = build(folder, parse_budget('[soak]\nperiod = "24 h"\n[target]\nrss_bytes = "1 MB/h"'))

    assert [section.name for section in view(soak, loaded, None).sections] == ["drift", "days", "heat", "connections"]
    assert "One day over another" in (folder / "soak.html").read_text(encoding="utf-8")


def test_a_folder_that_cannot_be_written_is_said_to_be(run, monkeypatch):
    """A file that cannot be written names the folder."""
    monkeypatch.setattr(module, "PAGE_NAME", "no/such/folder.html")

    with pytest.raises(UsageError, match="cannot be written"):
        build(run, BUDGET)
