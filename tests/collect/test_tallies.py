"""Events judged by subject: least and most count, and the state that is shown in the end."""

from __future__ import annotations

import json
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.clock import NS_PER_MS
from loadtest.collect import EndCause
from loadtest.collect.subjects import subject_key
from loadtest.collect.tallies import read_state
from loadtest.metrics import Batch
from tests.collect.support import ADMIN, BOB, CLEO, CONTACT_1, DAN, action, balance, collector

EVENT = "conversation.status_changed"
KEY = subject_key(EVENT, 1, 100)
AUDIENCE = (ADMIN, BOB, CLEO, CONTACT_1)


class Desk:
    """People of an inbox, confirmed since a minute, and a conversation's tallies."""

    def __init__(self, people=AUDIENCE, **settings):
        self.books, self.clock = collector(dialect="current", **settings)
        self.tallies = self.books.ledger.tallies
        self.epochs = {identity: self.books.confirmed(identity, self.clock.now_ns()) for identity in people}
        self.clock.advance(60)
        self.batch = Batch()

    def act(self, least=1, most=1, state=None, status="ok"):
        """An action that is answered at once."""
        now_ns = self.clock.advance(0.1)
        part = self.tallies.begin(KEY, replace(action(now_ns), event=EVENT), least, most, state)
        self.tallies.finish(part, now_ns, status)

    def frames(self, *identities, state=None):
        """A frame of the conversation arrives at each."""
        for identity in identities:
            self.tallies.tick(KEY, self.epochs[identity], self.clock.advance(0.001), state)

    def judge(self, seconds=11.0, *, final=False):
        """So much later, the balance so far."""
        self.books.ledger.judge(self.clock.advance(seconds), self.batch, final=final)
        return balance(self.batch, EVENT)


def test_everybody_who_had_the_least_is_served():
    """One action, one frame each: nothing but deliveries."""
    desk = Desk()
    desk.act()
    desk.frames(*AUDIENCE)

    assert {
        ("emitted", ""): 1,
        ("expected", "agent"): 3,
        ("delivered", "agent"): 3,
        ("expected", "contact"): 1,
        ("delivered", "contact"): 1,
    } == desk.judge()


def test_fewer_than_the_least_are_lost_and_more_than_the_most_duplicated():
    """Between the two anything goes."""
    desk = Desk(people=(ADMIN, BOB, CLEO))
    desk.act(least=1, most=2)
    desk.act(least=1, most=1)
    for identity, count in ((ADMIN, 1), (BOB, 3), (CLEO, 5)):
        desk.frames(*[identity] * count)
    found = desk.judge()

    assert (6, 5, 1, 2) == tuple(found[column, "agent"] for column in ("expected", "delivered", "lost", "duplicated"))


@pytest.mark.parametrize(("last", "lost"), [("resolved", 0), ("open", 1), (None, 1)])
def test_the_last_frame_must_show_the_state_last_set(last, lost):
    """Two changes are two frames in any order, but the newest state is what everybody must see in the end."""
    desk = Desk(people=(BOB,))
    desk.act(state="open")
    desk.act(state="resolved")
    desk.frames(BOB, state="resolved")
    desk.frames(BOB, state=last)

    assert lost == desk.judge().get(("lost", "agent"), 0)


@pytest.mark.parametrize("spoiler", [{"least": 0, "most": 1}, {"status": "uncertain"}])
def test_a_state_that_may_have_changed_since_is_not_asked_for(spoiler):
    """A message may have reopened the conversation, a call without an answer may have worked."""
    desk = Desk(people=(BOB,))
    desk.act(state="resolved")
    desk.act(state="resolved", **spoiler) if "status" in spoiler else desk.act(**spoiler)
    desk.frames(BOB, state="open")

    assert ("lost", "agent") not in desk.judge()


def test_what_may_follow_from_earlier_actions_is_no_duplicate():
    """A frame that a message caused a moment before may still be on its way."""
    desk = Desk(people=(BOB,))
    desk.act(least=0, most=2)
    desk.act()
    desk.frames(BOB, BOB, BOB)

    assert ("duplicated", "agent") not in desk.judge()


def test_what_may_follow_from_long_past_actions_is_over():
    """A deadline later nothing of them is on its way."""
    desk = Desk(people=(BOB,))
    desk.act(least=0, most=2)
    desk.judge(11)
    desk.act()
    desk.frames(BOB, BOB, BOB)

    assert 2 == desk.judge()["duplicated", "agent"]


def test_without_a_bound_nothing_is_a_duplicate():
    """Where nobody knows the most, no number is too many."""
    desk = Desk(people=(BOB,))
    desk.act(most=None)
    desk.frames(*[BOB] * 50)

    assert ("duplicated", "agent") not in desk.judge()


def test_a_busy_subject_is_judged_when_it_rests():
    """The tally goes on as long as actions come within a deadline of each other."""
    desk = Desk(people=(BOB,))
    for _ in range(3):
        desk.act()
        desk.frames(BOB)
        before = desk.judge(6)

    assert ({}, 3) == (before, desk.judge(6)["delivered", "agent"])


def test_void_actions_cause_nothing():
    """After a 4xx nobody is expected to hear anything."""
    desk = Desk()
    desk.act(status="void")

    assert ({}, 0) == (desk.judge(), desk.tallies.open_count)


def test_uncertain_actions_may_cause_frames():
    """They are not expected, and they are no duplicates."""
    desk = Desk(people=(BOB,))
    desk.act()
    desk.act(status="uncertain")
    desk.frames(BOB, BOB)
    found = desk.judge()

    assert (1, 1) == (found["emitted", ""], found["delivered", "agent"])
    assert ("duplicated", "agent") not in found


@pytest.mark.parametrize(("seconds", "duplicated"), [(1, 0), (19, 0), (21, 1)])
def test_an_uncertain_actions_frames_may_come_behind_a_later_ones(seconds, duplicated):
    """The books were looked at in between, and nothing was there to keep; for two deadlines its frames may come."""
    desk = Desk(people=(BOB,))
    desk.act(status="uncertain")
    desk.judge(seconds)
    desk.act()
    desk.frames(BOB, BOB)
    found = desk.judge()

    assert (1, duplicated) == (found["delivered", "agent"], found.get(("duplicated", "agent"), 0))


def test_an_action_without_its_answer_keeps_the_tally_open():
    """Its frames may be there before it."""
    desk = Desk(people=(BOB,))
    now_ns = desk.clock.now_ns()
    part = desk.tallies.begin(KEY, replace(action(now_ns), event=EVENT), 1, 1)
    desk.frames(BOB)
    waiting = desk.judge(30)
    desk.tallies.finish(part, now_ns, "ok")

    assert ({}, 1) == (waiting, desk.judge(1)["delivered", "agent"])


@pytest.mark.parametrize(("cause", "column"), [(EndCause.BY_PEER, "cut_by_peer"), (EndCause.BY_US, "cut_by_us")])
def test_who_ended_is_charged_as_cut(cause, column):
    """What was missing then is neither lost nor late."""
    desk = Desk(people=(BOB,))
    desk.act()
    desk.books.ended(BOB, desk.epochs[BOB], desk.clock.advance(1), cause)
    found = desk.judge()

    assert (1, False) == (found[column, "agent"], ("lost", "agent") in found)


def test_who_ended_long_ago_is_nobody_else_yet():
    """While a busy subject's tally is open, numbers of subscriptions that it names are given to no others."""
    desk = Desk(people=(BOB, CLEO))
    desk.act()
    desk.frames(BOB, CLEO)
    desk.books.ended(BOB, desk.epochs[BOB], desk.clock.advance(1), EndCause.BY_US)
    for _ in range(1100):
        desk.books.ended(DAN, desk.books.confirmed(DAN, desk.clock.now_ns()), desk.clock.now_ns(), EndCause.BY_US)
    for _ in range(20):
        desk.act()
        desk.frames(CLEO)
        desk.judge(6)
    for _ in range(1100):
        desk.books.confirmed(DAN, desk.clock.now_ns())
    found = desk.judge()

    assert (22, 22) == tuple(found[column, "agent"] for column in ("expected", "delivered"))
    assert not {("lost", "agent"), ("cut_by_us", "agent")} & found.keys()


@pytest.mark.parametrize("busy", [0, 1, 20])
def test_who_ended_is_charged_with_what_was_missing_then(busy):
    """Actions that go on after its end concern it no more, however long the subject stays busy."""
    desk = Desk(people=(BOB, CLEO))
    desk.act()
    desk.act()
    desk.frames(BOB, CLEO, CLEO)
    desk.books.ended(BOB, desk.epochs[BOB], desk.clock.advance(0.01), EndCause.BY_PEER)
    for _ in range(busy):
        desk.act()
        desk.frames(CLEO)
        desk.judge(6)
    found = desk.judge()

    assert (4 + busy, 3 + busy, 1) == tuple(found[c, "agent"] for c in ("expected", "delivered", "cut_by_peer"))
    assert ("lost", "agent") not in found


def test_the_wrong_hands_are_a_leak():
    """Each frame they got is one, since several actions of a tally may have leaked."""
    desk = Desk(people=(BOB, DAN))
    desk.act()
    desk.frames(BOB, DAN, DAN)

    assert 2 == desk.judge()["leaked", "agent"]


def test_what_comes_after_the_deadline_is_late():
    """It was lost until then; after another deadline it stays so."""
    desk = Desk(people=(BOB, CLEO))
    desk.act()
    desk.judge()
    desk.frames(BOB)
    desk.judge(1)
    desk.judge(11)
    desk.frames(CLEO)
    found = desk.judge(1)

    assert (1, 1) == (found["late", "agent"], found["lost", "agent"])


def test_books_closed_early_leave_the_rest_undetermined():
    """The run is over before the deadline is."""
    desk = Desk(people=(BOB, CLEO))
    desk.act()
    desk.frames(BOB)
    found = desk.judge(1, final=True)

    assert (1, 1) == (found["delivered", "agent"], found["undetermined", "agent"])


def test_another_workers_actions_count_here():
    """Frames that precede the announcement are kept for it."""
    emitter, receiver = Desk(people=(), workers=2), Desk(people=(BOB, CLEO), workers=2)
    emitter.act(least=1, most=1, state="resolved")
    receiver.clock.advance(0.1)
    receiver.frames(BOB, state="resolved")
    emitter.books.ledger.judge(emitter.clock.now_ns(), Batch())
    for plain in emitter.books.ledger.announcements:
        receiver.books.ledger.announce(msgspec.msgpack.decode(msgspec.msgpack.encode(plain)))
    found = receiver.judge(14)

    assert (1, 1) == (found["delivered", "agent"], found["lost", "agent"])
    assert ("emitted", "") not in found
    assert 1 == emitter.judge(14)["emitted", ""]


@pytest.mark.parametrize(("bound_ms", "delivered"), [(4, 0), (6, 1)])
def test_a_frame_before_its_action_by_no_more_than_the_clocks_may_be_wrong_is_the_actions(bound_ms, delivered):
    """The other worker's clock is 5 ms ahead: where that is within what is known of it, nothing is lost by it."""
    emitter, receiver = Desk(people=(), workers=2), Desk(people=(BOB,), workers=2)
    emitter.clock.bound_ns = bound_ms * NS_PER_MS
    receiver.clock.advance(0.094)
    receiver.frames(BOB)
    emitter.act()
    receiver.books.ledger.announce(emitter.tallies.news.pop())

    assert delivered == receiver.judge(14).get(("delivered", "agent"), 0)


def test_a_frame_that_precedes_its_announcement_is_not_the_tallys_before():
    """Another worker acts as the deadline ends; its frame is there before it is told."""
    emitter, receiver = Desk(people=(), workers=2), Desk(people=(BOB,), workers=2)
    for seconds in (0, 10.5):
        emitter.clock.advance(seconds)
        emitter.act()
        receiver.clock.advance(seconds + 0.1)
        if not seconds:
            receiver.books.ledger.announce(emitter.tallies.news.pop())
        receiver.frames(BOB)
    receiver.judge(3)
    receiver.books.ledger.announce(emitter.tallies.news.pop())
    found = receiver.judge(14)

    assert (2, 2) == (found["expected", "agent"], found["delivered", "agent"])


def test_what_comes_between_deadline_and_judgement_is_late():
    """The books are looked at once a second only."""
    desk = Desk(people=(BOB,))
    desk.act()
    desk.clock.advance(10.2)
    desk.frames(BOB)

    assert 1 == desk.judge(0.5)["late", "agent"]


def test_closing_records_add_up_to_the_balance():
    """One for each role, with the subject for a mark, and no latency."""
    desk = Desk()
    desk.act()
    desk.frames(ADMIN, CONTACT_1)
    found = desk.judge()
    rows = {row.role: row for row in desk.batch.closings}

    assert {KEY.decode()} == {row.mark for row in rows.values()}
    assert (1, found["lost", "agent"]) == (sum(row.emitted for row in rows.values()), rows["agent"].lost)
    assert {None} == {row.last_us for row in rows.values()}


@given(
    st.lists(st.tuples(st.integers(0, 2), st.one_of(st.none(), st.integers(0, 3))), min_size=1, max_size=5),
    st.lists(st.integers(0, 12), min_size=2, max_size=2),
)
def test_counts_are_those_of_a_plain_sum(actions, counts):
    """Whatever actions come together, each subscription is held against the sums of their least and most counts."""
    desk = Desk(people=(BOB, CLEO))
    for least, more in actions:
        desk.act(least, None if more is None else least + more)
    for identity, count in zip((BOB, CLEO), counts, strict=True):
        desk.frames(*[identity] * count)
    found = desk.judge()
    least = sum(one for one, _ in actions)
    most = None if any(more is None for _, more in actions) else sum(one + more for one, more in actions)
    expected = {
        "expected": 2 * least,
        "delivered": sum(min(count, least) for count in counts),
        "lost": sum(max(least - count, 0) for count in counts),
        "duplicated": 0 if most is None else sum(max(count - most, 0) for count in counts),
    }

    assert (expected if least else dict.fromkeys(expected, 0)) == {
        column: found.get((column, "agent"), 0) for column in expected
    }


@pytest.mark.parametrize(
    ("event", "data", "expected"),
    [
        ("conversation.status_changed", {"status": "open"}, "open"),
        ("assignee.changed", {"meta": {"assignee": {"id": 7}}}, "7"),
        ("assignee.changed", {"meta": {"assignee": None}}, ""),
        ("team.changed", {"meta": {"team": {"id": 3}}}, "3"),
        ("team.changed", {}, ""),
        ("conversation.updated", {"status": "open"}, None),
    ],
)
def test_a_frame_shows_its_state(event, data, expected):
    """As the action says it; events that show none ask for none."""
    assert expected == read_state(event, json.dumps(data).encode())


def test_a_state_of_the_wrong_type_is_an_error():
    """The contract's business."""
    with pytest.raises(msgspec.MsgspecError):
        read_state("conversation.status_changed", b'{"status":7}')
