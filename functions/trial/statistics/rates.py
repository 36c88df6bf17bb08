"""Exposure-adjusted incidence: events over person-time."""

from decimal import Decimal, localcontext
from fractions import Fraction

from trial.statistics.distributions import chi_square_quantile
from trial.statistics.inference import LEVEL, LIMIT, WORKING, Interval
from trial.statistics.proportions import clopper_pearson

EXACT_POISSON = "exact Poisson"
EXACT_CONDITIONAL = "exact conditional binomial"


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


def rate_ratio(events1: int, exposure1: int, events2: int, exposure2: int) -> Fraction | None:
    """Return the first rate over the second; None where there is nothing to divide by."""
    first, second = rate(events1, exposure1), rate(events2, exposure2)
    return first / second if first is not None and second else None


def rate_ratio_interval(
    events1: int, exposure1: int, events2: int, exposure2: int, level: Fraction = LEVEL
) -> tuple[Decimal, Decimal | None] | None:
    """Return the exact interval of the ratio of two rates, given the sum of events.

    The first group's events are binomial in that sum, and its Clopper-Pearson limits p become
    p / (1 - p) times exposure 2 over exposure 1 (Przyborowski and Wilenski 1940). Without events in
    the second group there is no upper limit; without any event or person-time no interval.
    """
    _check(events1, exposure1)
    _check(events2, exposure2)
    if not (exposure1 and exposure2 and events1 + events2):
        return None
    limits = clopper_pearson(events1, events1 + events2, level)
    if limits is None:
        return None
    with localcontext(WORKING):
        scale = Decimal(exposure2) / exposure1
        low, high = (None if p == 1 else LIMIT.plus(p / (1 - p) * scale) for p in limits)
        return low or Decimal(0), high


def _check(events: int, exposure: int) -> None:
    if min(events, exposure) < 0 or (events and not exposure):
        raise ValueError("events and person-time are not negative, and events take time")
