"""A preflight: what a target is, and whether a load test of it would measure anything. Under 15 s without presence.

Sequence: look at the address, ask ``GET /api``, open the cable, subscribe an agent and a contact (and two who must hear
nothing), send a canary both ways, and listen to pings meanwhile. It provokes nothing: rate limits are read from answers
it gets anyway, and what a server makes of bad tokens and bad input is asked off loopback only when told to.
"""

from __future__ import annotations

import asyncio
import datetime
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec
from websockets.exceptions import InvalidHandshake

from loadtest.cable import Confirmed, Pinged, Rejected, contact_identifier
from loadtest.clock import NS_PER_S
from loadtest.directory import Agent, Contact, Directory
from loadtest.nouns import many, noun
from loadtest.target.caller import without_secrets
from loadtest.target.probe_delivery import Canary, Stage, canary, choose_cast, confirm_all, dialect
from loadtest.target.probe_findings import DECISIVE, Finding, ProbeReport
from loadtest.target.probe_opening import CONNECT_S, open_cable
from loadtest.target.probe_presence import expiry
from loadtest.target.probe_rest import Overheard, ProbeRest
from loadtest.target.probe_socket import ProbeSocket, open_socket
from loadtest.transport.interface import Endpoint

MOST_S = 14.0
_BAD_TOKEN_S = 2.0
_BAD_INPUT_S = 0.7
_GAP_SOON_S = 4.5
_STALE_S = 6.0
_CLOCK_S = 2.0

_BAD_INPUTS = ("no json", "[]", "{}", '{"command":"dance","identifier":"{}"}')


@dataclass(frozen=True, slots=True)
class ProbePlan:
    """What to look at.

    Attributes:
        url: base URL of the installation.
        endpoint: its cable, and how it is opened.
        directory: identities to test delivery with, or None.
        headers: sent with every REST call; may hold secrets.
        auth_header: header that carries access tokens, where it is not upstream's.
        bad_input: whether to ask what a bad token and bad input get.
        presence: whether to measure how long people are shown (minutes).
        listen_s: how long pings are listened to: two of Rails' beats, every 3 s, always fall into 7.5 s.
    """

    url: str
    endpoint: Endpoint
    directory: Directory | None = None
    headers: Sequence[tuple[str, str]] = field(default=(), repr=False)
    auth_header: str = ""
    bad_input: bool = False
    presence: bool = False
    listen_s: float = 7.5


async def probe(plan: ProbePlan, say: Callable[[str], None] = lambda text: None) -> ProbeReport:
    """Look at a target.

    Args:
        plan: what to look at.
        say: told what is being waited for.
    """
    began = datetime.datetime.now(datetime.UTC)
    began_ns = time.monotonic_ns()
    overheard = Overheard()
    rest = ProbeRest(
        plan.url,
        plan.endpoint.ssl_context,
        overheard,
        headers=plan.headers,
        auth_header=plan.auth_header,
    )
    sockets: list[ProbeSocket] = []
    async with rest:
        try:
            findings = await _look(plan, rest, overheard, sockets, say)
        finally:
            await asyncio.gather(*(socket.close() for socket in sockets))
    took_s = (time.monotonic_ns() - began_ns) / NS_PER_S
    stamp = began.isoformat(timespec="milliseconds")
    return ProbeReport(without_secrets(plan.url), stamp, took_s, tuple(findings))


async def _look(
    plan: ProbePlan,
    rest: ProbeRest,
    overheard: Overheard,
    sockets: list[ProbeSocket],
    say: Callable[[str], None],
) -> list[Finding]:
    until = asyncio.get_running_loop().time() + MOST_S
    server, opening = await asyncio.gather(_server(rest), open_cable(plan.endpoint, overheard))
    findings = [server, *opening.findings]
    listener = opening.socket
    if listener is None:
        why = "the cable could not be opened"
        names = ("pings", "confirm agent", "confirm contact", DECISIVE)
        return [*findings, *(Finding(name, "untested", why) for name in names), *_overheard(overheard)]
    sockets.append(listener)
    stage: Stage | None = None
    found: list[Finding] = []
    try:
        async with asyncio.timeout_at(until):
            bad = asyncio.create_task(_bad_manners(plan, sockets))
            try:
                stage = await _people(plan, rest, sockets, found)
                found += await bad
            finally:
                bad.cancel()
    except TimeoutError:
        found.append(
            Finding(
                DECISIVE if not any(f.name == DECISIVE for f in found) else "time",
                "fail",
                f"not done after {MOST_S:g} s",
                "The server answers, but too slowly for a load test to begin.",
                "Look at its own figures for the time of this probe",
            )
        )
    left_s = listener.opened_ns / NS_PER_S + plan.listen_s - time.monotonic()
    if left_s > 0 and not listener.is_closed:
        await asyncio.sleep(left_s)
    findings += [_pings(listener, overheard), *found]
    if plan.presence:
        findings += await _presence(plan, stage, sockets, say)
    return [*findings, *_overheard(overheard)]


class _Api(msgspec.Struct):
    version: str = ""
    queue_services: str = ""
    data_services: str = ""


async def _server(rest: ProbeRest) -> Finding:
    """Upstream's ``GET /api`` names its version, and whether its queue and its database answer."""
    answer = await rest.get("/api")
    try:
        told = msgspec.json.decode(answer.body, type=_Api) if answer.is_ok else None
    except msgspec.MsgspecError:
        told = None
    if told is None or not told.version:
        what = "The server does not say what it is, as upstream does at /api."
        return Finding("server", "note", f"GET /api: {answer.seen}", what)
    data = {"version": told.version, "queue": told.queue_services, "data": told.data_services}
    value = f"version {told.version}"
    failing = [name for name in ("queue", "data") if data[name] not in ("", "ok")]
    if failing:
        services = {"queue": "its queue (Redis)", "data": "its database"}
        what = f"The server itself says that {' and '.join(services[name] for name in failing)} fails."
        return Finding("server", "fail", value, what, "Mend that first", data)
    return Finding("server", "ok", value, data=data)


async def _people(plan: ProbePlan, rest: ProbeRest, sockets: list[ProbeSocket], found: list[Finding]) -> Stage | None:
    """Everything that needs identities; appends its findings as they are made."""
    cast = None if plan.directory is None else choose_cast(plan.directory)
    if cast is None:
        if plan.directory is None:
            why, remedy = "no identities", "Give --identities FILE; `loadtest provision` makes one"
        else:
            why = "no contact of an API inbox with an agent who sees it among the identities"
            remedy = "Give inbox_identifier of contacts, and inbox_ids of agents"
        names = ("confirm agent", "confirm contact", DECISIVE, "audience", "order", "dialect")
        found += [Finding(name, "untested", why, "", remedy if name == DECISIVE else "") for name in names]
        return None
    stage = Stage(cast)
    parts = stage.parts()
    attempts = (open_socket(plan.endpoint, CONNECT_S) for _ in parts)
    opened = await asyncio.gather(*attempts, return_exceptions=True)
    sockets += [one for one in opened if isinstance(one, ProbeSocket)]
    for part, one in zip(parts, opened, strict=True):
        if isinstance(one, ProbeSocket):
            stage.take(part, one)
        elif part in ("agent", "contact"):
            what = "The first socket opened and a further one did not."
            found.append(Finding(f"confirm {part}", "fail", f"no socket ({one})", what, "Look for a limit a client"))
            found.append(Finding(DECISIVE, "untested", "nobody to deliver to"))
            return None
    confirms = await confirm_all(stage)
    found += confirms
    if any(line.state == "fail" for line in confirms):
        found.append(Finding(DECISIVE, "untested", "agent and contact are not both subscribed"))
        return stage
    result: Canary = await canary(stage, rest)
    found += [*result.findings, dialect(result.caused)]
    return stage


async def _bad_manners(plan: ProbePlan, sockets: list[ProbeSocket]) -> list[Finding]:
    """What a bad token and bad input get, on a socket of their own."""
    names = ("bad token", "bad input")
    if not plan.bad_input:
        remedy = "Say --bad-input to ask: it shows in the server's error log"
        return [Finding(name, "untested", "not asked off loopback", "", remedy) for name in names]
    try:
        socket = await open_socket(plan.endpoint, CONNECT_S)
    except (InvalidHandshake, OSError, EOFError) as error:
        return [Finding(name, "untested", f"no socket ({error})") for name in names]
    sockets.append(socket)
    await socket.subscribe(contact_identifier("loadtest-probe-nobody"))
    answer = await socket.until(lambda a: isinstance(a.event, Confirmed | Rejected), _BAD_TOKEN_S)
    found = [_bad_token(None if answer is None else type(answer.event).__name__.lower())]
    for text in _BAD_INPUTS:
        await socket.send(text)
    await asyncio.sleep(_BAD_INPUT_S)
    if socket.is_closed:
        what = "Rails passes bad input over; this server ends the connection. A run sends none."
        found.append(Finding("bad input", "note", "closes the socket", what))
    else:
        found.append(Finding("bad input", "ok", "passed over, the socket stays open"))
    return found


def _bad_token(answer: str | None) -> Finding:
    if answer == "confirmed":
        return Finding(
            "bad token",
            "fail",
            "confirmed",
            "A token that nobody has subscribes: the server does not look tokens up.",
            "Do not let this server be reached, and look at RoomChannel#subscribed",
            {"answer": answer},
        )
    if answer == "rejected":
        return Finding(
            "bad token", "note", "rejected", "Upstream would be silent; a run counts it.", data={"answer": answer}
        )
    return Finding(
        "bad token",
        "ok",
        f"silence for {_BAD_TOKEN_S:g} s, as upstream",
        "Wrong tokens cannot be told from a server that is too slow: a run calls both unconfirmed.",
        data={"answer": "silence"},
    )


def _pings(listener: ProbeSocket, overheard: Overheard) -> Finding:
    pings = [a for a in listener.arrivals if isinstance(a.event, Pinged)]
    for second, at_s in listener.ping_seconds:
        overheard.tell(second, at_s - 1.0, at_s)
    gaps_s = [a.event.gap_ns / NS_PER_S for a in pings if isinstance(a.event, Pinged) and a.event.gap_ns is not None]
    heard_s = time.monotonic() - listener.opened_ns / NS_PER_S
    data = {"pings": len(pings), "gaps_s": [round(gap, 3) for gap in gaps_s]}
    if listener.is_closed:
        return Finding(
            "pings",
            "fail",
            f"the socket was closed after {heard_s:.1f} s without a word of ours",
            "Something in front ends connections that are quiet.",
            "Raise the proxy's idle timeout for /cable",
            data,
        )
    if not pings:
        return Finding(
            "pings",
            "fail",
            f"none within {heard_s:.1f} s",
            f"Real clients give such a connection up after {_STALE_S:g} s, over and over.",
            "Look whether the web process is busy or stopped; the beat is a thread of it",
            data,
        )
    if not gaps_s:
        what = f"Fewer than one in {heard_s / 2:.0f} s; real clients give up after {_STALE_S:g} s without one."
        return Finding("pings", "warning", f"one within {heard_s:.1f} s", what, "Look at the web process's load", data)
    longest_s = max(gaps_s)
    value = f"every {sum(gaps_s) / len(gaps_s):.2f} s, longest gap {longest_s:.2f} s"
    if longest_s > _GAP_SOON_S:
        what = (
            f"Rails beats every 3 s: late beats are the first sign of a full server, and {_STALE_S:g} s is the cliff."
        )
        return Finding("pings", "warning", value, what, "Look at its load before adding to it", data)
    return Finding("pings", "ok", value, data=data)


async def _presence(
    plan: ProbePlan, stage: Stage | None, sockets: list[ProbeSocket], say: Callable[[str], None]
) -> list[Finding]:
    if stage is None or not {"agent", "contact"} <= stage.sockets.keys():
        return [
            Finding(f"{role} expiry", "untested", "agent and contact are not both there")
            for role in ("agent", "contact")
        ]
    cast = stage.cast
    assert plan.directory is not None
    observers = [
        a for a in plan.directory.agents if a.user_id != cast.agent.user_id and cast.agent.account_id in a.account_ids
    ]
    if not observers:
        why, remedy = "it takes a second agent of the account to look", "Give identities of two agents"
        return [Finding(f"{role} expiry", "untested", why, "", remedy) for role in ("agent", "contact")]
    watching = Stage(type(cast)(cast.contact, observers[0]))
    if "outsider" in stage.sockets and cast.outsider == observers[0]:
        socket = stage.sockets["outsider"]
        watching.take("agent", socket)
    else:
        socket = await open_socket(plan.endpoint, CONNECT_S)
        sockets.append(socket)
        watching.take("agent", socket)
        await confirm_all(watching)
    leavers: dict[str, tuple[ProbeSocket, str, Agent | Contact]] = {
        "agent": (stage.sockets["agent"], stage.identifiers["agent"], cast.agent),
        "contact": (stage.sockets["contact"], stage.identifiers["contact"], cast.contact),
    }
    return await expiry(socket, watching.identifiers["agent"], leavers, say)


def _overheard(overheard: Overheard) -> list[Finding]:
    if overheard.refused:
        rate = Finding(
            "rate limit",
            "fail",
            f"{many(overheard.refused, 'answer')} {noun(overheard.refused, 'was', 'were')} HTTP 429",
            "This address has used up what the server allows it; upgrades count too. A run would measure the limit.",
            "Have the address allowed there (RACK_ATTACK_ALLOWED_IPS), or raise RACK_ATTACK_LIMIT",
            dict(overheard.limits),
        )
    elif overheard.limits:
        shown = ", ".join(f"{name}: {value}" for name, value in sorted(overheard.limits.items()))
        what = "Keep a run's requests and upgrades below it."
        remedy = "Write it to [limits] requests_per_minute of the profile, and plans beyond it are refused"
        rate = Finding("rate limit", "note", shown, what, remedy, dict(overheard.limits))
    elif not overheard.answers:
        rate = Finding("rate limit", "untested", "nothing was answered")
    else:
        what = "Upstream allows 3,000 requests and upgrades a minute and address, and says nothing until then."
        rate = Finding("rate limit", "ok", "no answer spoke of one", what)
    return [rate, _clock(overheard)]


def _clock(overheard: Overheard) -> Finding:
    bounds = overheard.clock()
    if bounds is None:
        return Finding("clock", "untested", "no answer told the time")
    least_s, most_s = bounds
    data = {"least_s": round(least_s, 3), "most_s": round(most_s, 3)}
    if least_s > _CLOCK_S or most_s < -_CLOCK_S:
        ahead = "ahead of" if least_s > 0 else "behind"
        off_s = abs(least_s if least_s > 0 else most_s)
        what = "Latencies use this machine's clock alone, but logs cannot be laid beside each other."
        return Finding(
            "clock",
            "warning",
            f"the server's is at least {off_s:.1f} s {ahead} this one's",
            what,
            "Synchronise both",
            data,
        )
    return Finding("clock", "ok", f"the server's is {least_s:+.2f} to {most_s:+.2f} s off this one's", data=data)
