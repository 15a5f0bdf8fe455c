"""The identities file: a directory as versioned JSON lines, for installations whose identities cannot be computed.

The first line is ``{"kind":"header","schema":1}``, each further line one agent or one contact with the fields of
:mod:`loadtest.directory.model`; blank lines are passed over. ``identities.schema.json`` beside this module is the JSON
Schema of one line. The file holds secrets: it is written readable by its owner alone, and no error quotes a value that
could be one.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal, Union

import msgspec

from loadtest.directory.model import Agent, Contact, Directory
from loadtest.directory.secret_files import refuse_world_readable
from loadtest.errors import UsageError

SCHEMA = 1
"""Version of the format that is written, and the only one that is read."""

SCHEMA_PATH = Path(__file__).with_name("identities.schema.json")
"""JSON Schema of one line of the file."""

_Id = Annotated[int, msgspec.Meta(ge=1)]
_Secret = Annotated[str, msgspec.Meta(min_length=1)]


class _Header(msgspec.Struct, tag="header", tag_field="kind", forbid_unknown_fields=True):
    schema: int


class _Agent(msgspec.Struct, tag="agent", tag_field="kind", forbid_unknown_fields=True):
    account_ids: Annotated[tuple[_Id, ...], msgspec.Meta(min_length=1)]
    user_id: _Id
    role: Literal["agent", "administrator"]
    inbox_ids: tuple[_Id, ...]
    pubsub_token: _Secret
    access_token: _Secret
    name: str = ""


class _Contact(msgspec.Struct, tag="contact", tag_field="kind", forbid_unknown_fields=True):
    account_id: _Id
    contact_id: _Id
    inbox_id: _Id
    source_id: _Secret
    pubsub_token: _Secret
    inbox_identifier: _Secret | None = None
    website_token: _Secret | None = None
    hmac_verified: bool = False
    conversation_ids: tuple[_Id, ...] = ()
    name: str = ""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Union[_Header, _Agent, _Contact]).decode  # noqa: UP007 - msgspec reads tags from a Union
_KINDS = "header, agent or contact"


def write_identities(path: str | os.PathLike[str], directory: Directory) -> None:
    """Write a directory to a file that only its owner can read (mode 0600), replacing it as a whole.

    Args:
        path: the file; its folder must exist.
        directory: what to write; its ``source`` is not part of the format.

    Raises:
        UsageError: the file cannot be written.
    """
    target = Path(path)
    try:
        # mkstemp makes the file with mode 0600, and the rename leaves no moment with half a file.
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            with os.fdopen(handle, "wb") as out:
                out.writelines(_lines(directory))
            Path(temporary).replace(target)
        except BaseException:
            with suppress(FileNotFoundError):
                Path(temporary).unlink()
            raise
    except OSError as error:
        raise UsageError(
            f"the identities file cannot be written: {error.strerror or error}",
            where=str(path),
            remedy="Give a file in an existing folder that you may write to",
        ) from error


def read_identities(path: str | os.PathLike[str]) -> Directory:
    """Read an identities file.

    Returns:
        The directory, identities in the order of the file.

    Raises:
        UsageError: the file cannot be read, or everybody on this machine may read it; a line is no JSON or not of the
            format; the header is missing or of another version; two lines are the same identity. Its ``where`` is
            ``file:line``.
    """
    reader = _Reader(str(path))
    try:
        with Path(path).open("rb") as lines:
            refuse_world_readable(lines, path)
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    reader.take(number, line)
    except OSError as error:
        raise UsageError(
            f"the identities file cannot be read: {error.strerror or error}",
            where=str(path),
            remedy="Give a file written by `loadtest provision` or `loadtest serve --identities`",
        ) from error
    return reader.finish()


def _lines(directory: Directory) -> Iterator[bytes]:
    yield _encode(_Header(schema=SCHEMA)) + b"\n"
    for agent in directory.agents:
        yield _encode(_Agent(*(getattr(agent, name) for name in _Agent.__struct_fields__))) + b"\n"
    for contact in directory.contacts:
        yield _encode(_Contact(*(getattr(contact, name) for name in _Contact.__struct_fields__))) + b"\n"


class _Reader:
    """Takes the lines of one file and remembers which identity stood where."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._header = False
        self._agents: list[Agent] = []
        self._contacts: list[Contact] = []
        self._seen: dict[tuple[str, str, object], int] = {}

    def take(self, number: int, line: bytes) -> None:
        try:
            record = _decode(line)
        except msgspec.ValidationError as error:
            raise self._invalid(number, str(error)) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            detail = "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
            raise self._error(
                number, f"the line is not JSON ({detail})", "Each line must be one JSON object in UTF-8"
            ) from None
        if isinstance(record, _Header):
            self._take_header(number, record)
        elif not self._header:
            raise self._no_header(number)
        elif isinstance(record, _Agent):
            self._take_agent(number, record)
        else:
            self._take_contact(number, record)

    def finish(self) -> Directory:
        if not self._header:
            raise self._no_header(1)
        return Directory(agents=tuple(self._agents), contacts=tuple(self._contacts), source=self._path)

    def _take_header(self, number: int, header: _Header) -> None:
        if self._header:
            raise self._error(number, "a second header line", "Join files by leaving out all headers but the first")
        if header.schema != SCHEMA:
            raise self._error(
                number,
                f"field 'schema' is {header.schema}, this version reads {SCHEMA}",
                "Write the file again with this version of the toolkit, or use the version that wrote it",
            )
        self._header = True

    def _take_agent(self, number: int, record: _Agent) -> None:
        self._once(number, "agent", "user_id", record.user_id, f"user_id {record.user_id}")
        self._once(number, "", "pubsub_token", record.pubsub_token, "this pubsub_token")
        self._once(number, "", "access_token", record.access_token, "this access_token")
        self._agents.append(Agent(*(getattr(record, name) for name in _Agent.__struct_fields__)))

    def _take_contact(self, number: int, record: _Contact) -> None:
        if record.inbox_identifier is None and record.website_token is None:
            raise self._error(
                number,
                "a contact with neither field 'inbox_identifier' nor field 'website_token'",
                "Give the identifier of its API inbox, or the token of its website inbox",
            )
        self._once(number, "", "pubsub_token", record.pubsub_token, "this pubsub_token")
        self._once(
            number, "contact", "source_id", (record.inbox_id, record.source_id), "this source_id at the same inbox"
        )
        self._contacts.append(Contact(*(getattr(record, name) for name in _Contact.__struct_fields__)))

    def _once(self, number: int, kind: str, field: str, value: object, name: str) -> None:
        first = self._seen.setdefault((kind, field, value), number)
        if first != number:
            raise self._error(
                number,
                f"{name} stands in line {first} already (field {field!r})",
                "Each identity belongs to one user: remove one of the two lines",
            )

    def _invalid(self, number: int, detail: str) -> UsageError:
        # msgspec says "Object missing required field `x`" or "Expected `int`, got `str` - at `$.x[0]`".
        problem, _, place = detail.partition(" - at `$.")
        if "unknown field" in problem:
            remedy = "Remove the field, or write the file again with this version of the toolkit"
        elif "missing required field `kind`" in problem or place.startswith("kind"):
            remedy = f"Give field 'kind' as {_KINDS}"
        elif "missing required field" in problem:
            remedy = "Add the field"
        else:
            remedy = f"Correct the value; the format is described in {SCHEMA_PATH.name}"
        what = problem.replace("`", "'")
        what = what[:1].lower() + what[1:]
        return self._error(number, f"field '{place.rstrip('`')}': {what}" if place else what, remedy)

    def _no_header(self, number: int) -> UsageError:
        return self._error(
            number,
            "the header line is missing",
            f'The first line must be {{"kind":"header","schema":{SCHEMA}}}',
        )

    def _error(self, number: int, what: str, remedy: str) -> UsageError:
        return UsageError(what, where=f"{self._path}:{number}", remedy=remedy)
