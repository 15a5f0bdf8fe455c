"""The AsyncAPI document: its structure always, and against AsyncAPI's own JSON Schema where npm is at hand."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from loadtest.contract import DialectName, events_of
from loadtest.contract.asyncapi import asyncapi_document
from loadtest.contract.versions import DIALECTS
from tests.contract.document import events, places, sample

SPECS = "@asyncapi/specs@6.11.1"
"""The package in which AsyncAPI publishes the JSON Schemas of its versions."""


def resolved(document: dict[str, Any], reference: str) -> Any:
    """What a reference within the document points at."""
    value: Any = document
    for step in reference.removeprefix("#/").split("/"):
        value = value[step]
    return value


def references(value: Any) -> list[str]:
    """All references in a JSON value."""
    if isinstance(value, list):
        return [found for item in value for found in references(item)]
    if not isinstance(value, dict):
        return []
    own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
    return own + [found for item in value.values() for found in references(item)]


def validator(document: dict[str, Any], message: str) -> Draft7Validator:
    """Judges payloads of a message of the document."""
    payload = document["components"]["messages"][message]["payload"]
    return Draft7Validator({**payload, "components": document["components"]})


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Draft7Validator:
    """AsyncAPI's own schema of version 3.0.0, from npm."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("npm or node is missing")
    folder: Path = tmp_path_factory.mktemp("asyncapi")
    command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder), SPECS]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        pytest.skip(f"npm could not install {SPECS}: {done.stderr[-200:]}")
    schema = folder / "node_modules" / "@asyncapi" / "specs" / "schemas" / "3.0.0.json"
    return Draft7Validator(json.loads(schema.read_text()))


@pytest.mark.peer
@pytest.mark.parametrize("dialect", DIALECTS)
def test_it_is_valid_by_asyncapis_own_schema(dialect: DialectName, official: Draft7Validator) -> None:
    """AsyncAPI 3.0.0's published JSON Schema accepts the document of each dialect."""
    problems = [
        f"{list(error.path)}: {error.message[:200]}" for error in official.iter_errors(asyncapi_document(dialect))
    ]

    assert not problems


@pytest.mark.peer
def test_asyncapis_own_schema_sees_a_broken_document(official: Draft7Validator) -> None:
    """The published schema refuses a document without channels' messages being objects."""
    document = asyncapi_document("seed")
    document["operations"]["sendWelcome"]["action"] = "shout"

    assert not official.is_valid(document)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_reference_points_at_something(dialect: DialectName) -> None:
    """No reference is dangling."""
    document = asyncapi_document(dialect)

    assert all(resolved(document, reference) for reference in references(document))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_event_is_sent(dialect: DialectName) -> None:
    """Each event of the dialect is a message of an operation that sends it."""
    document = asyncapi_document(dialect)
    sent = {
        resolved(document, resolved(document, message["$ref"])["$ref"])["name"]
        for operation in document["operations"].values()
        if operation["action"] == "send"
        for message in operation["messages"]
    }

    assert (
        set(events_of(dialect))
        | {
            "welcome",
            "ping",
            "confirm_subscription",
            "reject_subscription",
            "disconnect",
        }
        == sent
    )


def test_every_command_is_received() -> None:
    """Subscribing, unsubscribing and presence are what a client may send."""
    operations = asyncapi_document("seed")["operations"]
    received = {name for name, operation in operations.items() if operation["action"] == "receive"}

    assert {"receiveSubscribe", "receiveUnsubscribe", "receiveUpdatePresence"} == received


def test_every_schema_is_json_schema() -> None:
    """All payload schemas are themselves valid."""
    for dialect in DIALECTS:
        for schema in asyncapi_document(dialect)["components"]["schemas"].values():
            Draft7Validator.check_schema(schema)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_example_is_valid(dialect: DialectName) -> None:
    """Each example, the document's samples and our own among them, is valid by its message's schema."""
    document = asyncapi_document(dialect)
    wrong = [
        f"{name}: {error.message}"
        for name, message in document["components"]["messages"].items()
        for example in message.get("examples", [])
        for error in validator(document, name).iter_errors(example["payload"])
    ]

    assert not wrong


def test_the_examples_are_the_documents_samples() -> None:
    """Every documented event shows the document's own sample."""
    messages = asyncapi_document("seed")["components"]["messages"].values()
    shown = {m["name"]: m["examples"][0]["payload"] for m in messages if m["examples"][0]["name"] == "document"}

    assert {event: sample(event) for event in events()} == shown


@pytest.mark.parametrize("dialect", ["current", "auto"])
def test_newer_events_show_a_sample_of_ours(dialect: DialectName) -> None:
    """What the document does not show is called made up."""
    messages = asyncapi_document(dialect)["components"]["messages"].values()
    shown = {
        m["name"]: m["examples"][0]["name"] for m in messages if m["name"] in events_of(dialect) and "examples" in m
    }

    assert {name: "made up" for name, spec in events_of(dialect).items() if not spec.documented} == {
        name: called for name, called in shown.items() if called != "document"
    }
    assert ("document" in shown.values()) == (dialect == "auto")


def test_every_field_of_the_samples_is_described() -> None:
    """The schema of each event knows the fields of its sample: another type in each top field is refused."""
    document = asyncapi_document("seed")
    for name, message in document["components"]["messages"].items():
        frame = message["examples"][0]["payload"]
        for place in places(frame.get("message", {}).get("data") if isinstance(frame.get("message"), dict) else {}):
            if len(place) == 1:
                changed = json.loads(json.dumps(frame))
                changed["message"]["data"][place[0]] = [[]]
                assert not validator(document, name).is_valid(changed), (name, place)


def test_it_is_the_same_each_time() -> None:
    """The same table gives the same bytes."""
    assert json.dumps(asyncapi_document("auto")) == json.dumps(asyncapi_document("auto"))
