"""How each statistic of ISLET-9's tables is printed: the decimals that the guide gives, half up."""

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

DATA = {  # decimals of the data as printed
    "bmi": 1,
    "observed": 1,
    "bocf": 1,
    "locf": 1,
    "locf-visit": 1,
    "visit": 1,
    "extra": 1,
    "model": 1,
    "model-weighted": 1,
    "weight": 2,
    "crp": 2,
    "log-crp": 2,
    "compliance": 1,
    "intensity": 1,
    "relative": 1,
    "fat": 2,
    "ratio": 2,
    "step": 1,
    "gfr": 1,
    "mass": 1,
    "warmth": 1,
    "share": 2,
    "change": 2,
    "carried": 2,
}
FIXED = {
    "rate_ratio": 2,
    "cv": 1,
    "geometric_sd": 2,
    "geometric_cv": 1,
}  # not in the unit of the data
MORE = {
    "mean": 1,
    "median": 1,
    "q1": 1,
    "q3": 1,
    "ci_low": 1,
    "ci_high": 1,
    "difference": 1,
    "lsmean": 1,
    "sd": 2,
    "se": 2,
    "iqr": 1,
    **{f"p{share}": 1 for share in (1, 5, 10, 90, 95, 99)},
    **{
        f"{name}{side}": 1
        for name in ("median_ci", "geometric_mean_ci")
        for side in ("_low", "_high")
    },
    "geometric_mean": 1,
}
TENTHS = {"14.1.1", "14.1.3", "14.2.9"}  # tables whose percentages have a decimal
COUNTS = {
    "n",
    "N",
    "events",
    "not_due",
    "missing",
    "observed",
    "imputed",
    "baseline",
    "undated",
    "censored",
    "both",
    "first",
    "second",
    "neither",
}
SURVIVAL = ("to-end", "to-control", "to-event")
WHOLE = Decimal(100)


def rounded(value: object, places: int) -> str:
    """Print a number with so many decimals, a tie going away from zero, and no minus before 0."""
    exact = (
        Decimal(value.numerator) / Decimal(value.denominator)
        if isinstance(value, Fraction)
        else Decimal(repr(float(value)))
    )
    text = f"{exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP):f}"
    return text if Decimal(text) else text.lstrip("-")


def text_of(table: str, row: str, statistic: str, value: object, *, measured: bool) -> str | None:
    """Give what a reader sees; None where this study does not say."""
    if value is None:
        return None
    result = row.startswith(SURVIVAL) and isinstance(value, int)
    if statistic in COUNTS or statistic == "p" or result:
        return str(value) if statistic != "p" else p_value(value)
    if statistic == "percent":
        return percentage(value, 1 if table in TENTHS else 0)
    if row == "bmi-women":
        return rounded(value, {"mean": 3, "sd": 0}[statistic])
    if statistic == "days":
        return None
    decimals = DATA.get(row.partition("/")[0], 0) + MORE.get(statistic, 0)
    places = FIXED.get(statistic, decimals)
    return rounded(value, places if measured else 1)


def ratio(statistic: str, value: object) -> str:
    """Print a ratio of rates or a limit of it, with two decimals."""
    if value is None:
        return "no limit" if statistic == "ci_high" else "not estimable"
    return rounded(value, 2)


def p_value(value: object) -> str:
    """Print a P value: below 0.0001 as less than that."""
    return "<0.0001" if value < Decimal("0.0001") else rounded(value, 4)


def percentage(value: object, places: int) -> str:
    """0 stands alone; some are never shown as none, nor most as all."""
    text = rounded(value, places)
    if not value:
        return ""
    if not Decimal(text):
        return f"<{Decimal(1).scaleb(-places)}"
    return (
        f">{WHOLE - Decimal(1).scaleb(-places)}"
        if Decimal(text) == WHOLE and value != WHOLE
        else text
    )
