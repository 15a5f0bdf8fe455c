"""The Universal Scalability Law, fitted to the steps of a search.

    X(n) = lambda n / (1 + sigma (n - 1) + kappa n (n - 1)),   peak at n* = sqrt((1 - sigma) / kappa)

with n the load in units of the smallest step, X the work done, sigma the share that is serialised (contention) and
kappa the cost of keeping everybody in step (coherency). Source: Gunther, "Guerrilla Capacity Planning", 2007.

Here the fit is by least squares of log X with ``lambda > 0, 0 <= sigma < 1, kappa >= 0``, since what disturbs a rate is
a factor; intervals come from a bootstrap of the residuals (seeded). A curve that was seen up to half its peak fits
dozens of peaks (simulated in ``tests/analysis/test_usl.py``: from data that end at a third of the peak, half of the
fits are off by more than a third of it), so a peak is claimed only where the data pass it: the whole interval of n*
lies below the largest load, and kappa is above zero in the whole interval. Otherwise the fit says that there is none in
the measured range, and nothing is extrapolated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loadtest.analysis.model import Interval

MIN_STEPS = 6
"""Fewer steps than this are fitted by any curve."""

REPLICATES = 300
_SEED = 19_930_419
_CONFIDENCE = (2.5, 97.5)
_WORTH = 1e-9
_NO_KAPPA = 1e-9
"""Where coherency is not fitted: a bound below which it is none."""


Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class UslFit:
    """A fitted curve.

    Attributes:
        unit: the load that n = 1 stands for.
        scale: lambda: the work of one unit without any neighbour, a second.
        sigma: contention.
        kappa: coherency.
        sigma_interval: 95 % interval.
        kappa_interval: the same.
        peak: the load at the curve's peak; None where the data do not pass it.
        peak_interval: 95 % interval of the peak, as far as it is finite; None where there is none.
        loads: the steps' loads.
        works: the steps' work, a second.
        residuals: log of work over fit, by step.
        note: why no peak is claimed; empty where one is.
    """

    unit: float
    scale: float
    sigma: float
    kappa: float
    sigma_interval: Interval
    kappa_interval: Interval
    peak: float | None
    peak_interval: Interval | None
    loads: tuple[float, ...]
    works: tuple[float, ...]
    residuals: tuple[float, ...]
    note: str = ""

    def at(self, load: float) -> float:
        """The curve's work at a load."""
        return float(_curve(np.array([load / self.unit]), self.scale, self.sigma, self.kappa)[0])


def fit(loads: Sequence[float], works: Sequence[float]) -> UslFit | None:
    """Fit the law to steps.

    Args:
        loads: load of each step, on the axis searched; positive.
        works: work done a second in it; positive.

    Returns:
        The fit, or None with fewer than :data:`MIN_STEPS` steps or fewer than four loads.
    """
    at, done = np.array(loads, float), np.array(works, float)
    sound = (at > 0) & (done > 0)
    at, done = at[sound], done[sound]
    if at.size < MIN_STEPS or np.unique(at).size < 4:
        return None
    unit = float(at.min())
    n, logs = at / unit, np.log(done)
    parameters = _fitted(n, logs)
    fitted = np.log(_curve(n, *parameters))
    residuals = logs - fitted
    rng = np.random.default_rng(_SEED)
    spread = residuals * math.sqrt(at.size / max(at.size - 3, 1))
    samples = np.array([_fitted(n, fitted + rng.choice(spread, at.size), parameters) for _ in range(REPLICATES)])
    sigmas, kappas = samples[:, 1], samples[:, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        peaks = np.where(kappas > _WORTH, np.sqrt(np.maximum(1 - sigmas, 0) / kappas), np.inf) * unit
    low, high = (float(value) for value in np.percentile(peaks, _CONFIDENCE, method="nearest"))
    most = float(at.max())
    passed = high < most and float(np.percentile(kappas, _CONFIDENCE[0])) > _WORTH
    scale, sigma, kappa = parameters
    note = ""
    if not passed:
        note = (
            f"The data do not pass a peak: the fit puts it at {low:,.3g} or above, the largest load was {most:,.3g}."
            if math.isfinite(low)
            else f"The data show no peak up to {most:,.3g}."
        )
    return UslFit(
        unit=unit,
        scale=scale,
        sigma=sigma,
        kappa=kappa,
        sigma_interval=_interval(sigmas),
        kappa_interval=_interval(kappas),
        peak=math.sqrt((1 - sigma) / kappa) * unit if passed else None,
        peak_interval=(low, high) if passed else None,
        loads=tuple(at.tolist()),
        works=tuple(done.tolist()),
        residuals=tuple(residuals.tolist()),
        note=note,
    )


@dataclass(frozen=True, slots=True)
class Spread:
    """What intervals of the work leave open of the law.

    Attributes:
        scale: lambda, at the intervals' middles.
        sigma: contention, at the same.
        sigma_interval: 95 % of the replicates.
        kappa: coherency; None where it was not fitted.
        kappa_interval: 95 % of the replicates; None where it was not fitted.
    """

    scale: float
    sigma: float
    sigma_interval: Interval
    kappa: float | None
    kappa_interval: Interval | None


def spread_of_fits(loads: Sequence[float], works: Sequence[Interval], *, coherency: bool) -> Spread:
    """Fit the law to few loads whose work is known as an interval each.

    Args:
        loads: in units of the smallest, which is 1; at least two different ones, three for coherency.
        works: lowest and highest work a second that each may have done; positive.
        coherency: whether kappa is fitted; else it is held at 0.
    """
    n = np.array(loads, float)
    low, high = (np.log(np.array(ends, float)) for ends in zip(*works, strict=True))
    scale, sigma, kappa = _fitted(n, (low + high) / 2, coherency=coherency)
    rng = np.random.default_rng(_SEED)
    samples = np.array(
        [_fitted(n, rng.uniform(low, high), (scale, sigma, kappa), coherency=coherency) for _ in range(REPLICATES)]
    )
    return Spread(
        scale,
        sigma,
        _interval(samples[:, 1]),
        kappa if coherency else None,
        _interval(samples[:, 2]) if coherency else None,
    )


def _curve(n: Floats, scale: float, sigma: float, kappa: float) -> Floats:
    return scale * n / (1 + sigma * (n - 1) + kappa * n * (n - 1))


def _fitted(
    n: Floats, logs: Floats, start: tuple[float, float, float] | None = None, *, coherency: bool = True
) -> tuple[float, float, float]:
    """Scale, sigma and kappa that fit best.

    Given sigma and kappa the best log of the scale is a mean, so that two parameters are left to search.
    """
    from scipy.optimize import least_squares  # late: importing it costs half a second

    def off(shape: Floats) -> Floats:
        misfit: Floats = logs - np.log(_curve(n, 1.0, float(shape[0]), float(shape[1])))
        centred: Floats = misfit - misfit.mean()
        return centred

    most = float(n.max())
    starts = [(0.05, 0.1 / most**2), (0.3, 1.0 / most**2)] if start is None else [start[1:]]
    bounds = ([0.0, 0.0], [0.999, np.inf if coherency else _NO_KAPPA])
    best = min(
        (
            least_squares(
                off, np.clip(first, [1e-6, 1e-12], [0.99, bounds[1][1] / 2]), bounds=bounds, x_scale=[0.1, 1 / most**2]
            )
            for first in starts
        ),
        key=lambda found: float(found.cost),
    )
    sigma, kappa = (float(value) for value in best.x)
    scale = float(np.exp((logs - np.log(_curve(n, 1.0, sigma, kappa))).mean()))
    return scale, sigma, kappa


def _interval(values: Floats) -> Interval:
    low, high = np.percentile(values, _CONFIDENCE)
    return float(low), float(high)
