"""The samples that the package ships."""

from __future__ import annotations

import pytest

from loadtest.contract import EVENTS, events_of
from loadtest.contract.sample_frames import sample_frame
from tests.contract.document import events, sample


@pytest.mark.parametrize("event", events())
def test_a_sample_is_the_documents(event: str) -> None:
    """Each documented event's sample has the document's values."""
    assert sample(event) == sample_frame(EVENTS[event])


def test_an_event_of_newer_versions_has_none() -> None:
    """What the document does not show has no sample."""
    assert sample_frame(events_of("current")["conversation.updated"]) is None
