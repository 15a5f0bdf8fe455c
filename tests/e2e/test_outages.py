"""Real Action Cable fails in the middle of a run: the run survives, says what happened and when, and loses no data.

Redis is killed (which takes Action Cable 6.1 with it), the web server gets SIGTERM, the web server is stopped for ten
seconds and goes on. The three runs go on at once.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from loadtest.store import Run, open_run
from tests.e2e import rails_server
from tests.e2e.rails_server import RailsServer
from tests.plugin.locusts import Ran, Running, command

pytestmark = pytest.mark.peer

STOPPED_S = 10
USERS = 9
OUTCOMES = ("delivered", "late", "lost", "cut_by_peer", "cut_by_us", "undetermined")


@dataclass
class Survivor:
    """A run that went through an outage.

    Attributes:
        ran: the process that ended.
        run: its store.
        broken_s: Unix time of the outage.
        delivered: messages delivered in the store before it.
    """

    ran: Ran
    run: Run
    broken_s: float
    delivered: float

    def moments(self, kind: str) -> list[tuple[float, str]]:
        """Notes of a kind: seconds after the outage, and text."""
        notes = self.run.note_frame()
        offset_s = self.run.started_s - self.broken_s
        chosen = notes[notes["kind"] == kind]
        return [(at_s + offset_s, text) for at_s, text in zip(chosen["at_s"], chosen["text"], strict=True)]

    def windows(self, metric: str, name: str | None = None) -> dict[float, float]:
        """A count by window, in seconds after the outage."""
        counts = self.run.count_frame()
        rows = counts[counts["metric"] == metric]
        if name is not None:
            rows = rows[rows["name"] == name]
        summed = rows.groupby("start_s")["value"].sum()
        offset_s = self.run.started_s - self.broken_s
        return {float(start_s) + offset_s: float(value) for start_s, value in summed.items()}


def delivered(folder: Path) -> float:
    """Messages that the store says were delivered in the hold so far."""
    counts = open_run(folder).count_frame()
    chosen = counts[(counts["metric"] == "delivery.delivered") & (counts["name"] == "message.created")]
    return float(chosen["value"].sum())


def is_back(folder: Path) -> bool:
    """Whether everybody was subscribed again, by the store, and something was delivered in a later window."""
    run = open_run(folder)
    notes, counts = run.note_frame(), run.count_frame()
    back = notes.loc[notes["kind"] == "reconnect", "at_s"]
    chosen = counts[(counts["metric"] == "delivery.delivered") & (counts["name"] == "message.created")]
    return bool(len(back)) and bool((chosen["start_s"] > back.iloc[-1]).any())


def redis_pid(url: str) -> int:
    """The process that serves a Unix socket of ours."""
    path = url.removeprefix("unix://")
    (pid,) = {c.pid for c in psutil.net_connections("unix") if c.laddr == path and c.pid is not None}
    return pid


@pytest.fixture(scope="module")
def survivors(puma: None, identities: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Survivor]:
    """The runs by their outage."""
    if not rails_server.redis_available():
        pytest.skip(f"redis-server and ruby-redis are not installed (apt-get install {rails_server.PACKAGES})")
    with ExitStack() as stack:
        redis_url = stack.enter_context(rails_server.redis_server())
        breaks: dict[str, Callable[[RailsServer], None]] = {
            "redis killed": lambda server: os.kill(redis_pid(redis_url), signal.SIGKILL),
            "server terminated": lambda server: os.kill(server.pid, signal.SIGTERM),
            "server stopped": lambda server: os.kill(server.pid, signal.SIGSTOP),
        }
        servers, runs, broken = {}, {}, {}
        for name in breaks:
            own = tmp_path_factory.mktemp(name.replace(" ", "-"))
            (own / "ids.jsonl").write_bytes(identities.read_bytes())  # each run locks a file of its own
            (own / "ids.jsonl").chmod(0o600)
            server = RailsServer(own / "ids.jsonl", redis_url=redis_url if name == "redis killed" else None)
            servers[name] = stack.enter_context(server)
            argv = command(
                "agents.py",
                own / "run",
                *("--host", server.base_url, "--identities", own / "ids.jsonl", "--agents", 6, "--contacts", 3),
                *("--emit-rate", 6, "--deadline", 4, "--rest-timeout", 4, "--spawn-rate", 20, "-t", "10m"),
                *("--reconnect", "immediate", "--heartbeat", 5),
            )
            runs[name] = stack.enter_context(Running(argv, own / "run"))
        for name, running in runs.items():
            running.until_delivering()
            broken[name] = (time.time(), delivered(running.folder))
            breaks[name](servers[name])
        until_s = time.monotonic() + STOPPED_S
        for running in runs.values():
            running.until(lambda: time.monotonic() >= until_s)
        os.kill(servers["server stopped"].pid, signal.SIGCONT)
        stopped = runs["server stopped"]
        stopped.until(lambda: is_back(stopped.folder))
        for running in runs.values():
            running.signal(signal.SIGTERM)
        ended = {name: running.wait() for name, running in runs.items()}
    return {name: Survivor(ran, open_run(ran.folder), *broken[name]) for name, ran in ended.items()}


NAMES = ("redis killed", "server terminated", "server stopped")
GONE = NAMES[:2]


@pytest.mark.parametrize("name", NAMES)
def test_the_run_survives(survivors: dict[str, Survivor], name: str) -> None:
    """It goes on until it is told to end, and exits with its verdict; nothing frightens."""
    survivor = survivors[name]

    assert survivor.ran.summary["verdict"]["exit_code"] == survivor.ran.code
    assert survivor.ran.summary["run"]["ended_at"] is not None
    assert "Traceback" not in survivor.ran.out + survivor.ran.err
    assert "about to load" in survivor.ran.err


@pytest.mark.parametrize("name", NAMES)
def test_no_measured_data_is_lost(survivors: dict[str, Survivor], name: str) -> None:
    """What was delivered before is still there, and every expected delivery has an outcome."""
    survivor = survivors[name]
    row = survivor.ran.sums()

    assert row["delivered"] >= survivor.delivered > 0
    assert row["expected"] == sum(row[column] for column in OUTCOMES)
    closings = survivor.run.closing_frame()
    of_one = closings[closings["event"] != "presence.update"].groupby(["mark", "due_us", "event"])
    sums = of_one[["expected", *OUTCOMES]].sum()
    assert (sums["expected"] == sums[list(OUTCOMES)].sum(axis=1)).all(), "of each emission, not only in sum"
    planned = survivor.windows("rest.n") | survivor.windows("generator.dropped")
    assert max(planned) > 5  # the plan goes on; what nobody is there to do is counted


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_happened_and_when(survivors: dict[str, Survivor], name: str) -> None:
    """The loss of subscriptions is said at once and stands on the time line at its time."""
    survivor = survivors[name]
    ((at_s, text), *_) = survivor.moments("disconnect")

    assert f"of {USERS} users have lost their subscription" in text
    assert text in survivor.ran.err
    assert text in (survivor.ran.folder / "report.html").read_text(encoding="utf-8")
    # a server that is gone is noticed at once, one that is silent when a real client notices it, after 6 s
    assert (-2 if name in GONE else 4) < at_s


@pytest.mark.parametrize("name", GONE)
def test_a_server_that_is_gone_is_told_from_one_that_is_slow(survivors: dict[str, Survivor], name: str) -> None:
    """No close frame came, reconnects are refused until the end, and the verdict is no PASS."""
    summary = survivors[name].ran.summary

    assert USERS <= summary["cable"]["disconnects"]["1006"]
    assert max(survivors[name].windows("cable.connect_failed", "refused")) > 5
    assert summary["verdict"]["result"] != "PASS"


def test_a_server_that_was_stopped_is_stale_and_comes_back(survivors: dict[str, Survivor]) -> None:
    """Pings stayed out, all connections were given up as stale, and all users and messages came back."""
    survivor = survivors["server stopped"]
    summary = survivor.ran.summary
    ((lost_s, _), *_) = survivor.moments("disconnect")
    ((back_s, text), *_) = survivor.moments("reconnect")
    delivering = survivor.windows("delivery.delivered", "message.created")
    after = [at_s for at_s, n in delivering.items() if n and at_s > max(STOPPED_S, back_s)]

    assert USERS <= summary["cable"]["stale"]
    assert lost_s < back_s
    assert f"all {USERS} users are subscribed again" in text
    assert after
