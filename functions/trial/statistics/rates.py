"""Rates of events over person-time: of one group, and the ratio and difference of two."""

from collections.abc import Iterator
from decimal import Decimal, localcontext
from fractions import Fraction

from trial.statistics.distributions import chi_square_quantile
from trial.statistics.inference import (
    BISECTED,
    LEVEL,
    LIMIT,
    WORKING,
    Interval,
    greatest_within,
    score_interval,
)
from trial.statistics.proportions import clopper_pearson

EXACT_POISSON = "exact Poisson"
EXACT_CONDITIONAL = "exact conditional binomial"
RATE_SCORE = "Miettinen-Nurminen score of rates"
MOST_EVENTS = 100_000
"""The events of both groups together for which the exact test is made: it takes a step for each."""
_ALIKE = Decimal(f"1.{29 * '0'}1")
"""A split that is as likely as another has its weight but for errors of rounding."""


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


def rate_ratio_test(events1: int, exposure1: int, events2: int, exposure2: int) -> Decimal | None:
    """Return the exact two-sided P value of two equal rates, given the sum of events.

    It is the probability of all splits of the events that are no likelier than the one observed.
    None without any event or person-time, or with more events than are tested.
    """
    _check(events1, exposure1)
    _check(events2, exposure2)
    events = events1 + events2
    if not (exposure1 and exposure2 and 0 < events <= MOST_EVENTS):
        return None
    with localcontext(WORKING):
        weights = [
            *_weights(events2, exposure2, events1, exposure1),
            Decimal(1),
            *_weights(events1, exposure1, events2, exposure2),
        ]
        unlikely = sum((weight for weight in weights if weight <= _ALIKE), Decimal(0))
        return LIMIT.plus(unlikely / sum(weights, Decimal(0)))


def _weights(events1: int, exposure1: int, events2: int, exposure2: int) -> Iterator[Decimal]:
    """Yield how much likelier than the split observed it is that more events are the first's."""
    weight = Decimal(1)
    for number in range(1, events2 + 1):
        weight *= (events2 - number + 1) * exposure1
        weight /= (events1 + number) * exposure2
        yield weight


def rate_difference(events1: int, exposure1: int, events2: int, exposure2: int) -> Fraction | None:
    """Return the first rate minus the second; None where a group has no person-time."""
    first, second = rate(events1, exposure1), rate(events2, exposure2)
    return None if first is None or second is None else first - second


def rate_difference_interval(
    events1: int, exposure1: int, events2: int, exposure2: int, level: Fraction = LEVEL
) -> Interval | None:
    """Return the score interval of the difference of two rates.

    Miettinen and Nurminen (1985), Stat Med 4:213: all differences that the score test, with the
    likelihood restricted to the difference, does not reject.
    """
    if rate_difference(events1, exposure1, events2, exposure2) is None:
        return None
    return score_interval(_score_limit, (events1, exposure1), (events2, exposure2), level)


def _score_limit(events1: int, exposure1: int, events2: int, exposure2: int, z: Decimal) -> Decimal:
    """Find the upper limit by bisection: the greatest difference whose score lies within z."""
    observed = Decimal(events1) / exposure1 - Decimal(events2) / exposure2
    exposure = exposure1 + exposure2

    def within(delta: Decimal) -> bool:
        surplus = events1 + events2 - exposure * delta
        root = (surplus * surplus + 4 * exposure * events2 * delta).sqrt()
        second = (surplus + root) / (2 * exposure)
        variance = (second + delta) / exposure1 + second / exposure2
        return (delta - observed) ** 2 <= z * z * variance

    step = Decimal(1) / exposure
    while within(observed + step):
        step *= 2
    return greatest_within(within, observed, observed + step, BISECTED / exposure)


def _check(events: int, exposure: int) -> None:
    if min(events, exposure) < 0 or (events and not exposure):
        raise ValueError("events and person-time are not negative, and events take time")
