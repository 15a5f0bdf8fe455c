"""The catalogue of numbers that can have a limit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import loadtest.analysis
from loadtest.analysis.keys import JUDGEABLE, Branch, Key, required_emissions

SCHEMA = json.loads((Path(loadtest.analysis.__file__).parent / "summary.schema.json").read_text())


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    """A schema node with its reference followed."""
    return SCHEMA["$defs"][node["$ref"].rsplit("/", 1)[1]] if "$ref" in node else node


def missing(branch: Branch, node: dict[str, Any], path: str = "") -> list[str]:
    """Keys of the catalogue that the schema does not know."""
    node = resolved(node)
    found = []
    for name, child in branch.items():
        inner = node.get("additionalProperties") if name.startswith("<") else node.get("properties", {}).get(name)
        if not isinstance(inner, dict):
            found.append(f"{path}.{name}")
        elif not isinstance(child, Key):
            found += missing(child, inner, f"{path}.{name}")
    return found


def test_every_judgeable_key_is_in_the_schema():
    """No limit can name what a summary cannot hold."""
    assert missing(JUDGEABLE, SCHEMA) == []


def test_a_p99_verdict_takes_300_emissions():
    """The design rounds the rule's 299 up; the others follow the rule."""
    assert [required_emissions(q) for q in (0.5, 0.9, 0.99, 0.999)] == [5, 29, 300, 2995]
