"""What verbs that start runs have in common."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from loadtest.cli.run_options import bounded, new_folder, read_locust_options, stamped
from loadtest.errors import UsageError


def test_options_behind_the_dashes_go_to_every_run() -> None:
    """With a value behind an equals sign, behind a blank, or none."""
    words = ["--agents", "50", "--agent-expiry=20", "--push-presence"]

    assert {"agents": "50", "agent-expiry": "20", "push-presence": True} == read_locust_options(words, (), "")


@pytest.mark.parametrize("words", [["50"], ["--agents", "5", "6"], ["--host", "x"], ["--host=x"]])
def test_stray_words_and_the_verbs_own_options_are_refused(words: list[str]) -> None:
    """A verb sets its own itself."""
    with pytest.raises(UsageError):
        read_locust_options(words, {"host"}, "See --baseline")


def test_bounds_hold_their_ends() -> None:
    """And refuse what is beyond."""
    assert (0.0, 1.0) == (bounded(0.0, 0.0, 1.0, "x"), bounded(1.0, 0.0, 1.0, "x"))
    with pytest.raises(UsageError, match="out of bounds"):
        bounded(1.1, 0.0, 1.0, "x")


def test_what_is_no_number_is_within_no_bounds() -> None:
    """NaN compares with nothing, and must not slip through."""
    with pytest.raises(UsageError, match="--rate"):
        bounded(math.nan, 0.0, math.inf, "--rate")


def test_a_new_folder_is_named_after_the_verb_and_the_time(tmp_path: Path) -> None:
    """Unless it was given a name; nothing is made."""
    named, stamp = new_folder(tmp_path, "mine", "sweep"), new_folder(tmp_path, None, "sweep")

    assert tmp_path / "mine" == named
    assert re.fullmatch(r"sweep-\d{8}-\d{6}", stamp.name)
    assert re.fullmatch(r"ab-\d{8}-\d{6}", stamped("ab"))
    assert not list(tmp_path.iterdir())


def test_a_folder_that_exists_is_refused(tmp_path: Path) -> None:
    """It holds somebody's runs."""
    (tmp_path / "mine").mkdir()
    with pytest.raises(UsageError, match="a sweep is never overwritten"):
        new_folder(tmp_path, "mine", "sweep")
