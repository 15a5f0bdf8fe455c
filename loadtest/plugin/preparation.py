"""Before the test: who is simulated, on what target, within which bounds."""

from __future__ import annotations

import os
import platform
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from locust.argument_parser import get_parser

from loadtest.directory import Directory, Population, read_identities
from loadtest.errors import UsageError
from loadtest.refserver.settings import ServerSettings
from loadtest.transport.address import cable_endpoint
from loadtest.users.cable_user import AgentUser, ContactUser
from loadtest.users.preflight import is_loopback
from loadtest.users.settings import FleetSettings


def planned_population(options: Any, user_classes: list[type]) -> tuple[int, int]:
    """Agents and contacts: as given, or ``-u`` split by the locustfile's own ratio.

    Args:
        options: Locust's parsed options.
        user_classes: the locustfile's users; a kind that it has none of is not simulated.

    Raises:
        UsageError: the numbers contradict each other, or nobody is left.
    """
    agents = options.agents if any(issubclass(c, AgentUser) for c in user_classes) else 0
    contacts = options.contacts if any(issubclass(c, ContactUser) for c in user_classes) else 0
    users = options.num_users
    if users is not None and users != agents + contacts:
        parser = get_parser(default_config_files=[])
        if [options.agents, options.contacts] != [parser.get_default("agents"), parser.get_default("contacts")]:
            raise UsageError(
                f"{users} users, but {agents} agents and {contacts} contacts",
                where="--users",
                remedy="Give --agents and --contacts, or --users alone to split it by the locustfile's ratio",
            )
        whole = agents + contacts
        share = min(users, max(1, round(users * agents / whole))) if agents else 0
        if agents and contacts and users > 1:
            share = min(share, users - 1)
        agents, contacts = (share, users - share) if contacts else (users, 0)
    if not agents + contacts:
        raise UsageError("no users", where="--agents, --contacts", remedy="Give at least one agent and one contact")
    return agents, contacts


def apply_brakes(options: Any, users: int) -> None:
    """Hold the plan against ``--max-users`` and ``--max-emit-rate``.

    Raises:
        UsageError: the plan exceeds one of them.
    """
    if options.max_users is not None and users > options.max_users:
        raise UsageError(
            f"{users} users planned, {options.max_users} allowed", where="--max-users", remedy="Plan fewer users"
        )
    if options.max_emit_rate is not None and options.emit_rate > options.max_emit_rate:
        raise UsageError(
            f"{options.emit_rate:g} messages a second planned, {options.max_emit_rate:g} allowed",
            where="--max-emit-rate",
            remedy="Lower --emit-rate",
        )


def check_host(host: str, options: Any) -> None:
    """Hold the target's address against what a run may do.

    Raises:
        UsageError: the URL is unusable, or tokens would leave this machine unencrypted.
    """
    cable_endpoint(host, cable_path=options.cable_path, client=options.client, ca_file=options.ca_file)
    if urlsplit(host).scheme in ("http", "ws") and not is_loopback(host) and not options.allow_plaintext:
        raise UsageError(
            "tokens would be sent unencrypted",
            where=f"--host {without_secrets(host)}",
            remedy="Use https://, or say --allow-plaintext if you mean it",
        )


def without_secrets(host: str) -> str:
    """A target's address as it may be shown and stored: without the user and password it may hold."""
    parts = urlsplit(host)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def check_report_dir(options: Any) -> None:
    """Make sure, before anything is started, that a run's folder can be made and is a new one.

    Raises:
        UsageError: nothing can be written to ``--report-dir``, or ``--run-id`` exists in it.
    """
    parent = Path(options.report_dir)
    try:
        parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=parent):
            pass
    except OSError as error:
        raise UsageError(
            f"run folders cannot be made here ({error.strerror})",
            where=f"--report-dir {parent}",
            remedy="Choose another folder, or give this user the right to write to it",
        ) from error
    if options.run_id and (parent / options.run_id).exists():
        raise UsageError(
            "the run's folder exists, and a run is never overwritten",
            where=str(parent / options.run_id),
            remedy="Give another --run-id, or move the folder away",
        )


def identities_for(options: Any, agents: int, contacts: int) -> Directory:
    """The identities to simulate on a target.

    Raises:
        UsageError: there is no identities file, or it holds too few.
    """
    if not options.identities:
        raise UsageError(
            "a target needs identities: who its agents and contacts are, with their tokens",
            where="--host",
            remedy="Give --identities FILE (JSON lines; `loadtest serve --identities FILE` writes an example)",
        )
    directory = read_identities(options.identities)
    for name, wanted, there in (
        ("agents", agents, len(directory.agents)),
        ("contacts", contacts, len(directory.contacts)),
    ):
        if there < wanted:
            raise UsageError(
                f"{wanted} {name} wanted, {there} in the file",
                where=options.identities,
                remedy=f"Give --{name} {there}, or add identities",
            )
    dealt = Directory(directory.agents[:agents], directory.contacts[:contacts], directory.source)
    mute = [contact.contact_id for contact in dealt.contacts if contact.inbox_identifier is None]
    if mute:
        raise UsageError(
            f"{len(mute)} contacts have no inbox_identifier (contact {mute[0]} is one)",
            where=options.identities,
            remedy="Contacts act through the public API, which needs an API inbox: give its inbox_identifier",
        )
    return dealt


def server_settings(options: Any, agents: int, contacts: int) -> ServerSettings:
    """Settings of the embedded server for a run of so many.

    Raises:
        UsageError: identities were given without a target, or a value cannot be served with.
    """
    if options.identities:
        raise UsageError(
            "identities without a target",
            where="--identities",
            remedy="Give --host too, or leave both out to use the embedded server",
        )
    return ServerSettings(
        population=Population(agents, contacts, options.members, options.accounts),
        seed=options.seed,
        dialect="seed" if options.dialect == "auto" else options.dialect,
        agent_expiry_s=options.agent_expiry,
        contact_expiry_s=options.contact_expiry,
    )


def fleet_settings(options: Any, tag: str) -> FleetSettings:
    """What every process gets to know of the options."""
    return FleetSettings(
        run_tag=tag,
        seed=options.seed,
        heartbeat_s=options.heartbeat,
        emit_rate=options.emit_rate,
        think_s=options.think_time,
        typing_s=options.typing,
        mix=options.mix,
        stay_s=options.session,
        away_s=options.away,
        deadline_s=options.deadline,
        window_s=options.window,
        client=options.client,
        reconnect=options.reconnect,
        cable_path=options.cable_path,
        ca_file=options.ca_file,
        dialect=options.dialect,
        agent_expiry_s=options.agent_expiry,
        contact_expiry_s=options.contact_expiry,
        rest_timeout_s=options.rest_timeout,
        rest_connections=pool_size(options.emit_rate, options.rest_timeout),
    )


def pool_size(emit_rate: float, timeout_s: float) -> int:
    """REST connections of a worker: at least rate x timeout for messages and the typing around them (Little's law)."""
    return int(min(2048, max(32, 3 * emit_rate * timeout_s)))


def versions() -> dict[str, Any]:
    """What the run was made with and on."""
    cpu = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                cpu = line.split(":", 1)[1].strip()
                break
    return {
        "loadtest": version("onechat-loadtest"),
        "locust": version("locust"),
        "gevent": version("gevent"),
        "websockets": version("websockets"),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "cpu": cpu,
        "cores": os.cpu_count(),
    }
