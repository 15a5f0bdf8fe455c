"""A frame that broke the contract, told without a word of what people wrote or who they are.

Evidence holds the contract's own keys, JSON types, numeric ids, flags, lengths, and two kinds of string: our marks
and event names. Tokens, e-mail addresses, names, texts and foreign keys become their lengths.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from loadtest.contract.conformance import type_name
from loadtest.contract.events import events_of
from loadtest.contract.shapes import JsonValue, ListOf, Shape, Variants

MARK_CHARS = 36
_MARK = re.compile(r"l[tp]:[0-9a-z]{6}:[0-9a-z]{8}:[0-9]{16}:")
_EVENT_NAME = re.compile(r"[a-z]{1,24}(?:[._][a-z]{1,24}){1,4}")
_ID = re.compile(r"[0-9]{1,19}")
_MOST_KEYS = 40
_MOST_ITEMS = 3
_DEEPEST = 8


def _names(value: JsonValue) -> set[str]:
    match value:
        case Shape(fields=fields):
            return {field.name for field in fields}.union(*(_names(field.value) for field in fields))
        case ListOf(items=items):
            return _names(items)
        case Variants(shapes=shapes, otherwise=otherwise):
            return _names(otherwise).union(*(_names(shape) for _, shape in shapes))
        case _:
            return set()


_KNOWN_KEYS = frozenset({"identifier", "message", "event", "data", "type", "reason", "reconnect"}).union(
    *(_names(spec.payload) for spec in events_of("auto").values())
)


def evidence(frame: object) -> dict[str, Any]:
    """What may be kept and shown of a frame.

    Args:
        frame: decoded, in whole: ``{"identifier": ..., "message": {"event": ..., "data": ...}}``; anything else will
            do as well.

    Returns:
        JSON values. An object keeps its known keys; a foreign key becomes ``<n chars>``. At most 40 keys of an
        object, 3 items of an array and 8 levels are told, and how many there are besides. An integer is kept under
        ``id`` and ``..._id``; a string is kept if it is an event's name under ``event``, cut to its first 36
        characters if it begins with a mark of ours, else told as ``string(length)``.
    """
    told = _told(frame, "", 0)
    return told if isinstance(told, dict) else {"frame": told}


def _told(value: object, key: str, depth: int) -> Any:
    if isinstance(value, dict):
        return _object(value, depth) if depth < _DEEPEST else f"object({len(value)})"
    if isinstance(value, list):
        if depth >= _DEEPEST:
            return f"array({len(value)})"
        items = [_told(item, key, depth + 1) for item in value[:_MOST_ITEMS]]
        return items if len(value) <= _MOST_ITEMS else [*items, f"{len(value) - _MOST_ITEMS} more"]
    if isinstance(value, str):
        return _string(value, key)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int) and (key == "id" or key.endswith("_id")):
        return value
    return type_name(value)


def _object(value: Mapping[str, Any], depth: int) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for key, item in list(value.items())[:_MOST_KEYS]:
        known = key in _KNOWN_KEYS
        name = key if known or _ID.fullmatch(key) else f"<{len(key)} chars>"
        while name in told:
            name += "'"
        told[name] = _told(item, key if known else "", depth + 1)
    if len(value) > _MOST_KEYS:
        told["<more>"] = len(value) - _MOST_KEYS
    return told


def _string(value: str, key: str) -> str:
    if _MARK.match(value):
        return value[:MARK_CHARS]
    if key == "event" and _EVENT_NAME.fullmatch(value):
        return value
    return f"string({len(value)})"
