"""Locust's events: what each does to a run, in whatever order and number they come."""

import signal
import socket
import subprocess
import sys
from types import SimpleNamespace

import gevent
import locust
import pytest

from loadtest.directory import Population, generate, write_identities
from loadtest.distributed import messages
from loadtest.errors import UsageError
from loadtest.metrics import Batch
from loadtest.plugin import listeners
from tests.plugin.conftest import EVENTS, eventually
from tests.plugin.locusts import ROOT, environment


def quitting(environment):
    """What Locust does last, up to its tables."""
    environment.events.quitting.fire(environment=environment, reverse=True)


@pytest.mark.parametrize("name", ["init_command_line_parser", *EVENTS])
def test_importing_the_plugin_registers_once(name):
    """Every event that the plugin needs has its listener, and the import is all it takes."""
    listener = listeners.on_parser if name == "init_command_line_parser" else getattr(listeners, f"on_{name}")

    assert 1 == getattr(locust.events, name)._handlers.count(listener)


def test_a_refused_plan_ends_before_the_test(ready, capsys):
    """One paragraph, wrong usage, and nothing was started."""
    with pytest.raises(SystemExit) as caught:
        ready("--max-users", "2")

    assert 2 == caught.value.code
    assert "loadtest: --max-users: 6 users planned, 2 allowed. Plan fewer users\n" == capsys.readouterr().err


def test_an_unreachable_target_ends_before_the_test(ready, tmp_path, refused, capsys):
    """A target nobody serves is code 4: nothing was measured."""
    with pytest.raises(SystemExit) as caught:
        ready("--host", f"http://127.0.0.1:{refused}", "--identities", tmp_path / "ids.jsonl")

    assert 4 == caught.value.code
    assert "refused" in capsys.readouterr().err


@pytest.fixture
def refused(tmp_path):
    """A port that is bound but not listened on, and identities to go there with."""
    write_identities(tmp_path / "ids.jsonl", generate(Population(4, 2, 2)))
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def test_a_fault_of_our_own_is_not_a_verdict(ready, monkeypatch, caplog):
    """An error that nobody foresaw ends with 4 and its traceback, never with a verdict's code."""

    def fail(*_):
        raise ZeroDivisionError("nobody foresaw this")

    monkeypatch.setattr(listeners.Run, "prepare", fail)
    with pytest.raises(SystemExit) as caught:
        ready()

    assert 4 == caught.value.code
    assert "nobody foresaw this" in caplog.text


def test_a_test_that_cannot_begin_starts_no_user(ready, tmp_path, capsys):
    """A folder that appeared in the meantime ends the run with wrong usage, before any user runs."""
    environment = ready("--run-id", "mine")
    (tmp_path / "reports" / "mine").mkdir(parents=True)
    starting = gevent.spawn(environment.events.test_start.fire, environment=environment)
    starting.join()
    environment.runner.greenlet.join()

    assert isinstance(starting.value, gevent.GreenletExit)
    assert 2 == environment.process_exit_code
    assert "mine" in capsys.readouterr().err


def test_a_run_that_never_began_is_invalid(ready):
    """Locust quits without a test: there is nothing to judge, and that is no success."""
    environment = ready()
    quitting(environment)

    assert 4 == environment.process_exit_code


def test_quitting_stops_drains_and_judges(holding):
    """On a signal `quitting` comes while users run: the verdict's code is set all the same."""
    environment = holding()
    folder = environment.cable_run.keeper.folder
    quitting(environment)

    assert (folder / "report.html").exists()
    assert environment.process_exit_code in (0, 3, 4)
    assert environment.cable_run.fleet is None


def test_quitting_twice_at_once_makes_one_report(holding, capsys):
    """On SIGTERM two greenlets come here: the second one leaves when the report is there, not before."""
    environment = holding()
    folder = environment.cable_run.keeper.folder
    first = gevent.spawn(quitting, environment)
    gevent.sleep(0)
    quitting(environment)

    assert (folder / "report.html").exists()
    first.join()
    environment.events.quit.fire(exit_code=0)
    environment.events.quit.fire(exit_code=0)
    assert 1 == capsys.readouterr().out.count("report.html")


def test_what_was_found_stands_below_locusts_tables(holding, capsys):
    """Locust prints its tables between `quitting` and `quit`; the verdict is not scrolled away by them."""
    environment = holding()
    quitting(environment)
    before = capsys.readouterr().out
    environment.events.quit.fire(exit_code=0)

    assert ("report.html" in before, "report.html" in capsys.readouterr().out) == (False, True)


def test_an_impatient_second_ctrl_c_is_taken_at_its_word():
    """Interrupted again, the process ends at once with 4 and says how to make the report later."""
    script = "from loadtest.plugin import listeners; listeners._stop_now()"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment(), capture_output=True, text=True, check=False
    )

    assert 4 == done.returncode
    assert "loadtest report" in done.stderr


def test_a_report_that_fails_is_no_success(holding, monkeypatch, caplog):
    """A fault while the report is made ends with 4."""
    environment = holding()

    def fail():
        raise ZeroDivisionError("nobody foresaw this")

    monkeypatch.setattr(environment.cable_run, "finish", fail)
    quitting(environment)

    assert 4 == environment.process_exit_code
    assert "nobody foresaw this" in caplog.text


def test_with_the_web_ui_a_tests_end_makes_its_report(holding):
    """Locust goes on, so the report cannot wait for its end."""
    environment = holding()
    environment.parsed_options.headless = False
    folder = environment.cable_run.keeper.folder
    environment.runner.stop()

    assert eventually((folder / "report.html").exists)


def test_spawning_complete_without_users_is_not_ours(ready):
    """Locust says so as well when all users were stopped."""
    ready()

    assert listeners.on_spawning_complete(user_count=0) is None


def test_an_environment_without_options_is_left_alone():
    """Whoever embeds Locust as a library has no run."""
    environment = SimpleNamespace(parsed_options=None)
    listeners.on_init(environment)

    assert not hasattr(environment, "cable_run")


class Channel:
    """A master's runner as far as messages are relayed."""

    def __init__(self, *clients):
        self.clients = SimpleNamespace(all=[SimpleNamespace(id=client) for client in clients])
        self.sent = []

    def send_message(self, kind, data=None, client_id=None):
        self.sent.append((kind, data, client_id))


def test_announcements_are_relayed_to_all_others():
    """The worker that announced knows already; the keeper learns what decides doubts."""
    channel, told = Channel("a", "b", "c"), []
    data = {"emissions": [[b"00000001", 7]]}
    run = SimpleNamespace(keeper=SimpleNamespace(announced=told.append))
    environment = SimpleNamespace(runner=channel, cable_run=run)
    listeners.on_announcement(environment, SimpleNamespace(data=data, node_id="b"))

    assert [(messages.ANNOUNCE, data, "a"), (messages.ANNOUNCE, data, "c")] == channel.sent
    assert [[b"00000001", 7]] == told


def test_batches_of_workers_are_kept(holding):
    """What a worker sends is counted like what is collected here."""
    environment = holding()
    batch = Batch()
    batch.add(0, "rest.n", "somewhere", value=3)
    before = environment.cable_run.keeper.received
    listeners.on_batch(environment, SimpleNamespace(data=batch.to_plain()))

    assert before + 1 == environment.cable_run.keeper.received


def test_late_messages_find_nothing_to_do():
    """A batch after the end and orders before the beginning are passed over."""
    run = SimpleNamespace(keeper=None, fleet=None, workers=None)
    environment = SimpleNamespace(cable_run=run)
    message = SimpleNamespace(data={"emissions": [[1]], "shortage": ""}, node_id="a")

    for listener in (listeners.on_batch, listeners.on_hold, listeners.on_announced, listeners.on_drained):
        assert listener(environment, message) is None


def test_a_setup_is_kept_for_the_tests_start():
    """It comes ahead of Locust's own message."""
    run = SimpleNamespace()
    run.take_setup = lambda message: setattr(run, "setup", message)
    listeners.on_setup(SimpleNamespace(cable_run=run), SimpleNamespace(data={"share": 1}))

    assert {"share": 1} == run.setup


def test_a_worker_says_when_its_books_are_closed(holding):
    """Told to drain, it stops emitting, hands over the rest, and answers, once."""
    environment = holding()
    channel = Channel()
    run = environment.cable_run
    listeners.on_drain(SimpleNamespace(cable_run=run, runner=channel), SimpleNamespace(data={}))

    assert [(messages.DRAINED, {"shortage": ""}, None)] == channel.sent
    assert run.fleet.drained()
    assert not run.fleet.collector.holding


def test_a_worker_without_a_fleet_answers_all_the_same():
    """Nobody has to wait for it."""
    channel = Channel()
    listeners.on_drain(SimpleNamespace(cable_run=SimpleNamespace(fleet=None), runner=channel), SimpleNamespace(data={}))

    assert [(messages.DRAINED, {"shortage": ""}, None)] == channel.sent


def test_sigint_is_left_as_it_is():
    """The plugin changes nothing about Ctrl-C in the process that imports it."""
    assert signal.getsignal(signal.SIGINT) is not signal.SIG_IGN


def test_what_keeps_a_worker_from_its_part_is_told_to_the_master(capsys):
    """A file that is missing on its host is no traceback: one line here, a message there."""
    sent = []

    def take_setup(message):
        raise UsageError("there is no such file", where="--ca-file", remedy="Put it there on every host")

    worker = SimpleNamespace(
        cable_run=SimpleNamespace(take_setup=take_setup),
        runner=SimpleNamespace(send_message=lambda kind, data: sent.append((kind, data["text"]))),
    )
    listeners.on_setup(worker, SimpleNamespace(data={}))
    ((kind, text),) = sent

    assert messages.FAILED == kind
    assert "there is no such file" in text
    assert text in capsys.readouterr().err
