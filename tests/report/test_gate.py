"""The gate on stored runs: what it refuses, what it writes."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from loadtest.errors import UsageError
from loadtest.report.gate import Gate, judge, write
from tests.report.gated import arms, run
from tests.report.synthetic import Story

Arms = tuple[list[Path], list[Path]]


@pytest.fixture(scope="module")
def equal(tmp_path_factory: pytest.TempPathFactory) -> Arms:
    """Three pairs of one build."""
    return arms(tmp_path_factory.mktemp("equal"))


@pytest.fixture(scope="module")
def lossy(tmp_path_factory: pytest.TempPathFactory) -> Arms:
    """Three pairs of which the candidate loses one delivery in fifty."""
    return arms(tmp_path_factory.mktemp("lossy"), lost_share=0.02)


def row(content: dict[str, Any], name: str) -> dict[str, Any]:
    """One metric."""
    (found,) = [one for one in content["rows"] if one["name"] == name]
    return dict(found)


def test_interleaved_runs_are_compared_pair_by_pair(equal: Arms) -> None:
    """However their folders are listed."""
    content = judge(equal[0][::-1], equal[1], Gate())

    assert (True, 3, 5.0) == (content["paired"], content["pairs"], content["warm_up_s"])
    assert [path.name for path in equal[0]] == content["runs"]["baseline"]


def test_a_lossy_candidate_fails_by_delivery(lossy: Arms) -> None:
    """And by the percentile that counts losses as infinite."""
    content = judge(*lossy, Gate())

    assert ("FAIL", 1) == (content["result"], content["exit_code"])
    assert "FAIL" == row(content, "delivery.lost")["result"]


def test_a_leak_fails_at_once(tmp_path: Path) -> None:
    """One pair is enough."""
    content = judge(*arms(tmp_path, 1, leaked=1), Gate())

    assert ("FAIL", True) == (content["result"], content["reasons"][0].startswith("Leaked in pair-01-candidate"))


def test_one_pair_never_passes(equal: Arms) -> None:
    """It shows no noise."""
    content = judge(equal[0][:1], equal[1][:1], Gate())

    assert ("INCONCLUSIVE", 3) == (content["result"], content["exit_code"])


def test_unlike_runs_are_refused_with_each_difference(equal: Arms, tmp_path: Path) -> None:
    """And with what allows each."""
    other = run(
        tmp_path / "other", Story(hold=40, contacts=6), versions={"cpu": "another", "cores": 64, "loadtest": "0.1.0"}
    )
    with pytest.raises(UsageError) as refused:
        judge(equal[0], [other], Gate())

    told = str(refused.value)
    assert all(what in told for what in ("population", "contacts 5 against 6", "CPU model", "cores: 2 against 64"))
    assert "--allow-unlike 'CPU model'" in told


def test_what_is_allowed_to_differ_is_compared_and_said(equal: Arms, tmp_path: Path) -> None:
    """As two groups, since they were not interleaved; both are warnings."""
    other = run(tmp_path / "other", Story(hold=40, contacts=6))
    content = judge(equal[0], [other], Gate(allow_unlike=("population",)))

    assert not content["paired"]
    assert any("not interleaved" in warning for warning in content["warnings"])
    assert any(warning.startswith("Allowed to differ: population") for warning in content["warnings"])


@pytest.mark.parametrize(
    ("gate", "told"),
    [
        (Gate(allow_unlike=("cpu model",)), "Did you mean 'CPU model'"),
        (Gate(margins={"conect": 0.1}), "Did you mean 'connect'"),
        (Gate(margins={"delivery.losst": 0.1}), "Did you mean 'delivery.lost'"),
    ],
    ids=["unlike", "group", "metric"],
)
def test_unknown_names_are_refused_with_the_nearest(equal: Arms, gate: Gate, told: str) -> None:
    """A margin that is never used would be worse than none."""
    with pytest.raises(UsageError, match=told):
        judge(*equal, gate)


def test_a_run_named_twice_is_refused(equal: Arms) -> None:
    """Compared with itself it shows nothing."""
    with pytest.raises(UsageError, match="named twice"):
        judge(equal[0], equal[0], Gate())


def test_margins_come_from_groups_names_and_noise(equal: Arms, tmp_path: Path) -> None:
    """A metric is named with or without its quotes; what was given goes before the noise file."""
    noise = {
        "schema_version": 1,
        "kind": "noise",
        "pairs": 6,
        "metrics": [{"name": "delivery.lost", "margin": 0.02}, {"name": "rest.errors", "margin": 0.03}],
        "like": {"CPU model": "another", "cores": 2},
    }
    (tmp_path / "noise.json").write_text(json.dumps(noise))
    margins = {"latency": 0.2, "fanout.message.created.agent.p99_incl_lost_ms": 0.3, "rest.errors": 0.04}
    content = judge(*equal, Gate(margins=margins, noise=tmp_path / "noise.json"))
    names = (
        'fanout."message.created".agent.p99_incl_lost_ms',
        'fanout."message.created".contact.p99_incl_lost_ms',
        "delivery.lost",
        "rest.errors",
    )

    assert [0.3, 0.2, 0.02, 0.04] == [row(content, name)["margin"] for name in names]
    assert any("another CPU model" in warning for warning in content["warnings"])


def test_two_looks_halve_the_error(equal: Arms) -> None:
    """Each decides at 2.5 %."""
    assert 0.025 == judge(*equal, Gate(looks=2))["alpha"]


def test_three_files_are_written(lossy: Arms, tmp_path: Path) -> None:
    """Strict JSON, Markdown that fits a comment, JUnit XML with a failure."""
    content = judge(*lossy, Gate())
    files = write(content, tmp_path / "deep" / "out")
    suite = ElementTree.parse(files[2]).getroot()

    assert ["compare.json", "compare.md", "junit.xml"] == [path.name for path in files]
    assert "FAIL" == json.loads(files[0].read_text(encoding="utf-8"))["result"]
    assert len(files[1].read_text(encoding="utf-8")) < 65_536
    assert int(suite.get("failures") or 0) >= 2


def test_a_folder_that_cannot_be_written_is_told(lossy: Arms, tmp_path: Path) -> None:
    """A file in its place."""
    (tmp_path / "out").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        write(judge(*lossy, Gate()), tmp_path / "out")
