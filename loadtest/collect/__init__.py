"""Collectors: what a frame is handed to, and what becomes of it."""

from loadtest.collect.collector import Collector, CollectorSettings
from loadtest.collect.entry import Action, Entry
from loadtest.collect.epochs import EndCause, Epochs
from loadtest.collect.ledger import Ledger
from loadtest.collect.marks import Mark, emission_key, read_mark, run_tag, write_mark
from loadtest.collect.people import ROLES, People
from loadtest.collect.receiver import Receiver

__all__ = [
    "ROLES",
    "Action",
    "Collector",
    "CollectorSettings",
    "EndCause",
    "Entry",
    "Epochs",
    "Ledger",
    "Mark",
    "People",
    "Receiver",
    "emission_key",
    "read_mark",
    "run_tag",
    "write_mark",
]
