"""Calibrations made up for the report's tests: the JSON values that ``loadtest calibrate`` writes."""

from __future__ import annotations

from typing import Any


def comparison(what: str = "lost", **values: Any) -> dict[str, Any]:
    """A count that was recovered, but for ``values``."""
    fields = {
        "injected": 7,
        "recovered": 7,
        "tolerance": 0,
        "unit": "deliveries",
        "ok": True,
        "note": "",
        "decided": True,
    }
    return {"what": what, **fields, **values}


def row(name: str = "loss", *comparisons: dict[str, Any], **values: Any) -> dict[str, Any]:
    """A row that is ok, but for ``values``."""
    fields: dict[str, Any] = {
        "title": f"about {name}",
        "faults": "loss=2%@2s",
        "result": "ok",
        "reasons": [],
        "duration_s": 20.5,
        "run": name,
        "curve": None,
    }
    return {"name": name, **fields, "comparisons": list(comparisons or (comparison(),)), **values}


def curve(*, expected: bool = True) -> dict[str, Any]:
    """A distribution of three points."""
    values = [1.0, 2.0, 40.0]
    return {"percentiles": [0.0, 50.0, 99.0], "measured_ms": values, "expected_ms": values if expected else []}


def calibration(*rows: dict[str, Any], **values: Any) -> dict[str, Any]:
    """A calibration of these rows, but for ``values``."""
    fields: dict[str, Any] = {
        "schema_version": 1,
        "result": "ok",
        "exit_code": 0,
        "started_at": "2026-11-23T00:00:00.000+00:00",
        "duration_s": 61.0,
        "interrupted": False,
        "deliveries_per_s": 2000.0,
        "hold_s": 12.0,
        "seed": 0,
        "versions": {"loadtest": "0.1.0", "python": "3.11.2", "kernel": "6.1", "cores": 2},
    }
    return {**fields, "rows": list(rows or (row(),)), **values}
