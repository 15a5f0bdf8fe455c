"""Name and value tables: cable and generator."""

from loadtest.report import tables_health
from loadtest.report.tables import Table
from tests.report.synthetic import Story, summary


def _values(table: Table) -> dict[str, str]:
    return {row[0].text: row[1].text for row in table.rows}


def test_a_missing_section_gives_an_empty_table() -> None:
    """Either is left out of a report that has nothing to say on it."""
    made = [tables_health.cable({}), tables_health.generator({})]

    actual = [list(table.rows) for table in made]

    assert [[], []] == actual


def test_the_cable_says_how_connections_ended() -> None:
    """Reasons are listed with their counts."""
    content = {"cable": {"connects": 10, "disconnects": {"1006": 2, "by_us": 5}, "connect_failed": {"refused": 1}}}
    values = _values(tables_health.cable(content))

    actual = (values["disconnects"], values["connections that failed"])

    assert ("by us × 5, 1006 × 2", "refused × 1") == actual


def test_a_connect_percentile_of_few_connects_says_how_few() -> None:
    """55 connects tell no p99."""
    actual = _values(tables_health.cable(summary(Story())))["connect p99"]

    assert actual == "n/a (n=55)"


def test_the_generator_says_which_windows_are_untrusted() -> None:
    """Their number, of how many, and why."""
    actual = _values(tables_health.generator(summary(Story(breached=(1, 2)))))["untrusted windows"]

    assert actual == "2 of 60 (lateness × 2)"
