"""Ages of subjects in completed years and in days, without a date of birth.

A year has 365 or 366 days, and which a life began with is not recorded: where a number of days may
be of either of two ages in years, or an age in years of many numbers of days, all count.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

_SHORT_YEAR, _LONG_YEAR = 365, 366
_NOBODY = 131
"""An age in years that no event can give."""


def years(days: int) -> range:
    """Return the ages in completed years that somebody so many days old may have."""
    return range(days // _LONG_YEAR, days // _SHORT_YEAR + 1)


def years_at_enrolment(
    age: int | None, days: int | None, bounds: Sequence[int]
) -> Iterator[tuple[int, int]]:
    """Yield the ages in years that tell rules apart, each with the oldest that counts alike.

    `age` and `days` are those recorded at enrolment, None where they are not known; `bounds` are
    the ages from which on other rules apply, in order.
    """
    if age is not None:
        yield age, age
    elif days is not None:
        yield from ((number, number) for number in years(days))
    else:
        for youngest, following in pairwise([*sorted({0, *bounds}), _NOBODY]):
            yield youngest, following - 1


def days_at_sample(
    ages: tuple[int, int], days: int | None, elapsed: int | None, bounds: Sequence[int]
) -> Iterator[int]:
    """Yield the ages in days that tell rules apart when a sample was taken.

    `ages` are the youngest and the oldest in years at enrolment, `days` the age in days then, None
    where it is not known; `elapsed` is the number of days from enrolment to the sample, None of
    somebody not enrolled. Nobody has an age before birth: such a sample has none.
    """
    youngest, oldest = ages
    first, last = _SHORT_YEAR * youngest, _LONG_YEAR * (oldest + 1) - 1
    if days is not None:
        first = last = days
    first, last = (0, last) if elapsed is None else (max(first + elapsed, 0), last + elapsed)
    if first <= last:
        yield first
        yield from (bound for bound in bounds if first < bound <= last)
