"""The verb that a search calls to have a step judged."""

from __future__ import annotations

import json

import pytest

from loadtest.analysis.capacity_step import Step
from loadtest.cli import main
from loadtest.metrics import Batch
from loadtest.store import RunWriter
from tests.analysis.builders import FIRST, US, meta

SPAN = {
    "number": 1, "kind": "up", "level": 5.0, "begin_us": FIRST * US, "hold_us": (FIRST + 2) * US,
    "end_us": (FIRST + 12) * US, "aborted": "it fell silent", "missing": 0,
}  # fmt: skip


def test_the_judgement_is_printed_as_json(tmp_path, capsys):
    """One object, that makes the step again."""
    batch = Batch()
    for window in range(14):
        batch.add(FIRST + window, "delivery.received", "message.created", "agent", value=4)
    with RunWriter.create(tmp_path / "run", meta()) as writer:
        writer.write(batch)

    code = main(["judge-step", str(tmp_path / "run"), json.dumps(SPAN)])

    step = Step.from_dict(json.loads(capsys.readouterr().out))
    assert (code, step.outcome, step.figures["deliveries_per_s"]) == (0, "fail", 4.0)


def test_a_span_that_is_none_is_refused(tmp_path, capsys):
    """With one line."""
    assert main(["judge-step", str(tmp_path), "{}"]) == 2
    assert "it is no step" in capsys.readouterr().err


def test_no_help_names_it(capsys):
    """It is the search's own."""
    with pytest.raises(SystemExit):
        main(["--help"])

    assert "judge-step" not in capsys.readouterr().out


def test_a_wrong_verb_is_not_offered_it(capsys):
    """What a user may type is listed, and nothing else."""
    with pytest.raises(SystemExit):
        main(["nonsense"])
    offered = capsys.readouterr().err

    assert "'serve'" in offered
    assert "judge-step" not in offered
