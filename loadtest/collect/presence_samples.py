"""What is read off views now and then, since reading all of it all the time would cost more than it tells.

Once a tick: how old the beats behind a view are (staleness, of one observer of each role in turn), and whether two
observers of one role say the same (disagreement, which needs no truth and so works on a system nobody can look into).
A few times a second, of a frame that answers a beat: how old the beats of those shown and of those missing are, which
bounds the target's expiry. Where that expiry is not known, all time of living pairs is also summed by the age of the
beat behind the view, from which the ceiling of any expiry can be read afterwards.

The strip is the picture of a run: of a few targets and one observer of them, who was there and who was shown.
"""

from __future__ import annotations

import random

import numpy as np

from loadtest.clock import NS_PER_MS, NS_PER_US, Clock
from loadtest.collect.people import ROLES
from loadtest.collect.presence_judge import Judge
from loadtest.collect.presence_truth import NEVER_NS, State
from loadtest.collect.presence_views import Told, View
from loadtest.metrics import Gauge, Histogram

STRIP_TARGETS = 16
_STRIP_POINTS = 20_000
_AGES_EVERY_NS = 250 * NS_PER_MS
_COMPARED = 8
THERE, SHOWN, SEEN = 1, 2, 4
"""Bits of a strip's value: the target was there; the observer was told so; the observer was there to be told, and what
it was told is the server's doing (pairs that are excused from the figures are not judged in the picture either)."""


class Samples:
    """Reads one account's views.

    Args:
        judge: the account.
        clock: what measures.
        window_ns: length of a window.
        seed: of the choices.
        worker: name of this process in gauges.
        strip: whether to record the strip.
    """

    def __init__(self, judge: Judge, clock: Clock, window_ns: int, seed: int, worker: str, *, strip: bool) -> None:
        self._judge = judge
        self._clock = clock
        self._window_ns = window_ns
        self._worker = worker
        self._random = random.Random(f"{seed}:presence:{judge.roster.members[:1]}")
        self._turn = [0, 0]
        self._ages_ns = NEVER_NS
        self._strip: dict[int, int] = {}
        self._strip_observer: int | None = None
        self._strip_left = _STRIP_POINTS if strip else 0

    # -- once a tick -------------------------------------------------------------------------------------------------

    def look(self, now_ns: int) -> None:
        """Read staleness and disagreement now."""
        judge = self._judge
        if not judge.counting:
            return
        for role in range(len(ROLES)):
            views = [view for view in judge.views.values() if view.role == role]
            if not views:
                continue
            self._turn[role] += 1
            self._staleness(views[self._turn[role] % len(views)], now_ns)
            if len(views) > 1:
                for _ in range(_COMPARED):
                    one, other = self._random.sample(views, 2)
                    self._compare(one, other, now_ns)

    def _staleness(self, view: View, now_ns: int) -> None:
        judge = self._judge
        bits = judge.truth.alive & view.shown & ~view.excused & ~(1 << view.place)
        for target, mask in enumerate(judge.roster.of_role):
            places = judge.roster.places(bits & mask)
            if places.size:
                hist = judge.batch.hist(self._window(now_ns), "staleness", ROLES[target], ROLES[view.role])
                beats_ns = view.beats_ns[places]
                beats_ns = beats_ns[beats_ns > NEVER_NS]  # who is shown by what it did before this run has no age here
                hist.record_many(np.maximum(now_ns - beats_ns, 0) // NS_PER_US)

    def _compare(self, one: View, other: View, now_ns: int) -> None:
        judge, window = self._judge, self._window(now_ns)
        truth = judge.truth
        seen = (truth.alive | truth.gone) & ~(1 << one.place) & ~(1 << other.place)
        for target, mask in enumerate(judge.roster.of_role):
            both = seen & mask
            if both and not (one.role == 1 and target == 1):
                role, name = ROLES[one.role], ROLES[target]
                judge.batch.add(window, "presence.compared", name, role, both.bit_count())
                judge.batch.add(
                    window, "presence.disagreed", name, role, ((one.shown ^ other.shown) & both).bit_count()
                )

    # -- with a frame ------------------------------------------------------------------------------------------------

    def ages(self, place: int, told: Told, asked_ns: int, at_ns: int) -> None:
        """Read how old the beats of those shown and missing are in the answer to a beat sent at ``asked_ns``."""
        judge = self._judge
        if not judge.counting or at_ns - self._ages_ns < _AGES_EVERY_NS:
            return
        self._ages_ns = at_ns
        truth, roster = judge.truth, judge.roster
        shown = told.shown
        been = (truth.alive | truth.overdue | truth.gone) & ~truth.away & ~(1 << place)
        for target, mask in enumerate(roster.of_role):
            if target == 1 and place >= roster.agents:
                continue
            for name, bits, since_ns, moment_ns in (
                ("presence_age_shown", been & shown & mask, truth.beat_ns, asked_ns),
                ("presence_age_missing", been & ~shown & mask, truth.answered_ns, at_ns),
            ):
                places = roster.places(bits)
                if places.size:
                    hist = judge.batch.hist(self._window(at_ns), name, ROLES[target])
                    hist.record_many(np.maximum(moment_ns - since_ns[places], 0) // NS_PER_US)

    def weigh(self, view: View, at_ns: int) -> None:
        """Sum the time for which a view stood by the ages of the beats behind it, where the expiry is not known."""
        judge = self._judge
        if not judge.counting or all(judge.truth.expiry_known):
            return
        stood_ms = (at_ns - max(view.made_ns, judge.hold_ns)) // NS_PER_MS
        truth = judge.truth
        alive = truth.alive & ~truth.away & ~view.excused & ~(1 << view.place)
        for target, mask in enumerate(judge.roster.of_role):
            if judge.truth.expiry_known[target] or (view.role == 1 and target == 1) or stood_ms <= 0:
                continue
            places = judge.roster.places(alive & mask)
            ages_us = (view.made_ns - view.beats_ns[places]) // NS_PER_US
            ages = Histogram()
            ages.record_many(ages_us[ages_us >= 0])  # who came after the view was made is in none
            parts = ages.parts()
            weighed = Histogram.from_sparse(parts.index, parts.count * stood_ms, (parts.min_us, parts.max_us))
            judge.batch.hist(self._window(at_ns), "presence_age_time", ROLES[target], ROLES[view.role]).merge(weighed)

    # -- the strip ---------------------------------------------------------------------------------------------------

    def strip(self, place: int, now_ns: int) -> None:
        """Record what changed for the strip's targets, after something happened to ``place``."""
        judge = self._judge
        if not judge.counting or self._strip_left <= 0:
            return
        if self._strip_observer is not None and place != self._strip_observer and place not in self._strip:
            return
        if self._strip_observer is None:
            self._choose()
            if self._strip_observer is None:
                return
        view = judge.views.get(self._strip_observer)
        for place, before in self._strip.items():
            away = judge.truth.away >> place & 1  # who chose to be shown as offline is rightly shown as gone
            state = judge.truth.state(place)
            there = not away and state in (State.ALIVE, State.OVERDUE)
            value = THERE * there
            if view is not None:
                judged = state is not State.OVERDUE and not view.excused >> place & 1
                value |= (SEEN if judged else 0) | (SHOWN if view.shown >> place & 1 else 0)
            if value != before:
                self._strip[place] = value
                role = ROLES[int(place >= judge.roster.agents)]
                name = f"presence.strip.{role}.{judge.roster.members[place]}"
                at_us = self._clock.wall_ns(now_ns) // NS_PER_US
                judge.batch.gauges.append(Gauge(at_us, name, self._worker, float(value)))
                self._strip_left -= 1

    def _choose(self) -> None:
        """One agent that is there, and a few others."""
        judge = self._judge
        agents = judge.roster.agents
        observers = [place for place in judge.views if place < agents]
        if not observers:
            return
        self._strip_observer = observers[0]
        others = [place for place in range(judge.roster.size) if place != self._strip_observer]
        of_role = ([p for p in others if p < agents], [p for p in others if p >= agents])
        some = self._random.sample(of_role[0], min(len(of_role[0]), STRIP_TARGETS // 2))
        some += self._random.sample(of_role[1], min(len(of_role[1]), STRIP_TARGETS - len(some)))
        self._strip = dict.fromkeys(sorted(some), -1)

    def _window(self, at_ns: int) -> int:
        return self._clock.wall_ns(at_ns) // self._window_ns
