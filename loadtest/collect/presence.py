"""Presence accuracy: what observers were told against who was really there.

Terms of Chen, Toueg and Aguilera's failure-detector quality of service (IEEE Transactions on Computers, 2002), on
ordered pairs (observer, target) of one account, time-weighted:

- *alive*: the target is subscribed and beating, by its own actual send times;
- *right*: while the target is alive, the observer's view says so (query accuracy probability P_A = right / alive);
- *ideal right*: the same for a zero-delay server replayed over this run's own log of beats: it shows a target for
  ``expiry`` seconds after each of its beats, and an observer learns at its own beats (the ceiling min(1, E/H));
- *absent*: the target is simulated but not there; *false online*: it is absent and the view shows it;
- *mistake*: an alive target vanishes from a view.

A view is a right-continuous step: what was last told holds until it is told again. An observer is no target of itself,
and contacts are told of agents only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loadtest.clock import NS_PER_S, NS_PER_US, Clock
from loadtest.collect.people import ROLES, People
from loadtest.metrics import Batch

_FOREVER = np.iinfo(np.int64).max
_SHOWN = ("online", "busy")


@dataclass(slots=True)
class _View:
    """What one observer was last told, and what the ideal server would have told it."""

    observer: int
    since_ns: int
    shown: NDArray[np.bool_]
    ideal: NDArray[np.bool_]


class _Account:
    """Targets of one account: the truth about them."""

    def __init__(self, members: list[int], agents: int) -> None:
        self.members = np.array(members, dtype=np.int64)
        self.agents = agents  # the first so many members are agents, the rest contacts
        self.place = {n: i for i, n in enumerate(members)}
        size = len(members)
        self.start_ns = np.full(size, _FOREVER, dtype=np.int64)
        self.end_ns = np.full(size, -1, dtype=np.int64)
        self.beat_ns = np.full(size, -_FOREVER, dtype=np.int64)
        self.first_ns = np.full(size, _FOREVER, dtype=np.int64)  # nobody is absent before having been there
        self.past: list[tuple[int, int, int]] = []  # (place, start, end) of visits that are over, ascending by end
        self.user_places: dict[str, int] = {}
        self.contact_places: dict[str, int] = {}

    def alive_ns(self, from_ns: int, to_ns: int) -> NDArray[np.int64]:
        """How long each target was alive between the two times; shape (members,)."""
        alive = np.minimum(self.end_ns, to_ns) - np.maximum(self.start_ns, from_ns)
        np.maximum(alive, 0, out=alive)
        for place, start, end in reversed(self.past):
            if end <= from_ns:
                break
            overlap = min(end, to_ns) - max(start, from_ns)
            if overlap > 0:
                alive[place] += overlap
        return alive


class Presence:
    """Truth and views of one process.

    Args:
        people: the identities simulated here.
        clock: what measures.
        window_ns: length of a window.
        agent_expiry_s: how long the target shows an agent after its beat, or None when that is not known.
        contact_expiry_s: the same for contacts.
    """

    def __init__(
        self,
        people: People,
        clock: Clock,
        *,
        window_ns: int,
        agent_expiry_s: float | None = None,
        contact_expiry_s: float | None = None,
    ) -> None:
        self._people = people
        self._clock = clock
        self._window_ns = window_ns
        self._expiry_ns = tuple(None if e is None else round(e * NS_PER_S) for e in (agent_expiry_s, contact_expiry_s))
        self._accounts: dict[int, _Account] = {}
        self._account_of: list[int] = [a.account_id for a in people.agents] + [c.account_id for c in people.contacts]
        for account_id in sorted(set(self._account_of)):
            agents = [n for n, a in enumerate(people.agents) if a.account_id == account_id]
            offset = len(people.agents)
            contacts = [offset + n for n, c in enumerate(people.contacts) if c.account_id == account_id]
            account = self._accounts[account_id] = _Account(agents + contacts, len(agents))
            account.user_places = {str(people.agents[n].user_id): account.place[n] for n in agents}
            account.contact_places = {str(people.contacts[n - offset].contact_id): account.place[n] for n in contacts}
        self._views: dict[int, _View] = {}
        self._counting = False

    # -- truth -------------------------------------------------------------------------------------------------------

    def arrived(self, identity: int, at_ns: int) -> None:
        """The identity's subscription was confirmed: it is there, and its subscribe counted as a beat."""
        account, place = self._locate(identity)
        account.first_ns[place] = min(account.first_ns[place], at_ns)
        if account.end_ns[place] != _FOREVER:
            account.start_ns[place] = at_ns
            account.end_ns[place] = _FOREVER
        account.beat_ns[place] = at_ns

    def left(self, identity: int, at_ns: int, batch: Batch) -> None:
        """The identity is gone; as an observer it sees no more."""
        account, place = self._locate(identity)
        view = self._views.pop(identity, None)
        if view is not None:
            self._integrate(account, view, at_ns, batch)
        if account.end_ns[place] == _FOREVER:
            account.past.append((place, int(account.start_ns[place]), at_ns))
            account.start_ns[place], account.end_ns[place] = _FOREVER, -1

    def beat(self, identity: int, sent_ns: int, batch: Batch) -> None:
        """The identity beat its presence at ``sent_ns``; the ideal server tells it now."""
        account, place = self._locate(identity)
        view = self._views.get(identity)
        account.beat_ns[place] = sent_ns
        if view is not None:
            self._integrate(account, view, sent_ns, batch)
            view.ideal = self._ideal(account, sent_ns)

    # -- observation -------------------------------------------------------------------------------------------------

    def told(
        self,
        identity: int,
        users: Mapping[str, str],
        contacts: Mapping[str, str] | None,
        at_ns: int,
        batch: Batch,
    ) -> None:
        """The observer received a presence.update.

        Args:
            identity: the observer.
            users: status by user id, as the frame has it.
            contacts: status by contact id, or None where the frame has none.
            at_ns: monotonic arrival.
            batch: where the integrals go.
        """
        account, _ = self._locate(identity)
        shown = np.zeros(len(account.members), dtype=bool)
        for names, places in ((users, account.user_places), (contacts or {}, account.contact_places)):
            for name, status in names.items():
                place = places.get(name)
                if place is not None and status in _SHOWN:
                    shown[place] = True
        view = self._views.get(identity)
        if view is None:
            self._views[identity] = _View(identity, at_ns, shown, self._ideal(account, at_ns))
            return
        self._integrate(account, view, at_ns, batch)
        if self._counting:
            vanished = view.shown & ~shown & (account.end_ns == _FOREVER)
            self._split(account, view, vanished.astype(np.int64), "presence.mistakes", at_ns, batch)
        view.shown = shown

    def count_from(self, at_ns: int) -> None:
        """The hold begins: integrals before ``at_ns`` do not count."""
        self._counting = True
        for view in self._views.values():
            view.since_ns = at_ns

    def count_until(self, at_ns: int, batch: Batch) -> None:
        """The hold ends: all views are integrated up to ``at_ns`` and none after it."""
        for view in self._views.values():
            self._integrate(self._accounts[self._account_of[view.observer]], view, at_ns, batch)
        self._counting = False

    def prune(self) -> None:
        """Forget visits that ended before every open view began."""
        oldest = min((v.since_ns for v in self._views.values()), default=self._clock.now_ns())
        for account in self._accounts.values():
            account.past = [visit for visit in account.past if visit[2] > oldest]

    # -- integration -------------------------------------------------------------------------------------------------

    def _locate(self, identity: int) -> tuple[_Account, int]:
        account = self._accounts[self._account_of[identity]]
        return account, account.place[identity]

    def _ideal(self, account: _Account, at_ns: int) -> NDArray[np.bool_]:
        ideal = np.zeros(len(account.members), dtype=bool)
        for expiry_ns, part in zip(
            self._expiry_ns, (slice(0, account.agents), slice(account.agents, None)), strict=True
        ):
            if expiry_ns is not None:
                ideal[part] = account.beat_ns[part] >= at_ns - expiry_ns
        return ideal

    def _integrate(self, account: _Account, view: _View, to_ns: int, batch: Batch) -> None:
        from_ns, view.since_ns = view.since_ns, to_ns
        if not self._counting or to_ns <= from_ns:
            return
        alive = account.alive_ns(from_ns, to_ns)
        absent = np.maximum(to_ns - np.maximum(account.first_ns, from_ns), 0) - alive
        self._split(account, view, alive, "presence.alive_us", to_ns, batch)
        self._split(account, view, np.where(view.shown, alive, 0), "presence.right_us", to_ns, batch)
        self._split(account, view, np.where(view.shown, 0, alive), "presence.mistake_us", to_ns, batch)
        self._split(account, view, absent, "presence.absent_us", to_ns, batch)
        self._split(account, view, np.where(view.shown, absent, 0), "presence.false_online_us", to_ns, batch)
        if None not in self._expiry_ns:
            self._split(account, view, np.where(view.ideal, alive, 0), "presence.ideal_right_us", to_ns, batch)

    def _split(
        self, account: _Account, view: _View, values: NDArray[np.int64], metric: str, at_ns: int, batch: Batch
    ) -> None:
        """Add values per target up by the target's role; contacts observe agents only; nobody observes itself."""
        observer_role = ROLES[int(self._people.role[view.observer])]
        own = account.place[view.observer]
        window = self._clock.wall_ns(at_ns) // self._window_ns
        divisor = NS_PER_US if metric.endswith("_us") else 1
        for number, part in enumerate((slice(0, account.agents), slice(account.agents, None))):
            if number == 1 and observer_role == "contact":
                continue
            total = int(values[part].sum())
            if part.start <= own < (part.stop if part.stop is not None else len(values)):
                total -= int(values[own])
            if total or metric in ("presence.alive_us", "presence.ideal_right_us"):
                batch.add(window, metric, ROLES[number], observer_role, total // divisor)
