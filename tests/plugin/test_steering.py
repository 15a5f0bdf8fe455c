"""Who leads a run's load besides its options."""

from __future__ import annotations

from types import SimpleNamespace

from loadtest.plugin.steering import steering_of


def test_a_shape_brings_its_steering():
    """What stands on Locust's shape leads; another shape, or none, leads nothing."""
    leader = object()

    assert steering_of(SimpleNamespace(shape_class=SimpleNamespace(steering=leader))) is leader
    assert steering_of(SimpleNamespace(shape_class=object())) is None
    assert steering_of(SimpleNamespace(shape_class=None)) is None
