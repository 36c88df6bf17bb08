"""Clinical dates: site-local calendar days, as collected, possibly partial. No clock, no zones."""

from datetime import date
from functools import lru_cache

FULL = len("YYYY-MM-DD")
MONTH = len("YYYY-MM")
_DECEMBER = 12


@lru_cache(maxsize=4096)
def earliest(text: str) -> int:
    """Give the first day (ordinal) that a date, a local time or a partial date can mean."""
    return date.fromisoformat((text + "-01-01")[:FULL]).toordinal()


@lru_cache(maxsize=4096)
def latest(text: str) -> int:
    """Give the last day (ordinal) that a date, a local time or a partial date can mean."""
    if len(text) >= FULL:
        return earliest(text)
    year, month = int(text[:4]), int(text[5:MONTH] or _DECEMBER)
    if month == _DECEMBER:
        return date(year, month, 31).toordinal()
    return date(year, month + 1, 1).toordinal() - 1


def not_after(moment: str, other: str) -> bool:
    """Say whether one local time is at or before another; by day alone where one has no time."""
    if "T" in moment and "T" in other:
        return _to_the_second(moment) <= _to_the_second(other)
    return moment[:FULL] <= other[:FULL]


def _to_the_second(moment: str) -> str:
    return moment if len(moment) > len("YYYY-MM-DDThh:mm") else f"{moment}:00"


def iso(ordinal: int) -> str:
    """Write a day as YYYY-MM-DD."""
    return date.fromordinal(ordinal).isoformat()
