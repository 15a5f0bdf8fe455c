"""Truth against views in one account: what each observer was told, held until it is told again.

A view is a right-continuous step. An observer is no target of itself, and contacts are told of agents alone. The terms
are those of Chen, Toueg and Aguilera (IEEE Transactions on Computers, 2002), with Ma, Hillston and Anderson's
(Transactions on Dependable and Secure Computing, 2010) for people who come back:

- *mistake*: a living target that an observer was told of since it came vanishes from its view; T_M is how long until it
  is back, T_MR the time between the starts of two of a pair's mistakes;
- *detection time* T_D: from a departure to the moment from which the view says so and keeps saying so, as far as the
  target stays away; 0 where the view said so already. It is known when the target returns, the observer leaves or the
  hold ends; an absence that was not noticed by then is *censored* at that length;
- *recovery detection time*: from a target's arrival to the view that shows it.

What an observer was told while a target was overdue (:mod:`loadtest.collect.presence_truth`), and what it knows while
it is overdue itself, is excused until it is told again. So is what a view lacks since it was made in the ramp, while
people were still coming: a crowd that arrives at once is the test's doing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loadtest.clock import NS_PER_US, Clock
from loadtest.collect.people import ROLES
from loadtest.collect.presence_pairs import PairTime, column, row
from loadtest.collect.presence_truth import NEVER_NS, Departure, State, Truth
from loadtest.collect.presence_views import Roster, Told, View
from loadtest.metrics import Batch

LENGTHS_S = (10, 20, 30, 45, 60, 90, 120, 300)
"""Edges of the lengths by which absences are told apart."""

Places = NDArray[np.intp]
Times = NDArray[np.int64]


def length_label(seconds: float) -> str:
    """The stretch of :data:`LENGTHS_S` that an absence's length falls in, such as ``20-30``."""
    for low, high in zip((0, *LENGTHS_S), LENGTHS_S, strict=False):
        if seconds < high:
            return f"{low}-{high}"
    return f"{LENGTHS_S[-1]}-"


class Judge:
    """One account's truth, views, and what follows.

    Args:
        roster: who there is.
        truth: the truth about them.
        clock: what measures.
        window_ns: length of a window.

    Attributes:
        views: of the observers that are here, by place.
        batch: what was found since somebody took it.
        hold_ns: when the hold began.
    """

    def __init__(self, roster: Roster, truth: Truth, clock: Clock, window_ns: int) -> None:
        self.roster = roster
        self.truth = truth
        self.views: dict[int, View] = {}
        self.time = PairTime(clock, window_ns, truth.expiry_known)
        self.batch = Batch()
        self.hold_ns = 0
        self._clock = clock
        self._window_ns = window_ns
        self._spare: list[tuple[Times, Times, Times]] = []  # of views that are no more

    @property
    def counting(self) -> bool:
        """Whether the hold is on."""
        return self.time.counting

    # -- time --------------------------------------------------------------------------------------------------------

    def advance(self, at_ns: int) -> None:
        """Let time pass until ``at_ns``, with what it does by itself."""
        truth = self.truth
        while (next_ns := truth.next_ns()) is not None and next_ns <= at_ns:
            self.time.advance(next_ns, self.batch)
            for place in iter(partial(truth.due, next_ns), None):
                self._row_of(place, -1)
                self._change(place, partial(truth.make_overdue, place))
                self._row_of(place, 1)
            for place in iter(partial(truth.lapse, next_ns), None):
                self._change(place, partial(truth.drop, place))
        self.time.advance(at_ns, self.batch)

    def hold(self, at_ns: int) -> None:
        """The hold begins: what happens from now on counts."""
        self.advance(at_ns)
        self.hold_ns = at_ns
        self.time.begin(at_ns)
        for view in self.views.values():  # until now nobody counted, so that a ramp costs nothing
            view.excused |= self.truth.alive & ~view.shown & ~view.known  # who came after it, in the ramp
            row(self.time.pairs, 1, view, self.truth, self.roster)

    def drain(self, at_ns: int) -> None:
        """The hold is over: absences that are not noticed yet are censored."""
        self.advance(at_ns)
        for view in self.views.values():
            self._end_absences(view, self.roster.places(view.followed), at_ns, returned=False)
            view.followed = 0
        self.time.end(at_ns, self.batch)
        self.time.pairs[:] = 0

    # -- truth -------------------------------------------------------------------------------------------------------

    def arrive(self, place: int, at_ns: int, period_ns: int) -> None:
        """Somebody is there from now on."""
        truth, bit = self.truth, 1 << place
        if truth.state(place) in (State.ALIVE, State.OVERDUE):
            self.beat(place, at_ns)
            return
        for view in self.views.values():
            if view.followed & bit:
                self._end_absences(view, np.array([place]), at_ns, returned=True)
                view.followed &= ~bit

        def come() -> None:
            truth.arrive(place, at_ns, period_ns)
            for view in self.views.values():
                view.unclocked &= ~bit
                view.known = view.known | bit if view.shown & bit else view.known & ~bit

        self._change(place, come)

    def leave(self, place: int, at_ns: int, departure: Departure) -> None:
        """Somebody is gone; as an observer it sees no more."""
        truth, bit = self.truth, 1 << place
        self._drop_view(place, at_ns)
        if truth.state(place) in (State.NEVER, State.GONE):
            return

        def go() -> None:
            truth.leave(place, at_ns, departure)
            for view in self.views.values():
                if view.known & bit and self.counting and not truth.away & bit:
                    view.followed |= bit
                    view.noticed_ns[place] = NEVER_NS if view.shown & bit else at_ns
                view.known &= ~bit

        self._change(place, go)

    def beat(self, place: int, sent_ns: int) -> None:
        """Somebody's beat was sent; an ideal server tells it who is there at this very moment."""
        truth = self.truth
        state = truth.state(place)
        if state in (State.NEVER, State.GONE):
            return
        self._row_of(place, -1)
        if state is State.OVERDUE or not truth.is_up(place):
            self._change(place, partial(truth.beat, place, sent_ns))
        else:
            truth.beat(place, sent_ns)
        view = self.views.get(place)
        if view is not None:
            view.asked_excused = truth.overdue
            view.ideal = truth.up & ~truth.away
            self._row_of(place, 1)

    def choose(self, place: int, status: str) -> None:
        """An agent chose how to be shown."""
        truth, bit = self.truth, 1 << place
        was_away = bool(truth.away & bit)

        def set_status() -> None:
            truth.busy = truth.busy | bit if status == "busy" else truth.busy & ~bit
            truth.away = truth.away | bit if status == "offline" else truth.away & ~bit
            if was_away:  # nobody could know until now
                for view in self.views.values():
                    if not view.shown & bit:
                        view.known &= ~bit
                        view.unclocked |= bit

        self._change(place, set_status)

    # -- views -------------------------------------------------------------------------------------------------------

    def tell(self, place: int, told: Told, at_ns: int) -> None:
        """An observer was told who is there."""
        truth, roster = self.truth, self.roster
        if truth.state(place) in (State.NEVER, State.GONE):
            return
        self._row_of(place, -1)
        view = self.views.get(place)
        shown, own = told.shown, 1 << place
        alive = (truth.alive | truth.overdue) & ~own
        if view is None:
            view = self._open(place, told, at_ns, alive)
        else:
            excused = truth.overdue | view.asked_excused
            vanished, found = view.shown & ~shown, shown & ~view.shown
            lost = vanished & alive & ~truth.away
            if lost & excused:
                view.known &= ~(lost & excused)
                view.unclocked |= lost & excused
            if mistakes := lost & ~excused:
                self._mistaken(view, roster.places(mistakes), at_ns)
            if again := found & alive:
                self._found(view, again, at_ns)
            if gone := vanished & view.followed:
                view.noticed_ns[roster.places(gone)] = at_ns
            if ghosts := found & view.followed:
                places = roster.places(ghosts)
                self._count("presence.resurrected", view, places[view.noticed_ns[places] > NEVER_NS], at_ns)
                view.noticed_ns[places] = NEVER_NS
            view.shown, view.busy, view.excused, view.made_ns = shown, told.busy, excused, at_ns
        view.asked_excused = 0
        np.copyto(view.beats_ns, truth.beat_ns)
        self._row_of(place, 1)

    def _open(self, place: int, told: Told, at_ns: int, alive: int) -> View:
        truth, size = self.truth, self.roster.size
        shown = told.shown
        arrived = truth.since_ns[place]
        before = self.roster.bits(truth.since_ns < arrived)
        mistakes = alive & before & ~shown & ~truth.away & ~truth.overdue
        began_ns, noticed_ns, beats_ns = self._times(size)
        np.copyto(beats_ns, truth.beat_ns)
        view = self.views[place] = View(
            role=int(place >= self.roster.agents),
            place=place,
            shown=shown,
            busy=told.busy,
            known=(shown & alive) | mistakes,
            ideal=truth.up & ~truth.away,
            excused=truth.overdue,
            made_ns=at_ns,
            began_ns=began_ns,
            noticed_ns=noticed_ns,
            beats_ns=beats_ns,
        )
        if mistakes:  # it was there before the observer came, and is not shown
            self._mistaken(view, self.roster.places(mistakes), at_ns)
        return view

    def _times(self, size: int) -> tuple[Times, Times, Times]:
        """A view's times, all of them never.

        They are most of what a view takes, and other things would come to lie where those of a view that is no more
        had been: people who come and go for days would leave a heap full of holes. So they are used again.
        """
        if not self._spare:
            began_ns, noticed_ns, beats_ns = np.full((3, size), NEVER_NS, dtype=np.int64)
            return began_ns, noticed_ns, beats_ns
        times = self._spare.pop()
        for those in times:
            those.fill(NEVER_NS)
        return times

    def _drop_view(self, place: int, at_ns: int) -> None:
        self._row_of(place, -1)
        view = self.views.pop(place, None)
        if view is not None:
            self._end_absences(view, self.roster.places(view.followed), at_ns, returned=False)
            self._spare.append((view.began_ns, view.noticed_ns, view.beats_ns))

    # -- what follows ------------------------------------------------------------------------------------------------

    def _mistaken(self, view: View, places: Places, at_ns: int) -> None:
        before_ns, since_ns = view.began_ns[places], np.maximum(self.truth.since_ns[places], self.hold_ns)
        view.began_ns[places] = at_ns
        self._count("presence.mistakes", view, places, at_ns)
        again = before_ns >= since_ns
        self._record("mistake_recurrence", view, places[again], at_ns - before_ns[again], at_ns)

    def _found(self, view: View, again: int, at_ns: int) -> None:
        roster, truth = self.roster, self.truth
        arrived = again & ~view.known & ~view.unclocked
        if arrived:
            places = roster.places(arrived)
            places = places[truth.since_ns[places] >= self.hold_ns]
            self._record("recovery_time", view, places, at_ns - truth.since_ns[places], at_ns)
        if healed := again & view.known:
            places = roster.places(healed)
            places = places[view.began_ns[places] >= np.maximum(truth.since_ns[places], self.hold_ns)]
            self._record("mistake_duration", view, places, at_ns - view.began_ns[places], at_ns)
        view.known |= again
        view.unclocked &= ~again

    def _end_absences(self, view: View, places: Places, at_ns: int, *, returned: bool) -> None:
        """What is known of absences that end, or are followed no further."""
        if not places.size or not self.counting:
            return
        truth = self.truth
        died_ns, noticed_ns = truth.died_ns[places], view.noticed_ns[places]
        seen = noticed_ns > NEVER_NS
        times_ns = np.maximum(noticed_ns - died_ns, 0)
        self._record("detection_time", view, places[seen], times_ns[seen], at_ns)
        for departure in {truth.departure[place] for place in places[seen].tolist()}:
            these = np.array([truth.departure[place] == departure for place in places[seen].tolist()])
            self._record(f"detection_time.{departure}", view, places[seen][these], times_ns[seen][these], at_ns)
        unseen_ns = np.maximum(at_ns - died_ns[~seen], 0)  # a storm may drop an observer just before whom it watched
        self._record("detection_censored", view, places[~seen], unseen_ns, at_ns)
        if not returned:
            self._count("presence.absences_open", view, places[~seen], at_ns)
            return
        for place, noticed in zip(places.tolist(), seen.tolist(), strict=True):
            length = length_label((at_ns - int(truth.died_ns[place])) / 1e9)
            one = np.array([place])
            self._count(f"presence.absences.{length}", view, one, at_ns)
            if noticed:
                self._count(f"presence.absences_noticed.{length}", view, one, at_ns)

    # -- counting ----------------------------------------------------------------------------------------------------

    def _by_role(self, view: View, places: Places) -> Iterable[tuple[int, slice]]:
        """The target roles among ascending places, contacts only for who is told of them."""
        first_contact = int(np.searchsorted(places, self.roster.agents))
        yield 0, slice(0, first_contact)
        if view.role == 0:
            yield 1, slice(first_contact, None)

    def _window(self, at_ns: int) -> int:
        return self._clock.wall_ns(at_ns) // self._window_ns

    def _count(self, metric: str, view: View, places: Places, at_ns: int) -> None:
        if not self.counting or not places.size:
            return
        for target, part in self._by_role(view, places):
            if places[part].size:
                self.batch.add(self._window(at_ns), metric, ROLES[target], ROLES[view.role], places[part].size)

    def _record(self, metric: str, view: View, places: Places, values_ns: NDArray[Any], at_ns: int) -> None:
        if not self.counting or not places.size:
            return
        for target, part in self._by_role(view, places):
            if places[part].size:
                hist = self.batch.hist(self._window(at_ns), metric, ROLES[target], ROLES[view.role])
                hist.record_many(values_ns[part] // NS_PER_US)

    # -- pairs -------------------------------------------------------------------------------------------------------

    def _change(self, place: int, happens: Callable[[], None]) -> None:
        """Let something happen to one target, and move its pairs from column to column."""
        self._column_of(place, -1)
        happens()
        self._column_of(place, 1)

    def _column_of(self, place: int, sign: int) -> None:
        """Add or take away the pairs of one target with every observer."""
        if self.counting:
            column(self.time.pairs, sign, place, self.truth, self.roster, self.views.values())

    def _row_of(self, place: int, sign: int) -> None:
        """Add or take away the pairs of one observer with every target."""
        view = self.views.get(place)
        if view is not None and self.counting:
            row(self.time.pairs, sign, view, self.truth, self.roster)
