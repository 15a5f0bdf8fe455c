"""The workload as pure functions: when each action is due and what it is."""

from loadtest.plan.canary import Canary, canary_period_s, next_in_turn
from loadtest.plan.exchange import Act, Kind, Step, Talk
from loadtest.plan.load_profile import LoadProfile, window_s
from loadtest.plan.mix import ACTS, Mix
from loadtest.plan.pacer import Pacer, stratified_phase, uniform
from loadtest.plan.paces import Paces
from loadtest.plan.scenario import Scenario
from loadtest.plan.turnstile import Turnstile
from loadtest.plan.visits import Visits

__all__ = [
    "ACTS",
    "Act",
    "Canary",
    "Kind",
    "LoadProfile",
    "Mix",
    "Pacer",
    "Paces",
    "Scenario",
    "Step",
    "Talk",
    "Turnstile",
    "Visits",
    "canary_period_s",
    "next_in_turn",
    "stratified_phase",
    "uniform",
    "window_s",
]
