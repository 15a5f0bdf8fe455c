"""What can be wrong with a payload: its required fields dropped, its fields given another type, by the contract."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from loadtest.contract.events import events_of
from loadtest.contract.shapes import ALWAYS, NEVER, Field, JsonValue, ListOf, MapOf, Scalar, Shape, Variants
from loadtest.contract.versions import DIALECTS

#: fields that name the emission: without them a delivery cannot be told to be one
_SUBJECT = {"account_id", "id"}
_TYPISTS = {"account_id", "conversation", "conversation.id", "user", "user.id"}
_OTHERS: dict[str, Any] = {"string": "x", "integer": 7, "boolean": True, "object": {}, "array": []}


@dataclass(frozen=True)
class Mutation:
    """One thing that is made wrong.

    Attributes:
        kind: the violation that it is.
        path: keys and positions that lead to the field.
        value: what the field becomes; nothing where it is dropped.
        detail: what the violation says.
        unmatched: whether the frame can no longer be told to be the emission's.
    """

    kind: str
    path: tuple[str | int, ...]
    value: Any
    detail: str
    unmatched: bool

    @property
    def unmarked(self) -> bool:
        """Whether the text that holds the mark is not there."""
        return self.kind == "missing_field" and self.path == ("content",)


def mutations(event: str, data: Any, dialect: Any) -> list[Mutation]:
    """Everything that can be made wrong with an event's payload on an agent's socket, one fault each."""
    return list(_of_shape(event, events_of(dialect)[event].payload, data, {}, (), dialect))


def spoilt(data: Any, mutation: Mutation) -> Any:
    """The payload with the fault."""
    changed = copy.deepcopy(data)
    *above, last = mutation.path
    place = changed
    for step in above:
        place = place[step]
    if mutation.kind == "missing_field":
        del place[last]
    else:
        place[last] = mutation.value
    return changed


def _of_shape(event: str, shape: Shape, value: Any, parent: Any, path: tuple[Any, ...], name: Any) -> Iterator[Any]:
    dialect = DIALECTS[name]
    for field in shape.fields:
        if field.name not in value or not dialect.somewhere(field.span):
            continue
        here = (*path, field.name)
        if dialect.throughout(field.span) and _is_required(field, value, parent):
            detail = f"data{_shown(here)}: expected {_expected(field, name)}"
            yield Mutation("missing_field", here, None, detail, _is_subject(event, here, dropped=True))
        wrong, found = _wrong(_types(field.value))
        detail = f"data{_shown(here)}: expected {_expected(field, name)}, found {found}"
        yield Mutation("wrong_type", here, wrong, detail, _is_subject(event, here, dropped=False))
        if value[field.name] is not None:
            yield from _inside(event, field.value, value[field.name], value, here, name)


def _inside(event: str, kind: JsonValue, value: Any, parent: Any, path: tuple[Any, ...], name: Any) -> Iterator[Any]:
    match kind:
        case Shape():
            yield from _of_shape(event, kind, value, parent, path, name)
        case Variants(shapes=shapes, otherwise=otherwise):
            shape = dict(shapes).get(value.get("type"), otherwise)
            yield from _of_shape(event, shape, value, parent, path, name)
        case ListOf(items=items):
            if value:
                yield from _inside(event, items, value[0], parent, (*path, 0), name)
        case MapOf(values=values):
            if value:
                wrong, found = _wrong(values.types)
                detail = f"data{_shown(path)}.*: expected {' or '.join(values.types)}, found {found}"
                yield Mutation("wrong_type", (*path, next(iter(value))), wrong, detail, True)


def _is_required(field: Field, owner: Any, parent: Any) -> bool:
    """As it is on an agent's socket."""
    condition = field.required
    if condition is NEVER:
        return False
    return condition is ALWAYS or condition.holds is None or condition.holds(owner, parent)


def _types(kind: JsonValue) -> tuple[str, ...]:
    if isinstance(kind, Scalar):
        return kind.types
    return ("array",) if isinstance(kind, ListOf) else ("object",)


def _expected(field: Field, name: Any) -> str:
    nullable = field.nullable
    if not isinstance(nullable, bool):
        nullable = DIALECTS[name].somewhere(nullable)
    return " or ".join((*_types(field.value), "null") if nullable else _types(field.value))


def _wrong(types: tuple[str, ...]) -> tuple[Any, str]:
    """A value of none of these types, and its type."""
    fitting = {*types, "integer"} if "number" in types else set(types)
    found = next(name for name in _OTHERS if name not in fitting)
    return _OTHERS[found], found


def _is_subject(event: str, path: tuple[Any, ...], *, dropped: bool) -> bool:
    where = ".".join(map(str, path))
    if event == "message.created":
        return where == "content"
    if event == "presence.update":
        return not dropped and where in ("users", "contacts")
    if event.startswith("conversation.typing_"):
        return where in _TYPISTS or (where == "user.type" and not dropped)
    return where in _SUBJECT


def _shown(path: tuple[Any, ...]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
