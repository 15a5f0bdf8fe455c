"""A writer that is killed, or whose disk is full: the file opens each time with everything up to the last tick."""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing as closed

import pytest

from loadtest.errors import GeneratorError
from loadtest.metrics import Batch
from loadtest.report import build
from loadtest.store import RunWriter, open_run
from tests.e2e.killed_writer import tick
from tests.plugin.locusts import ROOT, environment
from tests.store.runs import META, phase

PATIENCE_S = 60


def child(*arguments):
    """The writer in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.killed_writer", *map(str, arguments)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment(),
    )  # fmt: skip


def killed(folder, ticks):
    """Kill a writer once it has said that so many ticks are written; returns the last one that it said."""
    with child(folder) as writer:
        try:
            said = 0
            for line in writer.stdout:
                said = int(line)
                if said >= ticks:
                    break
        finally:
            writer.kill()
        rest = writer.stdout.read().split()
        writer.wait(PATIENCE_S)
    return int(rest[-1]) if rest else said


def refusal(writer, number):
    """What a writer says that cannot write a tick; None of one that can."""
    try:
        writer.write(tick(number))
    except GeneratorError as error:
        return str(error)
    return None


def holds(run, ticks):
    """Whether a run holds exactly so many ticks, each whole."""
    marks = set(run.closing_frame()["mark"])
    number = len(marks)
    assert marks == {f"m{n}" for n in range(1, number + 1)}
    assert run.total("rest.n") == run.merged("rest").n == 2 * number
    assert len(run.gauge_frame()) == number
    return ticks <= number <= ticks + 1


@pytest.mark.parametrize("seed", range(4))
def test_a_killed_run_holds_all_up_to_the_last_tick(tmp_path, seed):
    """Whatever the moment (by the seed); one tick more may have been written than was said; a report can be made."""
    folder = tmp_path / "run"
    said = killed(folder, random.Random(seed).randrange(1, 400))

    assert holds(open_run(folder), said)
    summary = build(folder).as_dict()
    assert any("3 emissions were under way" in text for text in summary["verdict"]["warnings"])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_twenty_kills(tmp_path, seed):
    """The same at twenty moments of a longer run."""
    folder = tmp_path / "run"
    said = killed(folder, random.Random(100 + seed).randrange(1, 4_000))

    assert holds(open_run(folder), said)


def test_a_killed_run_is_gone_on_with(tmp_path):
    """What the first writer wrote stays, late deltas for its windows are merged with it."""
    folder = tmp_path / "run"
    said = killed(folder, 20)
    there = len(open_run(folder).closing_frame())
    with RunWriter.open(folder) as writer:
        for number in range(1, there + 1):
            writer.write(tick(number))
    run = open_run(folder)

    assert said <= there
    assert run.total("rest.n") == run.merged("rest").n == 4 * there


def test_a_file_that_may_not_grow_is_written_once_it_may(tmp_path):
    """A quota stops the file in the middle of a run: that is said at once; two hundred ticks wait, and are written."""
    folder = tmp_path / "run"
    with child(folder, 200_000) as writer:
        error = writer.stdout.readline()
        assert writer.stdout.readline() == "full\n"
        meanwhile = len(open_run(folder).closing_frame())
        writer.stdin.write("\n")
        writer.stdin.flush()
        last = int(writer.stdout.readline())
        writer.wait(PATIENCE_S)
    run = open_run(folder)

    assert "could not be written" in error
    assert "kept in memory" in error
    assert 0 < meanwhile <= last - 200
    assert holds(run, last)
    assert len(run.closing_frame()) == last


def test_a_full_disk_says_so_and_a_report_can_be_made(tmp_path):
    """SQLite's limit of pages stands for the disk: what is there is whole, the rest comes when there is room."""
    folder = tmp_path / "run"
    with RunWriter.create(folder, META) as writer:
        writer.write(Batch(notes=[phase("ramp", 0), phase("hold", 1)]))
        (pages,) = writer._connection.execute("PRAGMA page_count").fetchone()
        writer._connection.execute(f"PRAGMA max_page_count = {pages + 5}")
        number, error = 0, None
        while error is None:
            number += 1
            error = refusal(writer, number)
        assert "full" in error
        assert "kept in memory" in error
        meanwhile = build(folder).as_dict()
        writer._connection.execute("PRAGMA max_page_count = 1073741823")
        writer.write(Batch())
        assert holds(open_run(folder), number)

    assert meanwhile["run"]["id"] == META["run_id"]
    with closed(sqlite3.connect(folder / "run.sqlite")) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of 700 kB; skipped where this user may not mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    made = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=700k", "tmpfs", str(disk)], check=False, capture_output=True
    )
    if not made or made.returncode:
        pytest.skip("this user may not mount a file system")
    yield disk
    # lazily: a connection that is not collected yet is no fault of the writer's
    subprocess.run([shutil.which("umount"), "--lazy", str(disk)], check=True)


def test_a_disk_that_is_really_full(tiny_disk):
    """Somebody else's file fills it: what does not fit waits, and is written once that file is gone."""
    filler = tiny_disk / "filler"
    filler.write_bytes(b"x" * 300_000)
    with RunWriter.create(tiny_disk / "run", META) as writer:
        numbers = iter(range(1, 1_000))
        refused = next(n for n in numbers if refusal(writer, n))
        assert all(refusal(writer, refused + n) for n in range(1, 50))
        meanwhile = len(open_run(tiny_disk / "run").closing_frame())
        filler.unlink()
        assert refusal(writer, refused + 50) is None
    run = open_run(tiny_disk / "run")

    assert meanwhile == refused - 1
    assert holds(run, refused + 50)
