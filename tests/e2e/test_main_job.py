"""The main job: the shipped locustfiles on the embedded server, ended in every way a run can end."""

import json
import signal
from contextlib import ExitStack
from pathlib import Path

import jsonschema
import pytest

import loadtest.analysis
from loadtest.cli import main
from tests.plugin.locusts import Running, command, forked

SCHEMA = json.loads((Path(loadtest.analysis.__file__).parent / "summary.schema.json").read_text())
SHORT = ("--deadline", 3, "--spawn-rate", 50)
USERS = {"agents": 55, "contacts": 110, "mixed": 120, "forked": 55}
RUNS = {
    "agents": lambda folder: command("agents.py", folder, "-t", "8s", *SHORT, "--json-file", folder),
    "contacts": lambda folder: command("contacts.py", folder, "-t", "9s", "--session", 0, *SHORT),
    "mixed": lambda folder: command("mixed.py", folder, "-t", "9s", *SHORT),
    "forked": lambda folder: command("agents.py", folder, "-t", "8s", *SHORT, *forked(2)),
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of every kind, all at once, by name: what ended, and who was still there afterwards."""
    with ExitStack() as stack:
        under_way = {}
        for name, line in RUNS.items():
            folder = tmp_path_factory.mktemp(name) / "run"
            under_way[name] = stack.enter_context(Running(line(folder), folder))
        for running in under_way.values():
            running.until_said("All users spawned|Spawning is complete")
        return {name: (running.wait(), running.survivors()) for name, running in under_way.items()}


@pytest.fixture(params=sorted(RUNS))
def ran(request, finished):
    """Each of the runs in turn."""
    return finished[request.param][0]


@pytest.fixture
def launch(tmp_path):
    """Starts a long run of agents.py; it is ended after the test."""
    with ExitStack() as stack:

        def start(*options, **popen):
            folder = tmp_path / "run"
            argv = command("agents.py", folder, "-t", "10m", *SHORT, *options)
            return stack.enter_context(Running(argv, folder, **popen))

        yield start


def test_the_exit_code_is_the_verdicts(ran):
    """The process exits with the code of the verdict in summary.json."""
    assert ran.summary["verdict"]["exit_code"] == ran.code, ran.err


def test_the_summary_keeps_its_schema(ran):
    """summary.json is what its published schema says."""
    jsonschema.Draft202012Validator(SCHEMA).validate(ran.summary)


def test_the_folder_holds_the_report(ran):
    """The store is one file, and the report in all its forms is beside it."""
    names = {path.name for path in ran.folder.iterdir()}

    assert {"run.sqlite", "summary.json", "summary.md", "report.html", "figures"} <= names
    assert not {"run.sqlite-wal", "run.sqlite-shm"} & names
    assert any((ran.folder / "figures").iterdir())


def test_the_terminal_names_verdict_and_report(ran):
    """Standard output says what was found and where to read more."""
    assert ran.summary["verdict"]["result"] in ran.out
    assert str(ran.folder / "report.html") in ran.out


def test_every_expected_delivery_came(ran):
    """On the embedded server nothing is lost, doubled or leaked."""
    row = ran.sums()

    assert row["delivered"] > 0
    assert row["expected"] == row["delivered"]
    assert (0, 0, 0) == (row["lost"], row["duplicated"], row["leaked"])


def test_no_traceback_is_shown(ran):
    """A run that goes well says nothing that frightens."""
    assert "Traceback" not in ran.out + ran.err


@pytest.mark.parametrize("name", sorted(RUNS))
def test_nothing_is_left_behind(finished, name):
    """The embedded server and the workers end with the run."""
    survivors = finished[name][1]

    assert not survivors


@pytest.mark.parametrize("name", ["agents", "contacts", "forked"])
def test_all_planned_users_were_confirmed(finished, name):
    """Everybody whom the locustfile plans was subscribed during the hold, over all workers.

    Not so in mixed.py: a contact whose plan has it away when the hold begins may not be back in five seconds.
    """
    users = finished[name][0].summary["users"].values()

    assert USERS[name] == sum(row["planned"] for row in users)
    assert USERS[name] == sum(row["confirmed"] for row in users)


def test_a_run_knows_its_workers(finished):
    """Forked workers are counted."""
    workers = {name: ran.summary["run"]["workers"] for name, (ran, _) in finished.items()}

    assert {"agents": 1, "contacts": 1, "mixed": 1, "forked": 2} == workers


def test_locusts_own_statistics_hold_the_fan_out(finished):
    """The FANOUT entries of Locust's JSON file count the deliveries that the summary counts.

    But for conversations, which are opened in the ramp: the summary covers the hold, Locust everything.
    """
    ran = finished["agents"][0]
    entries = json.loads(ran.folder.with_suffix(".json").read_text(encoding="utf-8"))
    shown = {entry["name"]: entry["num_requests"] for entry in entries if entry["method"] == "FANOUT"}
    shown = {name: n for name, n in shown.items() if not name.startswith("conversation.created")}
    counted = {
        f"{event} → {role}": row["n"]
        for event, roles in ran.summary["fanout"].items()
        for role, row in roles.items()
        if event != "conversation.created"
    }

    assert counted
    assert counted == shown


def test_sigterm_ends_a_run_with_its_report(launch, capsys):
    """On SIGTERM the books are closed and the verdict decides; before it, `loadtest report` works on the run."""
    running = launch()
    running.until_delivering()

    assert main(["report", str(running.folder)]) == 0
    assert "report.html" in capsys.readouterr().out

    running.signal(signal.SIGTERM)
    ran = running.wait()

    assert ran.sums()["delivered"] == ran.sums()["expected"] > 0
    assert ran.summary["run"]["ended_at"] is not None
    assert "Traceback" not in ran.out + ran.err
    assert not running.survivors()
    assert ran.summary["verdict"]["exit_code"] == ran.code


def test_ctrl_c_ends_a_run_with_its_report(launch):
    """Ctrl-C reaches all processes of a terminal: workers leave it to the master, which gets all they measured."""
    running = launch(*forked(2), start_new_session=True)
    running.until_delivering()
    running.signal_group(signal.SIGINT)
    ran = running.wait()

    assert ran.sums()["delivered"] == ran.sums()["expected"] > 0
    assert "Traceback" not in ran.out + ran.err
    assert not running.survivors()
    assert ran.summary["verdict"]["exit_code"] == ran.code


def test_a_killed_run_leaves_nothing_but_its_store(launch, capsys):
    """After SIGKILL server and workers end by themselves, and the run can be reported up to its last tick."""
    running = launch(*forked(2))
    running.until_delivering()
    family = running.family()
    running.signal(signal.SIGKILL)
    running.wait()

    assert len(family) == 3
    assert not running.survivors()

    assert main(["report", str(running.folder)]) == 0
    assert "message.created" in capsys.readouterr().out
    summary = json.loads((running.folder / "summary.json").read_text(encoding="utf-8"))

    assert summary["delivery"]["message.created"]["delivered"] > 0


def test_a_server_that_dies_fails_the_run(launch):
    """The run stops by itself, says so at once, and the verdict is FAIL."""
    running = launch()
    running.until_delivering()
    running.server().kill()
    ran = running.wait()

    assert "the embedded server ended during the run" in ran.err
    assert ("FAIL", 1) == (ran.summary["verdict"]["result"], ran.code)
    assert "Traceback" not in ran.out + ran.err


def test_a_user_who_has_only_the_wheel_can_run(tmp_path):
    """`loadtest init` writes all that a run needs: the locustfile, and limits that decide."""
    home = tmp_path / "home"
    assert main(["init", str(home)]) == 0
    folder = home / "reports" / "run"
    argv = command("./agents.py", folder, "-t", "7s", *SHORT, "--slo", "slo.toml")
    with Running(argv, tmp_path / "run", cwd=home) as running:
        code = running.wait().code
        err = running.err
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    limits = {check["name"] for check in summary["verdict"]["checks"]}

    assert summary["verdict"]["exit_code"] == code, err
    assert any(name.startswith("fanout") for name in limits)
    assert any(name.startswith("cable") for name in limits)
    assert "users confirmed" not in limits
    assert [path.name for path in (home / "reports").iterdir()] == ["run"]
