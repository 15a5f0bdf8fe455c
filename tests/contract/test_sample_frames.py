"""The samples that the package ships."""

from __future__ import annotations

from importlib import resources
from typing import Any

import pytest

from loadtest.contract import EVENTS, Checker, Recipient, events_of
from loadtest.contract.sample_frames import sample_frame
from loadtest.contract.shapes import JsonValue, ListOf, Shape, Variants
from loadtest.contract.versions import DIALECTS
from tests.contract.document import events, sample

NEWER = [name for name in events_of("auto") if name not in EVENTS]
AGENT = Recipient("agent", account_ids=(1,), user_id=1, inbox_ids=frozenset({1}))


def missing(kind: JsonValue, value: Any, path: str = "data") -> list[str]:
    """The fields of a shape, as version 4.12 sends it, that a sample does not show."""
    match kind:
        case Shape(fields=fields):
            known = [field for field in fields if DIALECTS["current"].somewhere(field.span)]
            absent = [f"{path}.{field.name}" for field in known if field.name not in value]
            inside = [field for field in known if value.get(field.name) is not None]
            return absent + [
                one for field in inside for one in missing(field.value, value[field.name], f"{path}.{field.name}")
            ]
        case Variants(shapes=shapes, otherwise=otherwise):
            return missing(dict(shapes).get(value["type"], otherwise), value, path)
        case ListOf(items=items):
            return missing(items, value[0], f"{path}[0]") if value else [f"{path}[0]"]
        case _:
            return []


@pytest.mark.parametrize("event", events())
def test_a_sample_is_the_documents(event: str) -> None:
    """Each documented event's sample has the document's values."""
    assert sample(event) == sample_frame(EVENTS[event])


@pytest.mark.parametrize("event", NEWER)
def test_a_newer_events_sample_breaks_nothing(event: str) -> None:
    """What we made up passes on an agent's socket, in the newest version and in any."""
    frame = sample_frame(events_of("auto")[event])
    dialects = ["auto", *(["current"] if event in events_of("current") else [])]

    assert [[]] * len(dialects) == [Checker(dialect).check_frame(frame, AGENT) for dialect in dialects]  # type: ignore[arg-type]


@pytest.mark.parametrize("event", NEWER)
def test_a_newer_events_sample_shows_every_field(event: str) -> None:
    """A reader sees all that the contract knows of it, but what comes only if somebody asked for it."""
    spec = events_of("auto")[event]
    frame = sample_frame(spec)
    assert frame is not None
    absent = set(missing(spec.payload, frame["message"]["data"]))
    only_if = {path for path in absent if path.endswith((".echo_id", ".attachments", ".referer", ".browser"))}

    assert (event, set()) == (frame["message"]["event"], absent - only_if - REBUILT.get(event, set()) - INITIATED)


#: a payload that a job builds anew knows no performer; a contact of an API inbox did not visit a page
REBUILT = {"conversation.updated": {"data.performer"}}
INITIATED = {"data.additional_attributes.initiated_at"}


def test_every_sample_belongs_to_an_event() -> None:
    """No file is left over, and none is missing."""
    files = {path.name for path in resources.files("loadtest.contract").joinpath("samples").iterdir()}

    assert {spec.sample for spec in events_of("auto").values()} == files
