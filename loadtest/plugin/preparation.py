"""Before the test: who is simulated, on what target, within which bounds."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from locust.argument_parser import get_parser
from locust.util.timespan import parse_timespan

from loadtest.directory import Directory, Population, read_identities
from loadtest.distributed.conductor import Patience
from loadtest.errors import UsageError
from loadtest.nouns import many, noun
from loadtest.plan import canary_period_s
from loadtest.plan import window_s as suitable_window_s
from loadtest.plugin import host_limits
from loadtest.refserver.settings import ServerSettings
from loadtest.target.profile import Profile
from loadtest.users.cable_user import AgentUser, ContactUser
from loadtest.users.preflight import is_loopback
from loadtest.users.settings import FleetSettings

_SLACK_S = 5.0
"""Beyond the time in which everything should have been answered."""


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
                f"{many(users, 'user')}, but {many(agents, 'agent')} and {many(contacts, 'contact')}",
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


def apply_brakes(options: Any, users: int, host: str | None = None) -> None:
    """Hold the plan against ``--max-users`` and ``--max-emit-rate``.

    Args:
        options: Locust's parsed options.
        users: how many are planned.
        host: the target, or None for the embedded server.

    Raises:
        UsageError: the plan exceeds one of them, or they are missing where ``--require-brakes`` asks for them.
    """
    missing = [name for name in ("max_users", "max_emit_rate") if getattr(options, name) is None]
    if options.require_brakes and host and not is_loopback(host) and missing:
        flags = " and ".join("--" + name.replace("_", "-") for name in missing)
        raise UsageError(
            "this load has no bound of its own, and the target is not this machine",
            where=f"--host {without_secrets(host)}",
            remedy=f"Give {flags}: what the target may be asked to bear at most",
        )
    if options.max_users is not None and users > options.max_users:
        raise UsageError(
            f"{many(users, 'user')} planned, {options.max_users:,} allowed",
            where="--max-users",
            remedy="Plan fewer users",
        )
    if options.max_emit_rate is not None and options.emit_rate > options.max_emit_rate:
        raise UsageError(
            f"{options.emit_rate:g} {noun(options.emit_rate, 'message')} a second planned, "
            f"{options.max_emit_rate:g} allowed",
            where="--max-emit-rate",
            remedy="Lower --emit-rate",
        )


def hold_to(url: str, environment: Any, users: int) -> None:
    """A test starts, perhaps from Locust's page, whose form takes another host and other numbers than were checked.

    Args:
        url: the target that was looked at when this process started.
        environment: Locust's; an emptied host is put back.
        users: how many are planned.

    Raises:
        UsageError: another host was given, or the rate is above the brake.
    """
    given, options = str(environment.host or "").rstrip("/"), environment.parsed_options
    environment.host = options.host = url
    if given and given != url.rstrip("/"):
        raise UsageError(
            f"the test was to go to {without_secrets(given)}, and this process has looked at {without_secrets(url)}",
            where="Host on Locust's page",
            remedy="Leave it as it is, or start locust anew with --host",
        )
    apply_brakes(options, users, url)


def hide_credentials(environment: Any) -> tuple[tuple[str, str], ...]:
    """Take user and password out of the target's URL, which Locust shows on its pages and in its reports.

    Args:
        environment: Locust's.

    Returns:
        The headers that carry them.
    """
    options, host = environment.parsed_options, environment.host
    environment.host = options.host = without_secrets(host)
    return fleet_settings(options, "").endpoint(host).headers


def check_host(host: str, options: Any) -> None:
    """Hold the target's address against what a run may do.

    Raises:
        UsageError: the URL is unusable, tokens would leave this machine unencrypted, or faults were asked for.
    """
    if options.faults or options.truth:
        raise UsageError(
            "only the embedded server can be told to do wrong",
            where="--faults" if options.faults else "--truth",
            remedy="Leave --host out, or run `loadtest serve --faults ... --truth FILE` and give its address alone",
        )
    fleet_settings(options, "").endpoint(host)
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

    Args:
        options: Locust's parsed options.

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


def identities_for(
    options: Any, agents: int, contacts: int, profile: Profile | None = None
) -> tuple[Directory, Directory]:
    """The identities to simulate on a target, and those that are left over.

    Args:
        options: Locust's parsed options.
        agents: how many agents.
        contacts: how many contacts.
        profile: names the accounts and inboxes that may be used.

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
    if profile is not None:
        directory = profile.select(directory)
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
            f"{many(len(mute), 'contact has', 'contacts have')} no inbox_identifier (contact {mute[0]} is one)",
            where=options.identities,
            remedy="Contacts act through the public API, which needs an API inbox: give its inbox_identifier",
        )
    return dealt, Directory(directory.agents[agents:], directory.contacts[contacts:], directory.source)


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
        whole_seconds=options.whole_seconds,
        push_presence=options.push_presence,
        faults=options.faults,
        truth_path=options.truth,
    )


def fleet_settings(
    options: Any, tag: str, profile: Profile | None = None, credentials: Sequence[tuple[str, str]] = ()
) -> FleetSettings:
    """What every process gets to know of the options.

    Args:
        options: Locust's parsed options.
        tag: the run's.
        profile: of the target, or None.
        credentials: headers made of the user and password in the target's URL.

    Raises:
        UsageError: a secret of the profile's headers cannot be read.
    """
    sources = options.source_address
    return FleetSettings(
        run_tag=tag,
        seed=options.seed,
        heartbeat_s=options.heartbeat,
        emit_rate=options.emit_rate,
        connect_rate=connect_rate(options),
        emissions=options.emissions,
        think_s=options.think_time,
        typing_s=options.typing,
        mix=options.mix,
        canary_s=options.canary,
        stay_s=options.session,
        away_s=options.away,
        deadline_s=options.deadline,
        window_s=window_s(options),
        load_profile=options.load_profile,
        storm=options.storm,
        slow_readers=options.slow_readers,
        client=options.client,
        reconnect=options.reconnect,
        cable_path=options.cable_path,
        ca_file=options.ca_file,
        origin=options.origin,
        subprotocols=None if profile is None else profile.get("target.subprotocols"),
        auth_header=options.auth_header or "",
        headers=(*(() if profile is None else profile.read_headers()), *credentials),
        source_addresses=tuple(sources.split(",")) if sources else (),
        refetch=options.refetch,
        dialect=options.dialect,
        agent_expiry_s=options.agent_expiry,
        contact_expiry_s=options.contact_expiry,
        presence_scenario=options.presence_scenario,
        presence_oracle_s=options.presence_oracle,
        presence_pairs=options.presence_pairs,
        presence_log=str(Path(options.presence_log).absolute()) if options.presence_log else "",
        delivery_log=str(Path(options.delivery_log).absolute()) if options.delivery_log else "",
        rest_timeout_s=options.rest_timeout,
        kernel_stamps=options.kernel_stamps,
        rest_connections=options.rest_pool or pool_size(options.emit_rate, options.rest_timeout),
    )


def connect_rate(options: Any) -> float:
    """Users that first connect, a second: as many as are started, unless the options say otherwise."""
    return float(options.connect_rate or options.spawn_rate or 1)


def window_s(options: Any) -> float:
    """The length of a window: as given, or as it suits the run's length."""
    return float(options.window or suitable_window_s(run_time_s(options)))


def run_time_s(options: Any) -> float | None:
    """How long the run is planned to last, in seconds; None where that is open."""
    length = options.run_time
    return float(parse_timespan(length) if isinstance(length, str) else length) if length else None


def canary_s(options: Any, directory: Directory) -> float:
    """The period of canaries, as far as ``--max-emit-rate`` leaves room for them beside the plan's own messages."""
    inboxes = {(contact.account_id, contact.inbox_id) for contact in directory.contacts}
    spare = None if options.max_emit_rate is None else options.max_emit_rate - options.emit_rate
    return canary_period_s(options.canary, len(inboxes), spare)


def pool_size(emit_rate: float, timeout_s: float) -> int:
    """REST connections of a worker: at least rate x timeout for messages and the typing around them (Little's law)."""
    return int(min(2048, max(32, 3 * emit_rate * timeout_s)))


def check_machine(options: Any, users: int, *, elsewhere: bool) -> None:
    """Make sure that this machine can hold so many users' connections, and let this process open its share.

    Args:
        options: Locust's parsed options.
        users: of the whole run.
        elsewhere: the connections are those of other machines' workers, whose ports are not known here.

    Raises:
        UsageError: open files or local ports do not reach; says what is needed.
    """
    pool = options.rest_pool or pool_size(options.emit_rate, options.rest_timeout)
    processes = options.processes if isinstance(options.processes, int) and options.processes > 0 else 1
    host_limits.raise_file_limit(-(-users // processes) + pool, processes)
    addresses = len(options.source_address.split(",")) if options.source_address else 0
    if not elsewhere:
        host_limits.check_ports(users + pool * processes, addresses)


def patience(options: Any, settings: FleetSettings, users: int) -> Patience:
    """How long a run waits for its users to be confirmed, and for what is under way at its end."""
    return Patience(
        confirm_s=settings.confirm_timeout_s + _SLACK_S + users / settings.connect_rate,
        drain_s=options.deadline + options.rest_timeout + _SLACK_S,
    )


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
