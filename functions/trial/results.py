"""Results as reported, and what they count as: integers in units of a parameter's last place."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache
from typing import Any

from trial.definition.design import Parameter

_RESULT = re.compile(r"\s*(<=|>=|<|>)?\s*(-?\d{1,15}(?:\.\d{1,18})?)\s*", re.ASCII)
_EXACT = Context(prec=60, rounding=ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class Value:
    """A number in units of the last place, as it counts.

    Where it was reported beyond quantification, `operator` says on which side of `bound` it lies.
    """

    units: int
    operator: str = ""
    bound: int = 0
    imputed: bool = False


@dataclass(frozen=True, slots=True)
class Observation:
    """One result of a parameter, as reported and as counted."""

    record: str
    collected: str
    day: int
    text: str
    value: Value
    visit: str = ""
    """The visit that it was recorded with; '' for a result of a laboratory."""


def read_result(text: str) -> tuple[str, Decimal] | None:
    """Take a result as reported apart: operator and number, or None where it is no number."""
    match = _RESULT.fullmatch(text)
    return (match[1] or "", Decimal(match[2])) if match else None


@lru_cache(maxsize=8192)
def quantise(value: Decimal, places: int) -> int:
    """Give a value in units of its last place, rounded half up (ties away from zero)."""
    return int(value.scaleb(places, _EXACT).to_integral_value(ROUND_HALF_UP, _EXACT))


@lru_cache(maxsize=8192)
def _log10(value: Decimal, places: int) -> int:
    return quantise(_EXACT.log10(value), places)


def read_value(
    item: Mapping[str, Any], reported: Parameter, counted: Parameter, limit: Decimal | None
) -> Value | None:
    """Read a result as a parameter counts it: the one reported, or one derived from that.

    None where it is no number, or has no logarithm or no upper limit of its range (`limit`).
    """
    factor = reported.units.get(item.get("unit") or reported.unit, Decimal(1))
    if counted.upper_limits_of is not None:
        if not limit or limit <= 0:
            return None
        factor = Decimal(1)  # the limit is in the unit of the result
    return _value(
        item["result"],
        factor,
        limit if counted.upper_limits_of is not None else None,
        reported.below_quantification,
        counted.places,
        log10=counted.log10_of is not None,
    )


@lru_cache(maxsize=8192)
def _value(
    result: str, factor: Decimal, limit: Decimal | None, rule: str, places: int, *, log10: bool
) -> Value | None:
    """Read a result; a value beyond quantification counts as its limit, or as half of it."""
    read = read_result(result)
    if read is None:
        return None
    operator, number = read
    bound = _EXACT.multiply(number, factor)
    if limit is not None:
        bound = _EXACT.divide(bound, limit)
    halved = operator.startswith("<") and rule == "half"
    number = _EXACT.divide(bound, 2) if halved else bound
    if not log10:
        return Value(quantise(number, places), operator, quantise(bound, places))
    if number <= 0:
        return None
    return Value(_log10(number, places), operator, _log10(bound, places))
