"""Locust's events and the toolkit's messages, each answered in a line or two."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable
from typing import Any

import gevent
from locust.runners import MasterRunner, WorkerRunner

from loadtest.clock import NS_PER_S
from loadtest.distributed import messages
from loadtest.distributed.conductor import warn
from loadtest.distributed.probing import Prober
from loadtest.errors import LoadtestError, UsageError
from loadtest.metrics import Batch
from loadtest.plugin import forks
from loadtest.plugin.interrupts import reach_main_greenlet
from loadtest.plugin.run import Run
from loadtest.plugin.spawning import remember_defaults
from loadtest.plugin.web_progress import show
from loadtest.plugin.web_run_time import follow_run_time
from loadtest.plugin.workers import RemoteWorkers
from loadtest.users.dispatch import EvenDispatcher
from loadtest.users.flat_memory import fill_small_arrays, share_one_heap
from loadtest.users.fleet import Fleet
from loadtest.users.options import add_options
from loadtest.users.stats_bounds import keep_bounded

EXIT_USAGE = 2
EXIT_INVALID = 4

_LAST_ANNOUNCEMENTS_S = 1.0
_POLL_S = 0.1

_log = logging.getLogger(__name__)

# Locust's spawning_complete event does not say which environment it means; a process has one.
_runs: list[Run] = []


def _stop_now() -> None:
    """Whoever interrupts twice does not want to wait: end this process and its workers as they are.

    The embedded server ends with its standard input, and what was stored stays.
    """
    warn("interrupted again, so there is no report: `loadtest report` makes one of what was stored")
    forks.end_forked()
    os._exit(EXIT_INVALID)


def _run_of(environment: Any) -> Run | None:
    return getattr(environment, "cable_run", None)


def _say(error: BaseException) -> int:
    """Tell what ended a run, one of ours in a paragraph, a fault of this program with its traceback.

    Returns:
        The exit code for it.
    """
    if isinstance(error, LoadtestError):
        warn(str(error))
    elif isinstance(error, KeyboardInterrupt):
        warn("interrupted before the test began")
    else:
        _log.error("a fault of the toolkit itself, please report it", exc_info=error)
    return EXIT_USAGE if isinstance(error, UsageError) else EXIT_INVALID


def on_parser(parser: Any, **_: Any) -> None:
    """Locust builds its command line."""
    add_options(parser)


def on_init(environment: Any, **_: Any) -> None:
    """Locust has a runner: the owner prepares the run, a worker waits for its setup."""
    if environment.parsed_options is None:
        return
    share_one_heap()  # before there are threads
    fill_small_arrays()
    runner = environment.runner
    run = environment.cable_run = Run(environment)
    run.defects.watch()
    environment.dispatcher_class = EvenDispatcher
    _runs[:] = [run]
    gevent.spawn(keep_bounded, environment)
    if isinstance(runner, WorkerRunner):
        remember_defaults()
        runner.register_message(messages.SETUP, on_setup)
        runner.register_message(messages.ANNOUNCE, on_announced)
        runner.register_message(messages.HOLD, on_hold)
        runner.register_message(messages.RATE, on_rate)
        runner.register_message(messages.DRAIN, on_drain, concurrent=True)
        runner.register_message(messages.CLOCK, on_clock_answer)
        run.prober = Prober(lambda data: runner.send_message(messages.CLOCK, data))
        run.prober.start()
        return
    if isinstance(runner, MasterRunner):
        runner.register_message(messages.BATCH, on_batch)
        runner.register_message(messages.ANNOUNCE, on_announcement)
        runner.register_message(messages.DRAINED, on_drained)
        runner.register_message(messages.CLOCK, on_clock_probe)
        runner.register_message(messages.FAILED, on_failed)
    led_by_shape = environment.shape_class is not None and bool(environment.parsed_options.headless)
    run.at_close = reach_main_greenlet(_stop_now, lambda: led_by_shape)
    if environment.web_ui is not None:
        show(environment.web_ui, lambda: None if run.progress is None else run.progress.newest, lambda: run.ended)
        follow_run_time(environment.web_ui, run.plan_length)
    try:
        run.prepare()
    except (Exception, KeyboardInterrupt) as error:
        code = _say(error)
        run.close()
        forks.end_forked()
        raise SystemExit(code) from None


def on_test_start(environment: Any, **_: Any) -> None:
    """A test starts."""
    run = _run_of(environment)
    if run is None:
        return
    if isinstance(environment.runner, WorkerRunner):
        _as_worker(environment, run.begin_worker)
        return
    try:
        run.begin()
    except Exception as error:
        environment.process_exit_code = _say(error)
        run.ended = [("run", "could not begin"), ("why", str(error))]
        if environment.parsed_options.headless:
            gevent.spawn(environment.runner.quit)
        # ends the greenlet that starts the test before it has started a user, without a traceback
        raise gevent.GreenletExit from error


def on_spawning_complete(user_count: int, **_: Any) -> None:
    """All users were spawned."""
    run = _runs[-1] if _runs else None
    if run is None or not user_count:
        return
    if run.fleet is not None:
        run.fleet.settle()
    if run.conductor is not None and (run.steering is None or run.steering.is_first_load(user_count)):
        run.conductor.spawning_complete()


def on_test_stopping(environment: Any, **_: Any) -> None:
    """The test is being stopped; users are still there."""
    run = _run_of(environment)
    if run is not None and not isinstance(environment.runner, WorkerRunner):
        run.stopping()


def on_test_stop(environment: Any, **_: Any) -> None:
    """The test is over. With the web UI this is where its report is made, since Locust itself goes on."""
    run = _run_of(environment)
    if run is None:
        return
    run.close_fleet()
    if not isinstance(environment.runner, WorkerRunner) and not environment.parsed_options.headless:
        _finish(environment, run)
        run.tell()


def on_quitting(environment: Any, **_: Any) -> None:
    """Locust ends (on SIGTERM and Ctrl-C before its users were stopped).

    On SIGTERM Locust comes here twice at the same time: its handler's greenlet stops the runner, for whose end the main
    greenlet waits to do the same. Whoever is second waits for the report.
    """
    run = _run_of(environment)
    if run is None:
        return
    with run.ending:
        if isinstance(environment.runner, WorkerRunner):
            environment.process_exit_code = 0
        else:
            environment.runner.quit()
            _finish(environment, run)
        run.close()


def on_quit(**_: Any) -> None:
    """Locust has printed its tables, some hundred lines of them: what was found stands below, where it is seen."""
    if _runs:
        _runs[-1].tell()


def _finish(environment: Any, run: Run) -> None:
    try:
        code = run.finish()
    except Exception as error:
        code = _say(error)
    if code is not None:
        environment.process_exit_code = code
    elif environment.process_exit_code is None:
        environment.process_exit_code = EXIT_INVALID


# -- messages --------------------------------------------------------------------------------------------------------


def on_setup(environment: Any, msg: Any, **_: Any) -> None:
    """Master to worker: settings and a shard of the identities, part by part."""
    run: Run = environment.cable_run
    _as_worker(environment, functools.partial(run.take_setup, msg.data))


def _as_worker(environment: Any, act: Callable[[], None]) -> None:
    """Take a worker's part in the run; what keeps it from that (a file missing on its host) is told here and there."""
    try:
        act()
    except LoadtestError as error:
        warn(str(error))
        environment.runner.send_message(messages.FAILED, {"text": str(error)})


def on_failed(environment: Any, msg: Any, **_: Any) -> None:
    """Worker to master: this worker cannot take part."""
    run: Run = environment.cable_run
    if run.keeper is not None:
        run.worker_failed(msg.node_id, str(msg.data["text"]))


def on_clock_probe(environment: Any, msg: Any, **_: Any) -> None:
    """Worker to master: what does your clock say?"""
    run: Run = environment.cable_run
    answer = run.answerer.answer(msg.node_id, msg.data)
    if answer is not None:
        environment.runner.send_message(messages.CLOCK, answer, msg.node_id)
    else:
        run.take_in(msg.node_id)


def on_clock_answer(environment: Any, msg: Any, **_: Any) -> None:
    """Master to worker: this."""
    prober: Prober | None = environment.cable_run.prober
    if prober is not None:
        prober.answered(msg.data)


def on_hold(environment: Any, msg: Any, **_: Any) -> None:
    """Master to worker: emit."""
    run: Run = environment.cable_run
    run.is_holding = True
    if run.fleet is not None:
        run.fleet.begin_hold()


def on_rate(environment: Any, msg: Any, **_: Any) -> None:
    """Master to worker: emit at another rate."""
    fleet: Fleet | None = environment.cable_run.fleet
    if fleet is not None:
        fleet.change_rate(msg.data["at_s"], msg.data["emit_rate"])


def on_drain(environment: Any, msg: Any, **_: Any) -> None:
    """Master to worker: emit no more, close the books, say when that is done."""
    run: Run = environment.cable_run
    fleet = run.fleet
    shortage = ""
    if fleet is not None:
        if not fleet.collector.connected_count:
            shortage = fleet.why_nobody()
        limit_s = msg.data.get("limit_s") or run.settings.deadline_s + run.settings.rest_timeout_s
        if msg.data.get("limit_s"):
            fleet.let_go()
        limit_ns = fleet.clock.now_ns() + round(limit_s * NS_PER_S)
        fleet.end_hold()
        while fleet.chat.in_flight and fleet.clock.now_ns() < limit_ns:
            gevent.sleep(_POLL_S)
        fleet.tick()
        gevent.sleep(_LAST_ANNOUNCEMENTS_S)  # the other workers' last announcements are on their way
        while not fleet.drained() and fleet.clock.now_ns() < limit_ns:
            gevent.sleep(_POLL_S)
        fleet.tick(final=True)
    environment.runner.send_message(messages.DRAINED, {"shortage": shortage})


def on_announced(environment: Any, msg: Any, **_: Any) -> None:
    """Master to worker: emissions of other workers."""
    fleet: Fleet | None = environment.cable_run.fleet
    if fleet is not None:
        for plain in msg.data["emissions"]:
            fleet.collector.announce(plain)


def on_announcement(environment: Any, msg: Any, **_: Any) -> None:
    """Worker to master: emissions, for all other workers to know."""
    runner = environment.runner
    run: Run = environment.cable_run
    if run.keeper is not None:
        for plain in msg.data["emissions"]:
            run.keeper.announced(plain)
    for client in runner.clients.all:
        if client.id != msg.node_id:
            runner.send_message(messages.ANNOUNCE, msg.data, client.id)


def on_batch(environment: Any, msg: Any, **_: Any) -> None:
    """Worker to master: what was collected."""
    run: Run = environment.cable_run
    if run.keeper is not None:
        batch = Batch.from_plain(msg.data)
        if isinstance(run.workers, RemoteWorkers):
            run.workers.heard(msg.node_id)
        run.keeper.take(batch)
        run.watch_target(batch)


def on_drained(environment: Any, msg: Any, **_: Any) -> None:
    """Worker to master: all books are closed."""
    workers = environment.cable_run.workers
    if isinstance(workers, RemoteWorkers):
        workers.drained_by(msg.node_id, msg.data.get("shortage", ""))
