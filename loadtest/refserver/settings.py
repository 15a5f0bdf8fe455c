"""Everything the reference server can be told, and its form as command-line arguments."""

from __future__ import annotations

from dataclasses import dataclass, field

from loadtest.directory import Population
from loadtest.directory.secret_files import read_secret
from loadtest.errors import UsageError
from loadtest.refserver.dialect import DIALECTS, Dialect
from loadtest.refserver.faults import parse_faults


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How to serve, and whom.

    Attributes:
        population: the identities to make up.
        seed: makes their tokens.
        host_address: address to listen on.
        port: TCP port, 0 for any free one.
        dialect: name of the version spoken.
        agent_expiry_s: overrides the dialect's presence expiry of agents.
        contact_expiry_s: overrides the dialect's presence expiry of contacts.
        whole_seconds: presence compares whole seconds, as upstream's does.
        push_presence: everybody of an account is told as soon as its presence changes, not only when they ask.
        ping_interval_s: seconds between two pings; upstream's ``BEAT_INTERVAL`` is 3.
        identities_path: file to write the identities to, or None.
        exit_on_stdin_eof: end as soon as standard input does.
        email_collect: ask a contact without an address for one after its first message in a conversation.
        platform_token_path: file that holds the token of the platform app, or None for no platform API.
        rate_limit: requests an address may make in a period, or None for no limit.
        rate_period_s: that period, in seconds.
        faults: what goes wrong, by the grammar of :mod:`loadtest.refserver.faults.grammar`; empty for nothing.
        truth_path: file to write every fault applied to, or None.

    Raises:
        UsageError: a value that cannot be served with.
    """

    population: Population = field(default_factory=lambda: Population(agents=100, contacts=100, members=100))
    seed: int = 0
    host_address: str = "127.0.0.1"
    port: int = 0
    dialect: str = "seed"
    agent_expiry_s: float | None = None
    contact_expiry_s: float | None = None
    whole_seconds: bool = False
    push_presence: bool = False
    ping_interval_s: float = 3.0
    identities_path: str | None = None
    exit_on_stdin_eof: bool = False
    email_collect: bool = False
    platform_token_path: str | None = None
    rate_limit: int | None = None
    rate_period_s: float = 60.0
    faults: str = ""
    truth_path: str | None = None

    def __post_init__(self) -> None:
        if self.dialect not in DIALECTS:
            raise UsageError(
                f"unknown dialect {self.dialect!r}", where="--dialect", remedy=f"Give one of: {', '.join(DIALECTS)}"
            )
        if not 0 <= self.port <= 65535:
            raise UsageError(
                f"port {self.port} does not exist", where="--port", remedy="Give 1 to 65535, or 0 for any free one"
            )
        for option, value in (
            ("--agent-expiry", self.agent_expiry_s),
            ("--contact-expiry", self.contact_expiry_s),
            ("--ping-interval", self.ping_interval_s),
            ("--rate-period", self.rate_period_s),
        ):
            # Written so that a NaN is refused too.
            if value is not None and not 0 < value < float("inf"):
                raise UsageError(f"{value} s is no duration", where=option, remedy="Give a number of seconds above 0")

        if self.rate_limit is not None and self.rate_limit < 1:
            raise UsageError(
                f"{self.rate_limit} requests", where="--rate-limit", remedy="Give 1 or more, or leave it out"
            )

        try:
            parse_faults(self.faults)
        except UsageError as error:
            raise UsageError(error.what, where=f"--faults, {error.where}", remedy=error.remedy) from None

    def platform_token(self) -> str | None:
        """Read the token of the platform app.

        Raises:
            UsageError: its file cannot be used.
        """
        return None if self.platform_token_path is None else read_secret(self.platform_token_path)

    @property
    def rules(self) -> Dialect:
        """The dialect spoken."""
        return DIALECTS[self.dialect]

    @property
    def agent_presence_s(self) -> float:
        """Presence expiry of agents in force, in seconds."""
        return self.rules.agent_expiry_s if self.agent_expiry_s is None else self.agent_expiry_s

    @property
    def contact_presence_s(self) -> float:
        """Presence expiry of contacts in force, in seconds."""
        return self.rules.contact_expiry_s if self.contact_expiry_s is None else self.contact_expiry_s

    def to_argv(self) -> list[str]:
        """Arguments from which ``python -m loadtest.refserver`` builds settings equal to these."""
        options: dict[str, object] = {
            "agents": self.population.agents,
            "contacts": self.population.contacts,
            "members": self.population.members,
            "accounts": self.population.accounts,
            "seed": self.seed,
            "host-address": self.host_address,
            "port": self.port,
            "dialect": self.dialect,
            "agent-expiry": self.agent_expiry_s,
            "contact-expiry": self.contact_expiry_s,
            "ping-interval": self.ping_interval_s,
            "identities": self.identities_path,
            "platform-token-file": self.platform_token_path,
            "rate-limit": self.rate_limit,
            "rate-period": self.rate_period_s,
            "faults": self.faults or None,
            "truth": self.truth_path,
        }
        argv = [f"--{name}={value}" for name, value in options.items() if value is not None]
        flags = {
            "exit-on-stdin-eof": self.exit_on_stdin_eof,
            "email-collect": self.email_collect,
            "whole-seconds": self.whole_seconds,
            "push-presence": self.push_presence,
        }
        return [*argv, *(f"--{name}" for name, value in flags.items() if value)]
