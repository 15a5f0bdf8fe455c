"""Noise files and their table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loadtest.analysis.noise import noise
from loadtest.errors import UsageError
from loadtest.report.noise import differences, read_noise, terminal
from tests.analysis.runs import summary


@pytest.fixture(scope="module")
def measured() -> dict[str, Any]:
    """What six pairs of one build say."""
    rng = np.random.default_rng(5)
    first, second = (
        [
            summary(
                f"{arm}{n}", p99=float(rng.normal(40, 1)), connect=float(rng.normal(30, 1)), p_a=rng.normal(0.98, 0.001)
            )
            for n in range(6)
        ]
        for arm in "ab"
    )
    return dict(json.loads(json.dumps(noise(first, second).as_dict())))


def written(path: Path, content: Any) -> Path:
    """A noise file."""
    path.write_text(json.dumps(content))
    return path


def test_what_was_measured_is_read(measured: dict[str, Any], tmp_path: Path) -> None:
    """Margins by metric."""
    found = read_noise(written(tmp_path / "noise.json", measured))

    assert {metric["name"]: metric["margin"] for metric in measured["metrics"]} == found["margins"]


def test_the_table_names_pairs_margins_and_what_is_seen(measured: dict[str, Any]) -> None:
    """A line a metric, and what to take."""
    text = terminal(measured)

    assert f"Take {measured['pairs']} pairs" in text
    assert all(word in text for word in ("seen by 8", "fanout.message.created.agent.p99_incl_lost_ms", "points"))


def test_no_number_of_pairs_is_advised_where_a_metric_stays_open(measured: dict[str, Any]) -> None:
    """The metric is named instead."""
    name = 'fanout."message.created".agent.p99_incl_lost_ms'
    text = terminal({**measured, "unknown": {name: "too few emissions"}, "undecided": [name]})

    assert "fanout.message.created.agent.p99_incl_lost_ms stays undecided" in text
    assert "Take " not in text


def test_another_machine_is_told(measured: dict[str, Any]) -> None:
    """Its noise may be another; the same one says nothing."""
    other = summary()
    other["run"]["versions"]["cpu"] = "another"

    assert [] == differences(measured, summary(), "noise.json")
    assert ["noise.json was measured with another CPU model ('c' then, 'another' now): calibrate again for margins "
            "that fit."] == differences(measured, other, "noise.json")  # fmt: skip


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"kind": "else"}, "no noise file"),
        ({"schema_version": 0}, "has layout 0"),
        ({"metrics": [{"name": "x"}]}, "cannot be read"),
        ({"metrics": [{"name": "x", "margin": float("nan")}]}, "its margin of x is nan"),
        ({"metrics": [{"name": "x", "margin": 0}]}, "its margin of x is 0"),
        ({"like": 3}, "cannot be read"),
    ],
    ids=["kind", "schema", "metrics", "nan", "zero", "like"],
)
def test_other_files_are_refused(measured: dict[str, Any], tmp_path: Path, change: dict[str, Any], told: str) -> None:
    """Each says what is wrong and how to write it anew."""
    with pytest.raises(UsageError, match=f"{told}.*calibrate --aa"):
        read_noise(written(tmp_path / "noise.json", {**measured, **change}))


def test_missing_and_broken_files_are_refused(tmp_path: Path) -> None:
    """No file, and no JSON."""
    (tmp_path / "half.json").write_text("{")
    for name in ("none.json", "half.json"):
        with pytest.raises(UsageError, match=name):
            read_noise(tmp_path / name)
