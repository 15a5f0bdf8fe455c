"""Tables made from summary.json."""

import pytest

from loadtest.report import tables
from loadtest.report.tables import Table
from tests.report.synthetic import Story, summary


def _column(table: Table, title: str) -> list[str]:
    at = [column.title for column in table.columns].index(title)
    return [row[at].text for row in table.rows]


def test_every_row_has_a_cell_for_every_column() -> None:
    """No table of a real summary is ragged."""
    content = summary(Story(lost_share=0.01, leaked=1))
    made = [tables.checks, tables.fanout, tables.delivery, tables.rest, tables.presence, tables.users]

    actual = {len(row) - len(table.columns) for table in (make(content) for make in made) for row in table.rows}

    assert {0} == actual


@pytest.mark.parametrize(
    "content", [{}, {"fanout": None, "delivery": [], "rest": {"x": None}, "verdict": {"checks": [1]}}]
)
def test_a_summary_without_a_section_gives_an_empty_table(content: dict[str, object]) -> None:
    """An older or broken summary costs rows, never an error."""
    made = [tables.checks, tables.fanout, tables.delivery, tables.presence, tables.users]

    actual = [list(make(content).rows) for make in made]

    assert [[]] * 5 == actual


def test_broken_checks_come_first() -> None:
    """The reader meets what broke before what held."""
    content = {
        "verdict": {
            "checks": [
                {"name": "a", "value": 1, "limit": 2, "unit": "", "result": "PASS"},
                {"name": "b", "value": None, "limit": 2, "unit": "ms", "result": "INCONCLUSIVE"},
                {"name": "c", "value": 3, "limit": 2, "unit": "", "result": "FAIL"},
            ]
        }
    }

    actual = _column(tables.checks(content), "check")

    assert ["c", "b", "a"] == actual


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (0.25, "share", "25.0 %"),
        (25, "%", "25.0 %"),
        (1500, "ms", "1.50 s"),
        (3.0, "s", "3 s"),
        (1, "users", "1 user"),
        (12, "users", "12 users"),
        (True, "", "yes"),
        ("inf", "ms", "∞"),
        (None, "ms", "n/a"),
        (-0.0326, "points", "0.0 points"),
        (0.0012, "points", "0.0 points"),
        (4.97, "points", "4.97 points"),
        (5.26316, "% of windows marked", "5.26 % of windows marked"),
        (5.26316, "%", "5.3 %"),
    ],
)
def test_a_check_is_said_in_its_unit(value: object, unit: str, said: str) -> None:
    """The unit of a check decides how its value reads."""
    actual = tables.measured(value, unit)

    assert said == actual


def test_a_limit_says_which_way_it_goes() -> None:
    """A maximum and a minimum are not told apart by the number."""
    actual = tables.limit({"limit": 99, "bound": "min", "unit": "%"})

    assert actual == "at least 99 %"


def test_too_few_samples_name_their_number() -> None:
    """600 deliveries tell no p99.9, and the table says so."""
    table = tables.fanout(summary(Story()))
    rows = [row for row in table.rows if row[0].text == "message.created" and row[1].text == "contacts"]

    actual = rows[0][[column.title for column in table.columns].index("p99.9")]

    assert (actual.text, actual.detail) == ("n/a", "n=600")


def test_an_infinite_percentile_stands_out() -> None:
    """More than one per cent lost: the p99 including losses is infinite and marked as bad."""
    table = tables.fanout(summary(Story(lost_share=0.05)))
    at = [column.title for column in table.columns].index("p99 incl. lost")

    actual = (table.rows[0][at].text, table.rows[0][at].tone)

    assert ("∞", "bad") == actual


@pytest.mark.parametrize(("lost_share", "columns"), [(0.0, 0), (0.05, 2)])
def test_columns_that_count_losses_stand_only_where_there_are_any(lost_share: float, columns: int) -> None:
    """Without a loss they would repeat the columns beside them; what nobody received has no row."""
    content = summary(Story(lost_share=lost_share))
    content["fanout"]["conversation.created"] = {"agent": {"n": 0, "p99_ms": None, "p99_incl_lost_ms": None}}
    table = tables.fanout(content)

    assert columns == sum(column.title.endswith("incl. lost") for column in table.columns)
    assert {len(table.columns)} == {len(row) for row in table.rows}
    assert "conversation.created" not in {row[0].text for row in table.rows}


def test_an_interval_without_an_end_is_said_as_or_more() -> None:
    """An upper end that is infinite is not a latency."""
    content = {"fanout": {"e": {"agent": {"n": 5, "p99_ms": 3.0, "p99_ms_interval": [2.0, "inf"]}}}}

    actual = tables.fanout(content).rows[0][5].detail

    assert actual == "2.00 ms or more"


def test_the_balance_has_a_row_for_each_role() -> None:
    """What contacts missed is not hidden in the sum."""
    actual = _column(tables.delivery(summary(Story())), "event")

    assert ["message.created", "  to agents", "  to contacts"] == actual[:3]


def test_an_event_that_nobody_expected_says_how_many_came() -> None:
    """A column of its own, which events with an expectation leave empty."""
    content = {"delivery": {"a": {"expected": 3, "received": 3}, "b": {"expected": None, "received": 7}}}

    actual = _column(tables.delivery(content), "received")

    assert ["–", "7"] == actual


def test_where_everything_was_expected_there_is_no_such_column() -> None:
    """An empty column tells nothing."""
    table = tables.delivery({"delivery": {"a": {"expected": 3, "received": 3}}})

    actual = [column.title for column in table.columns]

    assert "received" not in actual


def test_losses_and_leaks_are_marked() -> None:
    """They are the two cells nobody may overlook."""
    row = tables.delivery(summary(Story(lost_share=0.01, leaked=2))).rows[0]
    tones = dict(zip(["event", *tables.LEDGER], [cell.tone for cell in row], strict=True))

    actual = (tones["lost"], tones["leaked"], tones["late"])

    assert ("bad", "bad", "quiet") == actual


def test_a_hundred_events_do_not_flood_a_table() -> None:
    """Names come from the server: the table stops and says how many more there are."""
    content = {"delivery": {f"event.{i:03d}": {"expected": 1} for i in range(100)}}
    table = tables.delivery(content)

    actual = (len(table.rows), table.note)

    assert (tables.MOST_ROWS, "60 more rows in summary.json.") == actual


def test_failures_name_their_status() -> None:
    """Which failures there were is said, the most frequent first."""
    content = {"rest": {"create_message": {"n": 100, "errors": {"404": 1, "timeout": 3}, "error_share": 0.04}}}

    actual = _column(tables.rest(content), "of which")

    assert ["timeout × 3, 404 × 1"] == actual


def test_a_call_that_the_hold_never_made_has_no_row() -> None:
    """Conversations made in the ramp are no result of the hold."""
    actual = _column(
        tables.rest({"rest": {"a": {"n": 0, "errors": {}}, "b": {"n": 0, "errors": {"reset": 1}}}}), "call"
    )

    assert ["b"] == actual


def test_names_are_cleaned() -> None:
    """An event's name cannot carry control characters into a table."""
    actual = _column(tables.delivery({"delivery": {"a\x1b[2J\nb": {"expected": 1}}}), "event")

    assert ["a�[2J b"] == actual


def test_many_kinds_are_summed_up() -> None:
    """A line of counts names six kinds and says how many more there are."""
    actual = tables.counted({f"k{i}": 10 - i for i in range(8)})

    assert actual == "k0 × 10, k1 × 9, k2 × 8, k3 × 7, k4 × 6, k5 × 5, and 2 other kinds"
