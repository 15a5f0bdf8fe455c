"""Compiled shapes: what they find, and what they leave alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.contract.conformance import Fault, compile_shape, type_name
from loadtest.contract.shapes import (
    BOOLEAN,
    FOR_AGENTS,
    INTEGER,
    NEVER,
    NUMBER,
    OBJECT,
    STRING,
    STRING_OR_NUMBER,
    Condition,
    Field,
    ListOf,
    MapOf,
    Shape,
    Variants,
)
from loadtest.contract.versions import DIALECTS, DialectName, Span

INNER = Shape("Inner", (Field("id", INTEGER),))
CAT = Shape("Cat", (Field("type", STRING), Field("lives", INTEGER)))
ANIMAL = Variants("Animal", (("cat", CAT),), Shape("Animal_", (Field("type", STRING),)))
LOUD = Condition("when loud", lambda value, parent: value.get("loud") is True or parent.get("loud") is True)


def faults(value: object, *fields: Field, dialect: DialectName = "seed", role: str = "agent") -> list[Fault]:
    return compile_shape(Shape("Whole", fields), DIALECTS[dialect], role)(value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (Field("a", STRING), ""),
        (Field("a", INTEGER), 0),
        (Field("a", NUMBER), 1),
        (Field("a", NUMBER), 1.5),
        (Field("a", BOOLEAN), False),
        (Field("a", OBJECT), {"whatever": [1]}),
        (Field("a", STRING_OR_NUMBER), 1.5),
        (Field("a", STRING, nullable=True), None),
        (Field("a", ListOf(STRING)), ["x", "y"]),
        (Field("a", ListOf(INNER)), [{"id": 1}]),
        (Field("a", MapOf(STRING)), {"1": "online"}),
        (Field("a", INNER), {"id": 1, "more": 2}),
        (Field("a", INNER, nullable=True), None),
        (Field("a", ANIMAL), {"type": "cat", "lives": 7}),
        (Field("a", ANIMAL), {"type": "dog"}),
    ],
)
def test_what_is_right_has_no_faults(field: Field, value: object) -> None:
    """A value of the field's type passes, and so does whatever else stands beside it."""
    assert not faults({"a": value, "unknown": {}}, field)


@pytest.mark.parametrize(
    ("field", "value", "expected", "path", "found"),
    [
        (Field("a", STRING), 1, "string", ".a", "integer"),
        (Field("a", STRING), None, "string", ".a", "null"),
        (Field("a", INTEGER), True, "integer", ".a", "boolean"),
        (Field("a", INTEGER), 1.5, "integer", ".a", "number"),
        (Field("a", BOOLEAN), 1, "boolean", ".a", "integer"),
        (Field("a", NUMBER), "1", "number", ".a", "string"),
        (Field("a", STRING, nullable=True), [], "string or null", ".a", "array"),
        (Field("a", ListOf(STRING)), ["x", 1], "string", ".a[1]", "integer"),
        (Field("a", ListOf(INNER)), [{"id": 1}, {"id": "1"}], "integer", ".a[1].id", "string"),
        (Field("a", ListOf(INNER)), {}, "array", ".a", "object"),
        (Field("a", MapOf(STRING)), {"1": 2}, "string", ".a.*", "integer"),
        (Field("a", INNER), {"id": None}, "integer", ".a.id", "null"),
        (Field("a", ANIMAL), {"type": "cat", "lives": "7"}, "integer", ".a.lives", "string"),
        (Field("a", ANIMAL), {"type": []}, "string", ".a.type", "array"),
    ],
)
def test_a_wrong_type_is_found_where_it_is(field: Field, value: object, expected: str, path: str, found: str) -> None:
    """The fault names the place and both types."""
    assert [Fault("wrong_type", path, expected, found)] == faults({"a": value}, field)


def test_what_is_missing_is_found() -> None:
    """A required field that is not there is one fault, however much it would have held."""
    assert [Fault("missing_field", ".a", "object")] == faults({}, Field("a", INNER))


def test_all_faults_are_found() -> None:
    """Faults do not hide each other, at any depth."""
    found = faults({"a": 1, "c": {}}, Field("a", STRING), Field("b", STRING), Field("c", INNER))

    assert {".a", ".b", ".c.id"} == {fault.path for fault in found}


@pytest.mark.parametrize("value", [{}, {"a": None}])
def test_a_field_that_is_not_required_may_be_absent_or_null(value: dict[str, Any]) -> None:
    """Null counts as absent where a field is optional."""
    assert not faults(value, Field("a", STRING, required=NEVER))


def test_a_field_that_is_not_required_still_has_a_type() -> None:
    """Where an optional field is there it is what it should be."""
    assert [Fault("wrong_type", ".a", "string", "integer")] == faults({"a": 1}, Field("a", STRING, required=NEVER))


@pytest.mark.parametrize(("loud", "expected"), [(True, ["missing_field"]), (False, [])])
def test_a_condition_decides_by_the_objects_state(loud: bool, expected: list[str]) -> None:
    """A conditional field is missed only where its condition holds."""
    found = faults({"loud": loud}, Field("a", STRING, required=LOUD))

    assert expected == [fault.kind for fault in found]


def test_a_condition_sees_the_object_around_it() -> None:
    """The state may be that of the object in which the field's own stands."""
    found = faults({"loud": True, "in": {}}, Field("in", Shape("In", (Field("a", STRING, required=LOUD),))))

    assert [".in.a"] == [fault.path for fault in found]


def test_null_is_wrong_where_a_condition_requires_a_value() -> None:
    """Where the condition holds, null is no value."""
    assert [Fault("wrong_type", ".a", "string", "null")] == faults(
        {"loud": True, "a": None}, Field("a", STRING, required=LOUD)
    )


@pytest.mark.parametrize(("role", "expected"), [("agent", 1), ("contact", 0)])
def test_a_field_may_be_required_for_one_role(role: str, expected: int) -> None:
    """What only agents are sent is not missed at contacts."""
    assert expected == len(faults({}, Field("a", OBJECT, required=FOR_AGENTS), role=role))


@pytest.mark.parametrize(("dialect", "expected"), [("seed", 1), ("current", 0), ("auto", 0)])
def test_a_field_is_required_where_all_versions_send_it(dialect: DialectName, expected: int) -> None:
    """A field that newer versions dropped is missed in the document's dialect alone."""
    assert expected == len(faults({}, Field("a", STRING, span=Span(until=(2, 0))), dialect=dialect))


def test_a_field_of_other_versions_is_left_alone() -> None:
    """Of a field that no version of the dialect sends nothing is said, whatever its type."""
    assert not faults({"a": 1}, Field("a", STRING, span=Span(since=(2, 0))))


@pytest.mark.parametrize(("dialect", "expected"), [("seed", 0), ("current", 1), ("auto", 0)])
def test_a_field_may_be_null_in_some_versions(dialect: DialectName, expected: int) -> None:
    """Null will do where some version of the dialect allows it."""
    found = faults({"a": None}, Field("a", INTEGER, nullable=Span(until=(4, 0, 2))), dialect=dialect)

    assert expected == len(found)


@pytest.mark.parametrize("value", [None, [], "x", 1])
def test_a_payload_is_an_object(value: object) -> None:
    """Anything else is one fault of the whole."""
    assert [Fault("wrong_type", "", "object", type_name(value))] == faults(value, Field("a", STRING))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "id", "type"]), inner),
    max_leaves=10,
)


@given(json_values)
def test_any_json_value_is_judged(value: object) -> None:
    """Whatever is there, the answer is a list of faults."""
    found = faults(
        value,
        Field("a", ANIMAL, required=LOUD),
        Field("b", ListOf(INNER)),
        Field("id", MapOf(STRING), nullable=True),
    )

    assert all(isinstance(fault, Fault) for fault in found)
