"""The canary: is what REST causes delivered, to whom, how fast, in which order; and which version's dialect it speaks.

Pings and presence are no sign of delivery. Both are sent by the web process itself, while events come out of a job
queue through Redis (upstream: Sidekiq, ``ActionCableBroadcastJob``): with either of the two dead, sockets are open,
pings arrive, and nobody is told anything.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from loadtest import api
from loadtest.cable import Confirmed, Pinged, Rejected, agent_identifier, contact_identifier
from loadtest.directory import Agent, Audiences, Contact, Directory
from loadtest.nouns import many, noun
from loadtest.target.probe_findings import DECISIVE, Finding
from loadtest.target.probe_rest import Answer, ProbeRest
from loadtest.target.probe_socket import Arrival, ProbeSocket, seconds_between

CONFIRM_S = 3.0
EVENT_S = 4.0
_PRESENCE_S = 1.0
_ECHO_S = 0.3
_ORDERED = 5

#: what only versions after the document's send or show, by the sign of it
_LATER_EVENTS = frozenset({"conversation.updated", "first.reply.created", "notification.created"})
_LATER_FIELDS = frozenset({"processed_message_content", "sentiment", "performer"})


@dataclass(frozen=True, slots=True)
class Cast:
    """Who takes part.

    Attributes:
        contact: writes.
        agent: sees the contact's inbox, and answers.
        outsider: another agent of the account, who does not see the inbox; None where there is none.
        stranger: another contact; None where there is none.
    """

    contact: Contact
    agent: Agent
    outsider: Agent | None = None
    stranger: Contact | None = None


def choose_cast(directory: Directory) -> Cast | None:
    """A contact who can write and an agent who sees it, with others who must see nothing; None without the two."""
    audiences = Audiences(directory.agents)
    for contact in directory.contacts:
        if contact.inbox_identifier is None:
            continue
        seeing = audiences.user_ids(contact.account_id, contact.inbox_id)
        agents = [a for a in directory.agents if contact.account_id in a.account_ids]
        members = sorted((a for a in agents if a.user_id in seeing), key=lambda a: a.role == "administrator")
        if members:
            outside = [a for a in agents if a.user_id not in seeing]
            others = [c for c in directory.contacts if c.contact_id != contact.contact_id]
            return Cast(contact, members[0], outside[0] if outside else None, others[0] if others else None)
    return None


@dataclass(slots=True)
class Stage:
    """The cast's sockets.

    Attributes:
        cast: who they are.
        sockets: by part (``agent``, ``contact``, ``outsider``, ``stranger``).
        identifiers: what each subscribes with.
        subscribed: the parts whose subscription was confirmed.
    """

    cast: Cast
    sockets: dict[str, ProbeSocket] = field(default_factory=dict)
    identifiers: dict[str, str] = field(default_factory=dict)
    subscribed: set[str] = field(default_factory=set)

    def take(self, part: str, socket: ProbeSocket) -> None:
        """Give a part its socket."""
        who: Agent | Contact = getattr(self.cast, part)
        self.sockets[part] = socket
        self.identifiers[part] = (
            agent_identifier(who.pubsub_token, who.account_id, who.user_id)
            if isinstance(who, Agent)
            else contact_identifier(who.pubsub_token)
        )

    def parts(self) -> list[str]:
        """The parts that somebody plays."""
        return [part for part in ("agent", "contact", "outsider", "stranger") if getattr(self.cast, part) is not None]


async def confirm_all(stage: Stage) -> list[Finding]:
    """Subscribe everybody, and wait for the confirms."""
    times = await asyncio.gather(*(_confirm(stage, part) for part in stage.sockets))
    return [
        _confirmed(part, seen) for part, seen in zip(stage.sockets, times, strict=True) if part in ("agent", "contact")
    ]


async def _confirm(stage: Stage, part: str) -> float | str | None:
    """Seconds until the confirm, ``rejected``, or None for silence."""
    socket = stage.sockets[part]
    await socket.subscribe(stage.identifiers[part])
    answer = await socket.until(lambda a: isinstance(a.event, Confirmed | Rejected), CONFIRM_S)
    if answer is None:
        return None
    if isinstance(answer.event, Rejected):
        return "rejected"
    stage.subscribed.add(part)
    return answer.event.elapsed_ns / 1e9  # type: ignore[union-attr]


def _confirmed(part: str, seen: float | str | None) -> Finding:
    name = f"confirm {part}"
    if isinstance(seen, float):
        return Finding(name, "ok", f"after {1e3 * seen:.1f} ms", data={"took_ms": round(1e3 * seen, 3)})
    check = "Check pubsub_token" + (", account_id and user_id" if part == "agent" else "") + " in the identities file"
    if seen == "rejected":
        return Finding(name, "fail", "rejected", "The server refuses this token in so many words.", check)
    return Finding(
        name,
        "fail",
        f"neither confirmed nor rejected within {CONFIRM_S:g} s",
        "Upstream answers a token that it cannot find with silence; a web process that has lost its Redis, or has no "
        "free database connection, answers so too.",
        f"{check}, and that they are of this installation; else look at the web processes' log and at Redis",
    )


@dataclass(frozen=True, slots=True)
class Canary:
    """What the canary has shown.

    Attributes:
        findings: delivery, audience, order.
        caused: everything that its sockets heard, to tell the dialect by.
    """

    findings: tuple[Finding, ...]
    caused: tuple[Arrival, ...] = ()


async def canary(stage: Stage, rest: ProbeRest) -> Canary:
    """Let the contact write and the agent answer, and see who hears of it.

    One conversation is opened where the contact has none, and seven messages are written.
    """
    cast, agent, contact = stage.cast, stage.sockets["agent"], stage.sockets["contact"]
    number, failed = await _conversation(cast.contact, rest)
    if number is None:
        return Canary((_rest_failed("opens a conversation", failed),))
    word = f"loadtest-probe-{secrets.token_hex(4)}"
    question = await rest.send(api.contact_send_message(cast.contact, number, f"{word} question", f"{word}-q"))
    if not question.is_ok:
        return Canary((_rest_failed("writes a message", question),))
    heard = await asyncio.gather(*(_heard(s, f"{word} question", question) for s in (agent, contact)))
    if None in heard:
        lines = [await _undelivered(stage, dict(zip(("agent", "contact"), heard, strict=True)))]
        return Canary(tuple(lines), tuple(agent.arrivals + contact.arrivals))
    call = api.agent_send_message(cast.agent, cast.contact.account_id, number, f"{word} answer", f"{word}-a")
    answer = await rest.send(call)
    if not answer.is_ok:
        return Canary((_rest_failed("answers", answer, "agent"),), tuple(agent.arrivals + contact.arrivals))
    back = await asyncio.gather(*(_heard(s, f"{word} answer", answer) for s in (agent, contact)))
    if None in back:
        lines = [await _undelivered(stage, dict(zip(("agent", "contact"), back, strict=True)))]
        return Canary(tuple(lines), tuple(agent.arrivals + contact.arrivals))
    slowest_s = max(t for t in (*heard, *back) if t is not None)
    findings = [
        Finding(
            DECISIVE,
            "ok",
            f"a message reaches agent and contact, both ways, within {1e3 * slowest_s:.0f} ms of its POST",
            data={"slowest_ms": round(1e3 * slowest_s, 3), "conversation_id": number},
        )
    ]
    findings.append(await _order(cast, number, word, rest, contact))
    await asyncio.sleep(_ECHO_S)  # what must not come has this long to come
    findings.append(_audience(stage, word))
    return Canary(tuple(findings), tuple(agent.arrivals + contact.arrivals))


async def _conversation(contact: Contact, rest: ProbeRest) -> tuple[int | None, Answer]:
    if contact.conversation_ids:
        return contact.conversation_ids[0], Answer(200, b"", 0, 0)
    answer = await rest.send(api.contact_create_conversation(contact))
    try:
        return (api.parse_created(answer.body).id if answer.is_ok else None), answer
    except ValueError as error:
        return None, Answer(None, b"", answer.sent_ns, answer.came_ns, str(error))


def _rest_failed(what: str, answer: Answer, part: str = "contact") -> Finding:
    remedies = {
        401: "Check the access_token in the identities file; a proxy may drop headers with underscores "
        "(nginx: underscores_in_headers on), else give --auth-header api-access-token",
        404: "Check inbox_identifier, source_id and conversation_ids in the identities file",
        422: "Look at what the answer says: a limit of messages a conversation, or a field that it wants",
        429: "The server's rate limit refuses this address: wait a minute, or have it allowed there",
    }
    remedy = remedies.get(answer.status or 0, "Look at the web processes' log")
    return Finding(DECISIVE, "fail", f"the {part} {what}: {answer.seen}", "REST does not do what it is for.", remedy)


def _is_about(text: str) -> Any:
    def wanted(arrival: Arrival) -> bool:
        data = arrival.data
        return arrival.name == "message.created" and isinstance(data, dict) and data.get("content") == text

    return wanted


async def _heard(socket: ProbeSocket, text: str, cause: Answer) -> float | None:
    """Seconds from the POST to a socket's frame; None where it did not come."""
    arrival = await socket.until(_is_about(text), EVENT_S)
    return None if arrival is None else seconds_between(cause.sent_ns, arrival.at_ns)


async def _undelivered(stage: Stage, heard: dict[str, float | None]) -> Finding:
    missing = [part for part, at_s in heard.items() if at_s is None]
    if len(missing) == 1:
        return Finding(
            DECISIVE,
            "fail",
            f"the {missing[0]} is not told within {EVENT_S:g} s of a message that the other side is told of",
            "With several web processes and no shared pub/sub each tells only its own sockets; or the identities file "
            "is wrong about who sees the inbox.",
            "Look whether config/cable.yml names the redis adapter, and at inbox_ids in the identities file",
            {"missing": missing},
        )
    sockets = [stage.sockets[part] for part in ("agent", "contact")]
    pinged = any(socket.seen(lambda a: isinstance(a.event, Pinged)) for socket in sockets)
    present = await asyncio.gather(*(_presence(stage, part) for part in ("agent", "contact")))
    if any(present):
        meaning = (
            "Presence is answered, which the web process does itself through Redis; events come out of the job queue, "
            "which is dead or far behind."
        )
        remedy = "Look at the job workers (upstream: Sidekiq, queue critical): do they run, how long is the queue"
    else:
        meaning = (
            "Presence is not answered either, so the cable's way through Redis is dead: a web process whose "
            "connection to Redis was lost may stay deaf, with open sockets and pings, until it is restarted."
        )
        remedy = "Restart the web processes, and look at Redis and config/cable.yml"
    arrive = "pings arrive" if pinged else "the sockets are open"
    return Finding(
        DECISIVE,
        "fail",
        f"connected, {arrive}, but no event is delivered (REST was answered 2xx, {EVENT_S:g} s of waiting)",
        meaning,
        remedy,
        {"missing": missing, "presence_answered": any(present)},
    )


async def _presence(stage: Stage, part: str) -> bool:
    socket = stage.sockets[part]
    before = len(socket.arrivals)
    await socket.beat(stage.identifiers[part])
    return await socket.until(lambda a: a.name == "presence.update", _PRESENCE_S, since=before) is not None


async def _order(cast: Cast, number: int, word: str, rest: ProbeRest, contact: ProbeSocket) -> Finding:
    """Write messages one after the other, each when the one before was answered."""
    texts = [f"{word} {index}" for index in range(1, _ORDERED + 1)]
    for text in texts:
        call = api.agent_send_message(cast.agent, cast.contact.account_id, number, text, text.replace(" ", "-"))
        answer = await rest.send(call)
        if not answer.is_ok:
            return Finding("order", "warning", f"not tested: the agent's message was answered {answer.seen}")
    await asyncio.gather(*(contact.until(_is_about(text), EVENT_S) for text in texts))
    came = [a.data["content"] for a in contact.arrivals if a.name == "message.created" and _content(a) in texts]
    data = {"sent": _ORDERED, "came": len(came), "doubled": len(came) - len(set(came))}
    if lost := _ORDERED - len(set(came)):
        return Finding("order", "fail", f"{lost} of {_ORDERED} messages {noun(lost, 'was', 'were')} lost", data=data)
    if len(came) > _ORDERED:
        doubled = f"{many(data['doubled'], 'message')} came twice"
        return Finding("order", "warning", doubled, "A job was done twice.", "", data)
    if came != texts:
        meaning = "Action Cable promises no order: its jobs and its threads run side by side. A run counts it apart."
        return Finding("order", "note", f"{_ORDERED} messages, not in their order", meaning, data=data)
    return Finding("order", "ok", f"{_ORDERED} messages in their order", data=data)


def _content(arrival: Arrival) -> Any:
    return arrival.data.get("content") if isinstance(arrival.data, dict) else None


def _audience(stage: Stage, word: str) -> Finding:
    wrong = [
        part
        for part in ("outsider", "stranger")
        if part in stage.sockets
        and stage.sockets[part].seen(lambda a: a.name == "message.created" and str(_content(a)).startswith(word))
    ]
    whom = {"outsider": "an agent who is no member of the inbox", "stranger": "another contact"}
    if wrong:
        return Finding(
            "audience",
            "fail",
            f"the conversation reached {' and '.join(whom[part] for part in wrong)}",
            "Words reach people they are not meant for, or the identities file is wrong about who sees the inbox.",
            "Compare inbox_ids and roles of the identities with the installation, then look at the broadcast's tokens",
            {"leaked_to": wrong},
        )
    asked = [part for part in ("outsider", "stranger") if part in stage.subscribed]  # who is not, hears nothing anyway
    if not asked and {"outsider", "stranger"} & stage.sockets.keys():
        why, remedy = "nobody else could subscribe", "Check the tokens of the others in the identities file"
        return Finding("audience", "untested", why, "", remedy)
    if not asked:
        return Finding(
            "audience", "untested", "nobody else in the identities file", "", "Give identities of others too"
        )
    value = f"agent and contact, and not {' nor '.join(whom[part] for part in asked)}"
    return Finding("audience", "ok", value, data={"asked": asked})


def dialect(arrivals: Sequence[Arrival]) -> Finding:
    """Which version's rules the events show; ``--dialect auto`` allows both."""
    messages = [a.data for a in arrivals if a.name == "message.created" and isinstance(a.data, dict)]
    names = {a.name for a in arrivals if a.name}
    later = sorted(names & _LATER_EVENTS)
    later += sorted({name for data in messages for name in _LATER_FIELDS & data.keys()})
    senders = [data.get("sender") for data in messages]
    old = any(isinstance(s, dict) and s.get("type") == "contact" and "pubsub_token" in s for s in senders)
    if not messages:
        return Finding("dialect", "untested", "no event came to tell it by")
    if later and not old:
        value, name = f"current (seen: {', '.join(later)})", "current"
    elif old and not later:
        value, name = "seed, as the document describes it (contacts carry their pubsub_token)", "seed"
    else:
        value, name = "between the document's and the current one", "auto"
    return Finding(
        "dialect", "ok", value, remedy=f'Give --dialect {name} ([target] dialect = "{name}")', data={"dialect": name}
    )
