"""Faults of the reference server: known ones, so that what the toolkit reports can be held against what was done.

``grammar`` reads a specification by the table in ``kinds`` and ``amounts``; ``plan`` decides, purely, what happens to
what; ``rig`` lays the faults over a server at its seams (deliveries, connections, REST answers, presence, memory), and
``truth`` keeps a line of each. A server without a specification has no rig, and takes none of these ways.
"""

from loadtest.refserver.faults.amounts import Law
from loadtest.refserver.faults.grammar import Growth, Service, Term, When, parse_faults
from loadtest.refserver.faults.kinds import KINDS, described
from loadtest.refserver.faults.plan import FaultPlan
from loadtest.refserver.faults.truth import Truth, TruthLine, read_truth

__all__ = [
    "KINDS",
    "FaultPlan",
    "Growth",
    "Law",
    "Service",
    "Term",
    "Truth",
    "TruthLine",
    "When",
    "described",
    "parse_faults",
    "read_truth",
]
