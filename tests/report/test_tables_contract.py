"""What the report says about the contract."""

from typing import Any

from loadtest.contract import EVENTS
from loadtest.report import tables_contract
from loadtest.report.tables import Table
from tests.report.synthetic import Story, summary


def _values(table: Table) -> dict[str, str]:
    return {row[0].text: row[1].text for row in table.rows}


def _event(*, driven: bool = True, why: str = "", **numbers: int) -> dict[str, Any]:
    return {"driven": driven, "emitted": 0, "received": 0, "checked": 0, "violations": 0, "why": why} | numbers


def _content(**events: dict[str, Any]) -> dict[str, Any]:
    return {
        "run": {"target": {"dialect": "seed"}},
        "contract": {"events": {name.replace("__", "."): row for name, row in events.items()}},
    }


def test_a_missing_section_gives_nothing() -> None:
    """An older summary costs rows, never an error."""
    actual = (
        list(tables_contract.contract({}).rows),
        list(tables_contract.events({}).rows),
        tables_contract.driven({"contract": {"checked": 3}}),
    )

    assert ([], [], "") == actual


def test_violations_and_unknown_events_are_named() -> None:
    """Each kind has a row of its own."""
    content = {"checked": 9, "violations": {"wrong_audience": 2}, "unknown_events": {"x.y": 1}, "tolerated": {"a.b": 4}}

    actual = _values(tables_contract.contract({"contract": content}))

    assert {
        "event frames checked": "9",
        "violation: wrong_audience": "2",
        "tolerated to contacts: a.b": "4",
        "unknown event: x.y": "1",
    } == actual


def test_no_violation_is_said_as_zero() -> None:
    """A clean contract is a result, not a gap."""
    actual = _values(tables_contract.contract(summary(Story())))

    assert (actual["violations"], actual["events driven"]) == ("0", "2 of 13")


def test_every_event_of_the_document_has_a_row() -> None:
    """Driven or not, with messages first and presence last."""
    actual = [row[0].text for row in tables_contract.events(summary(Story())).rows]

    assert ("message.created", "presence.update", set(EVENTS)) == (actual[0], actual[-1], set(actual))


def test_an_event_is_told_with_its_audience_and_numbers() -> None:
    """For whom in words, then emitted, received, checked, violations."""
    row = _event(emitted=7, received=70, checked=20, violations=1)

    actual = [cell.text for cell in tables_contract.events(_content(team__changed=row)).rows[0]]

    assert ["team.changed", "inbox members, administrators", "7", "70", "20", "1"] == actual


def test_an_event_of_no_known_dialect_has_no_audience() -> None:
    """A summary of another version may know events that this one does not."""
    actual = tables_contract.events(_content(some__thing=_event())).rows[0][1].text

    assert actual == "n/a"


def test_an_event_that_was_not_driven_shows_no_zero_of_its_own() -> None:
    """Nothing was emitted because nothing was asked for: a dash and the reason."""
    row = tables_contract.events(_content(team__changed=_event(driven=False, why="not in the plan: --mix x"))).rows[0]

    actual = (row[0].detail, row[2].text)

    assert ("not driven: not in the plan: --mix x", "–") == actual


def test_what_was_driven_is_a_sentence() -> None:
    """How many of how many, and why not the others."""
    rows = {f"e__{i}": _event(driven=False, why="refused by the target: c answered 404 2 times") for i in range(3)}
    content = _content(team__changed=_event(), **rows)

    actual = (tables_contract.driven(content, 1), tables_contract.driven(_content(team__changed=_event())))

    assert (
        "events driven: 1 of 4; not driven: e.0 (refused by the target: c answered 404 2 times) and 2 more",
        "events driven: 1 of 1",
    ) == actual


def test_names_from_a_summary_move_no_cursor() -> None:
    """Escape sequences in a name or a reason are taken out."""
    actual = tables_contract.driven(_content(**{"x\x1b[2J": _event(driven=False, why="\x1b[31m")}))

    assert "\x1b" not in actual
