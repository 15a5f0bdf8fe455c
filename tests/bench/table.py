"""The bench's results as Markdown: CPU a frame, latency added, and what was to be reached."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.bench.measure import Gated, Measured, Paced, ratios
from tests.bench.peers import ALL_STAMPS, ASYNCIO, DRAIN, NODE, OURS, PLAIN, SYNC, WSACCEL

MAIN = Gated(2000, "message.created", 1, 2000)

TARGETS = {NODE: 1.5, ASYNCIO: 2.0, WSACCEL: 3.0, SYNC: 7.0, PLAIN: 20.0}
"""How many times our CPU a frame the others need at least."""
DRAIN_TARGET = 2.2
"""How many times the drain's CPU a frame we may need."""
ARRIVAL_TARGET_US = 1000.0


@dataclass
class Results:
    """All that was measured.

    Attributes:
        peers: their names, in the order of tables.
        gated: by peer and setting.
        paced: by sockets, peer and rate.
        machine: what it was measured on, a line.
    """

    peers: Sequence[str]
    gated: dict[tuple[str, Gated], Measured] = field(default_factory=dict)
    paced: dict[tuple[int, str, float], list[Paced]] = field(default_factory=dict)
    machine: str = ""

    def ratio(self, peer: str, setting: Gated = MAIN) -> float | None:
        """Median over the rounds of a peer's CPU a frame over ours."""
        ours, theirs = self.gated.get((OURS, setting)), self.gated.get((peer, setting))
        found = ratios(ours, theirs) if ours and theirs else []
        return statistics.median(found) if found else None


def markdown(results: Results) -> str:
    """Every table that has rows."""
    parts = [_gated(results), _kinds(results), _emissions(results)]
    parts += [_paced(results, sockets) for sockets in sorted({key[0] for key in results.paced})]
    parts += [_notes(results), targets(results), results.machine]
    return "\n\n".join(part for part in parts if part) + "\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(map(_row, [head, rule, *rows]))


def _cpu(results: Results, title: str, settings: Sequence[Gated], name: Callable[[Gated], str]) -> str:
    shown = [peer for peer in results.peers if any(results.gated.get((peer, s)) for s in settings)]
    rows = []
    for peer in shown:
        cells = [peer]
        for setting in settings:
            measured = results.gated.get((peer, setting), Measured())
            ratio = results.ratio(peer, setting)
            us = measured.median_us
            times = f" ({ratio:.2f}×)" if ratio is not None and peer != OURS else ""
            cells.append("–" if us is None else f"{us:.2f}{times}")
        rows.append(cells)
    return f"{title}\n\n" + _grid(["client", *map(name, settings)], rows) if rows else ""


def _settings(results: Results, wanted: Callable[[Gated], bool]) -> list[Gated]:
    found = {setting for _, setting in results.gated if wanted(setting)}
    return sorted(found, key=lambda s: (s.sockets, s.kind, s.a_write, -s.audience))


def _gated(results: Results) -> str:
    settings = _settings(results, lambda s: s.kind == MAIN.kind and not s.only)
    return _cpu(
        results,
        "CPU µs a frame of 0.9 KB, medians (and times ours), by sockets and frames a read:",
        settings,
        lambda s: f"{s.sockets:,}, {s.a_write} a read",
    )


def _kinds(results: Results) -> str:
    settings = _settings(results, lambda s: s.kind != MAIN.kind)
    title = f"CPU µs a frame of other kinds, {MAIN.sockets:,} sockets, one frame a read:"
    return _cpu(results, title, settings, lambda s: s.kind)


def _emissions(results: Results) -> str:
    settings = [s for s in _settings(results, lambda s: s.only == OURS) if results.gated[OURS, s].us]
    if not settings:
        return ""
    parts = [f"{results.gated[OURS, s].median_us or 0:.2f} µs where {s.audience:,} see it" for s in settings]
    whole = results.gated.get((OURS, MAIN), Measured()).median_us
    first = f"{whole:.2f} µs where {MAIN.audience:,} see an emission, " if whole is not None else ""
    told = ", ".join(parts)
    return f"Ours by audience, since an emission's own books cost the same for few as for many: {first}{told}."


def _paced(results: Results, sockets: int) -> str:
    rates = sorted({rate for n, _, rate in results.paced if n == sockets})
    rows = []
    for peer in results.peers:
        stretches = [results.paced.get((sockets, peer, rate), []) for rate in rates]
        if not any(stretches):
            continue
        rows.append([peer + (" (read)" if peer == ALL_STAMPS else ""), *(_stretch(s, _read) for s in stretches)])
        if peer == ALL_STAMPS:
            rows.append([peer + " (kernel arrival)", *(_stretch(s, _arrival) for s in stretches)])
    head = ["client", *(f"{rate:,.0f} frames/s" for rate in rates)]
    title = (
        f"Latency against the server's own stamp, p50 / p99, and CPU share, {sockets:,} sockets, bursts of 200 "
        "(medians of the stretches):"
    )
    return f"{title}\n\n" + _grid(head, rows)


def _read(paced: Paced) -> tuple[float | None, float | None]:
    return paced.p50_us, paced.p99_us


def _arrival(paced: Paced) -> tuple[float | None, float | None]:
    return paced.arrival_p50_us, paced.arrival_p99_us


def _stretch(stretches: Sequence[Paced], pick: Callable[[Paced], tuple[float | None, float | None]]) -> str:
    if not stretches:
        return "–"
    if stretches[-1].note:
        return stretches[-1].note
    pairs = [pick(paced) for paced in stretches]
    p50, p99 = (statistics.median(v for v in column if v is not None) for column in zip(*pairs, strict=True))
    cpu = statistics.median(paced.cpu_share for paced in stretches)
    marked = sum(paced.marked for paced in stretches)
    said = f", {marked} windows marked" if marked and pick is _read else ""
    return f"{_time(p50)} / {_time(p99)} ({cpu:.0%}{said})"


def _time(us: float) -> str:
    return f"{us:.0f} µs" if us < 1000 else f"{us / 1000:.1f} ms" if us < 1e6 else f"{us / 1e6:.1f} s"


def _notes(results: Results) -> str:
    found = dict.fromkeys(
        f"- {peer}, {setting.sockets:,} sockets, {setting.a_write} a read: {measured.note}"
        for (peer, setting), measured in results.gated.items()
        if measured.note
    )
    return "Not measured:\n\n" + "\n".join(found) if found else ""


def targets(results: Results) -> str:
    """What was to be reached, and whether it was."""
    rows = []
    drain = results.ratio(DRAIN)
    if drain is not None:
        ours = 1 / drain
        rows.append(["CPU over the C drain's", f"at most {DRAIN_TARGET}", f"{ours:.2f}", _met(ours <= DRAIN_TARGET)])
    for peer, least in TARGETS.items():
        ratio = results.ratio(peer)
        if ratio is not None:
            rows.append([f"cheaper than {peer}", f"at least {least:g}×", f"{ratio:.1f}×", _met(ratio >= least)])
    for (sockets, peer, rate), stretches in sorted(results.paced.items()):
        if peer == ALL_STAMPS and rate == 20_000 and sockets == MAIN.sockets:
            errors = [paced.arrival_p99_us for paced in stretches if paced.arrival_p99_us is not None]
            if errors:
                error = statistics.median(errors)
                met = _met(error < ARRIVAL_TARGET_US)
                rows.append(["p99 error at arrival, 20,000/s", "below 1 ms", _time(error), met])
    return (
        f"Targets ({MAIN.sockets:,} sockets, one frame a read):\n\n" + _grid(["what", "target", "measured", ""], rows)
        if rows
        else ""
    )


def _met(met: bool) -> str:
    return "met" if met else "MISSED"
