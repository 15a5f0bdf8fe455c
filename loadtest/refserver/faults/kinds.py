"""The table of faults: what each is called, what it takes, what it can be narrowed to, and when it can happen.

Parser, help and README's table follow from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Value = Literal["share", "law", "time", "service", "growth"]
Narrowed = Literal["deliveries", "all deliveries", "roles", "calls", "nothing"]
When = Literal["span", "stall", "moment"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault.

    Attributes:
        name: as it is written, and as the truth file calls it.
        value: what stands behind ``=``: a share, a law, a time, a service (time and workers), a growth of memory.
        default: the value where none is written; empty where one must be.
        narrowed: what may stand in brackets. ``deliveries`` and ``all deliveries`` are narrowed by events and by roles
            of receivers; the former leave presence.update alone unless it is named. ``roles`` are narrowed by roles,
            ``calls`` by REST calls and by roles of callers.
        when: what may stand behind ``@``. A ``span`` has a beginning and perhaps an end and may be left out; a
            ``stall`` must say when it begins, a ``moment`` when it comes, and both may repeat.
        text: what it does, in a sentence.
        example: a term.
    """

    name: str
    value: Value
    narrowed: Narrowed
    when: When
    text: str
    example: str
    default: str = ""


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("loss", "share", "deliveries", "span", "a delivery is not made", "loss[message.created,contact]=2%"),
        Kind("dup", "share", "deliveries", "span", "a delivery is made twice", "dup=1%"),
        Kind(
            "reorder",
            "share",
            "deliveries",
            "span",
            "a delivery waits until a later emission has gone out to the same socket, at most 3 s",
            "reorder=1%",
        ),
        Kind(
            "leak",
            "share",
            "deliveries",
            "span",
            "an emission also reaches somebody who must not see it (a role names who)",
            "leak[contact]=0.1%",
        ),
        Kind(
            "note-leak",
            "share",
            "nothing",
            "span",
            "a private note reaches the contact it is about",
            "note-leak",
            "100%",
        ),
        Kind(
            "delay",
            "law",
            "deliveries",
            "span",
            "a delivery is held; what follows on its socket waits behind it",
            "delay=normal(100ms,20ms)",
        ),
        Kind("stall", "time", "all deliveries", "stall", "all deliveries are held for so long", "stall=5s@20s"),
        Kind(
            "deaf",
            "share",
            "all deliveries",
            "span",
            "such a share of receivers gets no event any more, while its pings go on",
            "deaf@20s",
            "100%",
        ),
        Kind("ping-loss", "share", "roles", "span", "a ping is not sent to a socket", "ping-loss=10%"),
        Kind("ping-delay", "law", "roles", "span", "pings are late", "ping-delay=2s"),
        Kind("accept-delay", "law", "nothing", "span", "a connection is accepted late", "accept-delay=500ms"),
        Kind(
            "unconfirmed", "share", "roles", "span", "a subscription is neither confirmed nor refused", "unconfirmed=5%"
        ),
        Kind("rejected", "share", "roles", "span", "a subscription is refused in so many words", "rejected=5%"),
        Kind(
            "cut",
            "share",
            "roles",
            "moment",
            "such a share of receivers loses its sockets, without any frame",
            "cut=20%@30s",
        ),
        Kind(
            "disconnect",
            "share",
            "roles",
            "moment",
            "such a share of receivers is told to disconnect, and its sockets are closed",
            "disconnect=20%@30s/10s",
        ),
        Kind(
            "restart",
            "time",
            "nothing",
            "moment",
            "the server cuts everything and is away for so long",
            "restart=5s@30s",
        ),
        Kind(
            "redeploy",
            "time",
            "nothing",
            "moment",
            "the server tells everybody to disconnect and to come back, and is away for so long",
            "redeploy=5s@30s",
        ),
        Kind(
            "rest-delay",
            "law",
            "calls",
            "span",
            "the answer to a call is held (what it does is done at once)",
            "rest-delay[agent.send_message]=2s",
        ),
        Kind("rest-stall", "time", "calls", "stall", "all answers are held for so long", "rest-stall=5s@20s"),
        Kind("beat-loss", "share", "roles", "span", "a presence beat does not count, yet is answered", "beat-loss=5%"),
        Kind(
            "late-expiry",
            "time",
            "roles",
            "span",
            "a presence beat counts for so much longer",
            "late-expiry[agent]=10s",
        ),
        Kind("ghost", "share", "roles", "span", "such a share of people is shown online for ever", "ghost=5%"),
        Kind(
            "frozen",
            "share",
            "roles",
            "span",
            "such a share of observers is told the same view again and again",
            "frozen=10%@20s..60s",
        ),
        Kind(
            "presence-leak", "share", "nothing", "span", "a contact is told of the other contacts", "presence-leak=5%"
        ),
        Kind(
            "service",
            "service",
            "deliveries",
            "span",
            "each delivery takes a worker so long; cpu() burns it in the server's only loop",
            "service=2ms*4",
        ),
        Kind(
            "memory-leak",
            "growth",
            "nothing",
            "span",
            "memory that is never given back, for each broadcast, delivery or connection",
            "memory-leak=1kB/delivery",
        ),
    )
}

GROWS_WITH = ("broadcast", "delivery", "connection")
"""What memory may leak with."""

GRAMMAR = """\
faults: TERM,TERM,...   TERM = KIND[NARROWED]=VALUE@WHEN, of which only KIND must always be there
  [..]  events (for rest-... calls), and agent or contact: only deliveries of these events, to receivers of this role
  =     a share: 2% or 0.02; a time: 100us 100ms 5s 2min 1h; a law by which times are drawn: a time for a constant one,
        uniform(LOW,HIGH) normal(MEAN,DEVIATION) exponential(MEAN) lognormal(MEDIAN,sigma) pareto(LEAST,shape),
        each perhaps with a cap as its last parameter (60 s without)
  @     FROM or FROM..UNTIL; FROM or FROM/EVERY for what happens at a moment.
        Seconds count from the server's first subscription
  Of several terms of one kind the first one that fits decides; stalls, moments and leaks add up.
"""


def described() -> str:
    """The grammar and the table, as text for a terminal."""
    width = max(len(kind.example) for kind in KINDS.values())
    lines = [f"  {kind.example:<{width}}  {kind.text}" for kind in KINDS.values()]
    return "\n".join((GRAMMAR.rstrip(), "", "kinds, each with an example:", *lines))
