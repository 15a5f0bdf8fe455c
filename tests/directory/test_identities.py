"""The identities file: round trips, its schema, and errors that say which line and field."""

import json
import stat
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.directory import Agent, Contact, Directory, Population, generate, read_identities, write_identities
from loadtest.directory.identities import SCHEMA_PATH
from loadtest.errors import UsageError

HEADER = {"kind": "header", "schema": 1}
AGENT = {
    "kind": "agent",
    "account_ids": [1],
    "user_id": 3,
    "role": "agent",
    "inbox_ids": [2],
    "pubsub_token": "secret-p",
    "access_token": "secret-a",
}
CONTACT = {
    "kind": "contact",
    "account_id": 1,
    "contact_id": 4,
    "inbox_id": 2,
    "source_id": "secret-s",
    "pubsub_token": "secret-c",
    "inbox_identifier": "i",
}

ids = st.integers(1, 2**40)
names = st.text(max_size=20)


@st.composite
def directories(draw: st.DrawFn) -> Directory:
    agents = [
        Agent(
            account_ids=tuple(draw(st.lists(ids, min_size=1, max_size=3))),
            user_id=number + 1,
            role=draw(st.sampled_from(["agent", "administrator"])),
            inbox_ids=tuple(draw(st.lists(ids, max_size=3))),
            pubsub_token=f"p{number}{draw(names)}",
            access_token=f"a{number}",
            name=draw(names),
        )
        for number in range(draw(st.integers(0, 4)))
    ]
    contacts = [
        Contact(
            account_id=draw(ids),
            contact_id=draw(ids),
            inbox_id=draw(ids),
            source_id=f"s{number}{draw(names)}",
            pubsub_token=f"c{number}",
            inbox_identifier=draw(st.none() | st.just("i")),
            website_token="w",
            hmac_verified=draw(st.booleans()),
            conversation_ids=tuple(draw(st.lists(ids, max_size=3))),
            name=draw(names),
        )
        for number in range(draw(st.integers(0, 4)))
    ]
    return Directory(tuple(agents), tuple(contacts))


def file_of(folder: Path, *lines: Any) -> Path:
    path = folder / "identities.jsonl"
    path.write_bytes(
        b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)
    )
    path.chmod(0o600)
    return path


def error_of(path: Path) -> UsageError:
    with pytest.raises(UsageError) as caught:
        read_identities(path)
    return caught.value


@settings(deadline=None)  # files are written
@given(directories())
def test_what_was_written_is_read(tmp_path_factory: pytest.TempPathFactory, directory: Directory) -> None:
    """Any directory comes back as it was, in its order."""
    path = tmp_path_factory.mktemp("identities") / "identities.jsonl"
    write_identities(path, directory)

    assert Directory(directory.agents, directory.contacts, source=str(path)) == read_identities(path)


@settings(deadline=None)  # files are written
@given(directories())
def test_every_line_written_obeys_the_schema(tmp_path_factory: pytest.TempPathFactory, directory: Directory) -> None:
    """The JSON Schema in the package accepts every line that is written."""
    path = tmp_path_factory.mktemp("identities") / "identities.jsonl"
    write_identities(path, directory)
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA_PATH.read_text()))

    assert [
        error.message for line in path.read_bytes().splitlines() for error in validator.iter_errors(json.loads(line))
    ] == []


@pytest.mark.parametrize(
    "line",
    [
        {**HEADER, "schema": 2},
        {**HEADER, "more": 1},
        {"kind": "robot"},
        {**AGENT, "role": "owner"},
        {**AGENT, "account_ids": []},
        {**AGENT, "user_id": 0},
        {**AGENT, "user_id": "3"},
        {**AGENT, "pubsub_token": ""},
        {**AGENT, "more": 1},
        {key: value for key, value in AGENT.items() if key != "access_token"},
        {**CONTACT, "inbox_identifier": None},
        {**CONTACT, "conversation_ids": [0]},
        {**CONTACT, "hmac_verified": 1},
    ],
)
def test_schema_and_reader_refuse_the_same_lines(tmp_path: Path, line: dict[str, Any]) -> None:
    """What the reader refuses in a line, the JSON Schema refuses too."""
    error_of(file_of(tmp_path, line) if line["kind"] == "header" else file_of(tmp_path, HEADER, line))

    assert not jsonschema.Draft202012Validator(json.loads(SCHEMA_PATH.read_text())).is_valid(line)


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    """The file holds secrets: its mode is 0600, also where a wider file stood before."""
    path = tmp_path / "identities.jsonl"
    path.touch(mode=0o644)
    write_identities(path, generate(Population(2, 2, 2)))

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_optional_fields_may_be_left_out(tmp_path: Path) -> None:
    """A line with the required fields alone is enough, and blank lines are passed over."""
    directory = read_identities(file_of(tmp_path, HEADER, AGENT, b"", CONTACT))

    assert (
        (directory.contacts[0].name, directory.contacts[0].hmac_verified, directory.contacts[0].conversation_ids),
        directory.agents[0].name,
    ) == (("", False, ()), "")


@pytest.mark.parametrize(
    ("lines", "number", "named"),
    [
        ([HEADER, b'{"kind":"agent"'], 2, "not JSON"),
        ([HEADER, b"\xff\xfe"], 2, "not"),
        ([HEADER, b"[]"], 2, "object"),
        ([HEADER, b'{"kind":"agent","x":' + b"[" * 100_000], 2, "unknown field"),
        ([HEADER, {**AGENT, "user_id": "three"}], 2, "user_id"),
        ([HEADER, {**AGENT, "inbox_ids": [1, "x"]}], 2, "inbox_ids[1]"),
        ([HEADER, {key: value for key, value in AGENT.items() if key != "role"}], 2, "role"),
        ([HEADER, {**AGENT, "colour": "blue"}], 2, "colour"),
        ([HEADER, {"kind": "robot"}], 2, "kind"),
        ([HEADER, {"user_id": 1}], 2, "kind"),
        ([{**HEADER, "schema": 2}], 1, "schema"),
        ([AGENT], 1, "header"),
        ([HEADER, HEADER], 2, "header"),
        ([], 1, "header"),
        ([HEADER, AGENT, {**AGENT, "pubsub_token": "x", "access_token": "y"}], 3, "user_id"),
        ([HEADER, AGENT, {**AGENT, "user_id": 9, "access_token": "y"}], 3, "pubsub_token"),
        ([HEADER, AGENT, {**AGENT, "user_id": 9, "pubsub_token": "x"}], 3, "access_token"),
        ([HEADER, AGENT, {**CONTACT, "pubsub_token": "secret-p"}], 3, "pubsub_token"),
        ([HEADER, CONTACT, {**CONTACT, "pubsub_token": "x"}], 3, "source_id"),
        ([HEADER, {**CONTACT, "inbox_identifier": None}], 2, "inbox_identifier"),
    ],
)
def test_an_error_names_line_and_field(tmp_path: Path, lines: list[Any], number: int, named: str) -> None:
    """A wrong file is a usage error that says where, which field, and what to do."""
    path = file_of(tmp_path, *lines)
    error = error_of(path)

    assert (f"{path}:{number}", True, True) == (error.where, named in error.what, bool(error.remedy))


def test_errors_hold_no_secret(tmp_path: Path) -> None:
    """A doubled token is told by its field and first line, never quoted."""
    error = error_of(file_of(tmp_path, HEADER, AGENT, {**AGENT, "user_id": 9}))

    assert "secret-p" not in str(error)


def test_a_file_that_everybody_may_read_is_refused(tmp_path: Path) -> None:
    """The tokens of an installation are not for everybody on the machine; the error has the chmod to run."""
    path = file_of(tmp_path, HEADER)
    path.chmod(0o644)

    assert f"chmod o-rwx {path}" in str(error_of(path))


def test_a_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    """A file that cannot be read is named."""
    assert str(tmp_path / "none.jsonl") == error_of(tmp_path / "none.jsonl").where


def test_an_unwritable_place_is_a_usage_error(tmp_path: Path) -> None:
    """A folder that does not exist is a usage error and leaves nothing behind."""
    path = tmp_path / "none" / "identities.jsonl"
    with pytest.raises(UsageError) as caught:
        write_identities(path, Directory((), ()))

    assert str(path) == caught.value.where


def test_a_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    """A directory that cannot be encoded leaves the former file whole and no other file beside it."""
    path = file_of(tmp_path, HEADER)
    broken = Directory((Agent((1,), 1, "agent", (), object(), "a"),), ())  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        write_identities(path, broken)

    assert [path] == list(tmp_path.iterdir())
