"""Clinical dates: site-local calendar days, as collected, possibly partial. No clock, no zones."""

from datetime import date
from functools import lru_cache

FULL = len("YYYY-MM-DD")
MONTH = len("YYYY-MM")
_DECEMBER = 12


@lru_cache(maxsize=4096)
def earliest(text: str) -> int:
    """Return the first day (ordinal) that a date, a local time or a partial date can mean."""
    return date.fromisoformat((text + "-01-01")[:FULL]).toordinal()


@lru_cache(maxsize=4096)
def latest(text: str) -> int:
    """Return the last day (ordinal) that a date, a local time or a partial date can mean."""
    if len(text) >= FULL:
        return earliest(text)
    year, month = int(text[:4]), int(text[5:MONTH] or _DECEMBER)
    if month == _DECEMBER:
        return date(year, month, 31).toordinal()
    return date(year, month + 1, 1).toordinal() - 1


@lru_cache(maxsize=4096)
def moment(text: str) -> tuple[int, int]:
    """Return the day (ordinal) of a date or a local time, and its second; without a time, -1.

    So what has no time comes before all that has one on its day, as it counts as before the dose.
    """
    if len(text) <= FULL:
        return earliest(text), -1
    hour, minute, *second = map(int, text[FULL + 1 :].split(":"))
    return earliest(text), 3600 * hour + 60 * minute + sum(second)


def is_order_known(first: str, second: str) -> bool:
    """Return whether the later of two is known: by day or, of one day, by the times of both."""
    (first_day, first_second), (second_day, second_second) = moment(first), moment(second)
    return first_day != second_day or (
        first_second != second_second and min(first_second, second_second) >= 0
    )


def not_after(first: str, second: str) -> bool:
    """Return whether one local time is at or before another; by day alone where one has no time."""
    (first_day, first_second), (second_day, second_second) = moment(first), moment(second)
    if first_second < 0 or second_second < 0:
        return first_day <= second_day
    return (first_day, first_second) <= (second_day, second_second)


def iso(ordinal: int) -> str:
    """Write a day as YYYY-MM-DD."""
    return date.fromordinal(ordinal).isoformat()
