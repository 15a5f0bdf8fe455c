"""``loadtest events``."""

from __future__ import annotations

import json

import pytest

from loadtest.cli import main
from loadtest.contract import EVENTS, events_of


def test_the_documents_events_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """Without options the document's 13 events are listed in its order."""
    code = main(["events"])
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]]

    assert (0, list(EVENTS)) == (code, names)


def test_columns_are_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    """Each column begins at the same place in every line."""
    main(["events", "--dialect", "auto"])
    heading, *lines = capsys.readouterr().out.splitlines()

    starts = [heading.index(name) for name in ("for", "since", "trigger")]
    assert all(line[start - 1] == " " and line[start] != " " for line in lines for start in starts)


def test_a_dialect_is_listed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """The JSON has every event of the dialect, for whom it is and since when."""
    main(["events", "--dialect", "current", "--json"])
    listed = json.loads(capsys.readouterr().out)

    assert list(events_of("current")) == [one["event"] for one in listed]
    assert {
        "event": "conversation.created",
        "for": "inbox members, administrators, the contact",
        "agents": True,
        "contacts": True,
        "scope": "conversation",
        "trigger": "A conversation is opened, by whomever.",
        "since": "1.18",
        "contacts_since": "2.3",
        "documented": True,
    } == listed[0]


def test_an_unknown_dialect_is_wrong_usage() -> None:
    """A dialect that is none ends with exit code 2."""
    with pytest.raises(SystemExit) as exit_:
        main(["events", "--dialect", "klingon"])

    assert 2 == exit_.value.code
