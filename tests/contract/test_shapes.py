"""Shapes as values."""

from __future__ import annotations

from loadtest.contract.shapes import BOOLEAN, INTEGER, STRING, Field, Shape

POINT = Shape("Point", (Field("x", INTEGER), Field("y", INTEGER)))


def test_a_shape_is_extended_with_further_fields() -> None:
    """New fields come after the old ones, under another name."""
    extended = POINT.extended("Named", Field("name", STRING))

    assert ("Named", ["x", "y", "name"]) == (extended.name, [field.name for field in extended.fields])


def test_a_field_of_the_same_name_takes_the_place_of_the_old_one() -> None:
    """Extending replaces in place and leaves the original alone."""
    extended = POINT.extended("Flag", Field("x", BOOLEAN))

    assert ([BOOLEAN, INTEGER], [INTEGER, INTEGER]) == (
        [field.value for field in extended.fields],
        [field.value for field in POINT.fields],
    )
