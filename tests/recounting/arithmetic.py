"""How a table prints numbers, written a second time: half up, in decimal; and its statistics.

Means and medians are exact fractions, so that a tie is seen as one. Limits and P values are those
of scipy.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction

from scipy import stats

Number = Fraction | Decimal | float | int
Texts = dict[str, str]
"""What stands in a cell of a table, by statistic; a blank is not printed."""

_WIDE = Context(prec=60)
_P_PLACES = 4
MORE = {"mean": 1, "median": 1, "q1": 1, "q3": 1, "sd": 2, "se": 2, "ci": 1, "min": 0, "max": 0}
"""Decimals that a statistic is printed to beyond those of the data."""
ALL = ("mean", "sd", "median", "min", "max")


def text(value: Number | None, places: int) -> str:
    """Print a number half up; nothing where there is none."""
    if value is None:
        return ""
    if isinstance(value, Fraction):
        value = _WIDE.divide(Decimal(value.numerator), Decimal(value.denominator))
    exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    rounded = exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, _WIDE)
    return f"{rounded or abs(rounded):f}"


def percent(n: int, size: int, places: int = 0) -> str:
    """Print a share: nothing for nobody, and neither 0 for some nor 100 for less than all."""
    if n == 0:
        return ""
    result, step = text(Fraction(100 * n, size), places), Decimal(1).scaleb(-places)
    if not Decimal(result):
        return f"<{step}"
    if n < size and Decimal(result) == 100:
        return f">{100 - step}"
    return result


def p_value(p: float | None) -> str:
    """Print a P value to four places."""
    if p is None or math.isnan(p):
        return ""
    if p < 10**-_P_PLACES:
        return "<0.0001"
    result = text(p, _P_PLACES)
    return ">0.9999" if Decimal(result) == 1 and p < 1 - 1e-12 else result


def interval(low: Number | None, high: Number | None, places: int) -> str:
    """Print the two ends of an interval."""
    return "" if low is None or high is None else f"{text(low, places)}, {text(high, places)}"


def count(
    n: int, size: int, places: int = 0, *, exact: bool = False, waiting: int = 0, missing: int = 0
) -> Texts:
    """Print a count of subjects, with the exact interval of Clopper and Pearson if wanted.

    Who waits or is missing is printed where there is anybody.
    """
    values = {"n": str(n), "N": str(size), "%": percent(n, size, places)}
    if exact and size:
        low = stats.beta.ppf(0.025, n, size - n + 1) if n else 0.0
        high = stats.beta.ppf(0.975, n + 1, size - n) if n < size else 1.0
        values["95% CI"] = interval(100 * float(low), 100 * float(high), 1)
    beside = {"not yet due": waiting, "missing": missing}
    return values | {name: str(item) for name, item in beside.items() if item}


def describe(
    values: Iterable[Number | None],
    decimals: int | Mapping[str, int],
    selected: Sequence[str] = ALL,
    *,
    imputed: int | None = None,
) -> Texts:
    """Print descriptive statistics of values; `decimals` of the data, or of each statistic."""
    fractions = sorted(Fraction(value) for value in values if value is not None)
    places = {
        name: decimals[name] if isinstance(decimals, Mapping) else decimals + item
        for name, item in MORE.items()
        if not isinstance(decimals, Mapping) or name in decimals
    }
    numbers = described(fractions)
    result = {"n": str(len(fractions))}
    result |= {name: text(numbers[name], places[name]) for name in selected if name != "ci"}
    if "ci" in selected and numbers["se"] is not None:
        reach = float(stats.t.ppf(0.975, len(fractions) - 1)) * float(numbers["se"])
        mean = float(numbers["mean"] or 0)
        result["95% CI"] = interval(mean - reach, mean + reach, places["ci"])
    if imputed is not None:
        result |= {"observed": str(len(fractions) - imputed), "imputed": str(imputed)}
    return result


def described(values: Sequence[Fraction]) -> dict[str, Fraction | Decimal | None]:
    """Compute the statistics of values in their order; None for what so few do not have."""
    numbers: dict[str, Fraction | Decimal | None] = dict.fromkeys(MORE)
    n = len(values)
    if not n:
        return numbers
    mean = sum(values, Fraction(0)) / n
    middle = (values[(n - 1) // 2] + values[n // 2]) / 2
    numbers |= {"mean": mean, "median": middle, "min": values[0], "max": values[-1]}
    if n > 1:
        variance = sum(((item - mean) ** 2 for item in values), Fraction(0)) / (n - 1)
        numbers |= {"sd": _root(variance), "se": _root(variance / n)}
    return numbers


def _root(value: Fraction) -> Decimal:
    return _WIDE.sqrt(_WIDE.divide(Decimal(value.numerator), Decimal(value.denominator)))
