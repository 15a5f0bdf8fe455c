"""The verb sizing."""

from __future__ import annotations

import json

import pytest

from loadtest.cli import main
from tests.report.searches import content


@pytest.fixture
def folder(tmp_path):
    """A search's folder."""
    (tmp_path / "capacity.json").write_text(json.dumps(content()), encoding="utf-8")
    return str(tmp_path)


def test_it_answers_inside_the_range(folder, capsys):
    """With a share and its interval."""
    code = main(["sizing", folder, "--agents", "100", "--contacts", "50", "--rate", "17.5"])

    assert code == 0
    assert "48.8 % of the capacity found" in capsys.readouterr().out


def test_outside_it_does_not(folder, capsys):
    """And says so with its exit code."""
    code = main(["sizing", folder, "--agents", "100", "--contacts", "50", "--rate", "90", "--json"])

    assert code == 3
    assert json.loads(capsys.readouterr().out)["share"] is None


def test_a_question_is_whole(folder, capsys):
    """A load has agents, contacts and a rate."""
    assert main(["sizing", folder, "--agents", "3"]) == 2
    assert "--contacts" in capsys.readouterr().err


@pytest.mark.parametrize("value", ["-1", "nan", "inf"])
def test_what_is_no_load_is_refused(folder, capsys, value):
    """It is not a load outside what was measured."""
    assert main(["sizing", folder, "--agents", "3", "--contacts", "3", "--rate", value]) == 2
    assert "--rate" in capsys.readouterr().err


def test_scaling_compares_searches(folder, capsys):
    """One number of processes a search."""
    assert main(["sizing", folder, folder, "--scaling", "1,2"]) == 0
    assert "50.0 % (47.9 % to 52.2 %)" in " ".join(capsys.readouterr().out.split())
    assert main(["sizing", folder, "--scaling", "1,2"]) == 2


@pytest.mark.parametrize(
    "question", [["--agents", "100", "--contacts", "50", "--rate", "17.5"], ["--scaling", "1"]], ids=["load", "growth"]
)
def test_a_page_is_written_on_demand(folder, tmp_path, capsys, question):
    """With the answer as JSON beside it."""
    code = main(["sizing", folder, *question, "--out", str(tmp_path / "page")])

    assert code == (3 if "--scaling" in question else 0)
    assert "sizing.html" in capsys.readouterr().out
    assert (tmp_path / "page" / "sizing.html").read_text(encoding="utf-8").rstrip().endswith("</html>")
    assert json.loads((tmp_path / "page" / "sizing.json").read_text(encoding="utf-8"))


def test_what_is_no_search_is_refused(tmp_path, capsys):
    """It says what to name."""
    (tmp_path / "capacity.json").write_text("[]", encoding="utf-8")

    assert main(["sizing", str(tmp_path), "--agents", "1", "--contacts", "1", "--rate", "1"]) == 2
