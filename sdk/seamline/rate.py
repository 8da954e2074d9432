"""Whether a rate fell: an exact test for two counts, corrected where the counts swing more than chance does."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, exp, floor, lgamma, log, log1p, sqrt
from typing import NamedTuple

#: From here on counts swing more than chance explains, however few they are.
OVERDISPERSED = 1.5
#: One in ten sets of counts that only chance moves swings so much more, in standard errors.
_ONE_IN_TEN = 1.282
#: Terms smaller than this share of their sum change nothing.
_NEGLIGIBLE = 1e-17


class RateDrop(NamedTuple):
    """``change``: relative, -0.5 is half; None without a baseline. ``p_value``: of so few events by chance alone."""

    change: float | None
    p_value: float


def rate_drop(
    events_new: float, exposure_new: float, events_base: float, exposure_base: float, *, phi: float = 1.0
) -> RateDrop:
    """Compare the events per exposure of two periods.

    Given how many events there were in all, those of the new period are binomial with its share of the exposure
    (the exact conditional test of two Poisson rates). ``phi``, as ``Dispersion.phi`` gives it, divides the counts.
    Raises ValueError where a number is negative or a period has no exposure.
    """
    if min(events_new, events_base) < 0 or min(exposure_new, exposure_base) <= 0:
        raise ValueError("counts are not negative, and exposures are positive: leave out a period that has none")
    by = max(phi, 1.0)
    # Parts of events are rounded against finding a drop.
    fewer, base = ceil(events_new / by), floor(events_base / by)
    p_value = binomial_cdf(fewer, fewer + base, exposure_new / (exposure_new + exposure_base))
    before = events_base / exposure_base
    return RateDrop(events_new / exposure_new / before - 1 if before else None, p_value)


def binomial_cdf(k: int, n: int, share: float) -> float:
    """The chance of at most ``k`` of ``n``, each with the chance ``share`` (more than 0, less than 1)."""
    if k >= n:
        return 1.0
    if k < 0:
        return 0.0
    if k <= n * share:
        return min(1.0, _tail(k, n, share))
    return max(0.0, 1.0 - _tail(n - k - 1, n, 1.0 - share))


def _tail(k: int, n: int, share: float) -> float:
    """The terms from ``k`` down, for ``k`` at or below the mean: each is smaller than the one before."""
    ways = lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
    term = total = exp(ways + k * log(share) + (n - k) * log1p(-share))
    for j in range(k, 0, -1):
        term *= j / (n - j + 1) * (1.0 - share) / share
        total += term
        if term <= total * _NEGLIGIBLE:
            break
    return total


class Dispersion(NamedTuple):
    """How much counts swing about what is expected of them (1 is chance alone), from so many free values."""

    measured: float
    free: int

    @property
    def phi(self) -> float:
        """By what counts are divided: 1.0 unless they swing more than chance explains.

        From 1.4 on for 28 days by weekday, from 1.5 on for fewer; more days know it better.
        """
        if self.free <= 0:
            return 1.0
        bound = min(OVERDISPERSED, 1 + _ONE_IN_TEN * sqrt(2 / self.free))
        return self.measured if self.measured > bound else 1.0


def dispersion(counts: Sequence[float], expected: Sequence[float], fitted: int) -> Dispersion:
    """Measure the swing. ``fitted``: how many numbers (means, rates) of ``expected`` were taken from the counts."""
    free = len(counts) - fitted
    if free <= 0:
        return Dispersion(1.0, 0)
    swing = sum((count - mean) ** 2 / mean for count, mean in zip(counts, expected, strict=True) if mean > 0)
    return Dispersion(swing / free, free)
