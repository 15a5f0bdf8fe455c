"""The rows about presence: quiet, logged, and long enough to see what they are about."""

import pytest

from loadtest.drive.matrix import FULL, MATRIX
from loadtest.drive.matrix_presence import PRESENCE
from loadtest.plan import Scenario

ROWS = [row for row in MATRIX if row.presence]


def test_every_row_about_presence_is_in_the_matrix():
    """Under its own name, with its log."""
    assert [row.name for row in ROWS] == [row["name"] for row in PRESENCE]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_sees_many_beats_and_several_absences(row):
    """Eight beats at least, and a scenario that can be read."""
    options = row.run_options(FULL)
    scenario = Scenario.parse(str(options["presence-scenario"]))

    assert row.hold_s(FULL) >= 8 * float(str(options["heartbeat"]))
    assert scenario.stay_s < row.hold_s(FULL)
    assert row.beside
