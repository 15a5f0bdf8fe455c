"""Whether the generator's own memory stays flat: 500 users at constant load, RSS over time, and a bound on its slope.

Run as ``python -m tests.bench.soak [--minutes 30]``: Locust with ``locustfiles/soak.py`` on the embedded server, then
the levels ``generator.rss_bytes`` of the run's store, without those of the warm-up. The slope is that of a
least-squares line through the medians of twenty blocks, since single readings follow one another; its upper 90 % bound
is that of Student's t with eighteen degrees of freedom.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from loadtest.store import open_run

ROOT = Path(__file__).parents[2]
BLOCKS = 20
BOUND_MB_H = 2.0
_MB = 1e6
_SLACK_S = 120


@dataclass(frozen=True)
class Slope:
    """How fast a level grows.

    Attributes:
        blocks: medians the line goes through.
        mb_per_h: its slope.
        upper_mb_per_h: upper end of the slope's 90 % interval.
        level_mb: the median level.
        medians_mb: the level block by block.
    """

    blocks: int
    mb_per_h: float
    upper_mb_per_h: float
    level_mb: float
    medians_mb: tuple[float, ...]


def slope(levels: pd.DataFrame, name: str, since_s: float, until_s: float) -> Slope:
    """The growth of a gauge between two moments.

    Args:
        levels: columns at_s, name, worker, value (bytes).
        name: the gauge; of several workers the sum.
        since_s: end of the warm-up, in seconds since the run's start.
        until_s: end of the hold.
    """
    rows = levels[(levels["name"] == name) & (levels["at_s"] >= since_s) & (levels["at_s"] <= until_s)]
    block = np.minimum(((rows["at_s"] - since_s) / (until_s - since_s) * BLOCKS).astype(int), BLOCKS - 1)
    medians = rows.groupby([block, "worker"])["value"].median().groupby(level=0).sum() / _MB
    at_h = (since_s + (medians.index.to_numpy(float) + 0.5) * (until_s - since_s) / BLOCKS) / 3600
    line = stats.linregress(at_h, medians.to_numpy(float))
    upper = line.slope + float(stats.t.ppf(0.95, len(medians) - 2)) * line.stderr
    return Slope(len(medians), float(line.slope), float(upper), float(medians.median()), tuple(medians.tolist()))


def run(folder: Path, minutes: float, users: int) -> Path:
    """Let so many users be at constant load for so long; returns the run's folder."""
    agents = users // 5
    command = [
        sys.executable, "-m", "locust", "-f", str(ROOT / "locustfiles" / "soak.py"), "--headless", "--only-summary",
        "--load-profile", "flat", "--agents", str(agents), "--contacts", str(users - agents), "--window", "10",
        "-t", f"{round(minutes * 60)}s", "--spawn-rate", "50", "--report-dir", str(folder), "--run-id", "soak",
    ]  # fmt: skip
    subprocess.run(command, check=False, timeout=minutes * 60 + _SLACK_S, stdout=subprocess.DEVNULL)
    return folder / "soak"


def report(say: Callable[[str], None], folder: Path, warm_up_min: float) -> bool:
    """Say how memory went; returns whether the generator's bound is kept."""
    stored = open_run(folder)
    levels = stored.gauge_frame()
    holds = {
        data["phase"]: at_s for at_s, data in stored.note_frame().query("kind == 'phase'")[["at_s", "data"]].values
    }
    since_s, until_s = holds["hold"] + warm_up_min * 60, holds.get("drain", float(levels["at_s"].max()))
    kept = True
    for name in ("generator.rss_bytes", "target.rss_bytes"):
        found = slope(levels, name, since_s, until_s)
        bound = f" (bound {BOUND_MB_H:g})" if name.startswith("generator") else ""
        say(
            f"{name}: {found.level_mb:.1f} MB, slope {found.mb_per_h:+.2f} MB/h, upper 90 % bound "
            f"{found.upper_mb_per_h:+.2f} MB/h{bound}, {found.blocks} blocks over {(until_s - since_s) / 60:.0f} min"
        )
        say("  block by block: " + " ".join(f"{median:.2f}" for median in found.medians_mb))
        kept &= not name.startswith("generator") or found.upper_mb_per_h < BOUND_MB_H
    generator = json.loads((folder / "summary.json").read_text(encoding="utf-8"))["generator"]
    say("the generator was " + ("valid" if generator["valid"] else f"not valid: {'; '.join(generator['reasons'])}"))
    return kept


def main() -> int:
    """Run, and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.soak", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--warm-up", type=float, default=5.0, help="minutes of the hold that are left out")
    parser.add_argument("--users", type=int, default=500)
    options = parser.parse_args()
    if options.minutes <= options.warm_up + 1:
        parser.error("run longer than the warm-up, by more than a minute")
    with tempfile.TemporaryDirectory() as folder:
        return 0 if report(print, run(Path(folder), options.minutes, options.users), options.warm_up) else 1


if __name__ == "__main__":
    sys.exit(main())
