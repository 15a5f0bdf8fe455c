"""The shapes against the document's samples, field by field."""

from __future__ import annotations

from typing import Any

import pytest

from loadtest.contract import EVENTS
from loadtest.contract.shapes import JsonValue, ListOf, MapOf, Scalar, Shape, Variants
from tests.contract.document import data_of, events


def unknown(value: Any, shape: JsonValue, path: str = "data") -> list[str]:
    """The fields of a value that a shape does not have; free objects have none of their own."""
    if isinstance(shape, ListOf):
        return [found for item in value for found in unknown(item, shape.items, path)]
    if isinstance(shape, Variants):
        return unknown(value, dict(shape.shapes).get(value["type"], shape.otherwise), path)
    if not isinstance(shape, Shape) or value is None:
        return []
    known = {field.name: field.value for field in shape.fields}
    return [
        found
        for key, item in value.items()
        for found in (unknown(item, known[key], f"{path}.{key}") if key in known else [f"{path}.{key}"])
    ]


@pytest.mark.parametrize("event", events())
def test_every_field_of_the_sample_has_its_entry(event: str) -> None:
    """The shape knows each field that the document shows."""
    assert not unknown(data_of(event), EVENTS[event].payload)


def names(shape: JsonValue) -> list[str]:
    """The names of all shapes within one."""
    match shape:
        case Shape(name=name, fields=fields):
            return [name, *(found for field in fields for found in names(field.value))]
        case ListOf(items=items):
            return names(items)
        case Variants(shapes=shapes, otherwise=otherwise):
            return [found for one in (*(inner for _, inner in shapes), otherwise) for found in names(one)]
        case Scalar() | MapOf():
            return []


@pytest.mark.parametrize("event", events())
def test_shapes_have_names(event: str) -> None:
    """Each shape has a name that a schema can have."""
    assert all(name.isidentifier() and name[0].isupper() for name in names(EVENTS[event].payload))
