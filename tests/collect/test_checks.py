"""The contract under load: recipients know who they are, every frame is looked at, and evidence is bounded."""

import json
from pathlib import Path

import msgspec
import pytest

from loadtest.collect.checks import EVIDENCE_PER_KIND, Checks
from loadtest.collect.people import People
from loadtest.collect.subjects import subject_key
from tests.collect.support import ADMIN, BOB, CONTACT_1, DIRECTORY

SAMPLES = Path(__file__).parents[1] / "data" / "seed"


class Books:
    """Keeps what it is told."""

    def __init__(self):
        self.counts = {}
        self.notes = []

    def count(self, metric, name="", role="", value=1):
        self.counts[metric, name, role] = self.counts.get((metric, name, role), 0) + value

    def note(self, kind, text, data=None):
        self.notes.append((kind, text, data))


def _checks(dialect="seed"):
    books = Books()
    return Checks(People(DIRECTORY), dialect, books), books


def _frame(event, data, identifier="i"):
    return json.dumps({"identifier": identifier, "message": {"event": event, "data": data}}).encode()


def _look(who, event, data, dialect="seed"):
    checks, _ = _checks(dialect)
    return checks.look(event, json.dumps(data, separators=(",", ":")).encode(), checks.recipient(who, "i"))


def test_recipients_are_who_the_directory_says():
    """An agent sees its inboxes, an administrator all, a contact itself and its conversations."""
    checks, _ = _checks()
    admin, bob, contact = (checks.recipient(n, "i") for n in (ADMIN, BOB, CONTACT_1))

    assert admin.inbox_ids is None
    assert [number for number in range(100) if number in bob.inbox_ids] == [10]
    assert [number for number in range(100) if number in contact.contact_ids] == [1]
    assert {r.role for r in (admin, bob)} == {"agent"}
    assert (100 in contact.conversation_ids, 101 in contact.conversation_ids) == (True, False)


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_the_documents_own_samples_break_nothing(path):
    """Each sample of the seed document passes on an administrator's socket."""
    checks, books = _checks()
    frame = json.loads(path.read_text(encoding="utf-8"))
    checks.check(json.dumps(frame).encode(), checks.recipient(ADMIN, frame["identifier"]))

    assert (books.counts, books.notes) == ({}, [])


def test_evidence_is_kept_of_the_first_of_a_kind_only():
    """A flood of violations is counted in full, by kind and by event, and told with bounded evidence."""
    checks, books = _checks()
    recipient = checks.recipient(ADMIN, "i")
    for _ in range(EVIDENCE_PER_KIND + 5):
        checks.check(_frame("contact.updated", {"account_id": 99}), recipient)
    kept = [data for kind, _, data in books.notes if kind == "violation" and data["kind"] == "wrong_account"]

    assert [EVIDENCE_PER_KIND + 5] * 2 == [
        books.counts["contract.violation", "wrong_account", "agent"],
        books.counts["contract.violated.wrong_account", "contact.updated", "agent"],
    ]
    assert [("contact.updated", "agent")] * EVIDENCE_PER_KIND == [(data["event"], data["role"]) for data in kept]


def test_checked_frames_are_counted_once():
    """What was drained is not drained again."""
    checks, _ = _checks()
    checks.check(_frame("contact.updated", {}), checks.recipient(CONTACT_1, "i"))
    first, second = dict(checks.drain()), dict(checks.drain())

    assert (first, second) == ({("contact.updated", "contact"): 1}, {})


@pytest.mark.parametrize("text", [b"", b"nonsense", b"[" * 5000, b"7"])
def test_nonsense_does_not_crash(text):
    """Whatever bytes come, checking does not raise."""
    checks, _ = _checks()
    checks.check(text, checks.recipient(BOB, "i"))
    checks.unknown("a.b", text, "agent")

    assert sum(checks.drain().values()) <= 1


def test_the_first_frames_of_an_unknown_event_are_kept_without_a_word():
    """All are counted; of each name twenty leave keys, types, ids and lengths."""
    checks, books = _checks()
    text = _frame("plugin.made", {"id": 7, "secret": "s3cret"}, "tok3n")
    for _ in range(EVIDENCE_PER_KIND + 3):
        checks.unknown("plugin.made", text, "contact")
    checks.unknown("plugin.other", _frame("plugin.other", {}), "agent")
    told = {"identifier": "string(5)", "message": {"event": "plugin.made", "data": {"id": 7, "<6 chars>": "string(6)"}}}

    assert [EVIDENCE_PER_KIND + 3, 1] == list(books.counts.values())
    assert [EVIDENCE_PER_KIND, 1] == [
        sum(data["event"] == name for _, _, data in books.notes) for name in ("plugin.made", "plugin.other")
    ]
    assert ("unknown", {"event": "plugin.made", "role": "contact", "frame": told}) == books.notes[0][::2]


def test_a_flood_of_unknown_names_is_counted_together():
    """A server that makes names up fills neither memory nor report."""
    checks, books = _checks()
    for number in range(1000):
        checks.unknown(f"made.up{'p' * 100}{number}", b"{}", "agent")
        checks.unknown(f"made.{number}", b"{}", "agent")

    assert (2000, 257) == (sum(books.counts.values()), len(books.counts))
    assert max(len(name) for _, name, _ in books.counts) == 64
    assert books.counts["contract.unknown", "further names", "agent"] > 700
    assert len({data["event"] for _, _, data in books.notes}) == 32


@pytest.mark.parametrize(
    ("dialect", "expected"), [("auto", {"conversation.created"}), ("seed", set()), ("current", set())]
)
def test_only_an_unknown_version_leaves_anything_to_tolerate(dialect, expected):
    """Where the version is known an event is allowed or not."""
    checks, _ = _checks(dialect)

    assert (set(), expected) == (set(checks.tolerated["agent"]), set(checks.tolerated["contact"]))


def test_what_is_tolerated_is_counted_and_told_a_few_times():
    """All are counted, three leave evidence, and the version that sends it is said."""
    checks, books = _checks("auto")
    for _ in range(10):
        checks.tolerate("conversation.created", _frame("conversation.created", {"id": 3}), "contact")

    assert {("contract.tolerated", "conversation.created", "contact"): 10} == books.counts
    assert ["conversation.created on a socket of role contact: sent since 2.3 only"] * 3 == [
        text for kind, text, _ in books.notes if kind == "tolerated"
    ]


@pytest.mark.parametrize(
    ("event", "data"),
    [
        ("conversation.read", {"id": 9, "account_id": 1, "inbox_id": 10}),
        ("conversation.read", {"id": 9, "account_id": 1, "inbox_id": 10, "meta": 7}),
    ],
)
def test_a_look_finds_the_emission(event, data):
    """The subject is read even where other ids are of the wrong type, which is suspect."""
    key, suspect = _look(BOB, event, data)

    assert (subject_key("conversation.read", 1, 9), "meta" in data) == (key, suspect)


def test_a_look_at_a_subject_of_the_wrong_type_is_an_error():
    """Without a subject there is no emission to tell."""
    with pytest.raises(msgspec.MsgspecError):
        _look(BOB, "conversation.read", {"id": "nine", "account_id": 1})


@pytest.mark.parametrize("layout", [(",", ":"), (", ", ": ")])
@pytest.mark.parametrize("field", [{"private": True}, {"message_type": 2}])
def test_a_message_that_is_none_for_contacts_is_seen_wherever_it_stands(field, layout):
    """A note or an activity message within a conversation is suspect on a contact's socket alone."""
    checks, _ = _checks()
    data = {"id": 100, "account_id": 1, "inbox_id": 10, "messages": [{**field, "content": "psst"}]}
    text = json.dumps(data, separators=layout).encode()

    assert (True, False) == tuple(
        checks.look("conversation.status_changed", text, checks.recipient(who, "i"))[1] for who in (CONTACT_1, BOB)
    )
