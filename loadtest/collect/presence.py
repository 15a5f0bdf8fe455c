"""Presence accuracy: what observers were told against who was really there.

Terms of Chen, Toueg and Aguilera's failure-detector quality of service (IEEE Transactions on Computers, 2002), on
ordered pairs (observer, target) of one account, time-weighted:

- the truth about targets is in :mod:`loadtest.collect.presence_truth`;
- what observers were told is read by :mod:`loadtest.collect.presence_views`;
- time of pairs is summed by :mod:`loadtest.collect.presence_pairs`: P_A = right / alive, its ceiling = ideal right /
  alive, where the ideal is a server without delay replayed over this run's own beats;
- mistakes and detection times are found by :mod:`loadtest.collect.presence_judge`;
- what is sampled (staleness, disagreement, the bounds of the expiry) by :mod:`loadtest.collect.presence_samples`.

The observers are those of this process, the targets everybody of the fleet: the truth of others is announced, and
judged in the order of its times (:mod:`loadtest.collect.presence_timeline`). Above a budget of pairs only some of the
observers are followed (:mod:`loadtest.collect.presence_observers`), which gauges tell; the frames of the others are not
even decoded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from loadtest.clock import NS_PER_S, NS_PER_US, Clock
from loadtest.collect.people import ROLES, People
from loadtest.collect.presence_judge import Judge
from loadtest.collect.presence_log import PresenceLog
from loadtest.collect.presence_observers import draw_observers
from loadtest.collect.presence_samples import Samples
from loadtest.collect.presence_timeline import MARGIN_NS, Timeline
from loadtest.collect.presence_truth import Departure, Truth
from loadtest.collect.presence_views import Reader, Roster, Told, glance
from loadtest.directory import Role
from loadtest.metrics import Batch, Gauge

MOST_PAIRS = 1_000_000
"""Pairs followed in one process, unless told otherwise: about 30 bytes each."""

TRUTH = "presence"
"""First field of what a process announces to the others of its people."""

Stranger = tuple[int, int, int]
"""Somebody who is simulated elsewhere: account, role as an index of the roles, and OneChat's id."""


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
        workers: how many processes simulate people.
        strangers: who the others simulate.
    """

    agent_expiry_s: float | None = None
    contact_expiry_s: float | None = None
    heartbeat_s: float = 0.0
    most_pairs: int = MOST_PAIRS
    seed: int = 0
    worker: str = ""
    log_path: str | None = None
    workers: int = 1
    strangers: Sequence[Stranger] = ()


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
        self._timeline = Timeline(settings.workers - 1) if settings.workers > 1 else None
        self._told_of: list[list[Any]] = []
        self._ended_ns: int | None = None
        offset = len(people.agents)
        agents: dict[int, list[tuple[int, int]]] = {}
        contacts: dict[int, list[tuple[int, int]]] = {}
        for number, agent in enumerate(people.agents):
            agents.setdefault(agent.account_id, []).append((number, agent.user_id))
        for number, contact in enumerate(people.contacts, offset):
            contacts.setdefault(contact.account_id, []).append((number, contact.contact_id))
        for number, (account_id, role, its_id) in enumerate(settings.strangers, 1):
            (contacts if role else agents).setdefault(account_id, []).append((-number, its_id))
        for account_id in sorted(agents.keys() | contacts.keys()):
            roster = Roster(agents.get(account_id, []), contacts.get(account_id, []))
            account = _Account(account_id, roster, clock, window_ns, settings, strip=not self._accounts)
            self._accounts.append(account)
            self._by_id[account_id] = account
            self._place.update((member, (account, roster.place[member])) for member in roster.members)
        self._observers = draw_observers(
            [account.roster for account in self._accounts], settings.most_pairs, settings.seed
        )
        self._log = None if settings.log_path is None else PresenceLog(Path(settings.log_path), clock)
        self._holding = False

    @property
    def pairs(self) -> int:
        """Pairs that are followed: of each drawn observer with everybody it may be told of."""
        return self._observers.pairs

    @property
    def account_ids(self) -> list[int]:
        """The accounts that have somebody here."""
        return list(self._by_id)

    # -- truth -------------------------------------------------------------------------------------------------------

    def arrived(self, identity: int, at_ns: int) -> None:
        """The identity is there: its subscription was confirmed, which counts as a beat, or its beats are back."""
        account, place = self._place[identity]
        period_ns = self._periods_ns.get(identity, self._period_ns)
        if self._log is not None:
            self._log.write("arrive", at_ns, self._name(identity), account.account_id, period_ns=period_ns)
        self._tell_others("arrive", identity, at_ns, period_ns)
        self._do(account, at_ns, partial(self._arrive, account, place, at_ns, period_ns))

    def left(self, identity: int, at_ns: int, departure: Departure = "left") -> None:
        """The identity is gone, by whatever way; as an observer it sees no more. Who is gone already stays gone."""
        account, place = self._place[identity]
        if self._log is not None:
            self._log.write("leave", at_ns, self._name(identity), account.account_id, what=departure)
        self._tell_others("leave", identity, at_ns, departure)
        self._do(account, at_ns, partial(self._leave, account, place, at_ns, departure))

    def beat(self, identity: int, sent_ns: int) -> None:
        """The identity beat its presence at ``sent_ns``."""
        account, place = self._place[identity]
        if self._log is not None:
            self._log.write("beat", sent_ns, self._name(identity), account.account_id)
        self._tell_others("beat", identity, sent_ns, 0)
        self._do(account, sent_ns, partial(account.judge.beat, place, sent_ns))

    def beats_every(self, identity: int, period_s: float) -> None:
        """From its next arrival on the identity promises a beat that often, instead of the run's heartbeat."""
        self._periods_ns[identity] = round(period_s * NS_PER_S)

    def answered(self, identity: int, sent_ns: int, at_ns: int) -> None:
        """The identity's beat of ``sent_ns`` was answered at ``at_ns``."""
        account, place = self._place[identity]
        self._tell_others("answer", identity, at_ns, self._clock.wall_ns(sent_ns))
        self._do(None, at_ns, partial(account.judge.truth.answered, place, sent_ns))

    def chose(self, identity: int, status: str, at_ns: int) -> None:
        """An agent set how it wants to be shown, and the target said yes."""
        account, place = self._place[identity]
        if self._log is not None:
            self._log.write("choose", at_ns, self._name(identity), account.account_id, what=status)
        self._tell_others("choose", identity, at_ns, status)
        self._do(account, at_ns, partial(self._choose, account, place, status, at_ns))

    @staticmethod
    def _arrive(account: _Account, place: int, at_ns: int, period_ns: int) -> None:
        account.judge.arrive(place, at_ns, period_ns)
        account.samples.strip(place, at_ns)

    @staticmethod
    def _leave(account: _Account, place: int, at_ns: int, departure: Departure) -> None:
        account.judge.leave(place, at_ns, departure)
        account.samples.strip(place, at_ns)

    @staticmethod
    def _choose(account: _Account, place: int, status: str, at_ns: int) -> None:
        account.judge.choose(place, status)
        account.samples.strip(place, at_ns)

    # -- other processes ---------------------------------------------------------------------------------------------

    def news(self, now_ns: int, *, final: bool = False) -> list[list[Any]]:
        """What other processes have to know since the last call, for :meth:`take`; nothing where there are none."""
        if self._timeline is None:
            return []
        upto_ns = now_ns if final else now_ns - MARGIN_NS
        told, self._told_of = self._told_of, []
        return [*told, [TRUTH, self._settings.worker, "upto", self._clock.wall_ns(upto_ns)]]

    def take(self, plain: list[Any]) -> None:
        """Take what another process tells of its people, as its :meth:`news` gives it."""
        if self._timeline is None:
            return
        _, worker, what, wall_ns = plain[:4]
        at_ns = self._clock.mono_ns(wall_ns)
        if what == "upto":
            self._timeline.told(worker, at_ns)
            return
        account_id, role, its_id, value = plain[4:]
        account = self._by_id.get(account_id)
        place = None if account is None else account.roster.named(role, its_id)
        if account is None or place is None:
            return  # somebody who came when the test was under way
        happens: Callable[[], object]
        match what:
            case "arrive":
                happens = partial(self._arrive, account, place, at_ns, value)
            case "leave":
                happens = partial(self._leave, account, place, at_ns, value)
            case "beat":
                happens = partial(account.judge.beat, place, at_ns)
            case "answer":
                happens = partial(account.judge.truth.answered, place, self._clock.mono_ns(value))
            case "choose":
                happens = partial(self._choose, account, place, value, at_ns)
            case _:
                return  # a newer release's; the batches say that releases differ
        self._do(account, at_ns, happens)

    def _tell_others(self, what: str, identity: int, at_ns: int, value: object) -> None:
        if self._timeline is not None:
            agents = self._people.agents
            role = int(identity >= len(agents))
            who: Any = self._people.contacts[identity - len(agents)] if role else agents[identity]
            named = [who.account_id, role, who.contact_id if role else who.user_id, value]
            self._told_of.append([TRUTH, self._settings.worker, what, self._clock.wall_ns(at_ns), *named])

    def _do(self, account: _Account | None, at_ns: int, happens: Callable[[], object]) -> None:
        """Let something happen at its time: now, or when all that other processes know of before it is there."""

        def at_its_time() -> None:
            if account is not None:
                account.judge.advance(at_ns)
            happens()

        if self._timeline is None:
            at_its_time()
        elif not self._timeline.put(at_ns, at_its_time) and self._holding:
            self._count("presence.late_truth", "", "", at_ns)

    @property
    def is_settled(self) -> bool:
        """Whether everything up to the end of the hold is judged."""
        return self._timeline is None or self._ended_ns is None or self._timeline.judged_ns >= self._ended_ns

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
        followed = identity in self._observers.followed
        told = account.reader.read(data) if followed else glance(data)
        if told.others and role == "contact":
            self._do(None, at_ns, partial(self._count, "presence.forbidden", "contact", role, at_ns))
        if not followed:
            return told
        if self._log is not None:
            shown = [self._name(account.roster.members[n]) for n in account.roster.places(told.shown).tolist()]
            name = self._name(identity)
            self._log.write("told", at_ns, name, account.account_id, asked_ns=asked_ns, shown=shown)
        self._do(account, at_ns, partial(self._hear, account, place, told, at_ns, asked_ns, shared=shared))
        return told

    def _hear(
        self, account: _Account, place: int, told: Told, at_ns: int, asked_ns: int | None, *, shared: bool
    ) -> None:
        view = account.judge.views.get(place)
        if view is not None:
            account.samples.weigh(view, at_ns)
            if asked_ns is None and not shared:
                role = ROLES[place >= account.roster.agents]
                self._count("presence.unasked", role, role, at_ns)
        if asked_ns is not None:
            account.samples.ages(place, told, asked_ns, at_ns)
        account.judge.tell(place, told, at_ns)
        account.samples.strip(place, at_ns)

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
        self._do(account, at_ns, partial(self._ask, account, role, frozenset(shown), asked_ns, at_ns))

    def _ask(self, account: _Account, role: Role, shown: frozenset[int], asked_ns: int, at_ns: int) -> None:
        roster, truth, target = account.roster, account.judge.truth, ROLES.index(role)
        places = [roster.named(target, one) for one in shown]
        bits = sum(1 << place for place in places if place is not None)
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
        if self._log is not None:
            self._log.write("hold", at_ns)
        self._ended_ns = None
        self._do(None, at_ns, partial(self._hold, at_ns))

    def _hold(self, at_ns: int) -> None:
        self._holding = True
        for account in self._accounts:
            account.judge.hold(at_ns)
            account.samples.strip(-1, at_ns)

    def count_until(self, at_ns: int) -> None:
        """The hold ends at ``at_ns``."""
        if self._log is not None:
            self._log.write("drain", at_ns)
        self._ended_ns = at_ns
        self._do(None, at_ns, partial(self._drain, at_ns))

    def _drain(self, at_ns: int) -> None:
        for account in self._accounts:
            account.judge.drain(at_ns)
        self._holding = False

    def close(self) -> None:
        """Write the log to its end, where there is one."""
        if self._log is not None:
            self._log.close()

    def collect(self, now_ns: int, batch: Batch, *, final: bool = False) -> None:
        """Hand over what was found since the last call, about once a second; costs what changed.

        Args:
            now_ns: monotonic time.
            batch: where it goes.
            final: the run is over: other processes will tell nothing more.
        """
        at_ns = now_ns
        if self._timeline is not None:
            for happens in self._timeline.pass_to(now_ns, final=final):
                happens()
            at_ns = self._timeline.judged_ns
        for account in self._accounts:
            judge = account.judge
            judge.advance(at_ns)
            judge.time.flush(judge.batch)
            account.samples.look(at_ns)
            batch.merge(judge.batch)
            judge.batch = Batch()
        at_us, worker = self._clock.wall_ns(now_ns) // NS_PER_US, self._settings.worker
        if self._holding:
            batch.gauges.append(Gauge(at_us, "presence.pairs", worker, self.pairs))
            batch.gauges.append(Gauge(at_us, "presence.pairs_all", worker, self._observers.pairs_all))

    def _name(self, identity: int) -> str:
        if identity < 0:
            _, role, its_id = self._settings.strangers[-identity - 1]
            return f"{ROLES[role]}:{its_id}"
        return self._people.name(identity)

    def _count(self, metric: str, name: str, role: str, at_ns: int, value: int = 1) -> None:
        if self._holding:
            self._accounts[0].judge.batch.add(self._clock.wall_ns(at_ns) // self._window_ns, metric, name, role, value)
