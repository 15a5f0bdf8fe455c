"""One process's part in a run. The owner (the local process, or the master) also has a conductor and a keeper."""

from __future__ import annotations

import datetime
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
import locust.log
from gevent.lock import BoundedSemaphore
from locust.runners import MasterRunner

from loadtest.analysis import load_slo
from loadtest.collect import run_tag
from loadtest.directory import Directory, Population, generate
from loadtest.distributed import messages
from loadtest.distributed.conductor import Conductor, Patience, warn
from loadtest.distributed.keeper import RunKeeper
from loadtest.metrics import Batch
from loadtest.plugin import preparation
from loadtest.plugin.workers import LocalWorkers, RemoteWorkers
from loadtest.refserver.child import ServerChild, start_child
from loadtest.report import build, terminal
from loadtest.users.cable_user import AgentUser, ContactUser
from loadtest.users.fleet import Fleet
from loadtest.users.preflight import preflight
from loadtest.users.settings import FleetSettings
from loadtest.users.stats_feed import feed
from loadtest.users.target_watch import TargetWatch

_CONFIRM_SLACK_S = 5.0
_SERVER_START_S = 10.0


class Run:
    """What this process knows of the run.

    Args:
        environment: Locust's environment.

    Attributes:
        fleet: the users of this process, while a test runs.
        conductor: leads the run, in its owner.
        keeper: keeps the run's data, in its owner.
        workers: what is led, in its owner.
        settings: options of the run, once a test has started.
        setup: what the master told this worker.
        ending: held while the run is being ended.
        at_close: called once, when everything is ended.
    """

    def __init__(self, environment: Any) -> None:
        self.environment = environment
        self.options = environment.parsed_options
        self.fleet: Fleet | None = None
        environment.cable_fleet = None  # users of a worker that gets no setup idle
        self.conductor: Conductor | None = None
        self.keeper: RunKeeper | None = None
        self.workers: LocalWorkers | RemoteWorkers | None = None
        self.settings = FleetSettings("000000")
        self.setup: dict[str, Any] | None = None
        self.ending = BoundedSemaphore(1)
        self.at_close: Callable[[], None] = lambda: None
        self._child: ServerChild | None = None
        self._watch: TargetWatch | None = None
        self._population: Population | None = None
        self._directory = Directory((), ())
        self._planned_users = 0
        self._interrupted = False
        self._stopped_early = False

    # -- before the test ---------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Work out who is simulated and on what; start the embedded server, or look at the target once.

        Raises:
            LoadtestError: an option is unusable, the target cannot be reached, the server did not start.
        """
        options, environment = self.options, self.environment
        agents, contacts = preparation.planned_population(options, environment.user_classes)
        preparation.apply_brakes(options, agents + contacts)
        preparation.check_report_dir(options)
        if environment.host:
            preparation.check_host(environment.host, options)
            self._directory = preparation.identities_for(options, agents, contacts)
            preflight(environment.host, options)
        else:
            settings = preparation.server_settings(options, agents, contacts)
            self._child = start_child(settings, _SERVER_START_S)
            self._population = settings.population
            self._directory = generate(settings.population, settings.seed)
            environment.host = self._child.url
            options.dialect = settings.dialect
            options.agent_expiry = settings.agent_presence_s
            options.contact_expiry = settings.contact_presence_s
        for user_class in environment.user_classes:
            if issubclass(user_class, AgentUser):
                user_class.fixed_count = agents
            elif issubclass(user_class, ContactUser):
                user_class.fixed_count = contacts
        self._planned_users = options.num_users = agents + contacts

    # -- the test, in the owner --------------------------------------------------------------------------------------

    def begin(self) -> None:
        """A test starts: make the run's folder, its keeper and its conductor; start or deal to the workers.

        Raises:
            LoadtestError: the folder exists or cannot be made.
        """
        options, runner = self.options, self.environment.runner
        self._interrupted = False
        self._stopped_early = False
        stamp = datetime.datetime.now(datetime.UTC)
        run_id = options.run_id or f"{Path(self.environment.locustfile or 'run').stem}-{stamp:%Y%m%d-%H%M%S}"
        self.settings = preparation.fleet_settings(options, run_tag(run_id, os.getpid(), time.time_ns()))
        distributed = isinstance(runner, MasterRunner)
        meta = self._meta(run_id, stamp, len(runner.clients.all) if distributed else 1)
        keeper = self.keeper = RunKeeper(Path(options.report_dir) / run_id, meta, options.window, warn)
        if distributed:
            workers = self.workers = RemoteWorkers(runner, keeper, self._planned_users)
            workers.deal(self._setup)
        else:
            fleet = self.start_fleet(self.environment.host, self._directory, share=0, shares=1, worker="local")
            self.workers = LocalWorkers(fleet)
        patience = Patience(
            confirm_s=self.settings.confirm_timeout_s + _CONFIRM_SLACK_S,
            drain_s=options.deadline + options.rest_timeout + _CONFIRM_SLACK_S,
        )
        self.conductor = Conductor(keeper, self.workers, patience, self._give_up)
        self.conductor.start()
        if self._child is not None:
            self._watch = TargetWatch(self._child, keeper, self._target_died)
            self._watch.start()

    def _setup(self, share: int, quotas: list[tuple[int, int]]) -> dict[str, Any]:
        plain: dict[str, Any] = {
            "host": self.environment.host,
            "settings": self.settings.to_plain(),
            "share": share,
            "quotas": quotas,
        }
        if self._population is not None:
            p = self._population
            plain["population"] = [p.agents, p.contacts, p.members, p.accounts]
        else:
            plain["directory"] = messages.directory_to_plain(messages.deal(self._directory, quotas)[share])
        return plain

    def _give_up(self, reason: str) -> None:
        self._stop_early("generator_error", reason)

    def _target_died(self, reason: str) -> None:
        self._stop_early("error", reason)
        if self.keeper is not None:
            self.keeper.set_meta(target_lost=True)

    def _stop_early(self, kind: str, reason: str) -> None:
        self._stopped_early = True
        warn(reason)
        if self.keeper is not None:
            self.keeper.note(kind, reason)
        gevent.spawn(self.environment.runner.quit)

    # -- the test, in every process that simulates users -------------------------------------------------------------

    def begin_worker(self) -> None:
        """A test starts in a worker: start its fleet by the master's setup (without one its users idle)."""
        setup = self.setup
        if setup is None:
            return
        self.settings = FleetSettings.from_plain(setup["settings"])
        if "population" in setup:
            whole = generate(Population(*setup["population"]), self.settings.seed)
            directory = messages.deal(whole, setup["quotas"])[setup["share"]]
        else:
            directory = messages.directory_from_plain(setup["directory"])
        shares = len(setup["quotas"])
        worker = self.environment.runner.client_id
        self.start_fleet(setup["host"], directory, share=setup["share"], shares=shares, worker=worker)

    def start_fleet(self, host: str, directory: Directory, *, share: int, shares: int, worker: str) -> Fleet:
        """Start this process's fleet."""
        fleet = Fleet(host, directory, self.settings, self._sink, share=share, shares=shares, worker=worker)
        self.fleet = self.environment.cable_fleet = fleet
        fleet.start()
        return fleet

    def _sink(self, batch: Batch, announcements: list[list[Any]]) -> None:
        feed(self.environment.stats, batch)
        if self.keeper is not None:
            self.keeper.take(batch)
            return
        runner = self.environment.runner
        for part in messages.announcement_parts(announcements):
            runner.send_message(messages.ANNOUNCE, {"emissions": part})
        for plain in messages.batch_parts(batch):
            runner.send_message(messages.BATCH, plain)

    # -- the end -----------------------------------------------------------------------------------------------------

    def stopping(self) -> None:
        """The test is being stopped: drain, and close the books."""
        if self.keeper is not None and self.workers is not None and (lost := self.workers.lost()):
            what = f"{len(lost)} of the workers were lost during the run: what they received is not known"
            self.keeper.note("worker_lost", what)
        if self._watch is not None:
            self._watch.stop()
            self._watch = None
        if self.conductor is not None:
            if self.conductor.phase == "ramp" and not self._stopped_early:
                self._interrupted = True
            self.conductor.stopping()

    def finish(self) -> int | None:
        """Close the store, write the report, print the summary.

        Returns:
            The verdict's exit code, or None when there is no run to judge.

        Raises:
            LoadtestError: the store or the report could not be written.
        """
        keeper, self.keeper, self.conductor = self.keeper, None, None
        if keeper is None:
            return None
        if locust.log.unhandled_greenlet_exception:
            keeper.note("generator_error", "An unhandled exception ended a part of the load generator: see the log")
        ended = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        keeper.set_meta(ended_at=ended, interrupted=self._interrupted)
        keeper.close()
        summary = build(keeper.folder, load_slo(self.options.slo) if self.options.slo else None).as_dict()
        sys.stdout.write("\n" + terminal(summary, keeper.folder) + "\n")
        sys.stdout.flush()
        code: int = summary["verdict"]["exit_code"]
        return code

    def close_fleet(self) -> None:
        """End this process's fleet."""
        if self.fleet is not None:
            fleet, self.fleet = self.fleet, None
            fleet.close()
            self.environment.cable_fleet = None

    def close(self) -> None:
        """End everything."""
        self.close_fleet()
        if self._child is not None:
            self._child.stop()
            self._child = None
        self.at_close()

    def _meta(self, run_id: str, started: datetime.datetime, workers: int) -> dict[str, Any]:
        options, directory = self.options, self._directory
        return {
            "schema_version": 1,
            "run_id": run_id,
            "started_at": started.isoformat(timespec="milliseconds"),
            "ended_at": None,
            "window_s": options.window,
            "deadline_s": options.deadline,
            "seed": options.seed,
            "run_tag": self.settings.run_tag,
            "target": {
                "url": preparation.without_secrets(self.environment.host),
                "embedded": self._child is not None,
                "dialect": options.dialect,
                "server": "embedded reference server" if self._child else "",
            },
            "population": {
                "agents": len(directory.agents),
                "contacts": len(directory.contacts),
                "accounts": len(directory.account_ids()),
                "members": options.members if self._child else None,
            },
            "plan": {
                "emit_rate": options.emit_rate,
                "heartbeat_s": options.heartbeat,
                "think_time_s": options.think_time,
                "typing": options.typing,
                "session_s": options.session,
                "client": options.client,
                "arrivals": "stratified",
                "agent_expiry_s": options.agent_expiry,
                "contact_expiry_s": options.contact_expiry,
                "rest_connections": self.settings.rest_connections,
            },
            "versions": preparation.versions(),
            "workers": workers,
            "locustfile": self.environment.locustfile,
            "interrupted": None,
            "target_lost": False,
            "faults": None,
        }
