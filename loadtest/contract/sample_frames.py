"""A sample of each event: a whole frame, as a value.

The files in ``loadtest/contract/samples/`` hold the document's own values where the document shows the event; a test
compares them with the document. Those of newer events are ours: made up after the source of Chatwoot 4.12, with every
field that the contract knows; tests hold them against the contract and against what the reference server sends.
"""

from __future__ import annotations

from importlib import resources
from typing import Any

import msgspec

from loadtest.contract.events import EventSpec


def sample_frame(spec: EventSpec) -> dict[str, Any] | None:
    """An event's sample, ``{"identifier": ..., "message": {"event": ..., "data": ...}}``.

    Returns:
        A new value at each call, or None where there is no sample.
    """
    if not spec.sample:
        return None
    text = resources.files("loadtest.contract").joinpath("samples", spec.sample).read_bytes()
    frame: dict[str, Any] = msgspec.json.decode(text, type=dict[str, Any])
    return frame
