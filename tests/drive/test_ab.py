"""Interleaved pairs: the plan, the folder that is gone on with, and the verdict over runs made by a scripted Locust."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loadtest.drive.ab import Folder, Slot, conduct, run_pairs
from loadtest.drive.target_server import TargetServer
from loadtest.errors import UsageError
from loadtest.report.gate import Gate
from tests.drive.pairs import experiment, made


def test_pairs_take_turns_and_share_their_seed() -> None:
    """A B, B A, A B; every pair another plan."""
    slots = list(experiment(3, seed=7).slots())

    assert ["baseline", "candidate", "candidate", "baseline", "baseline", "candidate"] == [one.arm for one in slots]
    assert [7, 7, 8, 8, 9, 9] == [one.seed for one in slots]
    assert "pair-01-baseline" == slots[0].name


def test_the_expected_time_is_that_of_all_runs() -> None:
    """Or of those that are left."""
    assert experiment(4).expected_s() == 8 * experiment(4).expected_s(1) > 8 * 30


def test_a_folder_is_gone_on_with(tmp_path: Path) -> None:
    """What is done is not made again, what was broken off is moved aside; more pairs may be asked for."""
    with Folder(tmp_path / "ab", experiment(2)) as folder:
        folder.add(Slot(1, "baseline", 0))
    again = Folder(tmp_path / "ab", experiment(3))
    broken = again.path_of(Slot(1, "candidate", 0))
    for expected in ("broken-1", "broken-2"):
        broken.mkdir()
        again.clear(Slot(1, "candidate", 0))
        assert (tmp_path / "ab" / f"pair-01-candidate.{expected}").is_dir()

    assert 5 == len(again.missing(3))
    assert not broken.exists()


@pytest.mark.parametrize(
    "values",
    [{"seed": 1}, {"duration_s": 31.0}, {"candidate": TargetServer("http://127.0.0.1:3")}, {"options": {"agents": 5}}],
    ids=lambda values: next(iter(values)),
)
def test_another_experiment_is_refused(tmp_path: Path, values: dict[str, Any]) -> None:
    """By what differs."""
    Folder(tmp_path / "ab", experiment(2)).close()
    with pytest.raises(UsageError, match=f"another experiment: {next(iter(values))} "):
        Folder(tmp_path / "ab", replace(experiment(2), **values))


@pytest.mark.parametrize("content", [None, "{", "[]", "{}", '{"schema_version": 0, "experiment": {}}'])
def test_a_folder_of_something_else_is_refused(tmp_path: Path, content: str | None) -> None:
    """No ab.json, or one that says nothing, or of another layout."""
    (tmp_path / "ab").mkdir()
    if content is not None:
        (tmp_path / "ab" / "ab.json").write_text(content)
    with pytest.raises(UsageError, match="--out"):
        Folder(tmp_path / "ab", experiment(2))


def test_a_second_process_in_the_folder_is_refused(tmp_path: Path) -> None:
    """With what to do, and before it reads what is done; what it was refused for goes on untouched."""
    with Folder(tmp_path / "ab", experiment(2)) as first:
        with pytest.raises(UsageError, match=r"another process still writes to this experiment.*start it again"):
            Folder(tmp_path / "ab", experiment(2))
        first.add(Slot(1, "baseline", 0))
    with Folder(tmp_path / "ab", experiment(2)) as second:
        assert ["pair-01-baseline"] == second.done


def test_a_folder_that_was_refused_is_free(tmp_path: Path) -> None:
    """Whoever asked for another experiment holds nothing."""
    Folder(tmp_path / "ab", experiment(2)).close()
    with pytest.raises(UsageError, match="another experiment"):
        Folder(tmp_path / "ab", experiment(2, seed=5))

    Folder(tmp_path / "ab", experiment(2)).close()


def test_a_candidate_that_loses_fails(tmp_path: Path) -> None:
    """One delivery in fifty, over three pairs that are there; asked again, the verdict is the same."""
    plan = experiment(3)
    folder = made(tmp_path / "ab", plan, lost_share=0.02)
    content = conduct(plan, folder, Gate(), on_run=lambda *_: pytest.fail("it was there"))
    folder.close()

    assert ("FAIL", True, 3) == (content["result"], content["paired"], content["pairs"])
    assert content == conduct(plan, Folder(tmp_path / "ab", plan), Gate())


def test_a_leak_ends_it_with_its_pair_and_its_runs_are_kept(tmp_path: Path) -> None:
    """Of eight pairs one is run."""
    plan = experiment(8, candidate={"leaked": 1})
    ran: list[str] = []
    folder = Folder(tmp_path / "ab", plan)
    content = conduct(plan, folder, Gate(), on_run=lambda slot, _: ran.append(slot.name))

    assert ("FAIL", ["pair-01-baseline", "pair-01-candidate"]) == (content["result"], ran)
    assert content["reasons"][0].startswith("Leaked in pair-01-candidate")
    assert all((tmp_path / "ab" / name / "run.sqlite").exists() for name in ran)


@pytest.mark.parametrize(("candidate", "judged"), [({}, [1, 2]), ({"leaked": 1}, [1])], ids=["open", "decided"])
def test_a_second_look_is_taken_only_when_the_first_decides_nothing(
    tmp_path: Path, candidate: dict[str, Any], judged: list[int]
) -> None:
    """One pair decides nothing but a leak; both looks share the error."""
    plan = experiment(1, 2)
    folder = made(tmp_path / "ab", plan, **candidate)
    content = conduct(plan, folder, Gate())

    assert (0.025, judged) == (content["alpha"], folder.judged)


def test_more_pairs_after_a_verdict_are_told(tmp_path: Path) -> None:
    """Whoever looks, and asks for more, errs more often than stated."""
    first, more = experiment(1), experiment(2)
    made(tmp_path / "ab", more).close()
    (tmp_path / "ab" / "ab.json").unlink()
    done = [slot.name for slot in more.slots()]
    content = {"schema_version": 1, "experiment": first.as_dict(), "done": done, "judged": [1], "went_on": []}
    (tmp_path / "ab" / "ab.json").write_text(json.dumps(content))
    found = conduct(more, Folder(tmp_path / "ab", more), Gate())

    assert 0.025 == found["alpha"]
    assert "judged before, after 1 pair, and" in found["warnings"][-1]


def test_a_run_without_a_hold_ends_it_at_once(tmp_path: Path) -> None:
    """Nothing can be compared without one, so no further run is made; this one is not counted as done."""
    plan = replace(experiment(2), warm_up_s=25.0)
    folder = Folder(tmp_path / "ab", plan)
    with pytest.raises(UsageError, match="hold of 20 s is not longer than the warm-up of 25 s"):
        run_pairs(plan, folder, 2)

    assert [] == folder.done
    assert (tmp_path / "ab" / "pair-01-baseline").is_dir()
    assert not (tmp_path / "ab" / "pair-01-candidate").exists()


def test_a_run_that_is_refused_is_the_users_mistake(tmp_path: Path) -> None:
    """With what Locust said; the run is not counted as done."""
    plan = replace(experiment(1), options={"no-such-option": True})
    folder = Folder(tmp_path / "ab", plan)
    with pytest.raises(UsageError, match="no-such-option"):
        run_pairs(plan, folder, 1)

    assert [] == folder.done
