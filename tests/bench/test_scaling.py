"""The proof of scaling judges rightly; it is not run here."""

from __future__ import annotations

import pytest

from loadtest.refserver.faults import parse_faults
from tests.analysis.test_scaling import between
from tests.bench import scaling


def found(*middles):
    """Searches whose intervals lie around these deliveries a second, ten to a message."""
    return [between(0.98 * middle / 10, 1.02 * middle / 10, run_id=str(n)) for n, middle in enumerate(middles)]


@pytest.mark.parametrize(
    ("middles", "right"),
    [((200, 400, 800), True), ((200, 400, 660), False), ((200, 800, 400), False), ((160, 320, 640), False)],
)
def test_limits_and_growth_have_to_be_those_of_the_pools(middles, right):
    """Each within a tenth, and linear."""
    assert right == scaling.judged(found(*middles))[0]


def test_a_search_without_a_limit_proves_nothing():
    """It is named."""
    *known, last = found(200, 400, 800)

    right, told = scaling.judged([*known, {**last, "first_fail": None, "ending": "generator"}])

    assert not right
    assert "4: no interval" in told[2]


@pytest.mark.parametrize("processes", scaling.PROCESSES)
def test_the_limits_are_what_the_fault_makes_them(tmp_path, processes):
    """Workers and time of the fault are those that the bench counts with."""
    (term,) = parse_faults(str(scaling.options(processes, 1.0, tmp_path)["faults"]))

    assert term.value.workers / term.value.each_s == scaling.KNEE * processes
