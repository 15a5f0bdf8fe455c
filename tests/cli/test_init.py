"""`loadtest init`: what a user who has only the wheel starts from."""

import re

import pytest

from loadtest.analysis import load_slo
from loadtest.analysis.budget import load_budget
from loadtest.analysis.summary import summarise
from loadtest.cli import init, main
from loadtest.errors import UsageError
from loadtest.report.writing import run_data
from loadtest.store import open_run
from loadtest.target.profile import KEYS, read_profile
from tests.plugin.locusts import ROOT

SCRIPTS = ("agents.py", "capacity.py", "contacts.py", "mixed.py", "presence.py", "soak.py", "storm.py")
WORKFLOWS = ("github-actions.yml", "gitlab-ci.yml")


def names(folder):
    """What lies in a folder."""
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def home(tmp_path):
    """A user's folder after `loadtest init`."""
    assert main(["init", str(tmp_path / "new" / "home")]) == 0
    return tmp_path / "new" / "home"


def test_it_writes_every_file(home):
    """The folder is made, with all files in it."""
    assert {*SCRIPTS, *WORKFLOWS, "slo.toml", "budget.toml", "target.toml"} == names(home)


def test_it_says_how_to_go_on(tmp_path, capsys):
    """The commands to type next are printed, where to type them once, as a shell takes it."""
    main(["init", str(tmp_path / "a home")])
    commands = [line.strip() for line in capsys.readouterr().out.splitlines() if line.startswith("    ")]

    assert [f"cd '{tmp_path}/a home'", "locust -f agents.py --headless"] == commands[:2]
    assert not any("cd " in command for command in commands[1:])


def test_who_is_there_is_not_told_to_go_there(tmp_path, capsys, monkeypatch):
    """In the working directory itself nothing is to be changed to."""
    monkeypatch.chdir(tmp_path)
    main(["init", "."])

    assert "cd " not in capsys.readouterr().out


def test_a_file_that_exists_is_kept(tmp_path, capsys):
    """Nothing is overwritten, and nothing else is written either."""
    (tmp_path / "slo.toml").write_text("mine")

    assert main(["init", str(tmp_path)]) == 2
    assert "slo.toml exists already" in capsys.readouterr().err
    assert {"slo.toml"} == names(tmp_path)
    assert (tmp_path / "slo.toml").read_text() == "mine"


def test_a_folder_that_cannot_be_made_is_refused(tmp_path, capsys):
    """A path below a file is an error with a remedy."""
    (tmp_path / "file").touch()

    assert main(["init", str(tmp_path / "file" / "home")]) == 2
    assert "Choose a folder you may write to" in capsys.readouterr().err


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_locustfiles_are_the_repositorys(home, name):
    """But for the folder in their commands they are the same."""
    ours = (ROOT / "locustfiles" / name).read_text(encoding="utf-8").replace("locustfiles/", "")
    theirs = (home / name).read_text(encoding="utf-8")

    assert re.sub(" {2,}", "  ", ours) == re.sub(" {2,}", "  ", theirs)


@pytest.mark.parametrize("name", [name for name in SCRIPTS if name != "capacity.py"])  # it takes no minute
def test_the_commands_shown_stand_in_one_column(home, name):
    """The docstring's commands are aligned as in the repository's locustfiles."""
    lines = (home / name).read_text(encoding="utf-8").splitlines()
    columns = {line.index("a minute on") for line in lines if "a minute on" in line}

    assert len(columns) == 1


@pytest.mark.parametrize("name", WORKFLOWS)
def test_the_workflows_are_those_that_readme_shows(home, name):
    """They are executed step by step by tests/e2e/test_workflows.py, so these are too."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    assert f"```yaml\n{(home / name).read_text(encoding='utf-8')}```" in readme


def test_the_limits_are_accepted(home):
    """slo.toml names keys that exist."""
    limits = load_slo(str(home / "slo.toml"))

    assert limits.limits


def test_a_minutes_run_has_the_samples_for_the_limits(home):
    """None of them takes more samples than the committed sample has, a minute on the embedded server."""
    with open_run(ROOT / "reports" / "sample") as run:
        checks = summarise(run_data(run), load_slo(str(home / "slo.toml"))).verdict.checks

    assert [check.name for check in checks if check.value is None] == []


def test_every_template_is_packaged_and_every_packaged_one_written():
    """No file lies unused among the templates."""
    folder = ROOT / "loadtest" / "cli" / "templates"

    assert set(init.FILES) == names(folder) - {"__pycache__"}


def test_the_target_settings_are_accepted(home):
    """Every key that target.toml suggests exists, with a value that it takes; as written it only lacks the URL."""
    with pytest.raises(UsageError, match="names no installation"):
        read_profile(home / "target.toml")
    text = (home / "target.toml").read_text(encoding="utf-8")
    settings = re.sub(r"^# (?=[A-Za-z_-]+ = )", "", text, flags=re.MULTILINE)
    (home / "all.toml").write_text(settings, encoding="utf-8")
    profile = read_profile(home / "all.toml")

    assert len(profile.values) == len([key for key in KEYS if "*" not in key])
    assert "https://chat.example.com" == profile.url
    assert str(home / "identities.jsonl") == profile.get("people.identities")


def test_the_budget_is_one(home):
    """budget.toml is read, and allows growth of the target, the generator and a latency."""
    budget = load_budget(home / "budget.toml")

    assert [allowance.path[0] for allowance in budget.allowances] == ["target", "generator", "fanout"]
