"""Presence accuracy: what observers were told against who was really there.

Terms of Chen, Toueg and Aguilera's failure-detector quality of service (IEEE Transactions on Computers, 2002), on
ordered pairs (observer, target) of one account, time-weighted:

- the truth about targets is in :mod:`loadtest.collect.presence_truth`;
- what observers were told is read by :mod:`loadtest.collect.presence_views`;
- time of pairs is summed by :mod:`loadtest.collect.presence_pairs`: P_A = right / alive, its ceiling = ideal right /
  alive, where the ideal is a server without delay replayed over this run's own beats;
- mistakes and detection times are found by :mod:`loadtest.collect.presence_judge`;
- what is sampled (staleness, disagreement, the bounds of the expiry) by :mod:`loadtest.collect.presence_samples`.

Pairs are those within one process. Above a budget of them only some observers are followed, drawn once by the seed and
told in gauges: every pair of theirs counts, and the frames of the others are not even decoded.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from loadtest.clock import NS_PER_S, NS_PER_US, Clock
from loadtest.collect.people import ROLES, People
from loadtest.collect.presence_judge import Judge
from loadtest.collect.presence_log import PresenceLog
from loadtest.collect.presence_samples import Samples
from loadtest.collect.presence_truth import Departure, Truth
from loadtest.collect.presence_views import Reader, Roster, Told, glance
from loadtest.directory import Role
from loadtest.metrics import Batch, Gauge

MOST_PAIRS = 1_000_000
"""Pairs followed in one process, unless told otherwise: about 30 bytes each."""


@dataclass(frozen=True, slots=True)
class PresenceSettings:
    """What presence must know of the run.

    Attributes:
        agent_expiry_s: how long the target shows an agent after its beat, or None when that is not known.
        contact_expiry_s: the same for contacts.
        heartbeat_s: time between two beats that users promise; 0 for no promise.
        most_pairs: pairs followed in this process.
        seed: of what is drawn.
        worker: name of this process.
        log_path: file to log everything to that is seen of presence, or None.
    """

    agent_expiry_s: float | None = None
    contact_expiry_s: float | None = None
    heartbeat_s: float = 0.0
    most_pairs: int = MOST_PAIRS
    seed: int = 0
    worker: str = ""
    log_path: str | None = None


class _Account:
    def __init__(
        self,
        account_id: int,
        roster: Roster,
        clock: Clock,
        window_ns: int,
        settings: PresenceSettings,
        *,
        strip: bool,
    ) -> None:
        expiry_ns = tuple(
            None if seconds is None else round(seconds * NS_PER_S)
            for seconds in (settings.agent_expiry_s, settings.contact_expiry_s)
        )
        self.account_id = account_id
        self.roster = roster
        self.reader = Reader(roster)
        self.judge = Judge(roster, Truth(roster, (expiry_ns[0], expiry_ns[1])), clock, window_ns)
        self.samples = Samples(self.judge, clock, window_ns, settings.seed, settings.worker, strip=strip)


class Presence:
    """Truth and views of one process.

    Args:
        people: the identities simulated here.
        clock: what measures.
        window_ns: length of a window.
        settings: what must be known of the run.
    """

    def __init__(
        self, people: People, clock: Clock, *, window_ns: int, settings: PresenceSettings | None = None
    ) -> None:
        settings = PresenceSettings() if settings is None else settings
        self._people = people
        self._clock = clock
        self._window_ns = window_ns
        self._settings = settings
        self._period_ns = round(settings.heartbeat_s * NS_PER_S)
        self._periods_ns: dict[int, int] = {}
        self._accounts: list[_Account] = []
        self._by_id: dict[int, _Account] = {}
        self._place: dict[int, tuple[_Account, int]] = {}
        offset = len(people.agents)
        agents: dict[int, list[tuple[int, int]]] = {}
        contacts: dict[int, list[tuple[int, int]]] = {}
        for number, agent in enumerate(people.agents):
            agents.setdefault(agent.account_id, []).append((number, agent.user_id))
        for number, contact in enumerate(people.contacts, offset):
            contacts.setdefault(contact.account_id, []).append((number, contact.contact_id))
        for account_id in sorted(agents.keys() | contacts.keys()):
            roster = Roster(agents.get(account_id, []), contacts.get(account_id, []))
            account = _Account(account_id, roster, clock, window_ns, settings, strip=not self._accounts)
            self._accounts.append(account)
            self._by_id[account_id] = account
            self._place.update((member, (account, roster.place[member])) for member in roster.members)
        self._observers = self._drawn()
        self._log = None if settings.log_path is None else PresenceLog(Path(settings.log_path), clock)
        self._holding = False

    def _drawn(self) -> set[int]:
        """The observers that are followed: all of them, or of each role in each account its share of the budget."""
        weights = [
            (roster.agents * roster.size, (roster.size - roster.agents) * roster.agents) for roster in self._rosters
        ]
        self.pairs_all = sum(map(sum, weights))
        share = min(1.0, self._settings.most_pairs / self.pairs_all) if self.pairs_all else 1.0
        drawn: set[int] = set()
        for number, roster in enumerate(self._rosters):
            chance = random.Random(f"{self._settings.seed}:observers:{number}")
            for members in (roster.members[: roster.agents], roster.members[roster.agents :]):
                if members:
                    drawn.update(chance.sample(members, max(1, int(len(members) * share))))
        return drawn

    @property
    def _rosters(self) -> list[Roster]:
        return [account.roster for account in self._accounts]

    @property
    def pairs(self) -> int:
        """Pairs that are followed: of each drawn observer with everybody it may be told of."""
        agents = len(self._people.agents)
        return sum(
            self._place[number][0].roster.size if number < agents else self._place[number][0].roster.agents
            for number in self._observers
        )

    @property
    def account_ids(self) -> list[int]:
        """The accounts that have somebody here."""
        return list(self._by_id)

    # -- truth -------------------------------------------------------------------------------------------------------

    def arrived(self, identity: int, at_ns: int) -> None:
        """The identity is there: its subscription was confirmed, which counts as a beat, or its beats are back."""
        account, place = self._at(identity, at_ns)
        period_ns = self._periods_ns.get(identity, self._period_ns)
        if self._log is not None:
            self._log.write("arrive", at_ns, self._name(identity), account.account_id, period_ns=period_ns)
        account.judge.arrive(place, at_ns, period_ns)
        account.samples.strip(place, at_ns)

    def left(self, identity: int, at_ns: int, departure: Departure = "left") -> None:
        """The identity is gone, by whatever way; as an observer it sees no more. Who is gone already stays gone."""
        account, place = self._at(identity, at_ns)
        if self._log is not None:
            self._log.write("leave", at_ns, self._name(identity), account.account_id, what=departure)
        account.judge.leave(place, at_ns, departure)
        account.samples.strip(place, at_ns)

    def beat(self, identity: int, sent_ns: int) -> None:
        """The identity beat its presence at ``sent_ns``."""
        account, place = self._at(identity, sent_ns)
        if self._log is not None:
            self._log.write("beat", sent_ns, self._name(identity), account.account_id)
        account.judge.beat(place, sent_ns)

    def beats_every(self, identity: int, period_s: float) -> None:
        """From its next arrival on the identity promises a beat that often, instead of the run's heartbeat."""
        self._periods_ns[identity] = round(period_s * NS_PER_S)

    def answered(self, identity: int, sent_ns: int) -> None:
        """The identity's beat of ``sent_ns`` was answered."""
        account, place = self._place[identity]
        account.judge.truth.answered(place, sent_ns)

    def chose(self, identity: int, status: str, at_ns: int) -> None:
        """An agent set how it wants to be shown, and the target said yes."""
        account, place = self._at(identity, at_ns)
        if self._log is not None:
            self._log.write("choose", at_ns, self._name(identity), account.account_id, what=status)
        account.judge.choose(place, status)
        account.samples.strip(place, at_ns)

    # -- observation -------------------------------------------------------------------------------------------------

    def told(
        self, identity: int, data: bytes, at_ns: int, asked_ns: int | None = None, *, shared: bool = False
    ) -> Told:
        """The observer received a presence.update.

        Args:
            identity: the observer.
            data: the frame's data, encoded.
            at_ns: monotonic arrival.
            asked_ns: when the beat that it answers was sent; None where it answers none.
            shared: whether another socket of the identity may have asked for it.

        Returns:
            What it says, to be checked.

        Raises:
            msgspec.MsgspecError: it is no presence data.
        """
        account, place = self._place[identity]
        role = ROLES[place >= account.roster.agents]
        followed = identity in self._observers
        told = account.reader.read(data) if followed else glance(data)
        if told.others and role == "contact":
            self._count("presence.forbidden", "contact", role, at_ns)
        if not followed:
            return told
        if self._log is not None:
            shown = [self._name(account.roster.members[n]) for n in account.roster.places(told.shown).tolist()]
            name = self._name(identity)
            self._log.write("told", at_ns, name, account.account_id, asked_ns=asked_ns, shown=shown)
        account.judge.advance(at_ns)
        view = account.judge.views.get(place)
        if view is not None:
            account.samples.weigh(view, at_ns)
            if asked_ns is None and not shared:
                self._count("presence.unasked", role, role, at_ns)
        if asked_ns is not None:
            account.samples.ages(place, told, asked_ns, at_ns)
        account.judge.tell(place, told, at_ns)
        account.samples.strip(place, at_ns)
        return told

    def asked(self, account_id: int, role: Role, shown: Iterable[int], asked_ns: int, at_ns: int) -> None:
        """REST was asked between two moments who is there: hold it against those who came or went in neither.

        Args:
            account_id: the account.
            role: of those who were asked for.
            shown: OneChat's ids of those it names as there.
            asked_ns: monotonic time of the question.
            at_ns: monotonic time of the answer.
        """
        account = self._by_id[account_id]
        account.judge.advance(at_ns)
        roster, truth, target = account.roster, account.judge.truth, ROLES.index(role)
        names = roster.users if target == 0 else roster.contacts
        bits = sum(1 << names[str(one)] for one in set(shown) if str(one) in names)
        alive = truth.alive & ~truth.away & roster.bits(truth.since_ns < asked_ns) & roster.of_role[target]
        gone = truth.gone & roster.bits(truth.died_ns < asked_ns) & roster.of_role[target]
        for name, those in (
            ("alive", alive),
            ("right", alive & bits),
            ("absent", gone),
            ("false_online", gone & bits),
        ):
            self._count(f"presence.oracle_{name}", role, "rest", at_ns, those.bit_count())

    # -- the run -----------------------------------------------------------------------------------------------------

    def count_from(self, at_ns: int) -> None:
        """The hold begins: what was before ``at_ns`` does not count."""
        self._holding = True
        if self._log is not None:
            self._log.write("hold", at_ns)
        for account in self._accounts:
            account.judge.hold(at_ns)
            account.samples.strip(-1, at_ns)

    def count_until(self, at_ns: int) -> None:
        """The hold ends at ``at_ns``."""
        for account in self._accounts:
            account.judge.drain(at_ns)
        if self._log is not None and self._holding:
            self._log.write("drain", at_ns)
        self._holding = False

    def close(self) -> None:
        """Write the log to its end, where there is one."""
        if self._log is not None:
            self._log.close()

    def collect(self, now_ns: int, batch: Batch) -> None:
        """Hand over what was found since the last call, about once a second; costs what changed."""
        for account in self._accounts:
            judge = account.judge
            judge.advance(now_ns)
            judge.time.flush(judge.batch)
            account.samples.look(now_ns)
            batch.merge(judge.batch)
            judge.batch = Batch()
        at_us, worker = self._clock.wall_ns(now_ns) // NS_PER_US, self._settings.worker
        if self._holding:
            batch.gauges.append(Gauge(at_us, "presence.pairs", worker, self.pairs))
            batch.gauges.append(Gauge(at_us, "presence.pairs_all", worker, self.pairs_all))

    def _name(self, identity: int) -> str:
        agents = self._people.agents
        if identity < len(agents):
            return f"agent:{agents[identity].user_id}"
        return f"contact:{self._people.contacts[identity - len(agents)].contact_id}"

    def _at(self, identity: int, at_ns: int) -> tuple[_Account, int]:
        account, place = self._place[identity]
        account.judge.advance(at_ns)
        return account, place

    def _count(self, metric: str, name: str, role: str, at_ns: int, value: int = 1) -> None:
        if self._holding:
            self._accounts[0].judge.batch.add(self._clock.wall_ns(at_ns) // self._window_ns, metric, name, role, value)
