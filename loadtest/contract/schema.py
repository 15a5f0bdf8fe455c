"""From the contract's shapes to JSON Schema (draft 7, the dialect that AsyncAPI 3 builds on).

A schema demands what every receiver may demand whatever the state; a field that is required on one channel or in one
state only says so in its description.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from loadtest.contract.shapes import ALWAYS, NEVER, Field, JsonValue, ListOf, MapOf, Scalar, Shape, Variants
from loadtest.contract.versions import Dialect, Span, written

Schema: TypeAlias = dict[str, Any]

REFERENCE = "#/components/schemas/"


class SchemaBook:
    """Collects the schemas of shapes, each under its name and once.

    Args:
        dialect: whose versions' fields are told, and demanded if all of them send them.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._schemas: dict[str, Schema] = {}

    @property
    def schemas(self) -> Mapping[str, Schema]:
        """All schemas so far, by name in alphabetical order."""
        return dict(sorted(self._schemas.items()))

    def reference(self, shape: Shape | Variants) -> Schema:
        """A ``$ref`` to a shape's schema, which is made if it is new.

        Raises:
            ValueError: another shape has this name.
        """
        schema = self._object(shape) if isinstance(shape, Shape) else self._one_of_variants(shape)
        if self._schemas.setdefault(shape.name, schema) != schema:
            raise ValueError(f"two different shapes are called {shape.name}")
        return {"$ref": REFERENCE + shape.name}

    def _object(self, shape: Shape) -> Schema:
        fields = [field for field in shape.fields if self._dialect.somewhere(field.span)]
        demanded = [field.name for field in fields if self._demanded(field)]
        schema: Schema = {"type": "object", "properties": {field.name: self._field(field) for field in fields}}
        return {**schema, "required": demanded} if demanded else schema

    def _demanded(self, field: Field) -> bool:
        return field.required is ALWAYS and self._dialect.throughout(field.span)

    def _field(self, field: Field) -> Schema:
        nullable = self._dialect.somewhere(field.nullable) if isinstance(field.nullable, Span) else field.nullable
        schema = self._value(field.value)
        if nullable or not self._demanded(field):
            schema = _or_null(schema)
        notes = []
        if field.required not in (ALWAYS, NEVER):
            notes.append(f"Required {field.required.says}.")
        if field.span.since:
            notes.append(f"Known since {written(field.span.since)}.")
        if field.span.until is not None:
            notes.append(f"Not sent since {written(field.span.until)}.")
        if isinstance(field.nullable, Span) and nullable and field.nullable.until is not None:
            notes.append(f"Not null since {written(field.nullable.until)}.")
        if not notes:
            return schema
        described = {"allOf": [schema]} if "$ref" in schema else schema  # draft 7 ignores what stands beside a $ref
        return {**described, "description": " ".join(notes)}

    def _value(self, value: JsonValue) -> Schema:
        match value:
            case Scalar(types=types):
                return {"type": types[0] if len(types) == 1 else list(types)}
            case ListOf(items=items):
                return {"type": "array", "items": self._value(items)}
            case MapOf(values=values):
                return {"type": "object", "additionalProperties": self._value(values)}
            case Shape() | Variants():
                return self.reference(value)

    def _one_of_variants(self, variants: Variants) -> Schema:
        """By ``type``: the shape of that name, the fallback under any other."""
        names = [name for name, _ in variants.shapes]
        cases = [
            {
                "if": {"properties": {"type": {"const": name}}, "required": ["type"]},
                "then": self.reference(shape),
            }
            for name, shape in variants.shapes
        ]
        other = {
            "if": {"properties": {"type": {"enum": names}}, "required": ["type"]},
            "else": self.reference(variants.otherwise),
        }
        return {"type": "object", "allOf": [*cases, other]}


def _or_null(schema: Schema) -> Schema:
    types = schema.get("type")
    if types is None:
        return {"anyOf": [schema, {"type": "null"}]}
    return {**schema, "type": [*(types if isinstance(types, list) else [types]), "null"]}
