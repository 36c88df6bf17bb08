"""Facts of a subject, an adverse event or an observation, by the names that listings use."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from trial.deferred import dataclass
from trial.definition.design import Parameter
from trial.definition.precision import Precision, decimals_of
from trial.events import dates
from trial.subject.derivation import Derivation
from trial.subject.derived_fields import Unknown
from trial.subject.fold import Record
from trial.subject.results import EXACT, Observation, value_of
from trial.tables.grid import Value
from trial.tables.listings import days
from trial.tables.listings.items import ColumnSource, ListingItem


@dataclass(frozen=True)
class WholeNumber:
    """A source that gives whole numbers or nothing: a column may show it as a number."""

    value: ColumnSource

    def __call__(self, derivation: Derivation, item: ListingItem) -> Value:
        """Return the number, of a line of the listing."""
        return self.value(derivation, item)


def yes_or_no(truth: bool | None) -> Value:  # noqa: FBT001 (a truth value is what it renders)
    """Show a truth as CDISC's flags do; nothing where it is not known."""
    return None if truth is None else "Y" if truth else "N"


def plain(value: Any) -> Value:  # noqa: ANN401 (any field of a record)
    """Show a field of a record as a row holds it."""
    match value:
        case bool():
            return "Y" if value else "N"
        case list():
            return "; ".join(map(_part, value)) or None
        case Unknown():
            return str(value) or None
        case None | str() | int() | Decimal():
            return value
        case _:
            return str(value)


def _part(value: object) -> str:
    """Show an item of a list: the values of one with members, in their order."""
    return ", ".join(map(str, value.values())) if isinstance(value, dict) else str(value)


def decimal(units: int, precision: Precision) -> Value:
    """Show a value kept in units of its last place, with all its digits and no zeros more."""
    if not precision.places:
        return units
    value = Decimal(units).scaleb(-precision.places, EXACT)
    if precision.places == precision.value_decimals:
        return value
    decimals = max(decimals_of(value), precision.value_decimals)
    return value.quantize(Decimal(1).scaleb(-decimals), context=EXACT)


def _end_of_study(derivation: Derivation, field: str) -> Value:
    end = derivation.end_of_study
    return None if end is None else plain(end.data.get(field))


SUBJECT: Mapping[str, ColumnSource] = {
    "subject": lambda derivation, _: derivation.subject.id,
    "received-arm": lambda derivation, _: derivation.received_arm,
    "doses": WholeNumber(lambda derivation, _: len(derivation.doses)),
    "end-of-study-status": lambda derivation, _: _end_of_study(derivation, "status"),
    "end-of-study-reason": lambda derivation, _: _end_of_study(derivation, "reason"),
    **{name: date.text for name, date in days.SUBJECT.items()},
}


def _observed(
    value: Callable[[Derivation, Observation, ListingItem], Value],
) -> ColumnSource:
    return lambda derivation, item: (
        value(derivation, item.observation, item) if item.observation else None
    )


def _of_parameter(fact: Callable[[Parameter], Value]) -> ColumnSource:
    return lambda derivation, item: (
        fact(derivation.parameter(item.parameter)) if item.parameter else None
    )


def _visit_label(derivation: Derivation, item: ListingItem) -> Value:
    visit = derivation.study.visits.get(item.recorded_visit)
    return visit.label if visit else None


def _reported_unit(derivation: Derivation, _: Observation, item: ListingItem) -> Value:
    """Return the unit that a result was reported in: that of its parameter where it names none."""
    graded = graded_parameter(derivation, item)
    reported = derivation.parameter(graded).derived_from or graded
    return plain(item.data.get("unit")) or derivation.parameter(reported).unit


def graded_parameter(derivation: Derivation, item: ListingItem) -> str:
    """Return the parameter of a listed result; of a grade that which it grades."""
    grades = derivation.parameter(item.parameter).grades
    return item.parameter if grades is None else grades.of


def _graded_result(derivation: Derivation, item: ListingItem) -> Observation | None:
    """Return a listed result; of a grade the one that it is of."""
    observation, name = item.observation, graded_parameter(derivation, item)
    if observation is None or name == item.parameter:
        return observation
    results = derivation.series(name).observations
    place = observation.record, observation.place
    return next((result for result in results if (result.record, result.place) == place), None)


def graded_value(derivation: Derivation, item: ListingItem) -> Value:
    """Return a listed result as a number in its parameter's unit; of a grade what it grades."""
    result = _graded_result(derivation, item)
    precision = derivation.parameter(graded_parameter(derivation, item)).precision
    return None if result is None else decimal(result.value.units, precision)


def at_baseline(derivation: Derivation, name: str, item: ListingItem) -> Value:
    """Return the result at a baseline, of the same parameter and in the same unit."""
    parameter = graded_parameter(derivation, item)
    base = derivation.series(parameter).at_baseline(name)
    precision = derivation.parameter(parameter).precision
    return None if base is None else decimal(base.at(precision, precision).units, precision)


def change_from(derivation: Derivation, name: str, item: ListingItem) -> Value:
    """Return a listed result less the one at a baseline."""
    parameter = graded_parameter(derivation, item)
    precision = derivation.parameter(parameter).precision
    result, base = _graded_result(derivation, item), derivation.series(parameter).at_baseline(name)
    if result is None or base is None:
        return None
    ends = (source.at(precision, precision) for source in (result, base))
    value, start = (end.unrounded(precision.places) for end in ends)
    return decimal(value_of(EXACT.subtract(value, start), precision).units, precision)


OBSERVATION: Mapping[str, ColumnSource] = {
    "parameter": _of_parameter(lambda parameter: parameter.label),
    "unit": _of_parameter(lambda parameter: parameter.unit),
    "reported-unit": _observed(_reported_unit),
    "visit": lambda _, item: "; ".join(item.visits) or "Not chosen for a visit",
    "graded-value": graded_value,
    "graded-unit": lambda derivation, item: (
        derivation.parameter(graded_parameter(derivation, item)).unit
    ),
    "recorded-visit": _visit_label,
    "operator": _observed(lambda _derivation, observation, _item: observation.value.operator),
    "value": _observed(
        lambda derivation, observation, item: decimal(
            observation.value.units, derivation.parameter(item.parameter).precision
        )
    ),
}


def _last_dose(derivation: Derivation, item: ListingItem) -> Record | None:
    return None if item.day is None else derivation.dose_before(item.day)


def _dose(derivation: Derivation, item: ListingItem, *fields: str) -> Value:
    dose = _last_dose(derivation, item)
    if dose is None:
        return "None before onset" if item.day is not None else None
    return " ".join(str(dose.data.get(field) or "") for field in fields).strip() or None


def _since_last_dose(derivation: Derivation, item: ListingItem) -> Value:
    dose = _last_dose(derivation, item)
    if dose is None or item.day is None or len(item.data.get("onset") or "") < dates.FULL:
        return None
    return item.day - dates.earliest(dose.data["start"])


def _duration(_derivation: Derivation, item: ListingItem) -> Value:
    onset, end = item.data.get("onset") or "", item.data.get("end") or ""
    if len(onset) < dates.FULL or len(end) < dates.FULL:
        return None
    return dates.earliest(end) - dates.earliest(onset) + 1


def _days_on_treatment(derivation: Derivation, item: ListingItem) -> Value:
    onset = item.data.get("onset") or ""
    if item.day is None or derivation.first_dose is None or len(onset) < dates.FULL:
        return None
    return max(0, item.day - dates.earliest(derivation.first_dose) + 1)


def _coded(level: str) -> ColumnSource:
    return lambda _, item: item.event.coded.get(level) if item.event else None


ADVERSE_EVENT: Mapping[str, ColumnSource] = {
    "soc": lambda _, item: item.event.soc if item.event else None,
    "hlgt": _coded("hlgt"),
    "hlt": _coded("hlt"),
    "pt": lambda _, item: item.event.pt if item.event else None,
    "llt": _coded("llt"),
    "emergent": lambda _, item: yes_or_no(item.event.emergent) if item.event else None,
    "related": lambda _, item: yes_or_no(item.event.related) if item.event else None,
    "duration": WholeNumber(_duration),
    "days-since-last-dose": WholeNumber(_since_last_dose),
    "treatment-at-onset": lambda derivation, item: _dose(derivation, item, "treatment"),
    "dose-at-onset": lambda derivation, item: _dose(derivation, item, "amount", "unit"),
    "days-on-treatment": WholeNumber(_days_on_treatment),
}

WHOLE_NUMBERS = frozenset(
    name
    for sources in (SUBJECT, OBSERVATION, ADVERSE_EVENT)
    for name, source in sources.items()
    if isinstance(source, WholeNumber)
)
"""The names whose values are whole numbers."""
