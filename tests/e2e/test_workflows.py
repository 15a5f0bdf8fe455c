"""README's workflows for GitHub Actions and GitLab CI, executed step by step as shell; also the gate's proof in CI.

The reference server stands for the builds. A runner's part is played here: variables, the job's folder, which steps run
after one that failed. Installing finds the tool installed already, as pip does for a requirement that is met.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.plugin.locusts import ROOT, environment

SERVER = "loadtest serve --port 0 --agents 12 --contacts 6 --members 6"
LOAD = "--emit-rate 100 --typing 0 --mix none --think-time 0.5 --spawn-rate 50 --deadline 3"
KNOWN_ACTIONS = {"actions/checkout@v4", "actions/setup-python@v5", "actions/upload-artifact@v4"}
WORKFLOWS = [
    yaml.safe_load(text)
    for text in re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
]
GITHUB = next(one for one in WORKFLOWS if "jobs" in one)["jobs"]["gate"]
GITLAB = next(one for one in WORKFLOWS if "load test" in one)["load test"]


@dataclass
class Job:
    """A job in a folder of its own.

    Attributes:
        folder: where it runs.
        variables: of the job; those of the test go before the workflow's.
        codes: exit codes by step, in their order.
        said: what the steps printed.
    """

    folder: Path
    variables: dict[str, str]
    codes: dict[str, int] = field(default_factory=dict)
    said: str = ""

    def step(self, name: str, script: str) -> None:
        """Run a step, as both runners do: stop at the first command that fails."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", script],
            cwd=self.folder,
            env=environment(**{**self.variables, "PATH": path}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )
        self.codes[name] = done.returncode
        self.said += done.stdout

    @property
    def failed(self) -> bool:
        """Whether a step has."""
        return any(self.codes.values())

    def comparison(self) -> dict[str, Any]:
        """The gate's verdict."""
        return dict(json.loads((self.folder / "reports" / "ab" / "compare.json").read_text(encoding="utf-8")))


def github(folder: Path, **variables: str) -> Job:
    """Run the GitHub workflow's steps."""
    job = Job(folder, {**GITHUB["env"], "GITHUB_STEP_SUMMARY": str(folder / "summary.md"), **variables})
    for step in GITHUB["steps"]:
        if "run" in step and (not job.failed or step.get("if") == "always()"):
            job.step(step["name"], step["run"])
    return job


def gitlab(folder: Path, **variables: str) -> Job:
    """Run the GitLab job's script, and what comes after it in any case."""
    job = Job(folder, {**GITLAB["variables"], **variables})
    for number, line in enumerate(GITLAB["script"]):
        if not job.failed:
            job.step(f"script {number}", line)
    for number, line in enumerate(GITLAB["after_script"]):
        job.step(f"after {number}", line)
    return job


def prepared(folder: Path) -> Path:
    """The repository of a user: limits of its own."""
    (folder / "slo.toml").write_text('[delivery."message.created"]\nlost = { max = 0 }\n', encoding="utf-8")
    return folder


def kept(paths: Sequence[str]) -> list[str]:
    """What a runner is told to keep."""
    return [path.rstrip("/") for path in paths]


@pytest.fixture(scope="module")
def leaky(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """The GitHub workflow on a new build that shows messages to somebody who must not see them."""
    folder = prepared(tmp_path_factory.mktemp("github"))
    candidate = f"{SERVER} --faults leak=20%"
    return github(folder, BASELINE=SERVER, CANDIDATE=candidate, PAIRS="4", DURATION="8", LOAD=LOAD)


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """The GitLab job on a new build that is three times slower."""
    folder = prepared(tmp_path_factory.mktemp("gitlab"))
    servers = {"BASELINE": f"{SERVER} --faults delay=100ms", "CANDIDATE": f"{SERVER} --faults delay=300ms"}
    return gitlab(folder, **servers, PAIRS="3", DURATION="12", LOAD=LOAD)


def test_a_planted_leak_fails_the_gate_at_once(leaky: Job) -> None:
    """After one pair of four, whatever the machine was doing meanwhile; limits are not looked at any more."""
    found = leaky.comparison()

    assert {"Install": 0, "Run and gate": 1, "Summary": 0} == leaky.codes, leaky.said
    assert ("FAIL", True) == (found["result"], found["reasons"][0].startswith("Leaked in pair-01-candidate"))
    assert not (leaky.folder / "reports" / "ab" / "pair-02-candidate").exists()


def test_the_job_summary_shows_gate_and_run(leaky: Job) -> None:
    """Both fit where GitHub shows them (1 MiB) and in a comment (64 KiB)."""
    text = (leaky.folder / "summary.md").read_text(encoding="utf-8")

    assert "FAIL: candidate against baseline" in text
    assert "load test pair-01-candidate" in text
    assert len(text) < 65_536


def test_what_is_uploaded_is_there(leaky: Job, slow: Job) -> None:
    """The folders and files that both workflows name."""
    upload = next(step for step in GITHUB["steps"] if "upload-artifact" in step.get("uses", ""))
    artifacts = GITLAB["artifacts"]

    assert all((leaky.folder / path).is_dir() for path in kept([upload["with"]["path"]]))
    assert all((slow.folder / path).is_dir() for path in kept(artifacts["paths"]))
    assert ElementTree.parse(slow.folder / artifacts["reports"]["junit"]).getroot().tag == "testsuites"


def test_a_planted_delay_never_passes_and_fails_where_the_machine_could_measure(slow: Job) -> None:
    """100 ms become 300 ms; runs that the generator could not measure are left out, and then it may be undecided."""
    found = slow.comparison()
    (row,) = [one for one in found["rows"] if one["name"] == 'fanout."message.created".agent.p50_ms']

    assert found["exit_code"] == slow.codes["script 1"], slow.said
    assert "PASS" != found["result"]
    assert "FAIL" == found["result"] or found["pairs"] < 3, slow.said
    assert row["change"] is None or row["change"] > 0


def test_gitlab_shows_the_verdict_in_its_log(slow: Job) -> None:
    """Whatever it was."""
    assert 0 == slow.codes["after 0"]
    assert "candidate against baseline" in slow.said


def test_limits_are_judged_from_the_runs_that_are_there(leaky: Job) -> None:
    """The step that a failed gate left out, by itself: exit code and verdict are the run's under these limits."""
    script = next(step["run"] for step in GITHUB["steps"] if step.get("name") == "Limits")
    leaky_codes = dict(leaky.codes)
    leaky.step("Limits", script)
    code = leaky.codes.pop("Limits")
    summary = json.loads(
        (leaky.folder / "reports" / "ab" / "pair-01-candidate" / "summary.json").read_text(encoding="utf-8")
    )

    assert summary["verdict"]["exit_code"] == code != 0
    assert leaky_codes == leaky.codes


def test_only_known_actions_are_used() -> None:
    """What cannot be executed here is at least what it was when it was read."""
    assert KNOWN_ACTIONS == {step["uses"] for step in GITHUB["steps"] if "uses" in step}


def test_an_undecided_gate_is_a_warning_on_gitlab() -> None:
    """By its own exit code."""
    from loadtest.analysis import EXIT_CODES

    assert [EXIT_CODES["INCONCLUSIVE"]] == GITLAB["allow_failure"]["exit_codes"]
