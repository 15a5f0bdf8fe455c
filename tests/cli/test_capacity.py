"""The verb capacity: what it refuses, and what it makes of options; the search itself is in e2e."""

from __future__ import annotations

import argparse
import json

import pytest

from loadtest.cli import capacity, main
from loadtest.errors import UsageError
from tests.report.searches import content


def options(*words: str) -> argparse.Namespace:
    """A command line, parsed."""
    parser = argparse.ArgumentParser()
    capacity.add_parser(parser.add_subparsers())
    return parser.parse_args(["capacity", *words])


def test_where_the_axes_stand():
    """People are whole, rates are not; what is not named has its default."""
    assert capacity.read_at("agents=50,emit-rate=2.5") == {"agents": 50, "contacts": 20, "emit-rate": 2.5}


@pytest.mark.parametrize("text", ["users=3", "agents", "agents=x", "agents=-1"])
def test_what_is_no_place_is_refused(text):
    """One line says how it is written."""
    with pytest.raises(UsageError, match="--at"):
        capacity.read_at(text)


def test_options_of_the_run():
    """The verb's own, those behind the dashes, and a quiet plan."""
    made = capacity.run_options(
        options("--axis", "agents", "--max-users", "90", "--", "--members", "5", "--dialect=current")
    )

    assert (made["axis"], made["max-users"], made["members"], made["dialect"]) == ("agents", 90, "5", "current")
    assert (made["typing"], made["canary"], made["confirm"]) == (0, 0, 600.0)


@pytest.mark.parametrize(
    "words", [("--hold", "1"), ("--factor", "1"), ("--", "--axis", "agents"), ("--tolerance", "0")]
)
def test_what_cannot_be_searched_is_refused(words):
    """Out of bounds, or the verb's own options behind the dashes."""
    with pytest.raises(UsageError):
        capacity.run_options(options(*words))


def test_limits_that_cannot_be_read_are_refused_before_anything_runs(tmp_path, capsys):
    """The file is named, and no folder is made."""
    code = main(["capacity", "--slo", str(tmp_path / "nope.toml"), "--report-dir", str(tmp_path / "reports")])

    assert (2, True) == (code, "nope.toml: cannot read the SLO file" in capsys.readouterr().err)
    assert not (tmp_path / "reports").exists()


def test_an_interrupted_search_says_what_it_has(tmp_path, monkeypatch, capsys):
    """The search writes its answer before it ends, and that is told with how to go on."""
    folder = tmp_path / "mine"
    folder.mkdir()

    def interrupt(*_, **__):
        (folder / "capacity.json").write_text(json.dumps(content("unfinished")), encoding="utf-8")
        raise KeyboardInterrupt

    monkeypatch.setattr("loadtest.drive.capacity.search", interrupt)
    code = main(["capacity", "--report-dir", str(tmp_path), "--run-id", "mine"])
    said = capsys.readouterr()

    assert (130, True) == (code, "The search is not at its end" in said.out)
    assert "--run-id mine --resume goes on" in said.err


def test_going_on_names_the_search(capsys):
    """--resume needs --run-id."""
    assert main(["capacity", "--resume"]) == 2
    assert "--run-id" in capsys.readouterr().err
