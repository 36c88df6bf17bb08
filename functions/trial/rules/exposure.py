"""Exposure of a subject, computed exactly from its doses; None where a dose leaves it open."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from trial.definition.exposure import (
    COMPLIANCE,
    CUMULATIVE,
    DURATION,
    INTENSITY,
    PLANNED,
    RELATIVE_INTENSITY,
    Exposure,
)
from trial.events import dates
from trial.events.kinds import MISSED_DOSES
from trial.subject.derivation import Derivation
from trial.subject.fold import Record
from trial.subject.results import EXACT, Value, value_of


def exposure(definition: Exposure) -> Callable[[Derivation], Value | None]:
    """Return the function that gives a subject's exposure; None before the first dose."""
    compute = _COMPUTATIONS[definition.of]

    def evaluate(derivation: Derivation) -> Value | None:
        doses = _doses(definition, derivation)
        if not doses:
            return None
        number = compute(definition, doses, len(derivation.records(MISSED_DOSES)))
        return None if number is None else value_of(_decimal(number), definition.precision)

    return evaluate


def _decimal(number: Fraction) -> Decimal:
    return EXACT.divide(Decimal(number.numerator), Decimal(number.denominator))


def _doses(definition: Exposure, derivation: Derivation) -> Sequence[Record] | None:
    """Return the doses that are meant; None where one does not say what it is of."""
    if definition.treatment is None:
        return derivation.doses
    treatments = [dose.data.get("treatment") for dose in derivation.doses]
    if None in treatments:
        return None
    return [
        dose
        for dose, treatment in zip(derivation.doses, treatments, strict=True)
        if treatment == definition.treatment
    ]


def _cumulative(definition: Exposure, doses: Sequence[Record], _missed: int) -> Fraction | None:
    return _sum([_given(definition, dose, dose.data["amount"]) for dose in doses])


def _planned(definition: Exposure, doses: Sequence[Record], missed: int) -> Fraction | None:
    """Add what was to be given up; a missed dose does not say of which treatment it is."""
    if missed and (definition.treatment is not None or definition.planned_dose is None):
        return None
    amounts = [_given(definition, dose, dose.data.get("planned")) for dose in doses]
    return _sum([*amounts, *[Fraction(definition.planned_dose or 0)] * missed])


def _sum(amounts: Sequence[Fraction | None]) -> Fraction | None:
    known_amounts = [amount for amount in amounts if amount is not None]
    return sum(known_amounts, Fraction(0)) if len(known_amounts) == len(amounts) else None


def _given(definition: Exposure, dose: Record, amount: int | Decimal | None) -> Fraction | None:
    """Return an amount in the unit that is asked for, of all days of its record if `per_day`."""
    days = _days(dose.data) if definition.per_day else 1
    if days is None:
        return None
    if amount is None:  # what the definition says is in its own unit
        planned = definition.planned_dose
        return None if planned is None else Fraction(planned) * days
    unit = dose.data["unit"]
    if unit == definition.unit:
        return Fraction(amount) * days
    factor = definition.units.get(unit)
    return None if factor is None else Fraction(amount) * Fraction(factor) * days


def _days(dose: Mapping[str, Any]) -> int | None:
    """Return the days of a record of doses; None while it has no end."""
    end = dose.get("end")
    return dates.earliest(end) - dates.earliest(dose["start"]) + 1 if end else None


def _duration(definition: Exposure, doses: Sequence[Record], _missed: int) -> Fraction:
    first = min(dates.earliest(dose.data["start"]) for dose in doses)
    last = max(dates.earliest(dose.data.get("end") or dose.data["start"]) for dose in doses)
    return Fraction(last - first + (definition.interval or 1))


def _intensity(definition: Exposure, doses: Sequence[Record], missed: int) -> Fraction | None:
    total = _cumulative(definition, doses, missed)
    return total and total * definition.days / _duration(definition, doses, missed)


def _relative_intensity(
    definition: Exposure, doses: Sequence[Record], missed: int
) -> Fraction | None:
    planned, intensity = (
        _planned_intensity(definition, doses, missed),
        _intensity(definition, doses, missed),
    )
    return _percent(intensity, planned)


def _planned_intensity(
    definition: Exposure, doses: Sequence[Record], missed: int
) -> Fraction | None:
    """Return what was to be given a day: of the days of the doses, and one of each missed dose."""
    planned = _planned(definition, doses, missed)
    if definition.per_day:
        days = [_days(dose.data) for dose in doses]
        known_days = [number for number in days if number is not None]
        return planned and planned / (sum(known_days) + missed)
    return planned and planned / ((len(doses) + missed) * (definition.interval or 1))


def _compliance(definition: Exposure, doses: Sequence[Record], missed: int) -> Fraction | None:
    return _percent(_cumulative(definition, doses, missed), _planned(definition, doses, missed))


def _percent(part: Fraction | None, whole: Fraction | None) -> Fraction | None:
    """Return a part in percent of the whole; None where either is not known, or nothing was due."""
    return None if part is None or not whole else 100 * part / whole


_COMPUTATIONS: Mapping[str, Callable[[Exposure, Sequence[Record], int], Fraction | None]] = {
    CUMULATIVE: _cumulative,
    PLANNED: _planned,
    INTENSITY: _intensity,
    RELATIVE_INTENSITY: _relative_intensity,
    COMPLIANCE: _compliance,
    DURATION: _duration,
}
