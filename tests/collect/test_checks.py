"""The contract under load: recipients know who they are, and evidence is bounded."""

import json
from pathlib import Path

import pytest

from loadtest.collect.checks import EVIDENCE_PER_KIND, Checks
from loadtest.collect.people import People
from tests.collect.support import ADMIN, BOB, CONTACT_1, DIRECTORY

SAMPLES = Path(__file__).parents[1] / "data" / "seed"


def _checks(dialect="seed"):
    reported = []
    return Checks(People(DIRECTORY), dialect, lambda *what: reported.append(what)), reported


def _frame(event, data, identifier="i"):
    return json.dumps({"identifier": identifier, "message": {"event": event, "data": data}}).encode()


def test_recipients_are_who_the_directory_says():
    """An agent sees its inboxes, an administrator all, a contact itself."""
    checks, _ = _checks()
    admin, bob, contact = (checks.recipient(n, "i") for n in (ADMIN, BOB, CONTACT_1))

    assert (admin.inbox_ids, bob.inbox_ids, contact.contact_ids) == (None, frozenset({10}), frozenset({1}))
    assert {r.role for r in (admin, bob)} == {"agent"}


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_the_documents_own_samples_break_nothing(path):
    """Each sample of the seed document passes on an administrator's socket."""
    checks, reported = _checks()
    frame = json.loads(path.read_text(encoding="utf-8"))
    checks.check(json.dumps(frame).encode(), checks.recipient(ADMIN, frame["identifier"]))

    assert reported == []


def test_evidence_is_kept_of_the_first_of_a_kind_only():
    """A flood of violations is counted in full and told with bounded evidence."""
    checks, reported = _checks()
    recipient = checks.recipient(ADMIN, "i")
    for _ in range(EVIDENCE_PER_KIND + 5):
        checks.check(_frame("contact.updated", {"account_id": 99}), recipient)
    accounts = [kept for _, violation, kept in reported if violation.kind == "wrong_account"]

    assert [kept is not None for kept in accounts] == [True] * EVIDENCE_PER_KIND + [False] * 5


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

    assert sum(checks.drain().values()) <= 1
