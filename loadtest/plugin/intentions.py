"""What a run is about to do to a target, said before it does it; and plans that would only measure a rate limit."""

from __future__ import annotations

from typing import Any

from loadtest.directory import Directory
from loadtest.errors import UsageError
from loadtest.nouns import many, noun
from loadtest.plan import ACTS, Mix
from loadtest.plugin.preparation import run_time_s
from loadtest.target.profile import Profile


def requests_a_minute(options: Any, users: int) -> float:
    """REST calls and upgrades a minute that a plan makes at most: while users arrive, or afterwards.

    Args:
        options: Locust's parsed options.
        users: how many are planned.
    """
    typing = 2 if options.typing else 0
    acts = sum(len(ACTS[act]) * rate for act, rate in Mix.parse(options.mix, options.seed).rates.items())
    calls: float = options.emit_rate * (1 + typing) + options.emit_rate / 2 * acts
    arrivals = min(float(options.spawn_rate or 1), users)
    return 60 * max(calls, arrivals)


def check_rate_limits(options: Any, users: int, contacts: int, profile: Profile | None) -> None:
    """Hold the plan against the target's rate limits, as far as its profile knows them.

    Args:
        options: Locust's parsed options.
        users: how many are planned.
        contacts: how many of them are contacts, each with a conversation.
        profile: the target's, or None.

    Raises:
        UsageError: the target would answer 429 or 422 by rule.
    """
    if profile is None:
        return
    limit = profile.get("limits.requests_per_minute")
    addresses = len(options.source_address.split(",")) if options.source_address else 1
    planned = requests_a_minute(options, users)
    if limit is not None and planned > limit * addresses:
        raise UsageError(
            f"up to {planned:,.0f} requests a minute are planned, and the target takes {limit:,} of an address: "
            "it would answer HTTP 429",
            where=f"{profile.path}: limits.requests_per_minute",
            remedy="Lower --emit-rate and --spawn-rate, add --source-address, or have the generator's address allowed "
            "there (RACK_ATTACK_ALLOWED_IPS)",
        )
    limit = profile.get("limits.conversation_messages_per_minute")
    if limit is not None and contacts and 60 * options.emit_rate > limit * contacts:
        raise UsageError(
            f"{60 * options.emit_rate / contacts:,.0f} messages a minute are planned in a conversation, and the target "
            f"takes {limit:,}: it would answer HTTP 422",
            where=f"{profile.path}: limits.conversation_messages_per_minute",
            remedy=f"Give --contacts {-(-60 * options.emit_rate // limit):.0f}, or lower --emit-rate",
        )


def intentions(options: Any, host: str, directory: Directory, *, guarded: bool) -> str:
    """What the run is about to do, in lines for a person who may still press Ctrl-C.

    Args:
        options: Locust's parsed options.
        host: the target, without secrets.
        directory: who will be simulated.
        guarded: whether the abort guard is on.
    """
    agents, contacts = len(directory.agents), len(directory.contacts)
    accounts = ", ".join(map(str, directory.account_ids()))
    waits = not options.headless and not options.autostart  # for the web page's form, which says how long
    span_s = None if waits else run_time_s(options)
    made = sum(1 for contact in directory.contacts if not contact.conversation_ids)
    creates = [many(made, "conversation")] if made else []
    if span_s and options.emit_rate:
        creates.append(f"about {many(round(options.emit_rate * span_s), 'message')}")
    elif options.emit_rate:
        creates.append("messages for as long as it goes on" if waits else "messages until it is stopped")
    acts = [act for act, rate in Mix.parse(options.mix, options.seed).rates.items() if rate]
    also = f"; people also do: {', '.join(acts)}" if acts else ""
    typing = " and the typing around them" if options.typing else ""
    ends = "as the web page's form says" if waits else f"after {span_s:g} s" if span_s else "when it is stopped"
    lines = [
        f"about to load {host}:",
        f"  as        {many(agents, 'agent')} and {many(contacts, 'contact')} of account {accounts} "
        f"({directory.source})",
        f"  sockets   {agents + contacts:,}, up to {options.spawn_rate or 1:g} a second more; a beat of each every "
        f"{options.heartbeat:g} s",
        f"  traffic   {options.emit_rate:g} {noun(options.emit_rate, 'message')} a second{typing}{also}; "
        f"at most {requests_a_minute(options, agents + contacts):,.0f} requests a minute",
        f"  creates   {', '.join(creates) or 'nothing'}; nothing is deleted",
        f"  ends      {ends}, or by Ctrl-C (twice: at once)"
        f"{', or by the abort guard' if guarded else '; the abort guard is off'}",
    ]
    return "\n".join(lines)
