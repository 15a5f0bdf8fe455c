"""The language in which payload shapes are written: fields with a JSON type, nullability and when they are required.

Values only: :mod:`loadtest.contract.conformance` makes fast checks of them, :mod:`loadtest.contract.schema` JSON
Schema, and the table itself is in :mod:`loadtest.contract.payloads`. A shape says what must be there; whatever else a
server sends is never wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from loadtest.contract.versions import EVER, Span

JsonType: TypeAlias = Literal["string", "integer", "number", "boolean", "object", "array", "null"]
Holds: TypeAlias = Callable[[Mapping[str, Any], Mapping[str, Any]], bool]


@dataclass(frozen=True, slots=True)
class Scalar:
    """A value told by its JSON type alone; ``object`` is a free object, whose content the contract leaves open.

    Attributes:
        types: names as in JSON Schema, any of which will do. ``number`` includes integers.
    """

    types: tuple[JsonType, ...]


STRING = Scalar(("string",))
INTEGER = Scalar(("integer",))
NUMBER = Scalar(("number",))
BOOLEAN = Scalar(("boolean",))
OBJECT = Scalar(("object",))
STRING_OR_INTEGER = Scalar(("string", "integer"))
STRING_OR_NUMBER = Scalar(("string", "number"))


@dataclass(frozen=True, slots=True)
class ListOf:
    """An array.

    Attributes:
        items: what each element is.
    """

    items: JsonValue


@dataclass(frozen=True, slots=True)
class MapOf:
    """An object whose keys are ids.

    Attributes:
        values: what each value is.
    """

    values: Scalar


@dataclass(frozen=True, slots=True)
class Variants:
    """An object whose field ``type`` says which shape it has.

    Attributes:
        name: of the whole, in the schema.
        shapes: by the value of ``type``.
        otherwise: the shape under any other ``type``.
    """

    name: str
    shapes: tuple[tuple[str, Shape], ...]
    otherwise: Shape


@dataclass(frozen=True, slots=True)
class Condition:
    """When a field is required. A field that is not required may be absent or null.

    Attributes:
        says: the condition in words, after "required".
        holds: told the object and the object that it stands in; None where no state decides.
        role: the receiver's role for which alone it holds; empty for both.
    """

    says: str
    holds: Holds | None = None
    role: str = ""


ALWAYS = Condition("always")
NEVER = Condition("never")
FOR_AGENTS = Condition("on an agent's socket", role="agent")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an object.

    Attributes:
        name: its key.
        value: what it is when it is neither absent nor null.
        nullable: whether null will do where it is required: in all versions, in none, or in those of a span.
        required: when it must be there.
        span: the versions that send it; outside of them nothing is said about it.
    """

    name: str
    value: JsonValue
    nullable: bool | Span = False
    required: Condition = ALWAYS
    span: Span = EVER


@dataclass(frozen=True, slots=True)
class Shape:
    """An object.

    Attributes:
        name: in the schema, in Pascal case.
        fields: those that the contract knows.
    """

    name: str
    fields: tuple[Field, ...]

    def extended(self, name: str, *fields: Field) -> Shape:
        """The shape with more fields; a field of the same name takes the place of the old one."""
        replaced = {field.name: field for field in fields}
        kept = tuple(replaced.pop(field.name, field) for field in self.fields)
        return Shape(name, kept + tuple(replaced.values()))


JsonValue: TypeAlias = Scalar | ListOf | MapOf | Variants | Shape
