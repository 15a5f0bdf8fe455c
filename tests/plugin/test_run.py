"""A run in its owner: prepared, led, ended and judged, with a real embedded server."""

import json

import gevent
import pytest

from loadtest.distributed.messages import BATCH
from loadtest.errors import GeneratorError, UsageError
from loadtest.metrics import Batch
from loadtest.plugin import run as run_module
from loadtest.plugin.run import Run
from loadtest.store import open_run
from tests.plugin.conftest import eventually


@pytest.fixture
def prepare(environment):
    """Prepares a run by a command line and returns it."""

    def make(*arguments):
        made = environment(*arguments)
        made.create_local_runner()
        made.cable_run = Run(made)
        made.cable_run.prepare()
        return made.cable_run

    return make


def test_without_a_host_the_embedded_server_is_the_target(prepare):
    """It is started, and Locust's environment points at it."""
    run = prepare()

    assert run.environment.host.startswith("http://127.0.0.1:")
    assert (4, 2) == tuple(user_class.fixed_count for user_class in run.environment.user_classes)


def test_what_the_embedded_server_does_is_known(prepare):
    """Dialect and presence expiry need not be given for it."""
    options = prepare().options

    assert ("seed", 60.0, 60.0) == (options.dialect, options.agent_expiry, options.contact_expiry)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--agents", "0", "--contacts", "0"], "no users"),
        (["--max-users", "5"], "6 users planned, 5 allowed"),
        (["--report-dir", "/proc/reports"], "run folders cannot be made here"),
        (["--host", "http://192.0.2.1"], "unencrypted"),
        (["--host", "http://127.0.0.1:9"], "a target needs identities"),
        (["--accounts", "9"], "9 accounts for 4 agents"),
    ],
)
def test_a_plan_that_cannot_be_run_is_refused(prepare, arguments, says):
    """Nothing is started for it, and the error says why."""
    with pytest.raises(UsageError, match=says):
        prepare(*arguments)


def test_a_folder_that_exists_is_never_a_runs(prepare, tmp_path):
    """A run id that was used is refused before anything is started."""
    (tmp_path / "reports" / "mine").mkdir(parents=True)

    with pytest.raises(UsageError, match="never overwritten"):
        prepare("--run-id", "mine")


def test_a_server_that_does_not_start_in_time_is_an_error(prepare, monkeypatch):
    """The bound on its start is the run's own, and what happened is said."""
    monkeypatch.setattr(run_module, "_SERVER_START_S", 0.001)

    with pytest.raises(GeneratorError, match="embedded server was not ready in time"):
        prepare()


def test_the_store_says_what_was_run(holding):
    """Target, population, plan and versions are in the run's meta from its first moment."""
    environment = holding("--run-id", "mine", "--seed", "7")
    meta = open_run(environment.cable_run.keeper.folder).meta

    assert ("mine", 7, 1, "agents.py") == (meta["run_id"], meta["seed"], meta["workers"], meta["locustfile"])
    assert {"url": environment.host, "embedded": True} == {k: meta["target"][k] for k in ("url", "embedded")}
    assert {"agents": 4, "contacts": 2, "accounts": 1, "members": 4} == meta["population"]
    assert meta["ended_at"] is None


def test_a_password_in_the_address_is_not_stored(holding, monkeypatch):
    """The stored URL of the target is without user and password."""
    environment = holding()
    run = environment.cable_run
    environment.host = environment.host.replace("http://", "http://me:secret@")

    assert "secret" not in json.dumps(run._meta("x", run_module.datetime.datetime.now(run_module.datetime.UTC), 1))


def test_a_finished_run_has_its_report_and_code(holding, capsys):
    """The books are closed, the report is written and can be told, and the verdict's code is returned."""
    environment = holding()
    run = environment.cable_run
    folder = run.keeper.folder
    environment.runner.quit()
    code = run.finish()
    run.tell()
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    row = summary["delivery"]["message.created"]

    assert row["delivered"] + row["late"] == row["expected"] > 0
    assert str(folder / "report.html") in capsys.readouterr().out
    assert summary["verdict"]["exit_code"] == code


def test_a_run_is_finished_once(holding):
    """Asked again, there is no run to judge."""
    environment = holding()
    environment.runner.quit()
    environment.cable_run.finish()

    assert environment.cable_run.finish() is None


def test_a_second_test_is_a_second_run(holding):
    """With the web UI tests follow each other in one process: each gets a folder and a tag of its own."""
    environment = holding()
    run = environment.cable_run
    first = (run.keeper.folder, run.settings.run_tag)
    environment.runner.stop()
    run.finish()
    environment.parsed_options.run_id = "second"
    environment.runner.start(6, spawn_rate=50)
    eventually(lambda: run.conductor is not None and run.conductor.phase == "hold")

    assert first[0] != run.keeper.folder
    assert first[1] != run.settings.run_tag


def test_a_run_stopped_in_its_ramp_was_interrupted(ready):
    """Whoever stops a run before its hold gets INVALID and is told so."""
    environment = ready("--run-id", "mine")
    run = environment.cable_run
    environment.runner.start(6, spawn_rate=50)
    folder = eventually(lambda: run.keeper).folder
    eventually(lambda: run.conductor)
    environment.runner.quit()
    code = run.finish()

    assert open_run(folder).meta["interrupted"] is True
    assert 4 == code


def test_a_run_stopped_in_its_hold_was_interrupted(holding):
    """Of a plan of ten minutes that is no silent PASS, and the store says how long it ran."""
    environment = holding("--run-time", "10m")
    run = environment.cable_run
    folder = run.keeper.folder
    environment.runner.quit()
    code = run.finish()
    meta = open_run(folder).meta
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))

    assert (meta["interrupted"], meta["run_time_s"], meta["ran_s"]) == (True, 600, summary["run"]["ran_s"])
    assert 0 < meta["ran_s"] < 600
    assert 0 != code
    assert ["INCONCLUSIVE"] == [
        check["result"] for check in summary["verdict"]["checks"] if check["name"] == "run time"
    ]


def test_a_run_without_an_end_is_ended_by_hand(holding):
    """That is how it is meant to end, and no interruption."""
    environment = holding()
    run = environment.cable_run
    folder = run.keeper.folder
    environment.runner.quit()
    run.finish()

    assert (False, None) == tuple(open_run(folder).meta[name] for name in ("interrupted", "run_time_s"))


def test_a_plan_of_messages_that_was_played_out_is_whole(holding):
    """Its end is the last message, however long the run time."""
    environment = holding("--emissions", "40", "--run-time", "10m")
    run = environment.cable_run
    folder = run.keeper.folder
    eventually(lambda: run.conductor.phase == "end")
    run.finish()

    assert open_run(folder).meta["interrupted"] is False


def test_a_part_of_ours_that_dies_invalidates_the_run(holding):
    """Whatever greenlet of it raises, its numbers are worth nothing."""
    environment = holding()
    gevent.spawn(lambda: {}["missing"]).join()
    environment.runner.quit()

    assert 4 == environment.cable_run.finish()


def test_a_worker_tells_of_a_part_that_died(environment):
    """With its next batch, since only the owner judges."""
    made = environment()
    made.create_local_runner()
    run, sent = Run(made), []
    run.environment.runner.send_message = lambda kind, data: sent.append((kind, data))
    run.defects.watch()
    try:
        gevent.spawn(lambda: {}["missing"]).join()
        run._sink(Batch(), [])
    finally:
        run.defects.unwatch()
    ((kind, plain),) = sent

    assert kind == BATCH
    assert [note.kind for note in Batch.from_plain(plain).notes] == ["generator_error"]


def test_an_unhandled_exception_of_locusts_invalidates_the_run(holding, monkeypatch):
    """Locust remembers those of its own greenlets."""
    environment = holding()
    environment.runner.quit()
    monkeypatch.setattr(run_module.locust.log, "unhandled_greenlet_exception", True)

    assert 4 == environment.cable_run.finish()


def test_a_server_that_dies_stops_the_run(holding, capsys):
    """The run ends by itself, says why, and fails."""
    environment = holding()
    run = environment.cable_run
    run._child._process.kill()
    eventually(lambda: environment.runner.state == "stopped" or run.conductor.phase == "end")
    code = run.finish()

    assert "the embedded server ended during the run" in capsys.readouterr().err
    assert 1 == code


def test_a_worker_without_a_setup_starts_nothing(environment):
    """What came late or from another master is not acted on."""
    made = environment()
    made.create_local_runner()
    run = Run(made)
    run.begin_worker()

    assert run.fleet is None
