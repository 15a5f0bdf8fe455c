"""The log of presence: written as it happens, read back by time."""

from loadtest.clock import VirtualClock
from loadtest.collect.presence_log import read_log
from tests.collect.support import ADMIN, CONTACT_1
from tests.collect.test_presence import data, opened


def test_everything_that_is_seen_is_logged(tmp_path):
    """Who came, beat, was told what, chose and went, with the phases between."""
    path = tmp_path / "log"
    subject, clock = opened(VirtualClock(), log_path=str(path))
    subject.arrived(ADMIN, clock.now_ns())
    subject.count_from(clock.advance(1))
    sent_ns = clock.advance(1)
    subject.beat(ADMIN, sent_ns)
    subject.told(ADMIN, data([1], [1]), clock.advance(1), sent_ns)
    subject.chose(ADMIN, "busy", clock.advance(1))
    subject.arrived(CONTACT_1, clock.advance(1))
    subject.left(ADMIN, clock.advance(1), "cut")
    subject.count_until(clock.advance(1))
    subject.close()
    lines = read_log(path)

    assert [(line.kind, line.who) for line in lines] == [
        ("arrive", "agent:1"),
        ("hold", ""),
        ("beat", "agent:1"),
        ("told", "agent:1"),
        ("choose", "agent:1"),
        ("arrive", "contact:1"),
        ("leave", "agent:1"),
        ("drain", ""),
    ]
    assert (lines[3].shown, lines[3].asked, lines[6].what) == (["agent:1", "contact:1"], lines[2].t, "cut")
