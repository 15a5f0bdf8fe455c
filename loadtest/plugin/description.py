"""What a run's store says of it from its first moment: ``meta``, as :mod:`loadtest.analysis` and reports read it."""

from __future__ import annotations

import datetime
from typing import Any

from loadtest.directory import Directory
from loadtest.plugin import preparation
from loadtest.users.settings import FleetSettings


def describe(
    options: Any,
    settings: FleetSettings,
    directory: Directory,
    *,
    url: str,
    embedded: bool,
    run_id: str,
    started: datetime.datetime,
    workers: int,
    locustfile: str | None,
) -> dict[str, Any]:
    """A run as it is planned.

    Args:
        options: Locust's parsed options.
        settings: what every process is told of them.
        directory: who will be simulated.
        url: the target, without secrets.
        embedded: whether it is the embedded server.
        run_id: name of the run's folder.
        started: when.
        workers: how many processes simulate.
        locustfile: name of the locustfile.
    """
    return {
        "schema_version": 1,
        "run_id": run_id,
        "started_at": started.isoformat(timespec="milliseconds"),
        "ended_at": None,
        "window_s": settings.window_s,
        "deadline_s": options.deadline,
        "seed": options.seed,
        "run_tag": settings.run_tag,
        "target": {
            "url": url,
            "embedded": embedded,
            "dialect": options.dialect,
            "server": "embedded reference server" if embedded else "",
        },
        "population": {
            "agents": len(directory.agents),
            "contacts": len(directory.contacts),
            "accounts": len(directory.account_ids()),
            "members": options.members if embedded else None,
        },
        "plan": {
            "emit_rate": options.emit_rate,
            "emissions": options.emissions,
            "heartbeat_s": options.heartbeat,
            "think_time_s": options.think_time,
            "typing": options.typing,
            "mix": settings.mix,
            "load_profile": settings.load_profile,
            "storm": settings.storm,
            "slow_readers": settings.slow_readers,
            "reconnect": settings.reconnect,
            "session_s": options.session,
            "canary_s": settings.canary_s,
            "client": options.client,
            "arrivals": "stratified",
            "agent_expiry_s": options.agent_expiry,
            "contact_expiry_s": options.contact_expiry,
            "presence_scenario": options.presence_scenario,
            "rest_connections": settings.rest_connections,
            "kernel_stamps": settings.kernel_stamps,
        },
        "versions": preparation.versions(),
        "workers": workers,
        "locustfile": locustfile,
        "interrupted": None,
        "run_time_s": preparation.run_time_s(options),
        "ran_s": None,
        "target_lost": False,
        "aborted": None,
        "faults": options.faults or None,
    }
