"""Whole summaries: their keys, their schema, their speed of reading."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

import loadtest.analysis
from loadtest.analysis import summarise
from loadtest.analysis.slo import parse_slo
from tests.analysis.builders import RunBuilder, typical

SCHEMA = json.loads((Path(loadtest.analysis.__file__).parent / "summary.schema.json").read_text())

FIXED = {
    "run": "id started_at duration_s hold_s interrupted target population plan versions workers seed",
    "cable": "connects connect_p99_ms confirm_p99_ms unconfirmed rejected disconnects stale reconnects ping_gap_p99_s "
    "ping_gap_max_s",
    "contract": "checked violations unknown_events events",
    "generator": "lateness_p99_ms loop_lag_p99_ms loop_lag_max_ms cpu_share_max dropped overflow clock_bound_ms valid "
    "reasons",
    "verdict": "result exit_code checks warnings",
}
FIXED_ROWS = {
    "delivery": "emitted expected delivered late lost duplicated reordered leaked cut_by_peer cut_by_us away "
    "undetermined unmatched foreign",
    "rest": "n errors p50_ms p99_ms wait_p99_ms",
    "presence": "p_a p_a_ceiling mistake_rate_per_hour mistake_duration_s detection_time_s false_online_share "
    "beat_reply_p99_ms beats_unanswered",
}


def everything() -> RunBuilder:
    """A run with something in every table."""
    run = typical().message(20, "x", [30_000] * 9, lost=200).breach(21).note(30.0, "annotation", "deploy")
    run.count(20, "contract.violation", 1, "wrong_type", "agent").count(
        20, "contract.unknown", 2, "first.reply.created"
    )
    run.count(20, "contract.violation", 1, "wrong_audience", "contact")
    run.note(20.0, "violation", "x", kind="wrong_audience", event="team.changed", role="contact", frame={})
    run.count(20, "contract.checked", 5, "message.created", "agent").count(20, "cable.pings", 9, role="agent")
    run.count(20, "cable.disconnects", 1, "1006", "agent").count(20, "cable.protocol_error", 1, "not_json", "agent")
    run.count(1, "cable.connect_failed", 1, "timeout", "agent").count(
        20, "delivery.received", 4, "team.changed", "agent"
    )
    run.count(20, "rest.error", 1, "contact.send_message", "timeout").times(20, "loop_lag", [100] * 300)
    return run.times(20, "fanout", [-1, 5], "presence.update", "contact").count(20, "generator.dropped", 3)


def infinite() -> RunBuilder:
    """A run that lost more than one percent of everything."""
    run = RunBuilder().users()
    for window in run.held:
        for i in range(10):
            run.message(window, f"{window}-{i}", [30_000] * 8, lost=2)
    return run


RUNS = {
    "typical": typical,
    "everything": everything,
    "infinite": infinite,
    "empty": lambda: RunBuilder(hold=0),
    "bare": lambda: RunBuilder(),
    "running": lambda: typical(drain=None, ended_at=None, interrupted=None),
}


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("slo", [None, 'fanout."*"."*".p99_incl_lost_ms = 500\ndelivery."team.changed".lost = 0'])
def test_every_summary_keeps_the_schema(name: str, slo: str | None):
    """Typical, empty, infinite and running runs: all are JSON without NaN and as the schema says."""
    summary = summarise(RUNS[name]().build(), parse_slo(slo) if slo else None)
    content = json.loads(json.dumps(summary.as_dict(), allow_nan=False))

    jsonschema.Draft202012Validator(SCHEMA).validate(content)


def test_the_schema_is_a_schema():
    """It is valid JSON Schema itself."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_schema_is_strict():
    """A key that nobody promised is refused."""
    content = summarise(typical().build()).as_dict()
    content["fanout"]["message.created"]["agent"]["p95_ms"] = 3.0

    with pytest.raises(jsonschema.ValidationError, match="p95_ms"):
        jsonschema.validate(content, SCHEMA)


@pytest.mark.parametrize("section", FIXED)
def test_sections_have_the_keys_of_the_design(section: str):
    """The outside names are stable."""
    assert set(FIXED[section].split()) <= set(summarise(typical().build()).as_dict()[section])


@pytest.mark.parametrize("section", FIXED_ROWS)
def test_rows_have_the_keys_of_the_design(section: str):
    """The outside names are stable in every row."""
    rows: dict[str, Any] = summarise(typical().build()).as_dict()[section]

    assert rows
    assert all(set(FIXED_ROWS[section].split()) <= set(row) for row in rows.values())


def test_infinite_is_written_as_inf():
    """More than one percent lost: the p99 including losses is the string inf."""
    row = summarise(infinite().build()).as_dict()["fanout"]["message.created"]["agent"]

    assert (row["p99_incl_lost_ms"], row["p99_incl_lost_ms_interval"]) == ("inf", ["inf", "inf"])


def test_the_summary_covers_the_whole_hold():
    """Marked windows stay in the numbers shown; only the verdict leaves them out."""
    summary = summarise(everything().build())

    assert summary.sections["delivery"]["message.created"]["lost"] == 200


def test_a_run_without_end_says_so():
    """A report made while the run goes on, or of a killed run, is marked as such."""
    warnings = summarise(RUNS["running"]().build()).verdict.warnings

    assert any(text.startswith("The run has no end") for text in warnings)


def test_late_and_cut_deliveries_are_pointed_out():
    """They fail nothing by default and must not be overlooked."""
    run = typical().count(20, "delivery.late", 2, "message.created", "agent")
    warnings = summarise(run.count(20, "delivery.cut_by_peer", 3, "message.created", "agent").build()).verdict.warnings

    assert [
        " ".join(text.split()[:4]) if text.startswith("2") else " ".join(text.split()[:5]) for text in warnings
    ] == ["2 deliveries came after", "3 deliveries have no outcome"]


def test_few_emissions_are_pointed_out():
    """A short run's p99 is shown and supports no verdict."""
    run = RunBuilder().users().presence()
    for window in run.held:
        run.message(window, f"m{window}", [30_000] * 10)
    warnings = summarise(run.build()).verdict.warnings

    assert warnings == (
        "Fewer than 300 emissions stand behind message.created to agents (60): their p99 supports no verdict. "
        "Hold longer or raise --emit-rate.",
    )


def test_the_same_frames_give_the_same_summary():
    """Order of rows does not matter, and the bootstrap is seeded."""
    data = typical().build()
    shuffled = type(data)(
        data.meta,
        data.hists.sample(frac=1, random_state=1),
        data.counts.sample(frac=1, random_state=2),
        data.gauges.sample(frac=1, random_state=3),
        data.closings.sample(frac=1, random_state=4),
        data.notes,
    )

    assert summarise(data).as_dict() == summarise(shuffled).as_dict()


def test_numpy_values_in_the_description_do_no_harm():
    """Whatever the store hands over, the summary is plain."""
    content = summarise(typical(seed=np.int64(9), plan={"emit_rate": np.float64("nan")}).build()).as_dict()

    assert (content["run"]["seed"], content["run"]["plan"]) == (9, {"emit_rate": None})


def test_importing_the_analysis_patches_nothing():
    """In a fresh interpreter the analysis brings neither gevent, locust, sqlite nor a plotting library."""
    code = (
        "import sys, loadtest.analysis; "
        "print(sorted({'gevent', 'locust', 'sqlite3', 'matplotlib', 'scipy.stats'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
