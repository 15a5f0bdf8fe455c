"""The same seeded workload with faults gives the same counts on one process and on three workers."""

import json
from pathlib import Path
from typing import Any

import pytest

from loadtest.store import open_run
from tests.plugin.locusts import Ran, forked, locust

SEED = 5
EMISSIONS = 90
PLAN = ("--agents", 9, "--contacts", 6, "--members", 4, "--seed", SEED, "--emissions", EMISSIONS, "--emit-rate", 30)
STILL = ("--think-time", 0.5, "--typing", 0, "--canary", 0, "--deadline", 4, "--window", 0.5)
FAULTS = ("--faults", "loss=5%,dup=4%,leak=3%")
COLUMNS = ("emitted", "expected", "lost", "duplicated", "leaked", "undetermined", "unmatched")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Ran]:
    """A run on one process and one on three workers, by their number; the server's truth lies beside them."""
    folder = tmp_path_factory.mktemp("processes")
    return {
        workers: locust(
            "agents.py",
            folder / f"on-{workers}",
            *(*PLAN, *STILL, *FAULTS, "--truth", folder / f"on-{workers}.jsonl"),
            *(forked(workers) if workers > 1 else ()),
        )
        for workers in (1, 3)
    }


def counts_of(ran: Ran) -> dict[str, Any]:
    """The balance of messages; what a busy machine makes late was delivered all the same."""
    row = ran.sums()
    return {column: row[column] for column in COLUMNS} | {"arrived": row["delivered"] + row["late"]}


def faults_of(ran: Ran) -> list[tuple[str, str, str]]:
    """Every fault that the server applied to a message: what, to which emission, for whom."""
    lines = [json.loads(line) for line in Path(f"{ran.folder}.jsonl").read_text(encoding="utf-8").splitlines()]
    found = [(line["kind"], line["mark"], line["receiver"]) for line in lines if line.get("event") == "message.created"]
    return sorted(found)


def test_one_process_and_three_workers_count_the_same(runs: dict[int, Ran]) -> None:
    """Emitted, expected, lost, duplicated and leaked, to the last one; nothing is left in doubt."""
    one, three = (counts_of(runs[workers]) for workers in (1, 3))

    assert one == three
    assert one["emitted"] == EMISSIONS
    assert all(one[column] > 0 for column in ("lost", "duplicated", "leaked"))
    assert one["undetermined"] == one["unmatched"] == 0


def test_the_server_did_the_same_to_the_same_deliveries(runs: dict[int, Ran]) -> None:
    """People, marks and faults are those of the plan, whichever process played it."""
    assert faults_of(runs[1]) == faults_of(runs[3])


def test_the_counts_are_the_servers(runs: dict[int, Ran]) -> None:
    """What was found is what was injected."""
    injected = [kind for kind, _, _ in faults_of(runs[3])]
    found = counts_of(runs[3])

    assert {"loss": found["lost"], "dup": found["duplicated"], "leak": found["leaked"]} == {
        kind: injected.count(kind) for kind in ("loss", "dup", "leak")
    }


def test_presence_is_of_all_pairs(runs: dict[int, Ran]) -> None:
    """An observer on one worker and a target on another are a pair, and time of such pairs is summed."""
    pairs = {}
    for workers, ran in runs.items():
        gauges = open_run(ran.folder).gauge_frame()
        of_pairs = gauges[gauges["name"] == "presence.pairs"]
        pairs[workers] = of_pairs.groupby("worker")["value"].max().sum()

    assert pairs[1] == pairs[3] == 9 * (9 + 6) + 6 * 9
    assert runs[3].summary["presence"]["contact"]["p_a"] is not None


def test_a_plan_with_an_end_ends_the_run(runs: dict[int, Ran]) -> None:
    """Without a run time, once everything is sent and its books are closed; that is no interruption."""
    assert [False, False] == [ran.summary["run"]["interrupted"] for ran in runs.values()]
    assert [3, 1] == [runs[workers].summary["run"]["workers"] for workers in (3, 1)]
