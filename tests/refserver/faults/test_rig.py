"""The rig: a server without a specification has none, one with it takes every fault at once, and ends whole."""

import asyncio
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from loadtest.errors import UsageError
from loadtest.refserver.faults import KINDS, read_truth
from loadtest.refserver.server import ReferenceServer
from tests.refserver.faults.scene import with_faults, write
from tests.refserver.site import DIRECTORY, MEMBER, QUIET, Site, serving
from tests.refserver.test_main import DEADLINE_S, running

LASTING = ",".join(kind.example.split("@")[0] for kind in KINDS.values() if kind.when == "span")


def test_without_a_specification_nothing_is_laid_over_the_server() -> None:
    """The plain delivery and the plain presence are what a server without faults has."""
    server = ReferenceServer(QUIET, DIRECTORY)

    assert ("deliver_now", "Presence") == (server.rooms._deliver.__name__, type(server.presence).__name__)  # type: ignore[attr-defined]


def test_all_faults_that_last_go_together() -> None:
    """A server with every one of them still answers, and its truth is whole."""

    async def scenario(site: Site) -> int:
        await site.open()
        await write(site, range(5))
        status, _ = await site.get("/health")
        return status

    status, _ = with_faults(LASTING.replace("2s", "2ms"), scenario)

    assert status == 200


def test_the_truth_is_written_where_no_fault_is_asked_for(tmp_path: Path) -> None:
    """--truth alone gives a whole file without a line, so that a run without faults is no exception."""

    async def run() -> None:
        async with serving(replace(QUIET, truth_path=str(tmp_path / "t"))) as site:
            await site.listen(MEMBER)

    asyncio.run(run())

    assert (True, ()) == (read_truth(tmp_path / "t").whole, read_truth(tmp_path / "t").lines)


def test_a_truth_that_cannot_be_made_is_refused_before_anything_is_served(tmp_path: Path) -> None:
    """The server does not start."""

    async def run() -> None:
        async with serving(replace(QUIET, truth_path=str(tmp_path / "none" / "t"))):
            pass

    with pytest.raises(UsageError, match="--truth"):
        asyncio.run(run())


@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT", "end of standard input"])
def test_the_truth_is_whole_however_the_process_is_ended(tmp_path: Path, how: str) -> None:
    """Signals and the end of standard input leave a truth with its last line."""
    path = tmp_path / "t"
    with running("--faults=loss=2%", f"--truth={path}", "--exit-on-stdin-eof") as (process, out):
        out.readline()
        if how.startswith("SIG"):
            process.send_signal(signal.Signals[how])
        _, errors = process.communicate(timeout=DEADLINE_S)
    truth = read_truth(path)

    assert (0, "", "loss=2%", True) == (process.returncode, errors, truth.faults, truth.whole)


def test_a_truth_that_cannot_be_written_ends_the_server() -> None:
    """Rather than going on without it: exit code 2 and one line that says why."""
    with running("--faults=loss=2%", "--truth=/dev/full", "--exit-on-stdin-eof") as (process, _):
        process.wait(timeout=DEADLINE_S)
        _, errors = process.communicate(timeout=DEADLINE_S)

    assert (2, 1) == (process.returncode, errors.count("\n"))
    assert "No space left" in errors


def test_a_wrong_specification_is_one_line() -> None:
    """``loadtest serve`` names option, term and place."""
    with running("--faults=loss=2%,dupe=1%") as (process, _):
        _, errors = process.communicate(timeout=DEADLINE_S)

    assert (2, 1) == (process.returncode, errors.count("\n"))
    assert "--faults, term 2, 'dupe=1%', at character 9: there is no fault 'dupe'. Did you mean dup?" in errors
