"""What the bench of the read's error holds a run against, and that it measures."""

from __future__ import annotations

import shutil

import pytest

from tests.bench.measure import Paced
from tests.bench.read_error import ARRIVAL_RATE, LEAST_FRAMES, held, measured, row, untold

N = LEAST_FRAMES


@pytest.mark.parametrize(
    ("window", "found"),
    [
        ((N, 9_900.0, 100_500.0, False, False), 0),
        ((N, 10_100.0, 100_500.0, False, False), 1),
        ((N, 10_100.0, 100_500.0, True, False), 0),
        ((N, 10_100.0, 100_500.0, False, True), 0),
        ((N, 10_100.0, 102_000.0, False, False), 0),  # the server itself was late
        ((N, 10_055.0, 100_500.0, False, False), 0),  # 10 us are the way to the kernel
        ((N, 10_065.0, 100_500.0, False, False), 1),
        ((N - 1, 10_100.0, 0.0, False, False), 0),
    ],
)
def test_an_error_above_a_tenth_has_to_be_told(window: tuple[int, float, float, bool, bool], found: int) -> None:
    """Of 100 ms that is 10 ms; a window is told when it is marked or rough."""
    assert untold(Paced(1.0, 0.5, 1.0, 1.0, arrival_p99_us=10.0, windows=[window])) == found


@pytest.mark.parametrize(
    ("arrival_us", "windows", "expected"),
    [(5.0, [], True), (1000.0, [], False), (5.0, [(N, 10_100.0, 0.0, False, False)], False)],
)
def test_what_has_to_hold(
    arrival_us: float, windows: list[tuple[int, float, float, bool, bool]], expected: bool
) -> None:
    """The error at the arrival, and every window told."""
    paced = Paced(1.0, 0.5, 1.0, 1.0, arrival_p99_us=arrival_us, windows=windows)

    assert held({(100.0, ARRIVAL_RATE): paced}) == expected


@pytest.mark.skipif(shutil.which("gcc") is None, reason="the bench compiles its server with gcc")
def test_every_frame_is_in_a_window() -> None:
    """A short stretch at a slow rate: all frames have an error, by the window in which they were read."""
    found = measured([20.0], [2000.0], 200, 0.5)
    paced = found[20.0, 2000.0]

    assert (paced.note, sum(window[0] for window in paced.windows)) == ("", 1000)
    assert len(row(2000.0, paced, 20.0)) == 8
