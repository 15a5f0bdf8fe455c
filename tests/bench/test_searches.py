"""Benches of several searches go on where they were stopped; no search is run here."""

from __future__ import annotations

import json
import math
import shutil
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.bench import searches

SAMPLE = Path(__file__).parents[2] / "reports" / "capacity-sample" / "capacity.json"


@pytest.fixture
def made(monkeypatch):
    """Searches that are over at once, but for those named in ``stops``; which were made, and whether gone on with."""
    log = SimpleNamespace(made=[], stops=set())

    def search(folder, options, *, timeout_s, resumes, on_line):
        log.made.append((folder.name, options["folder"], resumes))
        folder.mkdir(exist_ok=True)
        (folder / "run.sqlite").touch()
        if folder.name not in log.stops:
            shutil.copy(SAMPLE, folder / "capacity.json")
        return SimpleNamespace(complaint=lambda: "told to end")

    monkeypatch.setattr(searches, "search", search)
    return log


def served(folder):
    """Options by the folder."""
    return nullcontext({"folder": folder})


def test_what_is_over_is_not_made_again(made, tmp_path):
    """The first time all, the second none; the answers are the same."""
    folders = [tmp_path / "a", tmp_path / "b"]
    first = searches.completed(folders, served, math.inf)
    second = searches.completed(folders, served, math.inf)

    assert [("a", folders[0], False), ("b", folders[1], False)] == made.made
    assert [json.loads(SAMPLE.read_text())] * 2 == first == second


def test_a_search_that_was_stopped_is_gone_on_with(made, tmp_path, capsys):
    """Until then there is no answer, and nothing after it is begun."""
    folders = [tmp_path / "a", tmp_path / "b"]
    made.stops = {"a"}
    stopped = searches.completed(folders, served, math.inf)
    made.stops = set()
    finished = searches.completed(folders, served, math.inf)

    assert (None, 2) == (stopped, len(finished or ()))
    assert [("a", False), ("a", True), ("b", False)] == [(name, resumes) for name, _, resumes in made.made]
    assert "a is not at its end (told to end); the same command goes on" in capsys.readouterr().out


def test_without_time_nothing_is_begun(made, tmp_path, capsys):
    """It is said where it stopped."""
    assert searches.completed([tmp_path / "a"], served, 0.0) is None
    assert [] == made.made
    assert "stopped before the end of a; the same command goes on" in capsys.readouterr().out


def test_the_folder_is_prepared(tmp_path, monkeypatch):
    """Made, absolute, with its limits in it."""
    monkeypatch.chdir(tmp_path)
    out, slo = searches.prepared(Path("new/out"), "x = 1\n")

    assert (tmp_path / "new" / "out", "x = 1\n") == (out, slo.read_text())
