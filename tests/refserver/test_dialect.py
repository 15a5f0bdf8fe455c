"""The table of versions."""

from loadtest.contract import EVENTS
from loadtest.refserver import DIALECTS


def test_the_seed_keeps_a_thirty_second_beat_online() -> None:
    """Under the seed dialect both roles stay online with the document's beat of 30 s."""
    seed = DIALECTS["seed"]

    assert (seed.agent_expiry_s, seed.contact_expiry_s) == (60, 60)


def test_current_expires_as_upstream_does() -> None:
    """Under the current dialect agents expire after 20 s and contacts after 90 s."""
    current = DIALECTS["current"]

    assert (current.agent_expiry_s, current.contact_expiry_s) == (20, 90)


def test_audiences_differ_in_conversation_created_alone() -> None:
    """The current dialect sends conversation.created to the contact too, and is else as the document says."""
    current = DIALECTS["current"].events

    assert {"conversation.created"} == {name for name, spec in current.items() if spec != EVENTS[name]}
