"""``loadtest ab``: runs of two builds in interleaved pairs, one folder for all, continued where it was left.

The order is A B, B A, A B ...: whichever way the machine drifts, both arms meet it. Both runs of a pair follow the same
plan (one seed), every pair another. ``ab.json`` in the folder says what is run and what is done; a run that was broken
off is moved aside and made again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from loadtest.drive.locustfile import write_locustfile
from loadtest.drive.runner import RunOutcome, run, told_to_end
from loadtest.drive.target_server import TargetServer
from loadtest.errors import GeneratorError, UsageError
from loadtest.nouns import noun
from loadtest.report.gate import Gate, judge
from loadtest.store.lock import FolderLock

JSON_NAME = "ab.json"
SCHEMA_VERSION = 1
OVERHEAD_S = 20.0
"""What a run takes beside its duration: servers' start and end, drain and report."""

_PATIENCE = 2.0
_SLACK_S = 120.0

ArmName = Literal["baseline", "candidate"]
Options = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Slot:
    """One run of the plan.

    Attributes:
        pair: counted from 1.
        arm: whose.
        seed: of its plan.
    """

    pair: int
    arm: ArmName
    seed: int

    @property
    def name(self) -> str:
        """Its folder's."""
        return f"pair-{self.pair:02d}-{self.arm}"


@dataclass(frozen=True, slots=True)
class Experiment:
    """What is run.

    Attributes:
        baseline: the arm that is known.
        candidate: the arm that is judged.
        duration_s: how long each run goes on, its ramp and warm-up included.
        warm_up_s: seconds of each hold to drop.
        looks: after how many pairs the runs are compared; ascending, the last one ends the experiment.
        seed: of the first pair; the next ones count up.
        workers: processes that simulate users.
        locustfile: the user's own, or empty for the one that comes with the package.
        options: further options of every run.
    """

    baseline: TargetServer
    candidate: TargetServer
    duration_s: float
    warm_up_s: float
    looks: tuple[int, ...]
    seed: int = 0
    workers: int = 1
    locustfile: str = ""
    options: Options = field(default_factory=dict)

    @property
    def pairs(self) -> int:
        """At most so many."""
        return self.looks[-1]

    def slots(self, pairs: int | None = None) -> Iterator[Slot]:
        """The runs of so many pairs, in their order."""
        arms: tuple[ArmName, ArmName] = ("baseline", "candidate")
        for pair in range(1, (pairs or self.pairs) + 1):
            for arm in arms if pair % 2 else reversed(arms):
                yield Slot(pair, arm, self.seed + pair - 1)

    def expected_s(self, runs: int | None = None) -> float:
        """About how long so many runs take, or all."""
        return (self.duration_s + OVERHEAD_S) * (2 * self.pairs if runs is None else runs)

    def as_dict(self) -> dict[str, Any]:
        """JSON values; two experiments whose values agree, but for their looks, are one."""
        values = asdict(self)
        values["options"] = {name: str(value) for name, value in sorted(self.options.items())}
        values["looks"] = list(self.looks)
        return values


class Folder:
    """An experiment's folder, held until it is closed: two processes in one would make each other's runs anew.

    Args:
        path: where.
        experiment: what is run in it.

    Attributes:
        path: where.
        done: names of the runs that are there.
        went_on: pairs that an earlier verdict was based on and that were not the end, when more were asked for later.

    Raises:
        UsageError: it holds another experiment, something else, or cannot be written; or another process works in it.
    """

    def __init__(self, path: Path, experiment: Experiment) -> None:
        self.path = path
        self._experiment = experiment
        self.done: list[str] = []
        self.judged: list[int] = []
        self.went_on: list[int] = []
        fresh = not path.exists()
        if fresh:
            write_locustfile(path)
        self._lock = FolderLock(path, "experiment", "start it again: it goes on")
        try:
            if not fresh or (path / JSON_NAME).exists():
                self._read()
            write_locustfile(path)
            self._write()
        except UsageError:
            self.close()
            raise

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let others work in it; done twice it does nothing."""
        self._lock.release()

    def path_of(self, slot: Slot) -> Path:
        """A run's folder."""
        return self.path / slot.name

    def missing(self, pairs: int) -> list[Slot]:
        """Runs of the first so many pairs that are still to be made."""
        return [slot for slot in self._experiment.slots(pairs) if slot.name not in self.done]

    def add(self, slot: Slot) -> None:
        """A run is there."""
        self.done.append(slot.name)
        self._write()

    def look(self, pairs: int) -> None:
        """The runs of so many pairs have been compared."""
        if pairs not in self.judged:
            self.judged.append(pairs)
            self._write()

    def clear(self, slot: Slot) -> None:
        """Move aside what is left of a run that was broken off."""
        folder = self.path_of(slot)
        if folder.exists():
            taken = len(list(self.path.glob(f"{slot.name}.broken-*")))
            folder.rename(folder.with_name(f"{slot.name}.broken-{taken + 1}"))

    def _read(self) -> None:
        file = self.path / JSON_NAME
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            version, before = content["schema_version"], content["experiment"]
            done, judged, went_on = content["done"], content["judged"], content["went_on"]
        except FileNotFoundError:
            raise UsageError(
                f"it exists and holds no {JSON_NAME}, and nothing is ever overwritten",
                where=str(self.path),
                remedy="Give another --out",
            ) from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UsageError(f"it cannot be read ({error})", where=str(file), remedy="Give another --out") from error
        if version != SCHEMA_VERSION:
            raise UsageError(
                f"it has layout {version}, and this release goes on with layout {SCHEMA_VERSION} only",
                where=str(file),
                remedy="Give another --out",
            )
        now = json.loads(json.dumps(self._experiment.as_dict()))
        differ = sorted(key for key in now if key != "looks" and now[key] != before.get(key))
        if differ:
            told = "; ".join(f"{key} {before.get(key)!r} there, {now[key]!r} here" for key in differ)
            raise UsageError(f"it holds another experiment: {told}", where=str(self.path), remedy="Give another --out")
        self.done, self.judged, self.went_on = list(done), list(judged), list(went_on)
        if self.judged and self._experiment.pairs > max(before["looks"]):
            self.went_on = sorted({*self.went_on, *self.judged})

    def _write(self) -> None:
        content = {
            "schema_version": SCHEMA_VERSION,
            "experiment": self._experiment.as_dict(),
            "done": self.done,
            "judged": self.judged,
            "went_on": self.went_on,
        }
        target = self.path / JSON_NAME
        try:
            fresh = target.with_suffix(".json.new")
            fresh.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
            fresh.replace(target)
        except OSError as error:
            raise UsageError(
                f"it cannot be written ({error.strerror})",
                where=str(target),
                remedy="Free space, or give another --out",
            ) from error


def run_pairs(
    experiment: Experiment,
    folder: Folder,
    pairs: int,
    *,
    on_start: Callable[[Slot], None] | None = None,
    on_tick: Callable[[Slot, float], None] | None = None,
    on_run: Callable[[Slot, RunOutcome], None] | None = None,
) -> None:
    """Make the runs of the first so many pairs that are not there yet.

    Args:
        experiment: what to run.
        folder: where.
        pairs: up to which pair.
        on_start: called before each run.
        on_tick: called while a run goes on, with the seconds since its start.
        on_run: called after each run.

    Raises:
        UsageError: a server does not start, or a run was refused.
        GeneratorError: a run did not end, or left no summary.
        KeyboardInterrupt: this process was interrupted; run and server have ended.
    """
    locustfile = Path(experiment.locustfile) if experiment.locustfile else folder.path / "users.py"
    with told_to_end():
        for slot in folder.missing(pairs):
            folder.clear(slot)
            if on_start is not None:
                on_start(slot)
            outcome = _run(experiment, folder, slot, locustfile, on_tick)
            if outcome.timed_out:
                raise GeneratorError(f"the run {slot.name} did not end", remedy=outcome.complaint())
            if outcome.exit_code == 2:
                raise UsageError(f"the run was refused. {outcome.complaint()}", where=slot.name)
            if outcome.verdict is None:
                raise GeneratorError(f"the run {slot.name} left no summary", remedy=outcome.complaint())
            _expect_a_hold(experiment, slot, outcome)
            folder.add(slot)
            if on_run is not None:
                on_run(slot, outcome)


def _run(
    experiment: Experiment, folder: Folder, slot: Slot, locustfile: Path, on_tick: Callable[[Slot, float], None] | None
) -> RunOutcome:
    server = experiment.baseline if slot.arm == "baseline" else experiment.candidate
    with server.running(folder.path / f"{slot.name}.server.log", f"--{slot.arm}") as target:
        return run(
            locustfile,
            folder.path_of(slot),
            {**target, **experiment.options, "seed": slot.seed, "run-time": f"{round(experiment.duration_s)}s"},
            timeout_s=_PATIENCE * experiment.expected_s(1) + _SLACK_S,
            workers=experiment.workers,
            on_tick=None if on_tick is None else (lambda passed_s: on_tick(slot, passed_s)),
        )


def _expect_a_hold(experiment: Experiment, slot: Slot, outcome: RunOutcome) -> None:
    """What cannot be compared in the end is told after the first run of it, not after the last.

    Raises:
        UsageError: the run was over before its hold was longer than the warm-up.
    """
    hold_s = float(outcome.summary["run"]["hold_s"] or 0.0)
    if hold_s <= experiment.warm_up_s:
        raise UsageError(
            f"the run's hold of {hold_s:.0f} s is not longer than the warm-up of {experiment.warm_up_s:g} s: users "
            f"took too long of its {experiment.duration_s:g} s to come, or it was cut short "
            f"({outcome.folder / 'report.html'})",
            where=slot.name,
            remedy="Give a longer --duration, a smaller --warm-up, or users that come faster (-- --spawn-rate N)",
        )


def conduct(
    experiment: Experiment,
    folder: Folder,
    gate: Gate,
    *,
    on_start: Callable[[Slot], None] | None = None,
    on_tick: Callable[[Slot, float], None] | None = None,
    on_run: Callable[[Slot, RunOutcome], None] | None = None,
) -> dict[str, Any]:
    """Run and judge: at each look, until one decides; a leak of the candidate ends it with its pair.

    Args:
        experiment: what to run.
        folder: where.
        gate: how to judge; its warm-up and looks are the experiment's.
        on_start, on_tick, on_run: as of :func:`run_pairs`.

    Returns:
        The content of compare.json.

    Raises:
        UsageError, GeneratorError, KeyboardInterrupt: as of :func:`run_pairs`.
    """
    declared = len({*experiment.looks, *folder.went_on})
    gate = replace(gate, warm_up_s=experiment.warm_up_s, looks=declared)

    def judged(pairs: int) -> dict[str, Any]:
        content = judge(*arm_folders(folder, experiment, pairs), gate)
        if folder.went_on:
            content["warnings"].append(
                f"These runs were judged before, after {', '.join(map(str, folder.went_on))} "
                f"{noun(folder.went_on[-1], 'pair')}, and more were asked for after that: whoever may look again errs "
                f"more often. Declare both looks beforehand: --pairs K1,K2."
            )
        folder.look(pairs)
        return content

    content: dict[str, Any] = {}
    for look in experiment.looks:
        for pair in range(1, look + 1):
            run_pairs(experiment, folder, pair, on_start=on_start, on_tick=on_tick, on_run=on_run)
            if _leaked(folder.path / f"pair-{pair:02d}-candidate"):
                return judged(pair)
        content = judged(look)
        if content["result"] != "INCONCLUSIVE":
            break
    return content


def _leaked(run_folder: Path) -> bool:
    delivery = json.loads((run_folder / "summary.json").read_text(encoding="utf-8"))["delivery"]
    return any(row.get("leaked") for row in delivery.values())


def arm_folders(folder: Folder, experiment: Experiment, pairs: int) -> tuple[Sequence[Path], Sequence[Path]]:
    """The run folders of both arms, pair by pair."""
    slots = sorted(experiment.slots(pairs), key=lambda slot: slot.pair)
    found = [[folder.path_of(slot) for slot in slots if slot.arm == arm] for arm in ("baseline", "candidate")]
    return found[0], found[1]
