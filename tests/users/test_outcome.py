"""How a visit ended."""

import pytest

from loadtest.users.outcome import Outcome, disconnect_name


@pytest.mark.parametrize(
    ("ended", "by_us", "name"),
    [
        (None, False, "1006"),
        (None, True, "by_us"),
        (Outcome("left"), True, "by_us"),
        (Outcome("left"), False, "1006"),
        (Outcome("stale"), True, "stale"),
        (Outcome("disconnected", detail="server_restart"), True, "server_restart"),
        (Outcome("disconnected"), False, "disconnected"),
    ],
)
def test_a_disconnect_is_counted_by_its_cause(ended, by_us, name):
    """What the peer gave cause for is its doing, whoever closed first."""
    assert name == disconnect_name(ended, 1006, by_us=by_us)
