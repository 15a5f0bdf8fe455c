"""The fault matrix: every row's faults and options are such as the server and Locust take, and it fits its time."""

import pytest

from loadtest.drive.matrix import AT_ONCE, FULL, MATRIX, QUICK, Scale, batches, chosen
from loadtest.errors import UsageError
from loadtest.refserver.faults import parse_faults

SCALES = [QUICK, FULL, Scale(deliveries_per_s=50.0, hold_s=60.0, seed=3)]


@pytest.mark.parametrize("row", MATRIX, ids=lambda row: row.name)
@pytest.mark.parametrize("scale", SCALES)
def test_faults_can_be_read_and_happen_within_the_hold(row, scale):
    """The grammar takes them, and none begins after the emissions have ended."""
    terms = parse_faults(row.faults(scale))

    assert all(term.when.from_s < row.hold_s(scale) for term in terms)
    assert all(term.when.from_s + term.time_s < row.hold_s(scale) for term in terms if term.kind.when == "stall")


def test_names_are_told_apart():
    """Rows are chosen by name, and their folders are called so."""
    names = [row.name for row in MATRIX]

    assert len(names) == len(set(names))
    assert all(name.replace("-", "").isalnum() for name in names)


def test_the_rows_that_count_offer_the_deliveries_asked_for():
    """2,000 deliveries a second, by messages times those who see each."""
    (loss,) = chosen(["loss"])
    options = loss.run_options(FULL)

    assert 2000 == pytest.approx(options["emit-rate"] * (options["members"] + 1), rel=0.001)


def test_the_whole_matrix_fits_into_eight_minutes():
    """By what rows say they take; those that run at the same time count once."""
    whole_s = sum(max(row.expected_s(FULL) for row in batch) for batch in batches(MATRIX))

    assert whole_s < 480


def test_rows_that_load_the_machine_run_alone():
    """Only quiet neighbours share it, in the matrix's order, a few at once."""
    found = batches(MATRIX)

    assert [row for batch in found for row in batch] == list(MATRIX)
    assert all(len(batch) <= AT_ONCE for batch in found)
    assert all(row.beside for batch in found if len(batch) > 1 for row in batch)


def test_rows_are_chosen_by_name_in_the_matrixs_order():
    """However they are named; none means all."""
    assert ["floor", "loss"] == [row.name for row in chosen(["loss", "floor"])]
    assert chosen([]) == MATRIX


def test_an_unknown_row_is_wrong_usage():
    """The error names those there are."""
    with pytest.raises(UsageError, match="floor"):
        chosen(["losses"])
