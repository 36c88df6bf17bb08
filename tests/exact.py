"""Statistics by exact fractions, as a reader is to see them: written again, for tests alone.

What is irrational is taken to 80 digits. A number within 1e-30 of a decimal of 15 places is that
decimal: log10 of 20 and of 50 have the mean 1.5.
"""

from collections.abc import Mapping, Sequence
from decimal import Context, Decimal
from fractions import Fraction
from functools import cache
from math import floor
from typing import Any

import mpmath

_WIDE = Context(prec=80)
_SHORT, _NEAR = 10**15, Fraction(1, 10**30)
MORE = {"mean": 1, "sd": 2, "se": 2, "ci": 1, "median": 1, "q1": 1, "q3": 1, "min": 0, "max": 0}
FURTHER = {"sum": 0, "iqr": 1, "range": 0, "p1": 1, "p5": 1, "p95": 1, "geometric_mean": 1}
OWN = {"cv": 1, "geometric_sd": 2, "geometric_cv": 1}
"""Decimals of what is not in the unit of the data."""


def snapped(number: Fraction) -> Fraction:
    short = Fraction(round(number * _SHORT), _SHORT)
    return short if abs(short - number) < _NEAR else number


def text(number: Fraction, places: int) -> str:
    """Round half up, away from zero; a zero has no sign."""
    exact = snapped(number)
    units = floor(abs(exact) * 10**places + Fraction(1, 2))
    digits = str(units).rjust(places + 1, "0")
    text = f"{digits[:-places]}.{digits[-places:]}" if places else digits
    return f"-{text}" if exact < 0 and units else text


def rounded(number: Fraction, places: int) -> Fraction:
    return Fraction(Decimal(text(number, places)))


def log10(number: Fraction) -> Fraction:
    divide = _WIDE.divide(Decimal(number.numerator), Decimal(number.denominator))
    return Fraction(_WIDE.log10(divide))


def root(number: Fraction) -> Fraction:
    result = snapped(number)
    return Fraction(
        _WIDE.sqrt(_WIDE.divide(Decimal(result.numerator), Decimal(result.denominator)))
    )


@cache
def t_quantile(df: int) -> Fraction:
    """Give Student's t beyond which lie 2.5 %, to 60 digits."""
    with mpmath.workdps(70):

        def excess(t: Any) -> Any:
            half = mpmath.mpf(1) / 2
            tail = mpmath.betainc(mpmath.mpf(df) / 2, half, 0, df / (df + t * t), regularized=True)
            return tail - mpmath.mpf(1) / 20

        start = 12.7062 if df == 1 else 4.3027 if df == 2 else 3.0
        return Fraction(mpmath.nstr(mpmath.findroot(excess, start), 60))


def mean(values: Sequence[Fraction]) -> Fraction:
    return sum(values, Fraction(0)) / len(values)


def squares(values: Sequence[Fraction]) -> Fraction:
    middle = mean(values)
    return sum(((value - middle) ** 2 for value in values), Fraction(0))


def quantile(values: Sequence[Fraction], quarter: int) -> Fraction:
    return percentile(values, Fraction(quarter, 4))


def percentile(values: Sequence[Fraction], share: Fraction) -> Fraction:
    """SAS definition 5."""
    ordered = sorted(values)
    result, outcome = divmod(len(ordered) * share, 1)
    return ordered[result] if outcome else (ordered[result - 1] + ordered[result]) / 2


def geometric(values: Sequence[Fraction]) -> dict[str, Fraction]:
    """Give geometric mean, SD and CV by mpmath, to 70 digits; nothing where a value is not > 0."""
    if min(values) <= 0:
        return {}
    with mpmath.workdps(75):
        logs = [mpmath.log(mpmath.mpf(value.numerator) / value.denominator) for value in values]
        middle = mpmath.fsum(logs) / len(logs)
        result = {"geometric_mean": mpmath.exp(middle)}
        if len(values) > 1:
            alike = len(set(values)) == 1
            squares_ = mpmath.fsum((log - middle) ** 2 for log in logs)
            variance = 0 if alike else squares_ / (len(logs) - 1)
            result["geometric_sd"] = mpmath.exp(mpmath.sqrt(variance))
            result["geometric_cv"] = 100 * mpmath.sqrt(mpmath.expm1(variance))
        return {name: Fraction(mpmath.nstr(item, 70)) for name, item in result.items()}


def described(
    values: Sequence[Fraction], selected: Sequence[str], places: Mapping[str, int]
) -> dict[str, str]:
    """Print statistics of values; where there is none, nothing is printed."""
    if not values:
        return {}
    result = {"n": str(len(values))}
    numbers = {"mean": mean(values), "min": min(values), "max": max(values)}
    numbers |= {name: quantile(values, i) for i, name in ((1, "q1"), (2, "median"), (3, "q3"))}
    if len(values) > 1:
        variance = squares(values) / (len(values) - 1)
        numbers |= {"sd": root(variance), "se": root(variance / len(values))}
    numbers |= {"sum": sum(values, Fraction(0)), "range": max(values) - min(values)}
    numbers |= {"iqr": numbers["q3"] - numbers["q1"]}
    if any(name.startswith("geometric") for name in selected):
        numbers |= geometric(values)
    numbers |= {f"p{i}": percentile(values, Fraction(i, 100)) for i in (1, 5, 95)}
    if "sd" in numbers and numbers["mean"]:
        numbers["cv"] = 100 * numbers["sd"] / numbers["mean"]
    for name in selected:
        if name in numbers:
            result[name] = text(numbers[name], places[name])
    if "ci" in selected and "se" in numbers:
        result |= interval(numbers["mean"], numbers["se"], len(values) - 1, places["ci"])
    return result


def interval(middle: Fraction, se: Fraction, df: int, places: int) -> dict[str, str]:
    reach = t_quantile(df) * se
    return {"ci_low": text(middle - reach, places), "ci_high": text(middle + reach, places)}


def contrasted(
    group: Sequence[Fraction], reference: Sequence[Fraction], places: int
) -> dict[str, str]:
    """Print the difference of two means with Student's interval, by the pooled variance."""
    df = len(group) + len(reference) - 2
    if not group or not reference or df < 1:
        return {}
    pooled = (squares(group) + squares(reference)) / df
    se = root(pooled * (Fraction(1, len(group)) + Fraction(1, len(reference))))
    gain = mean(group) - mean(reference)
    return {"difference": text(gain, places), **interval(gain, se, df, places)}
