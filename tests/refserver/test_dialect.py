"""The table of versions."""

from typing import Literal

import pytest

from loadtest.contract import EVENTS, events_of
from loadtest.refserver import DIALECTS


def test_the_seed_keeps_a_thirty_second_beat_online() -> None:
    """Under the seed dialect both roles stay online with the document's beat of 30 s."""
    seed = DIALECTS["seed"]

    assert (seed.agent_expiry_s, seed.contact_expiry_s) == (60, 60)


def test_current_expires_as_upstream_does() -> None:
    """Under the current dialect agents expire after 20 s and contacts after 90 s."""
    current = DIALECTS["current"]

    assert (current.agent_expiry_s, current.contact_expiry_s) == (20, 90)


@pytest.mark.parametrize("name", ["seed", "current"])
def test_events_are_the_contracts(name: Literal["seed", "current"]) -> None:
    """Which events a dialect has, and who hears them, is the contract's."""
    assert events_of(name) == DIALECTS[name].events


def test_the_seed_has_the_documents_events() -> None:
    """Under the seed dialect nothing is sent that the document does not know."""
    assert {*EVENTS} == {*DIALECTS["seed"].events}
