"""From a shape to a function that finds what is wrong with a decoded payload, fast.

Each shape becomes a closure over rows of (key, accepted Python types, check of what is inside). A payload without
faults costs a dictionary look-up and a set look-up a field; paths are put together only where there is a fault. Values
are those of ``msgspec.json.decode``: dict, list, str, int, float, bool, None.

Faults name keys of the contract, list positions and JSON types: never a value that the peer sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from loadtest.contract.shapes import (
    ALWAYS,
    NEVER,
    Condition,
    Field,
    Holds,
    JsonType,
    JsonValue,
    ListOf,
    MapOf,
    Scalar,
    Shape,
    Variants,
)
from loadtest.contract.versions import Dialect, Span

_PYTHON: Mapping[JsonType, frozenset[type]] = {
    "string": frozenset({str}),
    "integer": frozenset({int}),
    "number": frozenset({int, float}),
    "boolean": frozenset({bool}),
    "object": frozenset({dict}),
    "array": frozenset({list}),
    "null": frozenset({type(None)}),
}
_JSON: Mapping[type, JsonType] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    dict: "object",
    list: "array",
    type(None): "null",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a payload.

    Attributes:
        kind: ``missing_field`` or ``wrong_type``.
        path: where, below the value that was checked: ``.meta.sender.id``, ``.messages[0].content``; empty for itself.
        expected: JSON types that would do, such as ``string or null``.
        found: the JSON type that is there; empty where nothing is.
    """

    kind: Literal["missing_field", "wrong_type"]
    path: str
    expected: str
    found: str = ""


Check: TypeAlias = Callable[[Any, Mapping[str, Any]], "list[Fault] | None"]
"""Told a value of an accepted type and the object it stands in; the faults below it, or None."""


class _Absent:
    """Stands for a key that is not there."""


_ABSENT = _Absent()
_NOTHING: Mapping[str, Any] = {}
_NULL = type(None)


def type_name(value: object) -> str:
    """The JSON type of a decoded value."""
    return _JSON.get(type(value), "unknown")


def compile_shape(shape: Shape, dialect: Dialect, role: str) -> Callable[[object], list[Fault]]:
    """A function that lists the faults of a payload.

    Args:
        shape: what it should be.
        dialect: whose versions' fields are demanded: only a field that all of them send.
        role: on whose socket it arrived, ``agent`` or ``contact``.
    """
    check = _object(shape, dialect, role)

    def faults(value: object) -> list[Fault]:
        if type(value) is not dict:
            return [Fault("wrong_type", "", "object", type_name(value))]
        return check(value, _NOTHING) or []

    return faults


def _object(shape: Shape, dialect: Dialect, role: str) -> Check:
    rows = [_row(field, dialect, role) for field in shape.fields if dialect.somewhere(field.span)]
    plain = tuple((name, accepted, row) for name, accepted, inner, row in rows if inner is None)
    nested = tuple((name, accepted, inner, row) for name, accepted, inner, row in rows if inner is not None)

    def check(value: dict[str, Any], parent: Mapping[str, Any]) -> list[Fault] | None:
        found: list[Fault] | None = None
        get = value.get
        for name, accepted, row in plain:
            if type(get(name, _ABSENT)) not in accepted:
                fault = row(get(name, _ABSENT), value, parent)
                if fault is not None:
                    found = [fault] if found is None else [*found, fault]
        for name, accepted, inner, row in nested:
            item = get(name, _ABSENT)
            if type(item) not in accepted:
                fault = row(item, value, parent)
                if fault is not None:
                    found = [fault] if found is None else [*found, fault]
            elif item is not None and item is not _ABSENT:
                below = inner(item, value)
                if below is not None:
                    found = [*(found or ()), *_under(f".{name}", below)]
        return found

    return check


_Row: TypeAlias = Callable[[object, Mapping[str, Any], Mapping[str, Any]], "Fault | None"]


def _row(field: Field, dialect: Dialect, role: str) -> tuple[str, frozenset[type], Check | None, _Row]:
    """Key, types that are right whatever the state, the check inside, and the judgement of any other type."""
    names, inner = _value(field.value, dialect, role)
    required = _required(field, dialect, role)
    nullable = dialect.somewhere(field.nullable) if isinstance(field.nullable, Span) else field.nullable
    accepted = frozenset().union(*(_PYTHON[name] for name in names))
    if nullable or required is NEVER:
        accepted |= {_NULL}
    if required is NEVER:
        accepted |= {_Absent}
    path = f".{field.name}"
    expected = " or ".join((*names, "null") if nullable else names)
    holds: Holds | None = required.holds

    def judge(value: object, owner: Mapping[str, Any], parent: Mapping[str, Any]) -> Fault | None:
        nothing = value is _ABSENT or value is None
        if nothing and (required is NEVER or (holds is not None and not holds(owner, parent))):
            return None
        if value is _ABSENT:
            return Fault("missing_field", path, expected)
        return Fault("wrong_type", path, expected, type_name(value))

    return field.name, accepted, inner, judge


def _required(field: Field, dialect: Dialect, role: str) -> Condition:
    condition = field.required
    if condition is NEVER or not dialect.throughout(field.span) or condition.role not in ("", role):
        return NEVER
    return ALWAYS if condition.holds is None else condition


def _value(value: JsonValue, dialect: Dialect, role: str) -> tuple[tuple[JsonType, ...], Check | None]:
    match value:
        case Scalar(types=types):
            return types, None
        case ListOf(items=items):
            return ("array",), _list(*_value(items, dialect, role))
        case MapOf(values=values):
            return ("object",), _map(values)
        case Variants():
            return ("object",), _variants(value, dialect, role)
        case Shape():
            return ("object",), _object(value, dialect, role)


def _list(names: tuple[JsonType, ...], inner: Check | None) -> Check:
    accepted = frozenset().union(*(_PYTHON[name] for name in names))
    expected = " or ".join(names)

    def check(value: list[Any], parent: Mapping[str, Any]) -> list[Fault] | None:
        found: list[Fault] | None = None
        for place, item in enumerate(value):
            if type(item) not in accepted:
                below: list[Fault] | None = [Fault("wrong_type", "", expected, type_name(item))]
            else:
                below = None if inner is None else inner(item, parent)
            if below is not None:
                found = [*(found or ()), *_under(f"[{place}]", below)]
        return found

    return check


def _map(values: Scalar) -> Check:
    accepted = frozenset().union(*(_PYTHON[name] for name in values.types))
    expected = " or ".join(values.types)

    def check(value: dict[str, Any], parent: Mapping[str, Any]) -> list[Fault] | None:
        if accepted.issuperset(map(type, value.values())):
            return None
        wrong = next(item for item in value.values() if type(item) not in accepted)
        return [Fault("wrong_type", ".*", expected, type_name(wrong))]

    return check


def _variants(variants: Variants, dialect: Dialect, role: str) -> Check:
    by_type = {name: _object(shape, dialect, role) for name, shape in variants.shapes}
    otherwise = _object(variants.otherwise, dialect, role)

    def check(value: dict[str, Any], parent: Mapping[str, Any]) -> list[Fault] | None:
        kind = value.get("type")
        chosen = by_type.get(kind, otherwise) if type(kind) is str else otherwise
        return chosen(value, parent)

    return check


def _under(path: str, faults: list[Fault]) -> list[Fault]:
    return [Fault(fault.kind, path + fault.path, fault.expected, fault.found) for fault in faults]
