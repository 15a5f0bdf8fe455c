"""Adding an event is one entry in the table and its sample, as CONTRIBUTING says: everything else follows from them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from tests.contract.document import sample

PACKAGE = Path(__file__).parents[2] / "loadtest"
SCRIPT = Path(__file__).with_name("added_event.py")
ENTRY = """_NEWER = (
    EventSpec(
        "message.starred",
        subject="message",
        payload=payloads.MESSAGE_EVENT,
        trigger="A message is given a star.",
    ),
"""


def test_an_entry_and_a_sample_are_all_that_a_new_event_needs(tmp_path: Path) -> None:
    """Checker, audiences of ledger and reference server, AsyncAPI document and ``loadtest events`` know it at once."""
    copy = tmp_path / "loadtest"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    table = copy / "contract" / "events.py"
    before = table.read_text()
    table.write_text(before.replace("_NEWER = (\n", ENTRY, 1))
    frame = sample("message.created")
    frame["message"]["event"] = "message.starred"
    frame["message"]["data"]["inbox_id"] = 5
    (copy / "contract" / "samples" / "message.starred.json").write_text(json.dumps(frame))
    shutil.copy(SCRIPT, tmp_path / "added_event.py")
    done = subprocess.run(
        [sys.executable, "added_event.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )

    assert before != table.read_text()
    assert done.returncode == 0, done.stderr
    assert {
        "violations": {"agent": [], "outsider": ["wrong_audience"], "contact": ["wrong_audience"]},
        "without content": ["data.content: expected string or null, found integer"],
        "listed": True,
        "sent": True,
        "audience": [0],
        "told": ["Max"],
    } == json.loads(done.stdout)
