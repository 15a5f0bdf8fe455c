"""Locust as a child process: options, output, time limits, interruption."""

import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from loadtest.drive.locustfile import write_locustfile
from loadtest.drive.runner import RunOutcome, command, environment, run
from loadtest.errors import GeneratorError, UsageError
from tests.plugin.locusts import ROOT

PEOPLE = {"agents": 3, "contacts": 2, "members": 3, "spawn-rate": 50, "typing": 0, "deadline": 2}

#: takes the options that every run is given, and nothing else; says so, then does what the test wants
SCRIPTED = """
import sys
import locust

class Idle(locust.User):
    wait_time = locust.constant(1)
    @locust.task
    def idle(self): pass

@locust.events.init_command_line_parser.add_listener
def options(parser, **_):
    parser.add_argument("--report-dir")
    parser.add_argument("--run-id")

@locust.events.test_start.add_listener
def started(**_):
    print("started", file=sys.stderr, flush=True)
"""


@pytest.fixture
def scripted(tmp_path):
    """Writes a locustfile."""

    def write(text):
        path = tmp_path / "scripted.py"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def deaf():
    """SIGTERM does not reach processes that are started meanwhile: a blocked signal is inherited."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A short run of the shipped locustfile, with the ticks that were heard while it went on."""
    folder = tmp_path_factory.mktemp("driven")
    ticks = []
    options = PEOPLE | {"run-time": "3s", "emit_rate": 20.0, "--think-time": 0.2, "slo": None, "allow-plaintext": False}
    outcome = run(write_locustfile(folder), folder / "run", options, timeout_s=120, isolated=True, on_tick=ticks.append)
    return outcome, ticks


def test_a_run_leaves_its_folder_and_verdict(finished):
    """Exit code, verdict and summary are one and the same run's."""
    outcome = finished[0]

    assert outcome.verdict == outcome.summary["verdict"]["result"], outcome.complaint()
    assert outcome.exit_code == outcome.summary["verdict"]["exit_code"]
    assert outcome.summary["delivery"]["message.created"]["delivered"] > 0
    assert not outcome.timed_out


def test_output_is_kept_beside_the_run(finished):
    """What Locust printed is in two files of the run's name."""
    outcome = finished[0]

    assert ("run.out", "run.err") == (outcome.stdout.name, outcome.stderr.name)
    assert "report" in outcome.stdout.read_text(encoding="utf-8")
    assert "locust" in outcome.stderr.read_text(encoding="utf-8")


def test_ticks_tell_the_time_that_passed(finished):
    """Whoever shows progress is called again and again, with rising seconds."""
    _, ticks = finished

    assert len(ticks) > 5
    assert ticks == sorted(ticks)


def test_options_are_written_as_locust_reads_them(tmp_path):
    """Names with or without dashes, flags, numbers in full; None and False are left out."""
    argv = command(
        tmp_path / "f.py", tmp_path / "r" / "id", {"--emit-rate": 0.1, "allow_plaintext": True, "slo": None, "x": False}
    )

    assert {"--emit-rate=0.1", "--allow-plaintext", "--headless", "--run-id=id"} <= set(argv)
    assert not [word for word in argv if "slo" in word or "--x" in word]


def test_several_workers_are_forked_on_a_port_of_their_own(tmp_path):
    """Two runs of one machine do not meet on Locust's default port."""
    argv = command(tmp_path / "f.py", tmp_path / "run", {}, workers=3)
    ports = {word.partition("=")[2] for word in argv if word.startswith(("--master-bind-port=", "--master-port="))}

    assert "--processes=3" in argv
    assert len(ports) == 1
    assert ports != {"5557"}


def test_an_isolated_run_knows_nothing_of_the_users_settings(monkeypatch):
    """Variables that Locust or the plugin would take are kept from it; others are not."""
    for name in ("LOCUST_USERS", "LOADTEST_AGENTS", "COLOUR"):
        monkeypatch.setenv(name, "7")

    assert {"LOCUST_USERS", "LOADTEST_AGENTS", "COLOUR"} <= environment(isolated=False).keys()
    assert {"LOCUST_USERS", "LOADTEST_AGENTS"}.isdisjoint(environment(isolated=True))
    assert environment(isolated=True)["COLOUR"] == "7"


def test_a_refused_run_is_an_outcome_that_says_why(tmp_path):
    """Wrong options end with Locust's code 2, and the complaint holds its sentence."""
    outcome = run(write_locustfile(tmp_path), tmp_path / "run", {"agents": "many"}, timeout_s=60)

    assert (2, None) == (outcome.exit_code, outcome.verdict)
    assert "'many' is not a whole number" in outcome.complaint()
    with pytest.raises(GeneratorError, match="left no summary"):
        _ = outcome.summary


def test_an_existing_run_is_never_overwritten(tmp_path):
    """The folder must be new."""
    (tmp_path / "run").mkdir()

    with pytest.raises(UsageError, match="never overwritten"):
        run(write_locustfile(tmp_path), tmp_path / "run", {}, timeout_s=5)


def test_a_run_is_ended_when_its_time_is_over(scripted, tmp_path):
    """It is told to end, and the outcome says that its time was over."""
    outcome = run(scripted(SCRIPTED), tmp_path / "run", {"users": 1}, timeout_s=2)

    assert outcome.timed_out
    assert "its time was over" in outcome.complaint()


def test_a_run_that_does_not_end_is_killed(scripted, tmp_path, deaf):
    """After its grace nothing is left of it."""
    outcome = run(scripted(SCRIPTED), tmp_path / "run", {"users": 1}, timeout_s=0.5, grace_s=0.5)

    assert outcome.timed_out
    assert outcome.exit_code == -signal.SIGKILL


def test_a_complaint_without_output_says_so(tmp_path):
    """A run that was killed before it said anything."""
    for name in ("out", "err"):
        (tmp_path / name).touch()
    outcome = RunOutcome(tmp_path / "run", -9, None, tmp_path / "out", tmp_path / "err", 1.0)

    assert outcome.complaint() == "Locust: killed by SIGKILL. It said nothing"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_verb_ends_its_run(scripted, tmp_path, number):
    """Ctrl-C or SIGTERM to the verb's process ends Locust before the verb goes on."""
    script = (
        "import sys, json, pathlib\n"
        "from loadtest.drive import run\n"
        "try:\n"
        "    run(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), {'users': 1}, timeout_s=60)\n"
        "except KeyboardInterrupt:\n"
        "    print(json.dumps('interrupted'))\n"
    )
    locustfile = scripted(SCRIPTED)
    with subprocess.Popen(
        [sys.executable, "-c", script, str(locustfile), str(tmp_path / "run")], cwd=ROOT, stdout=subprocess.PIPE
    ) as verb:
        try:
            said = tmp_path / "run.err"
            until_s = time.monotonic() + 60
            while not (said.exists() and "started" in said.read_text(encoding="utf-8")):
                assert verb.poll() is None
                assert time.monotonic() < until_s
                time.sleep(0.05)
            (child,) = psutil.Process(verb.pid).children()
            os.kill(verb.pid, number)
            out, _ = verb.communicate(timeout=60)
        finally:
            verb.kill()

    assert json.loads(out) == "interrupted"
    assert not child.is_running()
