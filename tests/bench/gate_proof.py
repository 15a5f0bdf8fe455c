"""The gate's promise on the reference server, at full length; hours, on a machine that does nothing else.

Run as ``python -m tests.bench.gate_proof --out DIR``. ``calibrate --aa`` names pairs and margins for this machine; with
them equal builds are compared 20 times, a delay of 100 ms that became 130 ms 10 times, a loss of 0.1 % and a leak once
each, all by ``loadtest ab``. Started again with the same folder it goes on. Exits with 1 where a promise is not kept,
with 2 while another process works in the folder.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtest.cli import main as loadtest
from loadtest.errors import UsageError
from loadtest.store.lock import FolderLock

SERVER = "loadtest serve --port 0 --agents 20 --contacts 20 --members 10"
BASELINE = "delay=100ms"

Content = dict[str, Any]


@dataclass(frozen=True)
class Trial:
    """One kind of comparison, and what must come of it.

    ``least`` is the share that must end in ``result``; ``fails_at_most`` bounds the share that FAILs; ``because`` is
    what a reason must begin with.
    """

    name: str
    faults: str
    repeats: int
    result: str
    least: float
    fails_at_most: float = 1.0
    because: str = ""

    def promised(self, contents: Sequence[Content]) -> str:
        """What must come of so many, in words."""
        told = f"{self.result} in at least {math.ceil(self.least * len(contents))} of {len(contents)}"
        return (
            told
            + (", FAIL in none" if self.fails_at_most == 0 else "")
            + (f" by {self.because}" if self.because else "")
        )

    def is_kept(self, contents: Sequence[Content]) -> bool:
        """Whether it came so."""
        results = Counter(one["result"] for one in contents)
        right = [
            one
            for one in contents
            if one["result"] == self.result
            and any(reason.startswith(self.because) for reason in one["reasons"] or [""])
        ]
        return (
            len(right) >= math.ceil(self.least * len(contents))
            and results["FAIL"] <= self.fails_at_most * len(contents)
            and bool(contents)
        )


TRIALS = (
    Trial("equal", BASELINE, 20, "PASS", 0.75, fails_at_most=0.0),
    Trial("delay", "delay=130ms", 10, "FAIL", 1.0, because="fanout."),
    Trial("loss", f"{BASELINE},loss=0.1%", 1, "FAIL", 1.0, because="delivery.lost"),
    Trial("leak", f"{BASELINE},leak=1%", 1, "FAIL", 1.0, because="Leaked in"),
)


def run(
    folder: Path, duration_s: float, load: Sequence[str], repeats: float, names: Sequence[str], warm_up_s: float
) -> bool:
    """Make the noise file where it is not there, then every trial; tells a row each."""
    noise = folder / "noise" / "noise.json"
    server = f"{SERVER} --faults {BASELINE}"
    common = ["--duration", f"{duration_s:g}", "--warm-up", f"{warm_up_s:g}"]
    if not noise.exists():
        argv = [
            "calibrate",
            "--aa",
            "--pairs",
            "8",
            "--server",
            server,
            "--report-dir",
            str(folder),
            "--run-id",
            "noise",
        ]
        if code := loadtest([*argv, *common, "--", *load]):
            raise SystemExit(code)
    pairs = json.loads(noise.read_text(encoding="utf-8"))["pairs"]
    kept = True
    rows = []
    for trial in TRIALS:
        if trial.name not in names:
            continue
        contents = []
        for n in range(max(1, round(repeats * trial.repeats))):
            out = folder / f"{trial.name}-{n + 1:02d}"
            arms = ["--baseline", server, "--candidate", f"{SERVER} --faults {trial.faults}", "--seed", str(1000 * n)]
            argv = ["ab", *arms, "--pairs", str(pairs), "--noise", str(noise), "--out", str(out)]
            if loadtest([*argv, *common, "--", *load]) not in (0, 1, 3):
                raise SystemExit(4)
            contents.append(json.loads((out / "compare.json").read_text(encoding="utf-8")))
        found = ", ".join(f"{count} {result}" for result, count in Counter(one["result"] for one in contents).items())
        rows.append(
            f"{trial.name:<6} {found:<34} promised {trial.promised(contents)}: {_word(trial.is_kept(contents))}"
        )
        kept &= trial.is_kept(contents)
    print(f"\n{pairs} pairs of {duration_s:g} s each, margins of {noise}\n" + "\n".join(rows))
    return kept


def _word(kept: bool) -> str:
    return "kept" if kept else "NOT KEPT"


def main(argv: Sequence[str] | None = None, act: Callable[..., bool] = run) -> int:
    """The bench's command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.gate_proof", description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of all runs; started again it goes on")
    parser.add_argument("--duration", type=float, default=60.0, help="of each run in seconds (%(default)s)")
    parser.add_argument("--warm-up", type=float, default=5.0, help="dropped of each hold, in seconds (%(default)s)")
    parser.add_argument("--repeats", type=float, default=1.0, help="share of the repeats to make (%(default)s)")
    parser.add_argument("--trials", default=",".join(one.name for one in TRIALS), help="which (%(default)s)")
    parser.add_argument("--emit-rate", default="20", help="messages a second (%(default)s)")
    options = parser.parse_args(argv)
    load = ["--emit-rate", options.emit_rate, "--typing", "0", "--mix", "none", "--spawn-rate", "50", "--deadline", "5"]
    options.out.mkdir(parents=True, exist_ok=True)
    try:
        lock = FolderLock(options.out, "proof", "start it again: it goes on")
    except UsageError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    try:
        kept = act(options.out, options.duration, load, options.repeats, options.trials.split(","), options.warm_up)
    finally:
        lock.release()
    return 0 if kept else 1


if __name__ == "__main__":
    raise SystemExit(main())
