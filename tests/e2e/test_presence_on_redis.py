"""Presence on real Action Cable with its presence in Redis, held against what Redis itself says.

One command: ``python -m pytest -m slow tests/e2e/test_presence_on_redis.py``; about two minutes.
"""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from loadtest.analysis.presence_replay import US_PER_S, Server, replay
from loadtest.collect.presence_log import Line, read_log
from loadtest.directory import Directory
from tests.e2e.rails_server import RailsServer
from tests.plugin.locusts import locust

pytestmark = [pytest.mark.peer, pytest.mark.slow]

EXPIRY_S = 6
HEARTBEAT_S = 4
PEOPLE = 12
SAMPLE_S = 0.2


class Redis:
    """As much of a Redis client as reading a sorted set takes.

    Args:
        url: ``unix:///...``.
    """

    def __init__(self, url: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(url.removeprefix("unix://"))
        self._file = self._socket.makefile("rb")

    def scores(self, key: str) -> dict[int, int]:
        """Score by member."""
        words = ("ZRANGE", key, "0", "-1", "WITHSCORES")
        command = f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
        self._socket.sendall(command.encode())
        count = int(self._file.readline()[1:])
        values = []
        for _ in range(count):
            length = int(self._file.readline()[1:])
            values.append(int(self._file.read(length + 2)))
        return dict(zip(values[::2], values[1::2], strict=True))

    def close(self) -> None:
        """Let go."""
        self._file.close()
        self._socket.close()


class Watch(threading.Thread):
    """Reads from Redis who is online, a few times a second.

    Args:
        url: the Redis.
        account_id: whose lists.
    """

    def __init__(self, url: str, account_id: int) -> None:
        super().__init__(daemon=True)
        self._redis = Redis(url)
        self._keys = {role: f"presence:{account_id}:{role}" for role in ("agent", "contact")}
        self._over = threading.Event()
        self.seen: list[tuple[float, frozenset[str]]] = []

    def run(self) -> None:
        """Read until told to stop."""
        while not self._over.wait(SAMPLE_S):
            at_s = time.time()
            online = {
                f"{role}:{member}"
                for role, key in self._keys.items()
                for member, score in self._redis.scores(key).items()
                if score >= int(at_s) - EXPIRY_S
            }
            self.seen.append((at_s, frozenset(online)))

    def stop(self) -> None:
        """Read no more."""
        self._over.set()
        self.join()
        self._redis.close()


@pytest.fixture(scope="module")
def ran(
    puma: None, redis_url: str, identities: Path, help_desk: Directory, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Any, list[Line], Watch]:
    """A minute of people who come and go, some without a word, on a beat that leaves little room."""
    folder = tmp_path_factory.mktemp("redis")
    watch = Watch(redis_url, help_desk.agents[0].account_id)
    with RailsServer(identities, agent_expiry_s=EXPIRY_S, contact_expiry_s=EXPIRY_S, redis_url=redis_url) as server:
        watch.start()
        try:
            run = locust(
                "presence.py",
                folder / "run",
                *("--host", server.base_url, "--identities", identities, "--agents", PEOPLE, "--contacts", PEOPLE),
                *("--emit-rate", 1, "--heartbeat", HEARTBEAT_S, "--presence-scenario", "churn=20/14,silent=40%"),
                *("--agent-expiry", EXPIRY_S, "--contact-expiry", EXPIRY_S, "--presence-oracle", 0),
                *("--presence-log", folder / "log", "--run-time", "70s", "--spawn-rate", 50, "--deadline", 5),
            )
        finally:
            watch.stop()
    return run, read_log(folder / "log.local"), watch


def test_redis_holds_who_our_beats_say_is_online(ran: tuple[Any, list[Line], Watch]) -> None:
    """At every reading, whoever beat within the expiry is in Redis, and nobody whose beat is a second older."""
    _, log, watch = ran
    answers = {(line.who, line.asked): line.t for line in log if line.kind == "told" and line.asked}
    beats: dict[str, list[tuple[float, float]]] = {}  # between which moments it reached Redis
    for line in log:
        if line.kind == "beat":
            until = answers.get((line.who, line.t), line.t + 2 * US_PER_S)
            beats.setdefault(line.who, []).append((line.t / US_PER_S, until / US_PER_S))
        elif line.kind == "arrive":
            beats.setdefault(line.who, []).append((line.t / US_PER_S - 1, line.t / US_PER_S))
    wrong = []
    decided = 0
    for at_s, online in watch.seen:
        for who, times in beats.items():
            if any(sent <= at_s + 0.1 and at_s <= counted + 0.1 for sent, counted in times):
                continue  # under way to Redis
            past = [counted for _, counted in times if counted <= at_s]
            age_s = at_s - max(past) if past else float("inf")
            if EXPIRY_S - 0.2 < age_s < EXPIRY_S + 1.5:
                continue  # within its rounding
            decided += 1
            if (age_s <= EXPIRY_S) is not (who in online):
                wrong.append((who, at_s, age_s))

    assert decided > 1_000
    assert wrong == []


def test_accuracy_is_that_of_the_replay_on_whole_seconds(ran: tuple[Any, list[Line], Watch]) -> None:
    """P_A of every kind of pair within one point of the replay by upstream's rule, mistakes exactly."""
    run, log, _ = ran
    expiry_us = {"agent": EXPIRY_S * US_PER_S, "contact": EXPIRY_S * US_PER_S}
    found = replay(log, [], Server(expiry_us, whole_seconds=True))
    rows = run.summary["presence"]
    pairs = [("agent", "agent"), ("agent", "contact"), ("contact", "agent")]
    measured = {pair: rows[pair[0]]["by_observer"][pair[1]] for pair in pairs}

    assert found.wrong == 0
    assert {pair: round(100 * row["p_a"]) for pair, row in measured.items()} == pytest.approx(
        {pair: 100 * (found.p_a(pair) or 0.0) for pair in pairs}, abs=1.5
    )
    assert {pair: row["mistakes"] for pair, row in measured.items()} == {pair: found.mistakes[pair] for pair in pairs}


def test_accuracy_is_that_of_observers_of_redis(ran: tuple[Any, list[Line], Watch]) -> None:
    """Without any frame: had agents asked Redis at each of their beats, they would have been right as often."""
    _, log, watch = ran
    hold, drain = (next(line.t for line in log if line.kind == kind) / US_PER_S for kind in ("hold", "drain"))
    asked = [
        line for line in log if line.kind == "told" and line.who.startswith("agent") and hold < line.t / 1e6 < drain
    ]
    agree = compared = 0
    for line in asked:
        at_s, online = min(watch.seen, key=lambda one: abs(one[0] - line.t / US_PER_S))
        if abs(at_s - line.t / US_PER_S) < SAMPLE_S:
            compared += len(online | set(line.shown))
            agree += len(online & set(line.shown))

    assert compared > 500
    assert agree / compared > 0.97


def test_the_expiry_is_found_without_being_given(ran: tuple[Any, list[Line], Watch]) -> None:
    """From the frames alone: six seconds, blurred to seven by whole seconds."""
    run, _, _ = ran
    expiry = run.summary["presence"]["agent"]["expiry"]

    assert EXPIRY_S - 0.3 <= expiry["estimate_s"] <= EXPIRY_S + 1.2
    assert run.summary["presence"]["agent"]["delivery"] == "pull"
