"""What the bench of several workers makes of its measurements."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.bench.scale import Step, on_paper

SLOW = Step(2, 10, 2_000, True, 0.1, 0.014, 12_000, 2_000, "")
FAST = replace(SLOW, rate=40, master_cpu=0.02, bytes_there_per_s=42_000, bytes_back_per_s=3_500)


def test_the_arithmetic_is_shown() -> None:
    """0.6 points of a core for 30 messages more at two workers; each is told of the 15 that the other emits."""
    text = "\n".join(on_paper([FAST, SLOW]))

    assert "(2.00% - 1.40%) / (2 workers x 30 messages/s) = 100 us a message and worker, 1.20% at rest" in text
    assert "up (42,000 - 12,000) / 30 = 1,000, down (3,500 - 2,000) / 30 / 0.5 (what others emit) = 100" in text
    assert "(0.6 - 1.20%) / 100 us = 5,880 messages/s x workers" in text
    assert "= 5,880: 242,487 sockets on 24 workers" in text
    assert "100 workers x 1,000 messages/s = 100,000; x 100 us = 10.0 cores" in text
    assert "x 1,000 B = 100 MB/s to it, x 100 B = 10 MB/s from it" in text
    assert text.endswith("breaks first: the master's CPU, 16.7 times what there is")


def test_what_is_closest_is_told_where_nothing_breaks() -> None:
    """A cheap master: the line to it has most to carry, and room."""
    cheap = replace(FAST, master_cpu=0.01401, bytes_back_per_s=2_000)

    assert on_paper([SLOW, cheap])[-1] == "breaks first: nothing; closest is the line to the master, at 80%"


@pytest.mark.parametrize(
    "steps",
    [[SLOW], [replace(SLOW, workers=1), replace(FAST, workers=1)], [SLOW, replace(FAST, master_cpu=0.014)]],
    ids=["one rate", "one worker", "no difference"],
)
def test_without_a_difference_no_limit_is_told(steps: list[Step]) -> None:
    """Nothing can be drawn through one point; that is said."""
    assert 1 == len(on_paper(steps))
