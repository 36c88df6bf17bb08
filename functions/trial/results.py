"""Results as reported, and what they count as: integers in units of a parameter's last place."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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
    baseline: bool = False
    """Whether what was imputed is the baseline, carried forward."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One result of a parameter, as reported and as counted; or the mean of several."""

    record: str
    collected: str
    day: int
    text: str
    value: Value
    visit: str = ""
    """The visit that it was recorded with; '' for a result of a laboratory."""
    place: int = 0
    """Its place among the results of its record."""
    item: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """What was reported with it, such as the position of the subject."""
    of: "tuple[Observation, ...]" = ()
    """The results that it is the mean of: then its text is '' and its day that of the last."""

    @property
    def sources(self) -> "tuple[Observation, ...]":
        """The results as reported that it stands for: itself, or those that it is the mean of."""
        return self.of or (self,)

    def at(self, finer: int) -> Value:
        """Give the value in units of a place that is finer by so many decimals."""
        step = 10**finer
        if not self.of:
            return _scaled(self.value, step)
        values = [each.value for each in self.of]
        operator = _operator([each.operator for each in values])
        bounds = [each.bound if each.operator else each.units for each in values]
        return Value(
            _mean([each.units for each in values], step),
            operator,
            _mean(bounds, step) if operator else 0,
        )


def mean_of(observations: "Sequence[Observation]") -> Observation:
    """Take the mean of results for one; its value is kept to the parameter's last place."""
    last = observations[-1]
    joined = replace(last, text="", item={}, of=tuple(observations))
    return replace(joined, value=joined.at(0))


def _scaled(value: Value, step: int) -> Value:
    if step == 1:
        return value
    return replace(value, units=value.units * step, bound=value.bound * step)


def _mean(units: Sequence[int], step: int) -> int:
    """Give the mean in units `step` times finer, rounded half away from zero."""
    total, twice = sum(units) * step, 2 * len(units)
    rounded = (2 * abs(total) + len(units)) // twice
    return -rounded if total < 0 else rounded


def _operator(operators: Sequence[str]) -> str:
    """Say on which side of its bound a mean lies; where its results lie on both it is not known."""
    sides = {each[0] for each in operators if each}
    if len(sides) != 1:
        return ""
    (side,) = sides
    return side if side in operators else f"{side}="


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
