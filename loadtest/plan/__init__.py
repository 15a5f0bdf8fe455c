"""The workload as pure functions: when each action is due and what it is."""

from loadtest.plan.exchange import Act, Kind, Step, Talk
from loadtest.plan.mix import ACTS, Mix
from loadtest.plan.pacer import Pacer, stratified_phase, uniform
from loadtest.plan.visits import Visits

__all__ = ["ACTS", "Act", "Kind", "Mix", "Pacer", "Step", "Talk", "Visits", "stratified_phase", "uniform"]
