"""Batches: merging, and the plain form that travels."""

from __future__ import annotations

import enum
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.metrics.batch import Batch, Gauge, Note, plain
from loadtest.metrics.histogram import Histogram
from tests.metrics.strategies import batches


def _content(batch: Batch) -> tuple[Any, ...]:
    """A batch's contents without the order of its rows, which means nothing."""
    return (
        batch.hists,
        batch.counts,
        *(sorted(map(repr, rows)) for rows in (batch.closings, batch.notes, batch.gauges)),
    )


def _merged(parts: list[Batch]) -> Batch:
    whole = Batch()
    for part in parts:
        whole.merge(part)
    return whole


@given(batches)
def test_msgpack_brings_a_batch_back(batch: Batch) -> None:
    """A batch survives msgpack as Locust uses it, with strict types."""
    packed = msgpack.packb(batch.to_plain(), strict_types=True)

    assert batch == Batch.from_plain(msgpack.unpackb(packed, strict_map_key=False))


@given(st.lists(batches, max_size=4), st.randoms(use_true_random=False))
def test_merging_is_free_of_order(parts: list[Batch], random: Any) -> None:
    """Batches of several workers merge to the same whole in any order."""
    shuffled = random.sample(parts, len(parts))

    assert _content(_merged(parts)) == _content(_merged(shuffled))


@given(batches, batches, batches)
def test_merging_is_free_of_grouping(a: Batch, b: Batch, c: Batch) -> None:
    """A worker may merge its batches before it reports them."""
    assert _content(_merged([a, b, c])) == _content(_merged([a, _merged([b, c])]))


@given(batches, batches)
def test_merging_after_travelling_is_merging(a: Batch, b: Batch) -> None:
    """The master's merge of what arrived equals the merge of what was sent."""
    arrived = [Batch.from_plain(part.to_plain()) for part in (a, b)]

    assert _content(_merged([a, b])) == _content(_merged(arrived))


def test_a_merge_shares_no_histogram() -> None:
    """Recording into the merged batch leaves its source as it was."""
    source = Batch()
    source.hist(1, "fanout").record(5)
    whole = _merged([source])
    whole.hist(1, "fanout").record(6)

    assert source.hist(1, "fanout").n == 1


def test_a_histogram_is_made_once() -> None:
    """Asking twice for a key gives the same histogram."""
    batch = Batch()

    assert batch.hist(1, "rest", "send") is batch.hist(1, "rest", "send")


def test_counts_add_up() -> None:
    """Counts of a key add up; other keys stay apart."""
    batch = Batch()
    batch.add(1, "rest.n", "send")
    batch.add(1, "rest.n", "send", value=4)
    batch.add(2, "rest.n", "send")

    assert {(1, "rest.n", "send", ""): 5, (2, "rest.n", "send", ""): 1} == batch.counts


def test_a_new_batch_is_empty() -> None:
    """Nothing measured is nothing to send."""
    assert Batch().is_empty


@pytest.mark.parametrize(
    "batch",
    [
        Batch(hists={(1, "fanout", "", ""): Histogram()}),
        Batch(counts={(1, "rest.n", "", ""): 0}),
        Batch(notes=[Note(1, "phase", "hold")]),
        Batch(gauges=[Gauge(1, "users", "w", 1.0)]),
    ],
)
def test_anything_measured_is_not_empty(batch: Batch) -> None:
    """Any part that holds something is something to send."""
    assert not batch.is_empty


class _Colour(enum.StrEnum):
    RED = "red"


def test_numpy_and_enumerations_become_plain() -> None:
    """What collectors may leave in a batch travels as plain values."""
    batch = Batch()
    batch.add(1, "presence.alive_us", _Colour.RED, value=np.int64(7))
    batch.notes.append(Note(1, "breach", "", {"value": np.float64(2.5), "windows": (1, 2), "ok": np.True_}))
    unpacked = msgpack.unpackb(msgpack.packb(batch.to_plain(), strict_types=True), strict_map_key=False)

    assert [[1, "presence.alive_us", "red", "", 7]] == unpacked["counts"]
    assert {"value": 2.5, "windows": [1, 2], "ok": True} == unpacked["notes"][0][3]


def test_what_is_not_plain_is_refused() -> None:
    """An object that nobody thought of does not travel."""
    with pytest.raises(TypeError, match=r"not a plain value: builtins\.set"):
        plain({"token": {1}})


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"version": 1}, "version 2"),
        ({"hists": None}, "'hists' must be a list"),
        ({"counts": [[1, "a", "b"]]}, "'counts' must be a list of 5"),
        ({"counts": [[1, "a", "b", "c", "many"]]}, "'counts' holds a str at place 4"),
        ({"hists": [[1, "a", "b", "c", b"x"]]}, "not a histogram's bytes"),
        ({"closings": [[1]]}, "'closings' must be a list of 28"),
        ({"notes": [[1, "phase", "hold", "data"]]}, "'notes' holds a str at place 3"),
        ({"gauges": [["1", "a", "b", 2.0]]}, "'gauges' holds a str at place 0"),
        ({"doubts": [["agent.send_message"]]}, "'doubts' must be a list of 29"),
    ],
)
def test_what_is_no_batch_is_refused(change: dict[str, Any], problem: str) -> None:
    """A message that is not a batch is an error that says what does not fit."""
    with pytest.raises(ValueError, match=problem):
        Batch.from_plain(Batch().to_plain() | change)


def test_something_else_is_no_batch() -> None:
    """Even a message that is no mapping is a clear error."""
    with pytest.raises(ValueError, match="same release"):
        Batch.from_plain([])  # type: ignore[arg-type]
