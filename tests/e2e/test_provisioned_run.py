"""From nothing to a run and back: provision, run, teardown, each as a user calls it, on a server with nobody in it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtest.directory import Population
from loadtest.journal import Journal
from tests.plugin.locusts import ROOT, TIMEOUT_S, Running, command, environment
from tests.target.installation import PLATFORM_TOKEN, Installation, serving

PEOPLE = ("--agents", "5", "--contacts", "8")


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation without any account, with a platform app, whose contacts go offline soon."""
    nobody = Population(agents=0, contacts=0, members=1)
    with serving(tmp_path_factory.mktemp("bare"), population=nobody, contact_expiry_s=2.0) as served:
        yield served


def provision(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """``loadtest provision`` in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "loadtest", "provision", *map(str, arguments)],
        cwd=folder,
        env=environment(LOADTEST_PLATFORM_TOKEN=PLATFORM_TOKEN, PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def tag_of(journal: Path) -> str:
    """The tag of a journal."""
    opened = Journal.open(journal)
    opened.close()
    return opened.begin.tag


def test_from_nothing_to_a_run_and_back(bare: Installation, tmp_path: Path) -> None:
    """Every delivery is counted; the run's own things go by its own journal, the rest with the account."""
    made = provision(tmp_path, "--host", bare.url, *PEOPLE, "--members", 3, "--no-conversations")
    admin = json.loads((tmp_path / "identities.jsonl").read_text().splitlines()[1])
    account_id, token = admin["account_ids"][0], admin["access_token"]
    before = bare.inside(account_id, token)
    folder = tmp_path / "run"
    options = ("--host", bare.url, "--identities", tmp_path / "identities.jsonl", *PEOPLE, "--emit-rate", 20)
    line = command("mixed.py", folder, *options, "-t", "9s", "--deadline", 3, "--spawn-rate", 50)
    with Running(line, folder) as running:
        ran = running.wait()
    during = bare.inside(account_id, token)
    runs = provision(tmp_path, "--teardown", folder / "journal.jsonl", "--identities", "identities.jsonl")
    after = bare.inside(account_id, token)
    gone = provision(tmp_path, "--teardown", "identities.journal")

    assert (0, 0, 0) == (made.returncode, runs.returncode, gone.returncode), made.stderr + runs.stdout + gone.stdout
    row = ran.sums()
    assert row["expected"] == row["delivered"] > 0, ran.err
    assert (0, 0) == (row["lost"], row["leaked"])
    # Each of the 8 contacts opened a conversation, and the acts of mixed.py made contacts of their own.
    assert len(during["conversations"]) >= 8
    assert len(during["contacts"]) > len(before["contacts"])
    assert before == after
    assert [] == bare.accounts(tag_of(tmp_path / "identities.journal")), gone.stdout
    assert (1, 1) == (runs.stdout.count("Nothing is left"), gone.stdout.count("Nothing is left"))


def test_killed_in_earnest_it_goes_on(bare: Installation, tmp_path: Path) -> None:
    """SIGKILL in the middle, wherever that is; the same command makes the rest, and a teardown leaves nothing."""
    argv = [sys.executable, "-m", "loadtest", "provision", "--host", bare.url, "--agents", "20", "--contacts", "60"]
    env = environment(LOADTEST_PLATFORM_TOKEN=PLATFORM_TOKEN, PYTHONPATH=str(ROOT))
    journal = tmp_path / "identities.journal"
    with subprocess.Popen(argv, cwd=tmp_path, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline_s = time.monotonic() + TIMEOUT_S
        while not (journal.exists() and journal.read_text().count('"made"') > 30) and time.monotonic() < deadline_s:
            os.sched_yield()
        process.send_signal(signal.SIGKILL)
        killed = process.wait(TIMEOUT_S)
    done = provision(tmp_path, *argv[4:])
    admin = json.loads((tmp_path / "identities.jsonl").read_text().splitlines()[1])
    inside = bare.inside(admin["account_ids"][0], admin["access_token"])
    gone = provision(tmp_path, "--teardown", "identities.journal")

    assert (-signal.SIGKILL, 0, 0) == (killed, done.returncode, gone.returncode), done.stderr
    assert {"agents": 20, "inboxes": 3, "teams": 2, "contacts": 60, "conversations": 60} == {
        kind: len(names) for kind, names in inside.items()
    }
    assert [] == bare.accounts(tag_of(journal))
