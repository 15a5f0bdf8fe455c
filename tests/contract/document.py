"""The seed document's samples: read out of the document itself where it is at hand, else from tests/data/seed."""

from __future__ import annotations

import copy
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
DOCUMENT = ROOT.parent / "shared" / "seed"
"""The folder that holds the document, where there is one beside the repository."""

STORED = ROOT / "tests" / "data" / "seed"

Frame = dict[str, Any]
Place = tuple[str | int, ...]


def samples_in(text: str) -> list[Frame]:
    """Every event frame written in a document, in its order; comments and commands stand between them."""
    decode = json.JSONDecoder().raw_decode
    values = [decode(text, found.start())[0] for found in re.finditer(r"^\{", text, re.MULTILINE)]
    return [value for value in values if isinstance(value.get("message"), dict)]


def document_samples() -> list[Frame]:
    """The samples of the document beside the repository; empty where there is none."""
    return [frame for path in sorted(DOCUMENT.glob("*.txt")) for frame in samples_in(path.read_text())]


def stored_samples() -> dict[str, Frame]:
    """The samples kept with the tests, by event."""
    frames = [json.loads(path.read_text()) for path in sorted(STORED.glob("*.json"))]
    return {frame["message"]["event"]: frame for frame in frames}


@cache
def _samples() -> dict[str, Frame]:
    found = document_samples()
    return {frame["message"]["event"]: frame for frame in found} if found else stored_samples()


def sample(event: str) -> Frame:
    """A sample that the test may change."""
    return copy.deepcopy(_samples()[event])


def data_of(event: str) -> dict[str, Any]:
    """A sample's payload that the test may change."""
    data: dict[str, Any] = sample(event)["message"]["data"]
    return data


def events() -> list[str]:
    """Names of all events that have a sample."""
    return list(_samples())


def places(value: Any, path: Place = ()) -> list[Place]:
    """The paths of all keys below a value, in objects inside arrays too."""
    if isinstance(value, dict):
        return [found for key, item in value.items() for found in [(*path, key), *places(item, (*path, key))]]
    if isinstance(value, list):
        return [found for number, item in enumerate(value) for found in places(item, (*path, number))]
    return []


def at(value: Any, path: Place) -> Any:
    """What stands at a path."""
    for step in path:
        value = value[step]
    return value


def without(value: Any, path: Place) -> Any:
    """The value without the key at a path."""
    changed = copy.deepcopy(value)
    del at(changed, path[:-1])[path[-1]]
    return changed


def with_value(value: Any, path: Place, put: Any) -> Any:
    """The value with something else at a path."""
    changed = copy.deepcopy(value)
    at(changed, path[:-1])[path[-1]] = put
    return changed


def dotted(path: Place) -> str:
    """A path as violations write it: ``data.messages[0].id``."""
    return "data" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)


def modern(event: str) -> dict[str, Any]:
    """A sample's payload as version 4.12 sends it, put together from its source."""
    data = data_of(event)
    _modernise(data)
    if event == "message.updated":
        data["previous_changes"] = {"content_attributes": [{}, {}]}
    if event.startswith("conversation.typing"):
        data["is_private"] = False
    if event != "presence.update":
        data["performer"] = _modernise(
            {"id": 1, "name": "J", "available_name": "J", "avatar_url": "", "type": "user", "availability_status": None}
        )
    if event in ("assignee.changed", "team.changed"):
        data["id"] = 7
    return data


def _modernise(value: Any) -> Any:
    if isinstance(value, list):
        return [_modernise(item) for item in value]
    if not isinstance(value, dict):
        return value
    for item in list(value.values()):
        _modernise(item)
    if value.get("type") == "contact":
        value.pop("pubsub_token", None)
        value["blocked"] = False
    elif value.get("type") == "user":
        value["thumbnail"] = ""
    if "hmac_verified" in value and "source_id" in value:
        value["pubsub_token"] = "token"
    if "message_type" in value:
        value |= {"additional_attributes": {}, "processed_message_content": value["content"], "sentiment": {}}
        value["conversation"] = {
            "assignee_id": None,
            "unread_count": 1,
            "last_activity_at": 1,
            "contact_inbox": {"source_id": "s"},
        }
    if "can_reply" in value:
        value |= {"labels": ["a"], "custom_attributes": {}, "snoozed_until": None, "first_reply_created_at": None}
        value |= {"priority": None, "waiting_since": 0, "last_activity_at": 1, "created_at": 1, "updated_at": 1.5}
        value["meta"] |= {"team": None, "assignee_type": "User", "hmac_verified": False}
    return value
