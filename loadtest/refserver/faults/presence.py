"""Faults of presence: beats that do not count, people shown for too long, views that stand still or tell too much.

Told as :class:`loadtest.refserver.presence.Presence` tells it; only what a fault means is different.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from loadtest.clock import NS_PER_S, NS_PER_US, Clock
from loadtest.directory import Role
from loadtest.refserver.faults.emissions import receiver_name
from loadtest.refserver.faults.plan import FaultPlan
from loadtest.refserver.faults.schedule import Schedule
from loadtest.refserver.faults.truth import TruthLog, line
from loadtest.refserver.presence import Online, Presence, Status
from loadtest.refserver.rooms import Broadcast, Subscription


@dataclass(frozen=True, slots=True)
class _Judge:
    """What faulty presence asks."""

    plan: FaultPlan
    schedule: Schedule
    truth: TruthLog
    clock: Clock

    def happens(self, kind: str, role: Role, *names: object) -> bool:
        term = self.plan.deciding(kind, role, self.schedule.at_s())
        return term is not None and self.plan.happens(term, *names)

    def tell(self, kind: str, account_id: int, role: Role, receiver: str, at_ns: int, held_ns: int = 0) -> None:
        self.truth.add(
            line(
                self.clock.wall_ns(at_ns),
                kind,
                receiver=receiver,
                held_us=held_ns // NS_PER_US,
                role=role,
                account=account_id,
            )
        )


class _FaultyOnline(Online):
    """Beats that count for too long, or for ever."""

    __slots__ = ("_account_id", "_ghosts", "_judge", "_role")

    def __init__(self, judge: _Judge, account_id: int, role: Role, expiry_s: float) -> None:
        super().__init__(judge.clock, expiry_s)
        self._judge = judge
        self._account_id = account_id
        self._role: Role = role
        self._ghosts: set[int] = set()

    def beat(self, identity_id: int) -> None:
        self.expire()
        before_ns = self._beats.get(identity_id)
        if before_ns is not None:
            self._tell_late(identity_id, before_ns, self._clock.now_ns())
        self._ghosts.discard(identity_id)
        super().beat(identity_id)

    def status(self, identity_id: int) -> Status:
        if identity_id in self._ghosts:
            return self.chosen(identity_id)
        return super().status(identity_id)

    def told(self) -> dict[str, Status]:
        ghosts = {str(identity_id): self.chosen(identity_id) for identity_id in sorted(self._ghosts)}
        return {**super().told(), **ghosts}

    def _grace_ns(self) -> int:
        term = self._judge.plan.deciding("late-expiry", self._role, self._judge.schedule.at_s())
        return 0 if term is None else round(term.time_s * NS_PER_S)

    def _expired(self, identity_id: int, beat_ns: int) -> None:
        name = f"{self._role}:{identity_id}"
        over_ns = beat_ns + self._expiry_ns
        if self._judge.happens("ghost", self._role, name):
            self._ghosts.add(identity_id)
            self._judge.tell("ghost", self._account_id, self._role, name, over_ns)
            return
        self._tell_late(identity_id, beat_ns, over_ns + self._grace_ns())
        super()._expired(identity_id, beat_ns)

    def _tell_late(self, identity_id: int, beat_ns: int, until_ns: int) -> None:
        over_ns = beat_ns + self._expiry_ns
        if until_ns > over_ns and self._grace_ns():
            name = f"{self._role}:{identity_id}"
            self._judge.tell("late-expiry", self._account_id, self._role, name, over_ns, until_ns - over_ns)


class FaultyPresence(Presence):
    """Presence of all accounts, with faults.

    Args:
        clock: monotonic time.
        agent_expiry_s: how long an agent's beat should count, in seconds.
        contact_expiry_s: the same for contacts.
        plan: what happens to what.
        schedule: since when.
        truth: where lines go.
    """

    def __init__(
        self,
        clock: Clock,
        agent_expiry_s: float,
        contact_expiry_s: float,
        *,
        plan: FaultPlan,
        schedule: Schedule,
        truth: TruthLog,
    ) -> None:
        super().__init__(clock, agent_expiry_s, contact_expiry_s)
        self._judge = _Judge(plan, schedule, truth, clock)
        self._beaten: Counter[str] = Counter()
        self._answered: Counter[str] = Counter()
        self._frozen: dict[tuple[int, str], tuple[int, Broadcast]] = {}

    def beat(self, account_id: int, role: Role, identity_id: int) -> None:
        """Somebody subscribed, or sent ``update_presence``, which may not count."""
        name = f"{role}:{identity_id}"
        ordinal = self._beaten[name]
        self._beaten[name] = ordinal + 1
        if self._judge.happens("beat-loss", role, account_id, name, ordinal):
            self._judge.tell("beat-loss", account_id, role, name, self._clock.now_ns())
            return
        super().beat(account_id, role, identity_id)

    def answer(self, subscription: Subscription) -> Broadcast:
        """The presence.update that answers a subscription's beat, which may be an old one, or tell too much."""
        account_id, role, name = subscription.account_id, subscription.role, receiver_name(subscription)
        ordinal = self._answered[name]
        self._answered[name] = ordinal + 1
        now_ns = self._clock.now_ns()
        true = super().answer(subscription)
        key = (account_id, name)
        if self._judge.happens("frozen", role, name):
            since_ns, view = self._frozen.setdefault(key, (now_ns, true))
            self._judge.truth.add(
                line(
                    self._clock.wall_ns(now_ns),
                    "frozen",
                    receiver=name,
                    held_us=(now_ns - since_ns) // NS_PER_US,
                    role=role,
                    account=account_id,
                    stale=view.suffix != true.suffix,
                )
            )
            return view
        self._frozen.pop(key, None)
        if role == "contact" and self._judge.happens("presence-leak", "contact", name, ordinal):
            self._judge.tell("presence-leak", account_id, role, name, now_ns)
            return self.update(account_id, "agent")
        return true

    def _new(self, account_id: int, role: Role, expiry_s: float) -> Online:
        return _FaultyOnline(self._judge, account_id, role, expiry_s)
