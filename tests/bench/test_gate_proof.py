"""The long proof of the gate counts rightly; it is not run here."""

from __future__ import annotations

import pytest

from loadtest.refserver.faults import parse_faults
from loadtest.store.lock import FolderLock
from tests.bench.gate_proof import TRIALS, main

EQUAL, DELAY = TRIALS[0], TRIALS[1]


def contents(passed: int = 0, failed: int = 0, open_: int = 0, reason: str = "fanout.x: +30%"):
    """So many verdicts."""
    found = [{"result": "PASS", "reasons": []}] * passed + [{"result": "FAIL", "reasons": [reason]}] * failed
    return found + [{"result": "INCONCLUSIVE", "reasons": ["fanout.x"]}] * open_


@pytest.mark.parametrize(
    ("verdicts", "kept"),
    [
        (contents(passed=15, open_=5), True),
        (contents(passed=14, open_=6), False),
        (contents(passed=19, failed=1), False),
        ([], False),
    ],
    ids=["15 of 20", "14 of 20", "one false alarm", "none"],
)
def test_equal_builds_pass_often_and_never_fail(verdicts, kept):
    """15 of 20, and not a single false alarm."""
    assert kept == EQUAL.is_kept(verdicts)


def test_a_regression_must_be_found_every_time_and_for_its_reason():
    """10 of 10, by what was planted."""
    assert DELAY.is_kept(contents(failed=10))
    assert not DELAY.is_kept(contents(failed=9, open_=1))
    assert not DELAY.is_kept(contents(failed=10, reason="rest.errors: +1"))


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.name)
def test_what_is_planted_can_be_planted(trial):
    """The reference server knows these faults."""
    assert parse_faults(trial.faults)


def test_options_reach_the_proof(tmp_path):
    """The exit code says whether all was kept."""
    seen = []
    code = main(["--out", str(tmp_path), "--duration", "9", "--trials", "leak"], act=lambda *a: bool(seen.append(a)))

    assert (1, 9.0, ["leak"]) == (code, seen[0][1], seen[0][4])


def test_a_folder_has_one_proof_at_a_time(tmp_path, capsys):
    """A second process is told, and runs nothing; once the first has ended it goes on."""
    lock = FolderLock(tmp_path)
    refused = main(["--out", str(tmp_path)], act=lambda *_: pytest.fail("it began"))
    lock.release()
    went_on = main(["--out", str(tmp_path)], act=lambda *_: True)

    assert (2, 0) == (refused, went_on)
    assert "another process still writes to this proof" in capsys.readouterr().err
