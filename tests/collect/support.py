"""A small installation and collectors on a virtual clock, for the tests of ``loadtest.collect``."""

from collections import namedtuple

from loadtest.clock import VirtualClock
from loadtest.collect import Action, Collector, CollectorSettings
from loadtest.directory import Agent, Contact, Directory

AGENTS = (
    Agent((1,), 1, "administrator", (), "agent-1", "a1", "Ann"),
    Agent((1,), 2, "agent", (10,), "agent-2", "a2", "Bob"),
    Agent((1,), 3, "agent", (10, 11), "agent-3", "a3", "Cleo"),
    Agent((1,), 4, "agent", (11,), "agent-4", "a4", "Dan"),
    Agent((2,), 5, "administrator", (20,), "agent-5", "a5", "Eve"),
)
CONTACTS = (
    Contact(1, 1, 10, "s1", "contact-1", "inbox-10", conversation_ids=(100,)),
    Contact(1, 2, 11, "s2", "contact-2", "inbox-11", conversation_ids=(101,)),
    Contact(2, 3, 20, "s3", "contact-3", "inbox-20", conversation_ids=(1,)),
)
DIRECTORY = Directory(AGENTS, CONTACTS, "test")
ADMIN, BOB, CLEO, DAN, EVE = range(5)
CONTACT_1, CONTACT_2, CONTACT_3 = range(5, 8)


Still = namedtuple("Still", "user idle")
"""The times of a machine's CPUs; what a busy one did meanwhile would be named as the cause of a made-up lateness."""


def collector(directory=DIRECTORY, **settings):
    """A collector of the small installation, or of another, and its clock, on a machine that stands still."""
    clock = VirtualClock()
    known = CollectorSettings("testrn", worker="w", **settings)
    return Collector(directory, clock, known, cpu_times=lambda: Still(0.0, 0.0)), clock


def action(due_ns, *, inbox_id=10, contact_id=1, conversation_id=100, private=False, dispatched_ns=None):
    """A contact's message in an inbox of account 1."""
    return Action(
        event="message.created",
        call="contact.send_message",
        account_id=1,
        inbox_id=inbox_id,
        conversation_id=conversation_id,
        contact_id=contact_id,
        actor_role="contact",
        actor_id=contact_id,
        private=private,
        due_ns=due_ns,
        dispatched_ns=due_ns if dispatched_ns is None else dispatched_ns,
    )


def balance(batch, event="message.created"):
    """The ledger's columns that are not zero, over all windows: {(column, role): value}."""
    totals = {}
    for (_, metric, name, role), value in batch.counts.items():
        if metric.startswith("delivery.") and name == event:
            key = (metric.removeprefix("delivery."), role)
            totals[key] = totals.get(key, 0) + value
    return {key: value for key, value in totals.items() if value}
