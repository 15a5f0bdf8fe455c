"""`loadtest ab`: what it refuses, and that its verdict and files are those of the folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from loadtest.cli import main
from loadtest.cli.ab import read_pairs
from loadtest.errors import UsageError
from loadtest.store.lock import FolderLock
from tests.drive.pairs import LOCUSTFILE

URLS = ["ab", "--baseline", "http://127.0.0.1:1", "--candidate", "http://127.0.0.1:2"]


@pytest.mark.parametrize(("text", "looks"), [("8", (8,)), ("6,12", (6, 12))])
def test_one_look_or_two_are_declared(text: str, looks: tuple[int, ...]) -> None:
    """The last one ends it."""
    assert looks == read_pairs(text)


@pytest.mark.parametrize("text", ["", "0", "x", "12,6", "6,6", "2,4,6", "1000", "8,1000"])
def test_other_numbers_of_pairs_are_refused(text: str) -> None:
    """More looks would err more often."""
    with pytest.raises(UsageError, match="--pairs"):
        read_pairs(text)


def test_a_leak_exits_with_1_and_leaves_runs_and_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The expected time first, a line a run, the verdict; started again it only judges."""
    story = json.dumps({"baseline": {}, "candidate": {"leaked": 1}})
    argv = [*URLS, "--pairs", "3", "--out", str(tmp_path / "ab"), "--locustfile", LOCUSTFILE, "--", "--story", story]
    codes = main(argv), main(argv)
    lines = capsys.readouterr().out.splitlines()

    assert (1, 1) == codes
    assert lines[0].startswith("3 pairs, 6 runs, about 8 min, into")
    assert [line[:26].rstrip() for line in lines if line.startswith("pair ")] == [
        "pair  1 of 3  baseline   P", "pair  1 of 3  candidate  F",
    ]  # fmt: skip
    assert {"ab.json", "compare.json", "compare.md", "junit.xml", "pair-01-candidate"} <= {
        path.name for path in (tmp_path / "ab").iterdir()
    }


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--pairs", "0"], "--pairs"),
        (["--duration", "4"], "warm-up of 5 s"),
        (["--locustfile", "none.py"], "no such file"),
        (["--processes", "0"], "--processes"),
        (["--baseline-url", "http://127.0.0.1:3"], "there is no command"),
        (["--candidate", "no-such-server --port 3"], "neither a URL"),
        (["--baseline", "", "--candidate", " "], "--baseline: it is empty"),
        (["--candidate", " "], "--candidate: it is empty"),
        (["--", "--host", "x"], "set by the verb itself"),
    ],
    ids=["pairs", "duration", "locustfile", "processes", "url", "command", "empty", "blank", "host"],
)
def test_bad_options_exit_with_2_before_anything_runs(
    more: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line; no folder is made."""
    code = main([*URLS, "--out", str(tmp_path / "ab"), *more])

    assert (2, True, False) == (code, told in capsys.readouterr().err, (tmp_path / "ab").exists())


def test_a_folder_in_use_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, in a line, before anything runs."""
    (tmp_path / "ab").mkdir()
    lock = FolderLock(tmp_path / "ab")
    code = main([*URLS, "--out", str(tmp_path / "ab")])
    lock.release()
    told = capsys.readouterr().err

    assert (2, 1) == (code, len(told.splitlines()))
    assert "another process still writes to this experiment" in told


def test_an_interruption_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 130, as of a program that Ctrl-C ended."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("loadtest.drive.ab.run", interrupt)
    code = main([*URLS, "--out", str(tmp_path / "ab")])

    assert (130, True) == (code, f"--out {tmp_path / 'ab'} goes on" in capsys.readouterr().err)
