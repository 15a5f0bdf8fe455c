"""Events: what they never show, and when two are equal."""

from __future__ import annotations

import pytest

from loadtest.cable.events import Confirmed, Event, ProtocolFault, Received, Rejected, Unconfirmed
from loadtest.errors import CableProtocolError


@pytest.mark.parametrize(
    "event",
    [
        Confirmed("secret", 1),
        Rejected("secret"),
        Unconfirmed("secret"),
        Received("secret", b"secret", confirmed=True),
    ],
)
def test_no_repr_shows_a_secret(event: Event) -> None:
    """An event that is logged tells neither token nor message."""
    assert "secret" not in repr(event)


def test_faults_compare_by_kind_and_detail() -> None:
    """Two faults of the same kind and detail are one, in comparisons and in sets."""
    faults = {
        ProtocolFault(CableProtocolError("not_json", "byte 1")),
        ProtocolFault(CableProtocolError("not_json", "byte 1")),
        ProtocolFault(CableProtocolError("not_json", "byte 2")),
    }

    expected = 2
    assert expected == len(faults)


def test_a_fault_equals_no_other_event() -> None:
    """A fault is not taken for something else that happens to compare."""
    assert ProtocolFault(CableProtocolError("x")) != Rejected("x")
