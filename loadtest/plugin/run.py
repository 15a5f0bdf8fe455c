"""One process's part in a run. The owner (the local process, or the master) also has a conductor and a keeper."""

from __future__ import annotations

import datetime
import os
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gevent
import locust.log
from gevent.lock import BoundedSemaphore
from locust.runners import MasterRunner

from loadtest.analysis import load_slo
from loadtest.collect import run_tag
from loadtest.directory import Directory, Population, generate
from loadtest.directory.secret_files import FileLock
from loadtest.distributed import messages
from loadtest.distributed.conductor import Conductor, warn
from loadtest.distributed.keeper import RunKeeper
from loadtest.distributed.probing import Answerer, Prober
from loadtest.distributed.progress import Progress
from loadtest.journal import Begin, now
from loadtest.metrics import Batch
from loadtest.plan import LoadProfile
from loadtest.plugin import preparation, resuming, setups
from loadtest.plugin.course import Course
from loadtest.plugin.defects import Defects
from loadtest.plugin.description import describe
from loadtest.plugin.intentions import check_rate_limits, intentions
from loadtest.plugin.lookout import Lookout
from loadtest.plugin.profiles import apply_profile
from loadtest.plugin.steering import steering_of
from loadtest.plugin.web_progress import ended_rows
from loadtest.plugin.workers import LocalWorkers, RemoteWorkers
from loadtest.refserver.child import ServerChild, start_child
from loadtest.report import build, terminal
from loadtest.target.profile import Profile
from loadtest.target.watch import open_sources
from loadtest.target.watch_spec import parse_watches
from loadtest.users.cable_user import AgentUser, ContactUser
from loadtest.users.ensemble import Ensemble
from loadtest.users.fleet import Fleet
from loadtest.users.preflight import is_loopback, preflight
from loadtest.users.settings import FleetSettings
from loadtest.users.stats_feed import feed

_SERVER_START_S = 10.0
_LET_GO_S = 3.0
_SHOWN_EVERY_S = 5.0


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
        is_testing: whether a test runs, in a worker.
        is_holding: whether its hold has begun.
        prober: measures the clock, in a worker.
        answerer: answers workers that measure theirs, in the master.
        at_close: called once, when everything is ended.
        steering: leads the load while the run goes on, where something does.
        defects: what of this process died.
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
        self.is_testing = self.is_holding = False
        self.prober: Prober | None = None
        self.answerer = Answerer()
        self.steering = steering_of(environment)
        self.defects = Defects()
        self._child: ServerChild | None = None
        self._population: Population | None = None
        self._directory = Directory((), ())
        self._unused = Directory((), ())
        self._planned_users = 0
        self._course = Course(time.monotonic_ns(), None, 0)
        self._lookout: Lookout | None = None
        self._stopped_early = False
        self.ended: list[tuple[str, str]] = []
        self._url = self._found = ""
        self._profile: Profile | None = None
        self._credentials: tuple[tuple[str, str], ...] = ()
        self._lock: FileLock | None = None
        self._is_guarded = False
        self._resumed: resuming.Resumed | None = None

    @property
    def progress(self) -> Progress | None:
        """How the run stands, in its owner, where that is asked for or shown."""
        return None if self._lookout is None else self._lookout.progress

    # -- before the test ---------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Work out who is simulated and on what; start the embedded server, or look at the target once.

        Raises:
            LoadtestError: an option is unusable, the target cannot be reached, the server did not start.
        """
        options, environment = self.options, self.environment
        parse_watches(options.watch)
        profile = self._profile = apply_profile(options)
        if profile is not None:
            environment.host = options.host
        if self.steering is not None:
            self.steering.plan(options, environment.host)
        agents, contacts = preparation.planned_population(options, environment.user_classes)
        preparation.apply_brakes(options, agents + contacts, environment.host)
        self._resumed = resuming.read(options.resume, options.run_id)
        if self._resumed is None:
            preparation.check_report_dir(options)
        elsewhere = isinstance(environment.runner, MasterRunner) and not options.processes
        preparation.check_machine(options, agents + contacts, elsewhere=elsewhere)
        if environment.host:
            preparation.check_host(environment.host, options)
            self._credentials = preparation.hide_credentials(environment)
            self._directory, self._unused = preparation.identities_for(options, agents, contacts, profile)
            check_rate_limits(options, agents + contacts, contacts, profile)
            self._lock = FileLock(options.identities)
            preflight(environment.host, preparation.fleet_settings(options, "", profile, self._credentials))
            self._is_guarded = options.abort_guard == "on" or (
                options.abort_guard == "auto" and not is_loopback(environment.host)
            )
            warn(intentions(options, environment.host, self._directory, guarded=self._is_guarded))
        else:
            self._is_guarded = options.abort_guard == "on"
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
        self._url = environment.host

    def plan_length(self, run_time_s: float | None) -> None:
        """The web page's form says how long the test is to last from now on; None for until it is stopped."""
        if self.conductor is None:  # a test is about to begin
            self.options.run_time = run_time_s
        elif not self.options.autostart:  # whose timer the form does not reach
            self._course.plan(time.monotonic_ns(), run_time_s)

    # -- the test, in the owner --------------------------------------------------------------------------------------

    def begin(self) -> None:
        """A test starts: make the run's folder, its keeper and its conductor; start or deal to the workers.

        Raises:
            LoadtestError: the folder exists or cannot be made, or it is another target than that of ``prepare``.
        """
        options, runner = self.options, self.environment.runner
        preparation.hold_to(self._url, self.environment, self._planned_users)
        self.ended = []
        self._course = Course(time.monotonic_ns(), preparation.run_time_s(options), options.emissions or 0)
        self._stopped_early = False
        self._lookout = None
        stamp = datetime.datetime.now(datetime.UTC)
        resumed = self._resumed
        stem = Path(self.environment.locustfile or "run").stem
        run_id = resumed.run_id if resumed else options.run_id or f"{stem}-{stamp:%Y%m%d-%H%M%S}"
        tag = run_tag(run_id, os.getpid(), time.time_ns())
        settings = preparation.fleet_settings(options, tag, self._profile, self._credentials)
        self.settings = replace(settings, canary_s=preparation.canary_s(options, self._directory))
        if resumed is not None:
            self.settings = replace(self.settings, window_s=resumed.window_s, plan_began_s=resumed.plan_began_s)
        distributed = isinstance(runner, MasterRunner)
        meta = self._meta(run_id, stamp, len(runner.clients.all) if distributed else 1)
        folder = resumed.folder if resumed else Path(options.report_dir) / run_id
        steering = self.steering
        if resumed is not None and steering is None:
            resuming.check(resumed, meta)
        keeper = self.keeper = RunKeeper(
            folder, meta, self.settings.window_s, warn, self._journal(tag), resume=resumed is not None
        )
        if distributed:
            first_users = self._planned_users if steering is None else steering.initial_users
            workers = self.workers = RemoteWorkers(runner, keeper, first_users)
            workers.await_clocks(self.answerer.measured)
            workers.deal(self._setup, () if steering is None else steering.turns)
        else:
            ensemble = Ensemble.alone(len(self._directory.contacts))
            fleet = self.start_fleet(self.environment.host, self._directory, ensemble, worker="local")
            self.workers = LocalWorkers(fleet)
        patience = preparation.patience(options, self.settings, self._planned_users)
        at_plans_end = self._play_out if options.emissions else None
        self.conductor = Conductor(keeper, self.workers, patience, self._give_up, at_plans_end)
        self.conductor.start()
        self._lookout = self._look_out(keeper, self.conductor)
        if steering is not None:
            steering.begin(keeper, self.conductor, self.workers)

    def _look_out(self, keeper: RunKeeper, conductor: Conductor) -> Lookout:
        """Watch the target and what is beside it; say now and then how the run stands, where that is asked for."""
        options = self.options
        lookout = Lookout(keeper, conductor, guarded=self._is_guarded, let_go=self._let_go)
        every_s = options.progress or (_SHOWN_EVERY_S if self.environment.web_ui is not None else 0.0)
        if every_s:
            profile = LoadProfile.parse(self.settings.load_profile).later(self.settings.plan_began_s)
            progress = Progress(profile, preparation.run_time_s(options), time.monotonic_ns())
            lookout.tell(progress, every_s, warn if options.progress else lambda text: None)
        if self._child is not None:
            lookout.watch(self._child, self._target_died)
        embedded = None if self._child is None else self._child.pid
        sources = open_sources(options.watch, self.environment.host, options.ca_file, embedded)
        lookout.read(sources, self.settings.window_s)
        return lookout

    def _journal(self, tag: str) -> Begin | None:
        """What the run makes on a target that outlives it is to be taken back."""
        if self._child is not None:
            return None
        url = preparation.without_secrets(self.environment.host).rstrip("/")
        return Begin("run", tag, url, self._directory.account_ids(), at=now())

    def _setup(self, share: int, quotas: list[tuple[int, int]]) -> Iterable[dict[str, Any]]:
        if self._population is not None:
            return setups.of_population(self._common_setup(), self._population, share, quotas)
        return setups.of_directory(self._common_setup(), self._directory, share, quotas)

    def _common_setup(self) -> dict[str, Any]:
        source = self._directory.source
        return {"host": self.environment.host, "settings": self.settings.to_plain(), "source": source}

    def _play_out(self) -> None:
        """All messages of the plan are sent: end the test; with the web UI Locust itself goes on."""
        self._course.played_out()
        runner = self.environment.runner
        gevent.spawn(runner.quit if self.options.headless else runner.stop)

    def take_in(self, client_id: str) -> None:
        """A worker is there, its clock measured; one that came too late to be dealt to gets identities nobody uses."""
        if isinstance(self.workers, RemoteWorkers) and self.conductor is not None:
            self.workers.join(client_id, self._late_setup, holding=self.conductor.phase == "hold")

    def _late_setup(self, share: int) -> Iterable[dict[str, Any]]:
        unused, self._unused = self._unused, Directory((), ())
        return setups.of_late(self._common_setup(), unused, share)

    def _give_up(self, reason: str) -> None:
        self._stop_early("generator_error", reason)

    def worker_failed(self, client_id: str, why: str) -> None:
        """A worker cannot take part: without it the run would not be the one that was asked for."""
        self._stop_early("generator_error", f"worker {client_id} cannot take part: {why}")

    def _target_died(self, reason: str) -> None:
        self._stop_early("error", reason)
        if self.keeper is not None:
            self.keeper.set_meta(target_lost=True)

    def watch_target(self, batch: Batch) -> None:
        """Look at a batch of any worker."""
        if self._lookout is not None:
            self._lookout.take(batch)

    def _let_go(self, reason: str) -> bool:
        """The abort guard wants the target let go: nothing is emitted any more, and the run stops within seconds.

        Returns:
            Whether the run goes on all the same, since whoever leads its load lowers that.
        """
        if self.conductor is None or self.keeper is None:
            return False
        if self.steering is not None and self.steering.takes_over(reason):
            return True
        self.conductor.hurry(_LET_GO_S)
        self.keeper.set_meta(aborted=reason)
        self._stop_early("abort", f"stopping: {reason}")
        return False

    def _stop_early(self, kind: str, reason: str) -> None:
        self._stopped_early = True
        warn(reason)
        if self.keeper is not None:
            self.keeper.note(kind, reason)
        gevent.spawn(self.environment.runner.quit)

    # -- the test, in every process that simulates users -------------------------------------------------------------

    def begin_worker(self) -> None:
        """A test starts in a worker: start its fleet by the master's setup (without one its users idle)."""
        self.is_testing = True
        setup = self.setup
        if setup is None or not setup["last"]:
            return
        self.settings = FleetSettings.from_plain(setup["settings"])
        directory, ensemble = setups.read(setup, self.settings.seed)
        fleet = self.start_fleet(setup["host"], directory, ensemble, worker=self.environment.runner.client_id)
        if self.is_holding:
            fleet.begin_hold()

    def take_setup(self, message: dict[str, Any]) -> None:
        """The master tells this worker its part; a late one's test may have begun without it."""
        self.setup = messages.join_setup(self.setup, message)
        if self.is_testing and self.fleet is None and self.setup is not None and self.setup["last"]:
            self.begin_worker()

    def start_fleet(self, host: str, directory: Directory, ensemble: Ensemble, *, worker: str) -> Fleet:
        """Start this process's fleet."""
        clock = None if self.prober is None else self.prober.clock
        fleet = Fleet(
            host,
            directory,
            self.settings,
            self._sink,
            share=ensemble.share,
            shares=ensemble.shares,
            worker=worker,
            clock=clock,
            ensemble=ensemble,
        )
        self.fleet = self.environment.cable_fleet = fleet
        fleet.start()
        return fleet

    def _sink(self, batch: Batch, announcements: list[list[Any]]) -> None:
        feed(self.environment.stats, batch)
        self.defects.tell(batch)
        if self.keeper is not None:
            self.keeper.take(batch)
            self.watch_target(batch)
            return
        runner = self.environment.runner
        for part in messages.announcement_parts(announcements):
            runner.send_message(messages.ANNOUNCE, {"emissions": part})
        for plain in messages.batch_parts(batch):
            runner.send_message(messages.BATCH, plain)

    # -- the end -----------------------------------------------------------------------------------------------------

    def stopping(self) -> None:
        """The test is being stopped: drain, and close the books."""
        if self.steering is not None:
            self.steering.stop()
        if self._lookout is not None:
            self._lookout.stop()
        if self.conductor is not None:
            by_itself = self._stopped_early or (self.steering is not None and self.conductor.phase != "ramp")
            self._course.ends(time.monotonic_ns(), self.conductor.phase, by_itself=by_itself)
            self.conductor.stopping()
        if self.workers is not None:
            workers, self.workers = self.workers, None
            workers.tell_of_lost()

    def finish(self) -> int | None:
        """Close the store and write the report; ``tell`` prints the summary.

        Returns:
            The verdict's exit code, or None when there is no run to judge.

        Raises:
            LoadtestError: the store or the report could not be written.
        """
        keeper, self.keeper, self.conductor = self.keeper, None, None
        if keeper is None:
            return None
        if self._lookout is not None:
            self._lookout.close(0.0 if self._stopped_early or self._course.interrupted else self.options.watch_after)
        if (died := self.defects.take()) or locust.log.unhandled_greenlet_exception:
            keeper.note("generator_error", died or "An unhandled exception ended a part of Locust: see the log")
        ended = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        keeper.set_meta(ended_at=ended, **self._course.described())
        keeper.close()
        if self.steering is not None:
            self._found, code = self.steering.report(keeper.folder)
            self.ended = ended_rows("over", keeper.folder / "capacity.html")
            return code
        summary = build(keeper.folder, load_slo(self.options.slo) if self.options.slo else None).as_dict()
        self._found = terminal(summary, keeper.folder)
        self.ended = ended_rows(str(summary["verdict"]["result"]), keeper.folder / "report.html")
        return int(summary["verdict"]["exit_code"])

    def tell(self) -> None:
        """Print what ``finish`` found, once."""
        found, self._found = self._found, ""
        if found:
            sys.stdout.write("\n" + found + "\n")
            sys.stdout.flush()

    def close_fleet(self) -> None:
        """End this process's fleet."""
        self.is_testing = self.is_holding = False
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
        if self._lock is not None:
            self._lock.release()
        if self.prober is not None:
            self.prober.stop()
        self.defects.unwatch()
        self.at_close()

    def _meta(self, run_id: str, started: datetime.datetime, workers: int) -> dict[str, Any]:
        described = describe(
            self.options,
            self.settings,
            self._directory,
            url=preparation.without_secrets(self.environment.host),
            embedded=self._child is not None,
            run_id=run_id,
            started=started,
            workers=workers,
            locustfile=self.environment.locustfile,
        )
        return described if self.steering is None else {**described, **self.steering.describe()}
