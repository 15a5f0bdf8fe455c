"""README keeps its word: its commands are those of CI, its options exist, its examples are accepted."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from loadtest.analysis import EXIT_CODES
from loadtest.analysis.budget import parse_budget
from loadtest.analysis.slo import parse_slo
from loadtest.analysis.summary import summarise
from loadtest.report.writing import run_data
from loadtest.store import open_run
from tests.plugin.locusts import ROOT, environment

README = (ROOT / "README.md").read_text(encoding="utf-8")


def _blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def _printed(*command):
    done = subprocess.run(
        [sys.executable, "-m", *command], check=True, capture_output=True, text=True, env=environment(), cwd=ROOT
    )
    return done.stdout


def test_ci_runs_the_second_command():
    """CI installs and tests as README says."""
    second = _blocks("bash")[1]
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    install, test = re.search(r"pip install (\S+ \S+) && \S*python (-m pytest)", second).groups()

    assert install.replace("'", "") in script.replace("'", "").replace('"', "")
    assert test in script


def test_every_option_it_names_exists():
    """No option in README is unknown to Locust with the plugin, or to loadtest's verbs."""
    known = _printed("locust", "--help") + _printed("loadtest", "options")
    known += "".join(
        _printed("loadtest", verb, "--help")
        for verb in (
            "serve",
            "report",
            "init",
            "events",
            "asyncapi",
            "provision",
            "presence-sweep",
            "calibrate",
            "probe",
            "ab",
            "compare",
            "baseline",
            "soak",
            "annotate",
            "export",
            "capacity",
            "sizing",
        )
    )
    known += _printed("tests.bench", "--help") + _printed("tests.bench.capacity", "--help")
    known += _printed("tests.bench.scale", "--help") + _printed("tests.bench.soak", "--help")
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README)) - {"--help"}

    assert sorted(option for option in named if option not in known) == []


def test_every_verb_it_names_exists():
    """``loadtest VERB`` in README is a verb."""
    known = _printed("loadtest", "--help")
    named = set(re.findall(r"`loadtest ([a-z]+)", README))

    assert sorted(verb for verb in named if verb not in known) == []


def test_its_limits_are_accepted():
    """The SLO example can be used as it stands."""
    assert parse_slo(_blocks("toml")[0]).limits


def test_a_minutes_run_has_the_samples_for_its_limits():
    """The SLO example takes no more samples than the committed sample has."""
    with open_run(ROOT / "reports" / "sample") as run:
        checks = summarise(run_data(run), parse_slo(_blocks("toml")[0])).verdict.checks

    assert [check.name for check in checks if check.value is None] == []


def test_its_identities_are_of_the_schema():
    """The example lines of an identities file are valid."""
    schema = json.loads((ROOT / "loadtest" / "directory" / "identities.schema.json").read_text(encoding="utf-8"))
    lines = [json.loads(line) for line in _blocks("json")[0].splitlines()]
    for line in lines:
        jsonschema.validate(line, schema)

    assert [line["kind"] for line in lines] == ["header", "agent", "contact"]


def test_its_exit_codes_are_the_verdicts():
    """The table of exit codes is the analysis' own."""
    rows = re.findall(r"^\| (\d) \| ([A-Z]*) +\|", README, re.MULTILINE)

    assert {name: int(code) for code, name in rows if name} == dict(EXIT_CODES)


def test_its_notebook_lines_work_on_the_sample():
    """The Python example reads the committed sample run."""
    run = open_run(ROOT / "reports" / "sample")

    assert {"expected", "delivered", "lost", "first_us", "last_us"} <= set(run.closing_frame().columns)


def test_its_sizing_is_that_of_the_sample():
    """The command prints what README shows."""
    command = re.search(r"^loadtest (sizing .*)$", README, re.MULTILINE).group(1)

    assert _printed("loadtest", *command.split()).strip() in README


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_its_links_lead_somewhere(link):
    """Files that README links to exist."""
    assert (Path(ROOT) / link).exists()


def test_its_soak_is_the_samples(tmp_path):
    """The soak's output in README is what the command prints for the committed sample."""
    folder = shutil.copytree(ROOT / "notebooks" / "samples" / "soak", tmp_path / "soak")
    shown = next(block for block in _blocks("text") if "soak of soak" in block)
    done = subprocess.run(
        [sys.executable, "-m", "loadtest", "soak", str(folder), "--budget", str(folder / "budget.toml")],
        check=False,
        capture_output=True,
        text=True,
        env=environment(),
        cwd=ROOT,
    )

    assert shown.rstrip() == done.stdout.rpartition("\n\n")[0]


def test_its_budget_is_accepted():
    """The example of a budget can be used as it stands."""
    assert parse_budget(next(block for block in _blocks("toml") if "[drain]" in block)).allowances
