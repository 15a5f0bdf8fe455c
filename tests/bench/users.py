"""What users cost: ramp, memory, beats and garbage collections with ten thousand sockets in a process.

Run as ``python -m tests.bench.users``: 100 accounts of 10 agents and 90 contacts on the reference server in another
process, each on a core of its own, for about a minute. Memory is compared with as many bare Locust users, in a process
of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.bench import frames
from tests.bench.measure import server_command
from tests.bench.processes import CLIENT_CORE, SERVER_CORE, Process, compiled

RAMP_TARGET_S = 15.0
MEMORY_TARGET_BYTES = 6 * 1024
PAUSE_TARGET_MS = 20.0
BEAT_TARGET_SHARE = 0.02
BEAT_PERIOD_S = 30.0


def rss_bytes() -> int:
    """This process's resident memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def bare(count: int) -> dict[str, float]:
    """Memory of a Locust user that does nothing."""
    import gevent
    from gevent.lock import Semaphore
    from locust import User, task
    from locust.env import Environment

    living = Semaphore(0)

    class Bare(User):
        @task
        def live(self) -> None:
            living.release()
            gevent.sleep(1e6)

    runner = Environment(user_classes=[Bare]).create_local_runner()
    before = rss_bytes()
    runner.start(count, spawn_rate=count)
    for _ in range(count):
        living.acquire()
    return {"bytes": (rss_bytes() - before) / count}


def connections(count: int) -> dict[str, float]:
    """Memory of our users with a connection each to the bench's frame server, which sends them nothing."""
    import gevent
    from locust.env import Environment

    from loadtest.directory import Agent, Directory
    from loadtest.users.cable_user import AgentUser
    from loadtest.users.fleet import Fleet
    from loadtest.users.settings import FleetSettings

    with tempfile.TemporaryDirectory() as name:
        program = compiled("server.c", Path(name))
        frames.write_bodies(Path(name) / "bodies")
        server = Process(server_command(program, Path(name) / "bodies"), SERVER_CORE)
        host = f"http://127.0.0.1:{server.heard().split()[1]}"
    agents = [Agent((1,), n, "agent", (1,), frames.token(n), f"access-{n}", "Max") for n in range(count)]
    runner = Environment(user_classes=[type("Agents", (AgentUser,), {"fixed_count": count})]).create_local_runner()
    settings = FleetSettings("benchm", emit_rate=0.0, dialect="seed", stale_after_s=1e6)
    fleet = Fleet(host, Directory(tuple(agents), (), "bench"), settings, lambda *_: None)
    runner.environment.cable_fleet = fleet
    fleet.start()
    before = rss_bytes()
    runner.start(count, spawn_rate=count)
    while fleet.collector.connected_count < count:
        gevent.sleep(0.05)
    fleet.settle()
    grown = rss_bytes() - before
    server.end()
    return {"bytes": grown / count}


def users(agents: int, contacts: int, accounts: int, rate: float, hold_s: float) -> dict[str, float]:
    """Ramp, memory, garbage collections and beats of our users against the reference server."""
    import gc
    import time

    import gevent
    from locust.env import Environment

    from loadtest.directory import Population, generate
    from loadtest.metrics import Batch
    from loadtest.refserver import ServerSettings, start_child
    from loadtest.users.cable_user import AgentUser, ContactUser
    from loadtest.users.fleet import Fleet
    from loadtest.users.settings import FleetSettings

    population = Population(agents, contacts, min(10, agents // accounts), accounts)
    directory = generate(population)
    child = start_child(ServerSettings(population=population), 60.0)
    os.sched_setaffinity(child.pid, {SERVER_CORE})
    agent_class = type("Agents", (AgentUser,), {"fixed_count": agents})
    contact_class = type("Contacts", (ContactUser,), {"fixed_count": contacts})
    environment = Environment(user_classes=[agent_class, contact_class])
    runner = environment.create_local_runner()
    gathered = Batch()
    settings = FleetSettings("benchm", emit_rate=rate, typing_s=0.0, think_s=0.5, dialect="seed", mix="")
    fleet = Fleet(child.url, directory, settings, lambda batch, _: gathered.merge(batch))
    environment.cable_fleet = fleet
    fleet.start()
    try:
        before, began_s, spent_s = rss_bytes(), time.monotonic(), time.process_time()
        runner.start(agents + contacts, spawn_rate=agents + contacts)
        collector = fleet.collector
        while collector.connected_count < agents + contacts:
            if time.monotonic() - began_s > 120:
                raise SystemExit(f"only {collector.connected_count} users within 120 s: {fleet.why_nobody()}")
            gevent.sleep(0.05)
        ramp_s, ramp_cpu_s = time.monotonic() - began_s, time.process_time() - spent_s
        while fleet.chat.awaited_count and time.monotonic() - began_s < 180:  # conversations are being opened
            gevent.sleep(0.1)
        fleet.settle()
        grown = rss_bytes() - before
        pauses: list[int] = []
        since = [0]

        def on_gc(phase: str, _: dict[str, int]) -> None:
            if phase == "start":
                since[0] = time.monotonic_ns()
            else:
                pauses.append(time.monotonic_ns() - since[0])

        fleet.begin_hold()
        gc.callbacks.append(on_gc)
        held_s = time.process_time()
        gevent.sleep(hold_s)
        cpu_share = (time.process_time() - held_s) / hold_s
        gc.callbacks.remove(on_gc)
        fleet.end_hold()
        while not fleet.drained() and time.monotonic() - began_s < 240:
            gevent.sleep(0.05)
        sessions = fleet.here()
        began_cpu_s = time.process_time()
        for session in sessions:
            session._beat()
        beat_us = (time.process_time() - began_cpu_s) / len(sessions) * 1e6
        while any(session.receiver.beats for session in sessions if session.receiver is not None):
            gevent.sleep(0.01)
        answered_us = (time.process_time() - began_cpu_s) / len(sessions) * 1e6
    finally:
        child.stop()
    received = sum(v for (_, metric, _, _), v in gathered.counts.items() if metric == "delivery.received")
    return {
        "ramp_s": ramp_s,
        "bytes": grown / (agents + contacts),
        "pause_ms": max(pauses, default=0) / 1e6,
        "collections": len(pauses),
        "cpu_share": cpu_share,
        "beat_us": beat_us,
        "answered_us": answered_us,
        "ramp_cpu_s": ramp_cpu_s,
        "received": received,
    }


def _in_child(*arguments: Any) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.users", "--child", *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, timeout=600)
    if done.returncode:
        raise SystemExit(done.returncode)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.users", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--agents", type=int, default=1000)
    parser.add_argument("--contacts", type=int, default=9000)
    parser.add_argument("--accounts", type=int, default=100)
    parser.add_argument("--rate", type=float, default=20.0, help="messages a second in the hold")
    parser.add_argument("--hold", type=float, default=15.0, metavar="SECONDS")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        os.sched_setaffinity(0, {CLIENT_CORE})
        kind, *values = options.child
        if kind == "users":
            found = users(*map(int, values[:3]), *map(float, values[3:]))
        else:
            found = {"bare": bare, "connections": connections}[kind](int(values[0]))
        print(json.dumps(found))
        sys.stdout.flush()
        os._exit(0)
    count = options.agents + options.contacts
    alone = _in_child("bare", count)["bytes"]
    found = _in_child("users", options.agents, options.contacts, options.accounts, options.rate, options.hold)
    connection = _in_child("connections", count)["bytes"] - alone
    beats = found["beat_us"] * count / BEAT_PERIOD_S / 1e6
    rows = [
        ("ramp: connected and subscribed", f"below {RAMP_TARGET_S:g} s", f"{found['ramp_s']:.1f} s"),
        ("CPU of the ramp", "", f"{found['ramp_cpu_s']:.1f} s"),
        ("memory a bare Locust user", "", f"{alone / 1024:.1f} KiB"),
        ("a connection on top of it", f"at most {MEMORY_TARGET_BYTES / 1024:g} KiB", f"{connection / 1024:.1f} KiB"),
        ("all that a user is", "", f"{found['bytes'] / 1024:.1f} KiB"),
        ("longest garbage collection in the hold", f"at most {PAUSE_TARGET_MS:g} ms", f"{found['pause_ms']:.1f} ms"),
        (f"{count:,} beats in {BEAT_PERIOD_S:g} s", f"below {BEAT_TARGET_SHARE:.0%} of a core", f"{beats:.1%}"),
        ("a beat, and with its answer", "", f"{found['beat_us']:.0f} µs, {found['answered_us']:.0f} µs"),
        ("CPU in the hold", "", f"{found['cpu_share']:.0%}, {found['received']:,.0f} events received"),
    ]
    print(f"{count:,} users in one process against the reference server:\n")
    print("| what | target | measured |\n| --- | ---: | ---: |")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    met = (
        found["ramp_s"] < RAMP_TARGET_S
        and connection <= MEMORY_TARGET_BYTES
        and found["pause_ms"] <= PAUSE_TARGET_MS
        and beats < BEAT_TARGET_SHARE
    )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
