"""The bench's results as a figure: CPU a frame by client, and the latency that each adds as the rate grows."""

from __future__ import annotations

import statistics
from pathlib import Path

from loadtest.report import ink
from tests.bench.peers import ALL_STAMPS, DRAIN, OURS
from tests.bench.table import MAIN, Results


def draw(results: Results, path: Path) -> None:
    """Write the figure.

    Args:
        results: all that was measured.
        path: where to; the suffix says the format.
    """
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    costs = {
        peer: us
        for peer in results.peers
        if (us := getattr(results.gated.get((peer, MAIN)), "median_us", None)) is not None
    }
    order = sorted(costs, key=lambda peer: costs[peer], reverse=True)
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(13.5, 4.2), width_ratios=(1.2, 1), layout="constrained")
    colours = {OURS: ink.VERMILLION, ALL_STAMPS: ink.VERMILLION, DRAIN: ink.MUTED}
    bars = left.barh(order, [costs[peer] for peer in order], color=[colours.get(p, ink.BLUE) for p in order])
    left.bar_label(bars, [f" {costs[peer]:.1f}" for peer in order])
    left.set_xscale("log")
    left.set_xlim(1, 3 * max(costs.values(), default=1.0))
    left.set_xlabel("CPU per frame, µs (log)")
    left.set_title(f"One chat frame, {MAIN.sockets:,} sockets, one frame a read")
    _paced(results, right)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def _paced(results: Results, axes: object) -> None:
    from matplotlib.axes import Axes

    assert isinstance(axes, Axes)
    rates = sorted({rate for sockets, _, rate in results.paced if sockets == MAIN.sockets})
    markers = iter("osv^D<>p")
    for peer in results.peers:
        points = []
        for rate in rates:
            stretches = results.paced.get((MAIN.sockets, peer, rate), [])
            values = [paced.p99_us for paced in stretches if paced.p99_us is not None]
            if values:
                points.append((rate, statistics.median(values) / 1000))
        if not points:
            continue
        colour = ink.VERMILLION if peer == ALL_STAMPS else ink.MUTED if peer == DRAIN else None
        label = "onechat-loadtest, read" if peer == ALL_STAMPS else peer
        axes.plot(*zip(*points, strict=True), marker=next(markers), color=colour, label=label)
        if peer == ALL_STAMPS:
            arrivals = [
                (rate, statistics.median(errors) / 1000)
                for rate in rates
                if (errors := [p.arrival_p99_us for p in results.paced[MAIN.sockets, peer, rate] if p.arrival_p99_us])
            ]
            axes.plot(
                *zip(*arrivals, strict=True), marker="*", color=colour, linestyle=":", label="onechat-loadtest, arrival"
            )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(rates, [f"{rate:,.0f}" for rate in rates])
    axes.minorticks_off()
    axes.set_xlabel("frames per second offered")
    axes.set_ylabel("p99 error, ms (log)")
    axes.set_title(f"Latency that the client adds, {MAIN.sockets:,} sockets")
    axes.legend(fontsize="small", frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
