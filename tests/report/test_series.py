"""Bins, percentiles over time and percentile curves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.metrics.histogram import Histogram
from loadtest.report.series import BEYOND, FEWEST_BINS, MOST_BINS, Frames, bins_for, curve, merged, tells
from tests.report.synthetic import START, Story, frames


def _frames(story: Story) -> Frames:
    hists, counts, gauges, _ = frames(story)
    return Frames(hists, counts, gauges, 1.0)


def _histogram(*values_us: int) -> Histogram:
    hist = Histogram()
    hist.record_many(np.array(values_us, dtype=np.int64))
    return hist


@pytest.mark.parametrize(
    ("q", "n", "told"), [(99.0, 300, True), (99.0, 299, False), (50.0, 6, True), (90.0, 29, False)]
)
def test_a_percentile_takes_samples_beyond_it(q: float, n: int, told: bool) -> None:
    """Three samples must lie beyond a percentile before it is drawn."""
    actual = tells(q, n)

    assert told == actual


@given(st.integers(1, 200_000), st.integers(0, 5_000), st.integers(0, 500))
def test_bins_cover_the_run_and_stay_few(windows: int, per_window: int, lead: int) -> None:
    """Whatever the length and the load, all windows lie in at most MOST_BINS bins (and one for the shift)."""
    bins = bins_for(windows, [per_window] * 3, first=1000, window_s=1.0, origin_s=0.0, hold_first=1000 + lead)
    at = bins.index(np.arange(1000, 1000 + windows))

    actual = (int(at.min()), int(at.max()) + 1, bins.count <= MOST_BINS + 1)

    assert (0, bins.count, True) == actual


def test_a_sparse_run_gets_wide_bins() -> None:
    """With 100 samples a window three windows and more are joined, so that a p99 can be told."""
    actual = bins_for(120, [100] * 120, first=0, window_s=1.0, origin_s=0.0).per

    assert actual == 5


def test_bins_never_get_so_wide_that_no_course_is_left() -> None:
    """A run with hardly any sample keeps a dozen points."""
    actual = bins_for(60, [1] * 60, first=0, window_s=1.0, origin_s=0.0).count

    assert actual >= FEWEST_BINS


def test_a_bin_begins_with_the_hold() -> None:
    """A ramp of 8 windows and bins of 5: the first bin is cut short, the hold starts on an edge."""
    bins = _frames(Story(ramp=8)).bins([("fanout", "message.created", "contact")])

    actual = (bins.per, bins.seconds.tolist()[:3], int(bins.index(np.array([START + 8]))[0]))

    assert (5, [3.0, 5.0, 5.0], 2) == actual


def test_percentiles_over_time_are_those_of_the_merged_windows() -> None:
    """A bin's p90 is the p90 of its windows' histograms merged."""
    data = _frames(Story(ramp=10, drain=0))
    key = ("fanout", "message.created", "agent")
    bins = bins_for(70, [1], first=START, window_s=1.0, origin_s=0.0)
    series = data.percentiles(key, [90.0], bins)
    hists, _, _, _ = frames(Story(ramp=10, drain=0))
    chosen = hists[(hists["metric"] == "fanout") & (hists["name"] == key[1]) & (hists["role"] == "agent")]
    joined = Histogram()
    for window, hist in zip(chosen["window"], chosen["hist"], strict=True):
        if (window - START) // bins.per == 3:
            joined.merge(hist)

    actual = (int(series.n[3]), series.by_q[90.0][3])

    p90_us = joined.percentile(90.0)
    assert p90_us is not None
    assert (joined.n, p90_us / 1000.0) == actual


def test_a_bin_with_too_few_samples_has_no_percentile() -> None:
    """Ten emissions a second to one contact each tell no p99 in a second."""
    data = _frames(Story())
    bins = bins_for(78, [], first=START, window_s=1.0, origin_s=0.0)

    actual = data.percentiles(("fanout", "message.created", "contact"), [99.0], bins).by_q[99.0]

    assert np.isnan(actual).all()


def test_the_frames_histograms_are_left_as_they_are() -> None:
    """Merging bins copies: the same frames can be drawn twice."""
    data = _frames(Story())
    key = ("fanout", "message.created", "agent")
    before = data.hold(key)
    data.percentiles(key, [50.0], data.bins([key]))

    actual = data.hold(key)

    assert before == actual


@given(st.lists(st.lists(st.integers(0, 3_600_000_000), max_size=60), max_size=8))
def test_merging_at_once_is_merging_one_by_one(batches: list[list[int]]) -> None:
    """Bucket counts and percentiles are those of the histograms merged one after the other."""
    hists = [_histogram(*values) for values in batches]
    one_by_one = Histogram()
    for hist in hists:
        one_by_one.merge(hist)
    at_once = merged(hists)

    actual = (at_once.to_sparse(), [at_once.percentile(q) for q in (0.0, 50.0, 99.9, 100.0)])

    assert (one_by_one.to_sparse(), [one_by_one.percentile(q) for q in (0.0, 50.0, 99.9, 100.0)]) == actual
    assert (one_by_one.min_us, one_by_one.max_us) == (at_once.min_us, at_once.max_us)


def test_a_gauge_is_summed_over_workers_and_held_between_their_values() -> None:
    """A worker that reads every other second still counts in between."""
    hists, counts, gauges, _ = frames(Story(ramp=0, hold=4, drain=0))
    gauges = gauges.iloc[:0].copy()
    for at_s, worker, value in ((0.5, "a", 10.0), (1.5, "b", 5.0), (2.5, "a", 12.0)):
        gauges.loc[len(gauges)] = [at_s, "users.connected.agent", worker, value]
    data = Frames(hists, counts, gauges, 1.0)

    actual = data.gauge("users.connected.agent", data.bins([]), across="sum").tolist()

    assert [10.0, 15.0, 17.0, 17.0] == actual


def test_the_busiest_worker_is_the_largest_value_of_a_bin() -> None:
    """Shares are not added up."""
    hists, counts, gauges, _ = frames(Story(ramp=0, hold=2, drain=0))
    gauges = gauges.iloc[:0].copy()
    for at_s, worker, value in ((0.2, "a", 0.4), (0.4, "a", 0.9), (0.5, "b", 0.7)):
        gauges.loc[len(gauges)] = [at_s, "generator.cpu_share", worker, value]
    data = Frames(hists, counts, gauges, 1.0)

    actual = data.gauge("generator.cpu_share", data.bins([]), across="max").tolist()

    assert actual[0] == 0.9
    assert np.isnan(actual[1])


def test_a_curve_without_samples_is_none() -> None:
    """Nothing arrived, nothing is drawn."""
    actual = curve(Histogram(), lost=5)

    assert actual is None


def test_a_curve_ends_at_the_maximum() -> None:
    """Not at the end of the maximum's bucket."""
    found = curve(_histogram(70_000, 79_400))

    assert found is not None
    assert found.ms[-1] == 79.4


def test_a_curve_with_losses_ends_where_the_lost_begin() -> None:
    """Of 1000 that were expected 10 were lost: the curve ends at 99 %."""
    found = curve(_histogram(*range(1, 991)), lost=10)
    assert found is not None

    actual = float(found.nines[-1])

    assert actual == pytest.approx(2.0)


def test_a_curve_tells_where_its_samples_run_out() -> None:
    """Of 100 different values the 97th still has three beyond it."""
    found = curve(_histogram(*range(1, 101)))
    assert found is not None

    actual = (found.told, float(found.ms[found.told - 1]))

    assert (100 - BEYOND, 0.097) == actual


@given(st.lists(st.integers(0, 10_000_000), min_size=1, max_size=400), st.integers(0, 50))
def test_a_curve_rises(values_us: list[int], lost: int) -> None:
    """Rarer is never faster, whatever was measured."""
    found = curve(_histogram(*values_us), lost)
    assert found is not None

    actual = bool((np.diff(found.ms) >= 0).all() and (np.diff(found.nines) > 0).all())

    assert actual


def test_a_run_without_rows_has_no_bins() -> None:
    """Empty frames are fine everywhere."""
    hists, counts, gauges, _ = frames(Story())
    data = Frames(hists.iloc[:0], counts.iloc[:0], gauges, 1.0)

    actual = (data.bins([]).count, data.gauge("generator.cpu_share", data.bins([]), across="max").size)

    assert (0, 0) == actual


def test_a_bin_that_had_begun_before_the_run_stands_in_it() -> None:
    """Its point lies in the part of it that the run had, so that an axis from 0 shows it."""
    bins = bins_for(60, [400] * 60, first=0, window_s=1.0, origin_s=-0.8)

    assert [0.1, 0.7, 1.7] == pytest.approx(bins.centre_s[:3].tolist())
