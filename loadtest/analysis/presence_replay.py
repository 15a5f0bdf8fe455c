"""Presence replayed without the code that measures it: from the log of a run and what the server says it did wrong.

The log says who was there, who beat when, and which frames came when. What the frames must have said follows from the
beats, the expiry and the server's faults; every pair is then walked through event by event. Nothing of it is shared
with :mod:`loadtest.collect.presence`, so that the two can be held against each other.

A frame was made at some moment between the beat that asked and its arrival, a beat counted between its sending and its
answer. Where the age of a beat is so near the expiry that these few milliseconds decide, the frame itself is believed;
how often that was so is told.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

US_PER_S = 1_000_000
_SLACK_US = 3_000
"""Beyond what the log bounds: clocks of two processes, and the server's own work."""

Pair = tuple[str, str]
"""Role of the target, role of the observer."""


class LogLine(Protocol):
    """A line of the run's log; see :class:`loadtest.collect.presence_log.Line`."""

    t: int
    kind: str
    who: str
    account: int
    asked: int
    shown: list[str]
    what: str


class Fault(Protocol):
    """A line of the server's truth."""

    t: float
    kind: str
    receiver: str


@dataclass(frozen=True, slots=True)
class Server:
    """What the server should have done.

    Attributes:
        expiry_us: how long a beat counts, by role; with a fault of late expiry what it made of it.
        pushes: whether it tells of changes unasked.
        whole_seconds: whether it compares whole seconds.
    """

    expiry_us: Mapping[str, int]
    pushes: bool = False
    whole_seconds: bool = False


@dataclass(slots=True)
class Replayed:
    """What must have been found.

    Attributes:
        alive_us: time of living pairs.
        right_us: of it, told so.
        absent_us: time of pairs whose target had gone.
        false_us: of it, still shown.
        mistakes: living targets that vanished from a view.
        detection_s: times from departures to the views that said so.
        decided: entries of frames that could be told.
        believed: entries of frames that had to be believed.
        wrong: entries of frames that say what the server cannot have said.
    """

    alive_us: Counter[Pair] = field(default_factory=Counter)
    right_us: Counter[Pair] = field(default_factory=Counter)
    absent_us: Counter[Pair] = field(default_factory=Counter)
    false_us: Counter[Pair] = field(default_factory=Counter)
    mistakes: Counter[Pair] = field(default_factory=Counter)
    detection_s: dict[Pair, list[float]] = field(default_factory=lambda: defaultdict(list))
    decided: int = 0
    believed: int = 0
    wrong: int = 0

    def p_a(self, pair: Pair) -> float | None:
        """Share of the living pair time that was told rightly."""
        return self.right_us[pair] / self.alive_us[pair] if self.alive_us[pair] else None


def replay(log: Sequence[LogLine], faults: Sequence[Fault], server: Server) -> Replayed:
    """Walk through a run.

    Args:
        log: its lines, by time; without changes of status.
        faults: lines of the server's truth about presence: ``beat-loss``, ``ghost`` and ``frozen``.
        server: what it should have done.
    """
    beats = _effective_beats(log, faults)
    found = Replayed()
    walk = _Walk(found)
    for line, shown in _frames_by_rule(log, faults, server, beats, found):
        walk.step(line, shown)
    return found


def role_of(who: str) -> str:
    """``agent`` or ``contact``."""
    return who.partition(":")[0]


# -- what the frames must have said ------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Beat:
    """A beat that counted: at some moment between two."""

    from_us: int
    until_us: int


def _effective_beats(log: Sequence[LogLine], faults: Sequence[Fault]) -> dict[str, list[_Beat]]:
    """Beats that the server counted, by sender, ascending."""
    answers: dict[tuple[str, int], int] = {}
    for line in log:
        if line.kind == "told" and line.asked:
            answers[line.who, line.asked] = line.t
    beats: dict[str, list[_Beat]] = defaultdict(list)
    sent = {(line.who, line.t) for line in log if line.kind == "beat"}
    for line in log:
        if line.kind == "beat":
            beats[line.who].append(_Beat(line.t, answers.get((line.who, line.t), line.t + US_PER_S)))
        elif line.kind == "arrive" and (line.who, line.t) not in sent:
            # its subscription counted before it was confirmed; who had fallen silent is back with a beat
            beats[line.who].append(_Beat(line.t - US_PER_S, line.t))
    for fault in faults:
        if fault.kind == "beat-loss":
            at_us = round(fault.t * US_PER_S)
            mine = beats[fault.receiver]
            lost = [b for b in mine if b.from_us - _SLACK_US <= at_us <= b.until_us + _SLACK_US]
            if lost:
                mine.remove(min(lost, key=lambda beat: abs(beat.from_us - at_us)))
    return beats


def _frames_by_rule(
    log: Sequence[LogLine],
    faults: Sequence[Fault],
    server: Server,
    beats: Mapping[str, list[_Beat]],
    found: Replayed,
) -> list[tuple[LogLine, frozenset[str]]]:
    """Each line with what its frame must have shown; empty for what is no frame."""
    accounts: dict[int, set[str]] = defaultdict(set)
    for line in log:
        if line.who:
            accounts[line.account].add(line.who)
    ghosts = _ghosts(faults, beats)
    frozen: dict[str, tuple[list[int], frozenset[str]]] = {}
    stood = {fault.receiver: [] for fault in faults if fault.kind == "frozen"}  # type: dict[str, list[int]]
    for fault in faults:
        if fault.kind == "frozen":
            stood[fault.receiver].append(round(fault.t * US_PER_S))
    rows = []
    for line in log:
        if line.kind != "told":
            rows.append((line, frozenset[str]()))
            continue
        made_from = line.asked or line.t - US_PER_S  # a subscription's own frame
        said = frozenset(line.shown)
        visible = {who for who in accounts[line.account] if role_of(line.who) == "agent" or role_of(who) == "agent"}
        shown = set()
        for who in visible:
            rule = _shows(who, made_from, line.t, server, beats[who], ghosts.get(who, []))
            found.believed += rule is None
            found.decided += rule is not None
            if rule or (rule is None and who in said):
                shown.add(who)
        if any(made_from - _SLACK_US <= at <= line.t + _SLACK_US for at in stood.get(line.who, [])):
            shown = set(frozen.setdefault(line.who, ([], frozenset(shown)))[1])
        else:
            frozen.pop(line.who, None)
        found.wrong += len((said & visible) ^ shown)
        rows.append((line, frozenset(shown)))
    return rows


def _ghosts(faults: Sequence[Fault], beats: Mapping[str, list[_Beat]]) -> dict[str, list[tuple[int, int]]]:
    """When each ghost haunts: from its expiry to its next beat."""
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for fault in faults:
        if fault.kind == "ghost":
            from_us = round(fault.t * US_PER_S)
            later = [beat.until_us for beat in beats[fault.receiver] if beat.from_us > from_us]
            found[fault.receiver].append((from_us, min(later, default=2**62)))
    return found


def _shows(
    who: str, made_from: int, made_until: int, server: Server, beats: Sequence[_Beat], ghosts: Sequence[tuple[int, int]]
) -> bool | None:
    """Whether a frame made between two moments shows somebody; None where it may be either."""
    if any(begin - _SLACK_US <= made_from and made_until <= end for begin, end in ghosts):
        return True
    certain = [beat for beat in beats if beat.until_us <= made_from]
    possible = [beat for beat in beats if beat.from_us <= made_until]
    expiry_us = server.expiry_us[role_of(who)]
    blur_us = US_PER_S if server.whole_seconds else 0
    oldest = made_until - max((beat.from_us for beat in certain), default=-(2**62)) + _SLACK_US
    youngest = made_from - max((beat.until_us for beat in possible), default=-(2**62)) - _SLACK_US
    if oldest <= expiry_us:
        return True
    return False if youngest > expiry_us + blur_us else None


# -- what follows for the pairs ----------------------------------------------------------------------------------------


class _Walk:
    """Goes from line to line and adds up what each pair was in between."""

    def __init__(self, found: Replayed) -> None:
        self._found = found
        self._views: dict[str, frozenset[str]] = {}
        self._account: dict[str, int] = {}
        self._since: dict[str, int] = {}
        self._gone: dict[str, int] = {}
        self._known: set[tuple[str, str]] = set()  # (observer, target)
        self._followed: dict[tuple[str, str], int | None] = {}
        self._excused: set[tuple[str, str]] = set()  # who came after a view was made, in the ramp
        self._at_us = 0
        self._holding = False

    def step(self, line: LogLine, shown: frozenset[str]) -> None:
        """Take the next line; ``shown`` is what its frame shows."""
        self._pass(line.t)
        if line.who:
            self._account[line.who] = line.account
        match line.kind:
            case "hold":
                self._holding = True
                self._excused = {
                    (observer, target)
                    for observer, view in self._views.items()
                    for target in self._seen_by(observer)
                    if target in self._since and target not in view and (observer, target) not in self._known
                }
            case "drain":
                for key in list(self._followed):
                    self._end(key)
                self._holding = False
            case "arrive" if line.who not in self._since:
                for key in [key for key in self._followed if key[1] == line.who]:
                    self._end(key)
                self._since[line.who] = line.t
                self._gone.pop(line.who, None)
                for observer, view in self._views.items():
                    key = (observer, line.who)
                    (self._known.add if line.who in view else self._known.discard)(key)
            case "leave":
                self._leave(line)
            case "told" if line.who in self._since:
                self._tell(line, shown)

    def _pass(self, to_us: int) -> None:
        passed, self._at_us = to_us - self._at_us, to_us
        if not self._holding or passed <= 0:
            return
        for observer, view in self._views.items():
            for target in self._seen_by(observer):
                pair = (role_of(target), role_of(observer))
                if (observer, target) in self._excused:
                    continue
                if target in self._since:
                    self._found.alive_us[pair] += passed
                    self._found.right_us[pair] += passed * (target in view)
                elif target in self._gone:
                    self._found.absent_us[pair] += passed
                    self._found.false_us[pair] += passed * (target in view)

    def _seen_by(self, observer: str) -> list[str]:
        return [
            who
            for who, account in self._account.items()
            if who != observer
            and account == self._account[observer]
            and (role_of(observer) == "agent" or role_of(who) == "agent")
        ]

    def _leave(self, line: LogLine) -> None:
        if self._views.pop(line.who, None) is not None:
            for key in [key for key in self._followed if key[0] == line.who]:
                self._end(key)
            self._known = {key for key in self._known if key[0] != line.who}
        if self._since.pop(line.who, None) is None:
            return
        self._gone[line.who] = line.t
        for observer, view in self._views.items():
            key = (observer, line.who)
            if key in self._known:
                self._known.discard(key)
                if self._holding and self._visible(observer, line.who):
                    self._followed[key] = None if line.who in view else line.t

    def _visible(self, observer: str, target: str) -> bool:
        return target in self._seen_by(observer)

    def _tell(self, line: LogLine, shown: frozenset[str]) -> None:
        observer = line.who
        self._excused = {key for key in self._excused if key[0] != observer}
        before = self._views.get(observer)
        self._views[observer] = shown
        for target in self._seen_by(observer):
            key, is_shown = (observer, target), target in shown
            was_shown = before is not None and target in before
            if target in self._since:
                missed_from_the_start = before is None and self._since[target] < self._since[observer]
                if not is_shown and (was_shown or missed_from_the_start):
                    self._found.mistakes[role_of(target), role_of(observer)] += self._holding
                    self._known.add(key)
                elif is_shown:
                    self._known.add(key)
            elif key in self._followed:
                if is_shown:
                    self._followed[key] = None
                elif was_shown:
                    self._followed[key] = line.t

    def _end(self, key: tuple[str, str]) -> None:
        noticed = self._followed.pop(key)
        if noticed is not None and self._holding:
            observer, target = key
            seconds = max(0, noticed - self._gone[target]) / US_PER_S
            self._found.detection_s[role_of(target), role_of(observer)].append(seconds)
