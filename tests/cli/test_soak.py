"""`loadtest soak`: exit codes, what is printed, and mistakes."""

import json

import pytest

from loadtest.cli import main
from tests.analysis.soaks import Story
from tests.report.soaked import write_soak


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A stored soak that leaks 3 MB/h, and was killed."""
    return write_soak(tmp_path_factory.mktemp("runs") / "leak", Story(leak=3e6, ended=False))


@pytest.fixture
def budget(tmp_path):
    """Writes a budget and gives its path."""

    def write(text):
        path = tmp_path / "budget.toml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


@pytest.mark.parametrize(("allowed", "code"), [("1 MB/h", 1), ("10 MB/h", 0)])
def test_the_exit_code_is_the_verdicts(run, budget, allowed, code, capsys):
    """A leak above its budget exits with 1, one below with 0, also of a run that was killed."""
    assert main(["soak", str(run), "--budget", budget(f'[target]\nrss_bytes = "{allowed}"')]) == code
    assert "still goes on or was killed" in capsys.readouterr().out


def test_without_a_budget_nothing_is_judged(run, capsys):
    """Growth is shown, and the exit code says nothing."""
    assert main(["soak", str(run)]) == 0

    out = capsys.readouterr().out
    assert out.startswith("NOT JUDGED")
    assert "rss_bytes of the target" in out
    assert str(run / "soak.html") in out


def test_json_is_printed_on_request(run, capsys):
    """--json prints what soak.json holds, and nothing else."""
    main(["soak", str(run), "--json"])

    assert json.loads(capsys.readouterr().out) == json.loads((run / "soak.json").read_text(encoding="utf-8"))


def test_a_wrong_budget_is_wrong_usage(run, budget, capsys):
    """A key that is not known ends with code 2 and the nearest one."""
    path = budget("[traget]\nrss_bytes = '1 MB/h'")

    assert main(["soak", str(run), "--budget", path]) == 2
    assert f"{path}:1: unknown section 'traget' in traget. Did you mean target?" in capsys.readouterr().err


def test_a_run_that_is_not_there_is_wrong_usage(tmp_path, capsys):
    """There is nothing to judge."""
    assert main(["soak", str(tmp_path / "nothing")]) == 2
    assert "there is no such run" in capsys.readouterr().err
