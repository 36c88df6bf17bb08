"""Results as reported, and what they count as: integers in units of a parameter's last place."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from functools import lru_cache, reduce
from typing import Any

from trial.deferred import dataclass
from trial.definition.design import BELOW_LLOQ, RESULT, Abnormal, Parameter
from trial.definition.formulas import Conversion
from trial.definition.precision import Measured, Precision, decimals_of
from trial.events.fields import term
from trial.subject.arithmetic import rounded

EXACT = Context(prec=100, rounding=ROUND_HALF_UP)
"""In which numbers are derived: those that end keep every digit."""


@dataclass(frozen=True, slots=True)
class Value:
    """A number in units of the last place, as it counts.

    Where it was reported beyond quantification, `operator` says on which side of `bound` it lies.
    `number` is what the units were rounded from, to 100 digits; None where they are all there is.
    """

    units: int
    operator: str = ""
    bound: int = 0
    imputed: bool = False
    baseline: bool = False
    """Whether what was imputed is the baseline, carried forward."""
    number: Decimal | None = None

    def unrounded(self, places: int) -> Decimal:
        """Return the number itself; `places` are those of the units."""
        return Decimal(self.units).scaleb(-places, EXACT) if self.number is None else self.number


@dataclass(frozen=True, slots=True)
class Observation:
    """One result of a parameter, as reported and as counted; or the mean of several."""

    record: str
    collected: str
    day: int
    text: str
    value: Value
    visit: str = ""
    """The visit that it was recorded with; '' for a laboratory's result that names none."""
    place: int = 0
    """Its place among the results of its record."""
    item: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """What was reported with it, such as the position of the subject."""
    averaged: "tuple[Observation, ...]" = ()
    """The results that it is the mean of: then its text is '' and its day that of the last."""
    kind: str = ""
    """The kind of its record."""

    @property
    def sources(self) -> "tuple[Observation, ...]":
        """The results as reported that it stands for: itself, or those that it is the mean of."""
        return self.averaged or (self,)

    def at(self, source: Precision, target: Precision) -> Value:
        """Return the value as a measure keeps it; `own` is how finely the results are kept."""
        if source == target and not self.averaged:
            return self.value
        values = [value.value for value in self.sources]
        operator = _operator([value.operator for value in values])
        bounds = [value.bound if value.operator else value.units for value in values]
        bound = _mean([Decimal(value).scaleb(-source.places, EXACT) for value in bounds])
        return value_of(
            _mean([value.unrounded(source.places) for value in values]),
            target,
            operator=operator,
            bound=to_units(bound, target.places) if operator else 0,
        )


def mean_of(observations: "Sequence[Observation]") -> Observation:
    """Return the mean of results as one result; `at` says which: its value is that of the last."""
    return replace(observations[-1], text="", item={}, averaged=tuple(observations))


def _mean(numbers: Sequence[Decimal]) -> Decimal:
    total = reduce(EXACT.add, numbers)
    return EXACT.divide(total, Decimal(len(numbers)))


def _operator(operators: Sequence[str]) -> str:
    """Return on which side of its bound a mean lies; '' where its results lie on both."""
    sides = {operator[0] for operator in operators if operator}
    if len(sides) != 1:
        return ""
    (side,) = sides
    return side if side in operators else f"{side}="


def read_result(text: str) -> tuple[str, Decimal] | None:
    """Return operator and number of a result as reported; None where it is no number."""
    match = RESULT.fullmatch(text)
    return (match[1] or "", Decimal(match[2])) if match else None


@lru_cache(maxsize=8192)
def to_units(value: Decimal, places: int) -> int:
    """Return a value in units of its last place, rounded half up (ties away from zero)."""
    return int(value.scaleb(places, EXACT).to_integral_value(ROUND_HALF_UP, EXACT))


def value_of(number: Decimal, precision: Precision, **reported: Any) -> Value:  # noqa: ANN401
    """Bring a number to its last place; `reported` is what else is known of the value."""
    unrounded = None if precision.exact else number
    return Value(to_units(number, precision.places), number=unrounded, **reported)


def as_number(parameter: Parameter, item: Mapping[str, Any]) -> str | None:
    """Return a result as a number: as reported, or what its text counts as.

    None where that is a limit of quantification which was not reported beside it.
    """
    reported: str = item["result"]
    if not parameter.texts or (counts_as := parameter.texts.get(term(reported))) is None:
        return reported
    if counts_as != BELOW_LLOQ:
        return counts_as
    limit = item.get("lloq")
    return None if limit is None else f"<{limit:f}"


def read_value(item: Mapping[str, Any], reported: Parameter, counts_as: Parameter) -> Value | None:
    """Read a result as a parameter counts it: the one reported, or one derived from that.

    None where it is no number, or has no logarithm or no such limit of its range; or where its unit
    is one that an amendment took from the parameter: nobody knows the factor now.
    """
    result = as_number(reported, item)
    if result is None:
        return None
    unit, limit = item.get("unit"), None
    if counts_as.upper_limits_of is not None:
        limit = item.get("range_high")
    elif counts_as.lower_limits_of is not None:
        limit = item.get("range_low")
    return _value(result, unit, limit, reported, counts_as)


@lru_cache(maxsize=8192)
def _value(
    result: str, unit: str | None, limit: Decimal | None, reported: Parameter, counts_as: Parameter
) -> Value | None:
    """Read a result; one below quantification counts as its limit, as half of it, or is missing."""
    unit = unit or reported.unit
    if unit != reported.unit and unit not in reported.units:
        return None
    conversion = reported.conversions.get(unit, _AS_IT_IS)
    if counts_as.upper_limits_of is not None or counts_as.lower_limits_of is not None:
        if not limit or limit <= 0:
            return None
        conversion = _AS_IT_IS  # the limit is in the unit of the result
    rule, precision = reported.below_quantification, counts_as.precision
    parsed = read_result(result)
    if parsed is None:
        return None
    operator, number = parsed
    if operator.startswith("<") and rule == "missing":
        return None
    bound = _converted(number, conversion)
    if limit is not None:
        bound = EXACT.divide(bound, limit)
    halved = operator.startswith("<") and rule == "half"
    if halved and conversion.offset:  # half of what was reported is not half of what it converts to
        number = _converted(EXACT.divide(number, 2), conversion)
    else:
        number = EXACT.divide(bound, 2) if halved else bound
    if counts_as.log10_of is not None:
        if number <= 0:
            return None
        bound = EXACT.log10(bound)
        number = EXACT.log10(number) if halved else bound
    return value_of(number, precision, operator=operator, bound=to_units(bound, precision.places))


_AS_IT_IS = Conversion(Fraction(1))


def converted(number: Decimal, unit: str | None, parameter: Parameter) -> Fraction | None:
    """Return a number in a parameter's own unit; None where it is in one that is not known."""
    unit = unit or parameter.unit
    if unit != parameter.unit and unit not in parameter.units:
        return None
    conversion = parameter.conversions.get(unit, _AS_IT_IS)
    return Fraction(number) * conversion.factor + conversion.offset


def _converted(number: Decimal, conversion: Conversion) -> Decimal:
    """Convert a number; what ends keeps every digit."""
    if conversion is _AS_IT_IS:
        return number
    exact = Fraction(number) * conversion.factor + conversion.offset
    return EXACT.divide(Decimal(exact.numerator), Decimal(exact.denominator))


_BY_RANGE = Abnormal.model_construct()
"""What is abnormal where a parameter does not say: by the range reported with a result."""


def distance(observation: "Observation", parameter: Parameter) -> Fraction | None:
    """Return how far a result lies beyond the limits of its range, negative within them.

    None where no limit was reported with it.
    """
    rule, item = parameter.abnormal or _BY_RANGE, observation.item
    number = Fraction(observation.value.unrounded(parameter.precision.places))
    limits = (
        None
        if (limit := item.get(field)) is None
        else converted(limit, item.get("unit"), parameter)
        for field in ("range_low", "range_high")
    )
    low, high = limits
    beyond = (
        None if low is None else Fraction(rule.below) * low - number,
        None if high is None else number - Fraction(rule.above) * high,
    )
    return max((side for side in beyond if side is not None), default=None)


def rounded_value(number: Fraction, precision: Precision) -> Value:
    """Bring an exact number to its last place, half up (ties away from zero)."""
    units = int(rounded(number, precision.places) * 10**precision.places)
    if precision.exact:
        return Value(units)
    unrounded = EXACT.divide(Decimal(number.numerator), Decimal(number.denominator))
    return Value(units, number=unrounded)


def result_errors(parameter: Parameter, item: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    """Return why a parameter takes no such result: the field that is wrong, and what about it."""
    return _result_errors(parameter, as_number(parameter, item), item.get("unit"))


@lru_cache(maxsize=8192)
def _result_errors(
    parameter: Parameter, result: str | None, unit: str | None
) -> Sequence[tuple[str, str]]:
    """Return the same of a result as a number; every event asks it of all that its subject has."""
    return tuple(_faults_of(parameter, result, unit))


def _faults_of(
    parameter: Parameter, result: str | None, unit: str | None
) -> Iterator[tuple[str, str]]:
    is_known_unit = unit is None or unit == parameter.unit or unit in parameter.units
    if not is_known_unit:
        accepted = ", ".join((parameter.unit, *parameter.units))
        yield "unit", f"is not a unit of this parameter: must be one of {accepted}"
    parsed = None if result is None else read_result(result)
    if result is None:
        yield "result", "counts as below the limit of quantification: `lloq` must be given"
    elif parsed is None:
        texts = f", or {' or '.join(parameter.texts)}" if parameter.texts else ""
        yield "result", f"must be a number, or a number after <, <=, > or >={texts}"
    elif is_known_unit:
        own_unit = _converted(parsed[1], parameter.conversions.get(unit or "", _AS_IT_IS))
        for detail in limit_errors([own_unit, parsed[1]], parameter):
            yield "result", detail


def limit_errors(numbers: Sequence[Decimal], limits: Measured) -> Iterator[str]:
    """Return why a number is not taken, as it counts and in other units: its range, its decimals.

    One with too many decimals in each unit would be rounded.
    """
    if limits.minimum is not None and numbers[0] < limits.minimum:
        yield f"is below {limits.minimum}, the minimum that this study accepts"
    if limits.maximum is not None and numbers[0] > limits.maximum:
        yield f"is above {limits.maximum}, the maximum that this study accepts"
    max_decimals = limits.result_places
    if min(map(decimals_of, numbers)) > max_decimals and not limits.rounded:
        noun = "decimal" if max_decimals == 1 else "decimals"
        yield f"has more than {max_decimals} {noun}, the most that this study keeps of it"
