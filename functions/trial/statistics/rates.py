"""Exposure-adjusted incidence: events over person-time."""

from decimal import Decimal, localcontext
from fractions import Fraction

from trial.statistics.distributions import chi_square_quantile
from trial.statistics.inference import LEVEL, LIMIT, WORKING, Interval

EXACT_POISSON = "exact Poisson"


def rate(events: int, exposure: int) -> Fraction | None:
    """Return events per unit of person-time, or None without any person-time."""
    _check(events, exposure)
    return Fraction(events, exposure) if exposure else None


def poisson_interval(events: int, exposure: int, level: Fraction = LEVEL) -> Interval | None:
    """Return the exact interval of a rate: Garwood (1936), by chi-square quantiles.

    The lower limit is exactly 0 without events. SAS: STDRATE CL=POISSON for one stratum.
    """
    _check(events, exposure)
    if not exposure:
        return None
    tail = (1 - level) / 2
    with localcontext(WORKING):
        low = chi_square_quantile(tail, 2 * events) if events else Decimal(0)
        high = chi_square_quantile(1 - tail, 2 * events + 2)
        return LIMIT.plus(low / 2 / exposure), LIMIT.plus(high / 2 / exposure)


def _check(events: int, exposure: int) -> None:
    if min(events, exposure) < 0 or (events and not exposure):
        raise ValueError("events and person-time must not be negative, and events need person-time")
