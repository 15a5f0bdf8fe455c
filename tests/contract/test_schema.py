"""JSON Schema made of shapes, judged by jsonschema."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft7Validator

from loadtest.contract.schema import SchemaBook
from loadtest.contract.shapes import (
    INTEGER,
    NEVER,
    STRING,
    STRING_OR_NUMBER,
    Condition,
    Field,
    ListOf,
    MapOf,
    Shape,
    Variants,
)
from loadtest.contract.versions import DIALECTS, Span

CAT = Shape("Cat", (Field("type", STRING), Field("lives", INTEGER)))
OTHER = Shape("Other", (Field("type", STRING),))
ANIMAL = Variants("Animal", (("cat", CAT),), OTHER)


def valid(field: Field, value: Any) -> bool:
    book = SchemaBook(DIALECTS["seed"])
    whole = book.reference(Shape("Whole", (field,)))
    return bool(Draft7Validator({**whole, "components": {"schemas": dict(book.schemas)}}).is_valid(value))


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        (Field("a", STRING), {"a": "x", "more": 1}, True),
        (Field("a", STRING), {"a": 1}, False),
        (Field("a", STRING), {"a": None}, False),
        (Field("a", STRING), {}, False),
        (Field("a", STRING, nullable=True), {"a": None}, True),
        (Field("a", STRING, nullable=True), {}, False),
        (Field("a", STRING, required=NEVER), {}, True),
        (Field("a", STRING, required=NEVER), {"a": None}, True),
        (Field("a", STRING_OR_NUMBER), {"a": 1.5}, True),
        (Field("a", ListOf(CAT)), {"a": [{"type": "cat", "lives": 1}]}, True),
        (Field("a", ListOf(CAT)), {"a": [{"type": "cat"}]}, False),
        (Field("a", MapOf(STRING)), {"a": {"1": "x"}}, True),
        (Field("a", MapOf(STRING)), {"a": {"1": 1}}, False),
        (Field("a", ANIMAL), {"a": {"type": "cat", "lives": 9}}, True),
        (Field("a", ANIMAL), {"a": {"type": "cat"}}, False),
        (Field("a", ANIMAL), {"a": {"type": "dog"}}, True),
        (Field("a", ANIMAL), {"a": {}}, False),
        (Field("a", CAT, nullable=True), {"a": None}, True),
        (Field("a", STRING, span=Span(since=(2, 0))), {"a": 1}, True),
    ],
)
def test_a_schema_judges_as_the_shape_does(field: Field, value: Any, expected: bool) -> None:
    """Types, null, absence, lists, maps and variants come out as the shape means them."""
    assert expected == valid(field, value)


def test_a_condition_is_told_in_words() -> None:
    """What is required in one state only is not demanded, but described."""
    book = SchemaBook(DIALECTS["seed"])
    book.reference(Shape("Whole", (Field("a", STRING, required=Condition("when loud", lambda v, p: True)),)))

    assert {
        "type": "object",
        "properties": {"a": {"type": ["string", "null"], "description": "Required when loud."}},
    } == book.schemas["Whole"]


def test_two_shapes_of_one_name_are_an_error() -> None:
    """A name stands for one shape."""
    book = SchemaBook(DIALECTS["seed"])
    book.reference(CAT)

    with pytest.raises(ValueError, match="Cat"):
        book.reference(Shape("Cat", ()))
