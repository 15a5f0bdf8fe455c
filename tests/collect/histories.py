"""Random histories of a small installation, what the ledger makes of them, and what a plain search says.

A history is a list of subscriptions, of emissions and of deliveries, in whole milliseconds; whatever can happen to a
delivery happens in it: it comes in time, late, twice, out of order, to somebody who must not see it, to a socket that
has just come or is about to end, or never. :func:`play` lets it happen to real ledgers on a virtual clock, in one
process or dealt to two that announce their emissions to each other; :meth:`History.balance` searches the lists.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from hypothesis import strategies as st

from loadtest.clock import NS_PER_MS, NS_PER_S, VirtualClock
from loadtest.collect import Collector, CollectorSettings, EndCause, emission_key
from loadtest.directory import Directory
from loadtest.distributed.doubts import Doubts
from loadtest.metrics import Batch, Histogram
from tests.collect.support import AGENTS, CONTACTS, action

DEADLINE_MS = 10_000
GUARD_MS = 500
#: for how long after an emission its copies are certainly told
TOLD_MS = 19_900
END_MS = 140_000

PEOPLE = (*AGENTS, *CONTACTS)
#: inbox -> who sees its messages, by place in PEOPLE; the contact is the last of each
AUDIENCES = {10: (0, 1, 2, 5), 11: (0, 2, 3, 6)}


@dataclass(frozen=True)
class Life:
    """A subscription: whose, from when until when (None: to the end), and who ended it."""

    person: int
    start_ms: int
    end_ms: int | None
    cause: EndCause

    def is_there(self, at_ms: int) -> bool:
        """Whether it is confirmed and not over."""
        return self.start_ms <= at_ms and (self.end_ms is None or at_ms < self.end_ms)

    @property
    def role(self) -> str:
        """The role of its person."""
        return "agent" if self.person < len(AGENTS) else "contact"


@dataclass(frozen=True)
class Emission:
    """A message: when its POST left, how long the answer took, what it was, and where to."""

    written_ms: int
    answer_ms: int
    status: str
    private: bool
    inbox_id: int

    @property
    def answered_ms(self) -> int:
        """When its answer came."""
        return self.written_ms + self.answer_ms

    @property
    def audience(self) -> tuple[int, ...]:
        """Who must see it, by place in PEOPLE."""
        people = AUDIENCES[self.inbox_id]
        return people[:-1] if self.private else people


@dataclass(frozen=True)
class History:
    """All that happens.

    Attributes:
        lives: subscriptions.
        emissions: messages.
        arrivals: (emission, life, when), ascending by time; several of one pair are copies.
        period_ms: how often the books are looked at.
    """

    lives: tuple[Life, ...]
    emissions: tuple[Emission, ...]
    arrivals: tuple[tuple[int, int, int], ...]
    period_ms: int

    def firsts(self) -> dict[tuple[int, int], int]:
        """When the first copy of an emission arrived at a life."""
        found: dict[tuple[int, int], int] = {}
        for emission, life, at_ms in self.arrivals:
            found.setdefault((emission, life), at_ms)
        return found

    def balance(self, workers: int = 1) -> dict[tuple[str, str], int]:
        """The ledger's columns by a search of the lists.

        Args:
            workers: how many processes share the history, people and emissions dealt in turn.
        """
        found: Counter[tuple[str, str]] = Counter()
        copies = Counter((emission, life) for emission, life, _ in self.arrivals)
        firsts = self.firsts()
        for number, emission in enumerate(self.emissions):
            got = {life: n for (of, life), n in copies.items() if of == number}
            allowed = {life for life in got if self.lives[life].person in emission.audience}
            for life in got.keys() - allowed:
                found["leaked", self.lives[life].role] += 1
            if emission.status == "void":
                for life in allowed:
                    found["unmatched", self.lives[life].role] += got[life]
            for life in allowed:
                if emission.status != "void":
                    found["duplicated", self.lives[life].role] += got[life] - 1
                if emission.status == "ok" and self._is_overtaken(number, life, firsts, workers):
                    found["reordered", self.lives[life].role] += 1
            if emission.status == "void" or (emission.status == "uncertain" and not got):
                continue
            found["emitted", ""] += 1
            for life in self.required(emission):
                role = self.lives[life].role
                found["expected", role] += 1
                found[self._outcome(number, life, firsts), role] += 1
            present = {one.person for one in self.lives if one.is_there(emission.written_ms)}
            for person in set(emission.audience) - present:
                found["away", "agent" if person < len(AGENTS) else "contact"] += 1
        return {key: n for key, n in found.items() if n}

    def required(self, emission: Emission) -> list[int]:
        """The lives that must see an emission."""
        return [
            number
            for number, life in enumerate(self.lives)
            if life.person in emission.audience
            and life.is_there(emission.written_ms)
            and life.start_ms + GUARD_MS <= emission.written_ms
        ]

    def _outcome(self, number: int, life: int, firsts: dict[tuple[int, int], int]) -> str:
        limit_ms = self.emissions[number].written_ms + DEADLINE_MS
        at_ms = firsts.get((number, life))
        if at_ms is not None:
            return "delivered" if at_ms <= limit_ms else "late"
        end_ms = self.lives[life].end_ms
        if end_ms is not None and end_ms <= limit_ms:
            return "cut_by_us" if self.lives[life].cause == EndCause.BY_US else "cut_by_peer"
        return "lost"

    def _is_overtaken(self, number: int, life: int, firsts: dict[tuple[int, int], int], workers: int) -> bool:
        """Whether an emission sent after this one's answer came first, and that was known when it was asked.

        Another worker's emission is known once its answer came and was announced. This one's copy is asked about when
        its books are closed, or when it came if that was later.
        """
        emission = self.emissions[number]
        asked_ms = max(emission.written_ms + DEADLINE_MS, emission.answered_ms, firsts[number, life])
        person = self.lives[life].person
        here = (person if person < len(AGENTS) else person - len(AGENTS)) % workers  # as play deals them
        return any(
            other.written_ms > emission.answered_ms
            and firsts.get((place, life), END_MS) < firsts[number, life]
            and (place % workers == here or self._tick(other.answered_ms) <= self._tick(asked_ms))
            for place, other in enumerate(self.emissions)
        )

    def _tick(self, at_ms: int) -> int:
        """The number of the look at the books that comes at this time or after it."""
        return -(-at_ms // self.period_ms)

    def latencies(self) -> dict[str, Histogram]:
        """By role, how long deliveries to those who had to see them took, in microseconds."""
        found = {"agent": Histogram(), "contact": Histogram()}
        firsts = self.firsts()
        for number, emission in enumerate(self.emissions):
            if emission.status == "void":
                continue
            for life in self.required(emission):
                at_ms = firsts.get((number, life))
                if at_ms is not None:
                    found[self.lives[life].role].record((at_ms - emission.written_ms) * 1000)
        return found


_LIVES = st.lists(
    st.builds(
        lambda person, start_ms, length_ms, cause: Life(
            person, start_ms, None if length_ms is None else start_ms + length_ms, cause
        ),
        st.sampled_from((0, 1, 2, 2, 3, 5, 6, 4)),
        st.one_of(st.just(0), st.just(0), st.integers(0, 30_000)),
        st.one_of(st.none(), st.none(), st.integers(5_000, 7_000), st.integers(14_000, 18_000), st.integers(1, 40_000)),
        st.sampled_from((EndCause.BY_US, EndCause.BY_PEER)),
    ),
    min_size=1,
    max_size=5,
)
_EMISSIONS = st.lists(
    st.tuples(
        st.one_of(st.sampled_from((0, 60)), st.integers(0, 400), st.integers(0, 15_000)),  # after the one before
        st.one_of(st.sampled_from((1, 50)), st.integers(1, 12_000)),
        st.sampled_from(("ok", "ok", "ok", "uncertain", "void")),
        st.booleans(),
        st.sampled_from((10, 10, 11)),
    ),
    min_size=1,
    max_size=5,
)
#: what becomes of one delivery: when its copies come, after the request was written
_FATES = st.one_of(
    st.just(()),
    st.tuples(st.sampled_from((0, 1, 2, 60, 61, 300))),
    st.tuples(st.integers(0, 3_000)),
    st.tuples(st.integers(9_900, 12_000)),
    st.tuples(st.integers(9_900, TOLD_MS)),
    st.lists(st.integers(0, TOLD_MS), min_size=2, max_size=3).map(tuple),
)


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Histories of up to 5 subscriptions and 5 emissions, with a fate for each emission at each subscription."""
    lives = tuple(draw(_LIVES))
    at_ms = 5_000
    emissions = []
    for gap_ms, answer_ms, status, private, inbox_id in draw(_EMISSIONS):
        at_ms += gap_ms
        emissions.append(Emission(at_ms, answer_ms, status, private, inbox_id))
    arrivals = []
    for number, emission in enumerate(emissions):
        for place, life in enumerate(lives):
            is_audience = life.person in emission.audience and emission.status != "void"
            fate = draw(_FATES) if is_audience else draw(st.one_of(st.just(()), st.just(()), st.just(()), _FATES))
            for after_ms in fate:
                came_ms = emission.written_ms + after_ms
                if life.is_there(came_ms):
                    arrivals.append((number, place, came_ms))
    period_ms = draw(st.integers(500, 3_000))
    return History(lives, tuple(emissions), tuple(sorted(arrivals, key=lambda a: a[2])), period_ms)


@st.composite
def stalls(draw: st.DrawFn) -> History:
    """Histories in which the server stands still while messages are sent, and people reconnect meanwhile.

    Each person's subscription is cut at some moment of the stall, and followed by up to two others that begin at once
    or after a while, before, between or after the messages are written; when the server goes on it hands everything out
    to whoever is there, or to some of them.
    """
    until_ms = 5_000 + draw(st.integers(4_000, 11_000))
    lives: list[Life] = []
    for person in draw(st.lists(st.sampled_from((0, 1, 2, 3, 5)), min_size=2, max_size=4, unique=True)):
        start_ms = 0
        for _ in range(draw(st.integers(1, 2))):
            end_ms = max(start_ms, 4_000) + draw(st.integers(1, 9_000))
            lives.append(Life(person, start_ms, end_ms, draw(st.sampled_from((EndCause.BY_PEER, EndCause.BY_US)))))
            start_ms = end_ms + draw(st.one_of(st.sampled_from((0, 1, 400)), st.integers(0, 6_000)))
        if draw(st.booleans()):
            lives.append(Life(person, start_ms, None, EndCause.OPEN))
    emissions = []
    for written_ms in sorted(draw(st.lists(st.integers(4_500, until_ms), min_size=1, max_size=4))):
        answer_ms = draw(st.one_of(st.just(until_ms + 50 - written_ms), st.integers(1, 4_000)))
        status = draw(st.sampled_from(("ok", "uncertain", "uncertain")))
        emissions.append(Emission(written_ms, answer_ms, status, draw(st.booleans()), 10))
    arrivals = []
    for number, emission in enumerate(emissions):
        for place, life in enumerate(lives):
            came_ms = until_ms + draw(st.integers(0, 2_000))
            told = life.person in emission.audience and life.is_there(came_ms) and draw(st.booleans())
            arrivals += [(number, place, came_ms)] * (told and came_ms - emission.written_ms <= TOLD_MS)
    return History(
        tuple(lives), tuple(emissions), tuple(sorted(arrivals, key=lambda a: a[2])), draw(st.integers(500, 3_000))
    )


def play(history: History, workers: int = 1) -> Batch:
    """Let a history happen to the ledgers of so many processes; returns everything that they handed over."""
    clock = VirtualClock()
    zero_ns = clock.now_ns()
    crews = [
        Collector(
            Directory(AGENTS[w::workers], CONTACTS[w::workers]),
            clock,
            CollectorSettings("testrn", worker=str(w), workers=workers, dialect="seed"),
        )
        for w in range(workers)
    ]
    homes = {}
    for w in range(workers):
        numbered = [*range(len(AGENTS))[w::workers], *range(len(AGENTS), len(PEOPLE))[w::workers]]
        homes |= {person: (crews[w], number) for number, person in enumerate(numbered)}
    happenings: list[tuple[int, int, str, int]] = []  # when, rank among simultaneous ones, what, which
    for number, life in enumerate(history.lives):
        happenings.append((life.start_ms, 0, "confirm", number))
        if life.end_ms is not None:
            happenings.append((life.end_ms, 1, "end", number))
    for number, emission in enumerate(history.emissions):
        happenings += [(emission.written_ms, 2, "write", number), (emission.answered_ms, 3, "answer", number)]
    happenings += [(at_ms, 4, "arrive", place) for place, (_, _, at_ms) in enumerate(history.arrivals)]
    happenings += [(at_ms, 5, "judge", 0) for at_ms in range(0, END_MS, history.period_ms)]
    epochs, entries, total = {}, {}, Batch()
    doubts = Doubts(NS_PER_S)
    for at_ms, _, what, which in sorted(happenings):
        now_ns = clock.advance((zero_ns + at_ms * NS_PER_MS - clock.now_ns()) / 1e9)
        if what == "judge":
            for crew in crews:
                told, crew.ledger.announcements = crew.ledger.announcements, []
                for plain in told:
                    doubts.announced(plain, total)
                for other in crews:
                    for plain in told if other is not crew else ():
                        other.ledger.announce(plain)
            for crew in crews:
                crew.ledger.judge(now_ns, total)
            doubts.take(total, now_ns)
        elif what in ("confirm", "end"):
            life = history.lives[which]
            crew, identity = homes[life.person]
            if what == "confirm":
                epochs[which] = crew.epochs.open(identity, now_ns)
            else:
                crew.epochs.end(epochs[which], now_ns, life.cause)
        elif what == "arrive":
            emission, life_number, _ = history.arrivals[which]
            crew, _ = homes[history.lives[life_number].person]
            crew.tick(emission_key(emission % workers, emission).encode(), epochs[life_number], now_ns)
        else:
            emission = history.emissions[which]
            ledger = crews[which % workers].ledger
            if what == "write":
                contact_id = {10: 1, 11: 2}[emission.inbox_id]
                done = action(
                    now_ns,
                    inbox_id=emission.inbox_id,
                    contact_id=contact_id,
                    conversation_id=99 + contact_id,
                    private=emission.private,
                )
                entries[which] = ledger.open(emission_key(which % workers, which).encode(), done)
                ledger.written(entries[which], now_ns)
            else:
                ledger.responded(entries[which], now_ns, emission.status)
    doubts.decide(clock.now_ns(), total, final=True)
    return total
