"""The tables of a soak."""

from loadtest.analysis.budget import parse_budget
from loadtest.analysis.soak import judge
from loadtest.report import soak_tables
from tests.analysis.soaks import Story, data

BUDGET = '[generator]\nrss_bytes = "1 MB/h"\n[target]\nrss_bytes = { growth = "5 %/run", limit = "200 MB" }\n'


def texts(table):
    """What stands in a table's cells."""
    return [[cell.text for cell in row] for row in table.rows]


def test_the_broken_come_first():
    """A leak stands above what kept its budget, with growth, budget, time to its limit and result."""
    table = soak_tables.drift(judge(data(Story(leak=3e6)), parse_budget(BUDGET)))

    first, second = texts(table)
    assert first[0] == "rss_bytes of the target"
    assert first[4] == "5 %/run, at most 200 MB"
    assert [first[-1], second[-1]] == ["FAIL", "PASS"]
    assert "h" in first[5]
    assert second[5] == ""


def test_without_a_budget_there_is_nothing_of_budgets():
    """Columns that would be empty are not there."""
    table = soak_tables.drift(judge(data(Story())))

    assert [column.title for column in table.columns] == ["level", "now", "growth an hour", "in the last half"]
    assert {len(row) for row in table.rows} == {4}


def test_a_run_to_make_is_named():
    """An undecided level says how long to run."""
    table = soak_tables.drift(judge(data(Story(hours=2.0)), parse_budget('[target]\nrss_bytes = "50 kB/h"')))

    assert table.rows[0][-1].detail.startswith("run about ")


def test_connections_and_what_stays():
    """Each has its own table, with the budget only where there is one."""
    story = Story(drain=True)
    judged = judge(data(story), parse_budget('[drain]\nrss_bytes = "20 MB"'))

    assert texts(soak_tables.per_connection(judged))[0][1].startswith("+")
    assert texts(soak_tables.drain(judged))[0][-1] == "PASS"
    assert len(soak_tables.drain(judge(data(story))).columns) == 7


def test_a_level_of_which_nothing_can_be_told_has_no_row():
    """A row of n/a tells nobody anything; a budget's row stays, with its result."""
    run = data(Story(hours=0.1))

    assert [] == soak_tables.drift(judge(run)).rows
    assert 1 == len(soak_tables.drift(judge(run, parse_budget('[target]\nrss_bytes = "1 MB/h"'))).rows)
