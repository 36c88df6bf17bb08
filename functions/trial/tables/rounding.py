"""Numbers as a reader sees them: the only place where anything is rounded for display.

Half up in decimal: a tie goes away from zero (82.5 to 83, -0.5 to -1), as SAS prints and as the
published tables of trials have it. Values arrive exact and are rounded once, never through a binary
float. A zero carries no sign: -0.04 to one place is 0.0.
"""

from decimal import Decimal
from fractions import Fraction
from math import ceil, floor, log10

type Exact = Fraction | Decimal | int

_DIGITS = 12
_SHORTER = 2
_LOG_ERROR = 1e-6
"""More than logarithms of numbers of a million digits are off by."""


def decimal_text(value: Exact, places: int) -> str:
    """Show a value with a fixed number of decimal places."""
    return _fixed(_rounded_units(Fraction(value), places), places)


def percent_text(n: int, size: int, places: int = 0) -> str:
    """Show n of `size` as a percentage without its sign; empty where none is shown beside a count.

    None is shown for nobody (0 stands alone) and for nobody to count. Some are never shown as none,
    nor most as all: such shares are "<1" and ">99".
    """
    if not 0 <= n <= size:
        raise ValueError("a count must lie between 0 and its denominator")
    if n == 0:
        return ""
    all_units = 100 * 10**places
    units = _rounded_units(Fraction(100 * n, size), places)
    if units == 0:
        return f"<{_fixed(1, places)}"
    if units == all_units and n < size:
        return f">{_fixed(all_units - 1, places)}"
    return _fixed(units, places)


def count_percent(n: int, size: int, places: int = 0) -> str:
    """Show a count and its percentage, "33 (83%)"; a bare "0" where there is nobody."""
    percent = percent_text(n, size, places)
    return f"{n} ({percent}%)" if percent else str(n)


P_FLOOR = Fraction(1, 10_000)
"""Below what a P value is shown as less than that, but where a key result names another floor."""


def p_text(p: Exact, floor: Exact = P_FLOOR) -> str:
    """Show a P value to the places of `floor`, a power of ten: "0.5930", below it "<0.0001".

    Short of certainty it is never shown as 1 either: ">0.999".
    """
    limit, value = Fraction(floor), Fraction(p)
    places = len(str(limit.denominator)) - 1
    if limit != Fraction(1, 10**places) or not 0 <= value <= 1:
        raise ValueError("a P value must lie between 0 and 1, and its floor be a power of ten")
    if value < limit:
        return f"<{_fixed(1, places)}"
    units = _rounded_units(value, places)
    if units == 10**places and value < 1:
        return f">{_fixed(units - 1, places)}"
    return _fixed(units, places)


def exact_text(value: Exact) -> str:
    """Return a value for machines: all its digits where twelve after the point are enough.

    Others are rounded half up to twelve and keep their closing zeros, so that rounded digits are
    not taken for exact ones. Zeros that lead a number below one are not counted: small P values
    keep twelve digits too.
    """
    exact = Fraction(value)
    places = _DIGITS + _leading_zeros(exact)
    units = _rounded_units(exact, places)
    text = _fixed(units, places)
    if units * exact.denominator == exact.numerator * 10**places:
        return text.rstrip("0").rstrip(".")
    return text


def nearest_short_decimal(value: Exact, places_kept: int) -> Fraction:
    """Return a statistic of rounded values as the short decimal that it cannot be told from.

    Values with endless decimals are kept to some `kept` places, so their mean can be off by half a
    unit of the last of these, and 33.3..., 33.3... and 0.2 average to a hair below 25.05 - to 25.0
    where the exact mean, a tie, is printed 25.1. What lies within a unit of a decimal that is two
    places shorter is that decimal: every tie of what may be printed is one.
    """
    exact, places = Fraction(value), places_kept - _SHORTER
    short = Fraction(_rounded_units(exact, places), 10**places)
    return short if abs(short - exact) <= Fraction(1, 10**places_kept) else exact


def nearest_tie(value: Exact, places: int, error: Fraction) -> Fraction | None:
    """Return a statistic that may be off by `error` as the tie that it cannot be told from, if any.

    Ties of what is printed to `places` have one more. None where the error leaves open which digits
    are printed: that is not known, rather than wrong.
    """
    exact = Fraction(value)
    if not error:
        return exact
    if error > Fraction(1, 10 ** (places + _SHORTER)):
        return None
    tie = Fraction(_rounded_units(exact, places + 1), 10 ** (places + 1))
    return tie if abs(tie - exact) <= error else exact


def ticks(low: Exact, high: Exact, max_steps: int = 6) -> list[Decimal]:
    """Return an axis's ticks from `low` to `high`: multiples of 1, 2 or 5 times a power of ten.

    The first is not above `low` nor the last below `high`; `most` steps span what lies between.
    """
    first, last = Fraction(low), Fraction(high)
    span = (last - first) or abs(last) or Fraction(1)
    ratio = span / max_steps
    place = len(str(ratio.numerator)) - len(str(ratio.denominator)) - 1  # 10**place is below it
    step = next(
        size
        for power in range(place, place + 4)
        for size in (Fraction(10) ** power * digit for digit in (1, 2, 5))
        if size >= ratio
    )
    units = range(floor(first / step), max(ceil(last / step), floor(first / step) + 1) + 1)
    return [Decimal(exact_text(step * unit)) for unit in units]


def _leading_zeros(value: Fraction) -> int:
    """Return the number of zeros after the point of a number below one."""
    if not 0 < abs(value) < 1:
        return 0
    numerator, denominator = abs(value.numerator), value.denominator
    zeros = max(ceil(log10(denominator) - log10(numerator) - _LOG_ERROR) - 1, 0)
    while numerator * 10 ** (zeros + 1) < denominator:
        zeros += 1
    return zeros


def _rounded_units(value: Fraction, places: int) -> int:
    """Round half up to whole units of the last place."""
    scaled = abs(value.numerator) * 10**places
    units: int = (2 * scaled + value.denominator) // (2 * value.denominator)
    return -units if value < 0 else units


def _fixed(units: int, places: int) -> str:
    digits = str(abs(units)).rjust(places + 1, "0")
    text = f"{digits[:-places]}.{digits[-places:]}" if places else digits
    return f"-{text}" if units < 0 else text
