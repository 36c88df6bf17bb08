"""Results of several parameters that come together: in one sample, on one day, within some days."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from trial.definition.conditions import Condition, ResultFilter, Selection, selection
from trial.definition.precision import WHOLE
from trial.definition.study import Study
from trial.rules.matching import bounded, memoised, unknown
from trial.rules.measures import Quantity
from trial.subject.choosing import moment
from trial.subject.derivation import Derivation
from trial.subject.results import Observation, Value

Days = Sequence[int]
"""The days (ordinals) of the results that meet one of several conditions, in their order."""
YES, NO = Value(1), Value(0)


@dataclass(frozen=True)
class _Wanted:
    """Results of a parameter that were obtained in some way, and the test of their values."""

    parameter: str
    where: Selection
    holds: Callable[[Value], bool]

    def of(self, derivation: Derivation, until: int | None) -> list[Observation]:
        """List the results after the first dose, whatever their values."""
        return derivation.series(self.parameter, self.where).on_treatment(until)


def coincidence(study: Study, condition: Condition, path: str) -> Quantity:
    """Return whether results come together, as 1 or 0; None while a parameter has no result."""
    results = condition.results or []
    wanted = [_wanted(study, part, f"{path}/results/{i}") for i, part in enumerate(results)]
    together = _one_sample if condition.one_sample else partial(
        _in_order if condition.in_order else _within, condition.within_days
    )  # fmt: skip

    def evaluate(derivation: Derivation) -> Value | None:
        found = [part.of(derivation, condition.days_after_last_dose) for part in wanted]
        matching = [
            [each for each in observations if part.holds(each.value)]
            for part, observations in zip(wanted, found, strict=True)
        ]
        if together(matching):
            return YES
        return NO if all(found) else None

    return Quantity(
        "", "", WHOLE, memoised(evaluate), lambda derivation: derivation.over, scheduled=True
    )


def _wanted(study: Study, part: ResultFilter, path: str) -> _Wanted:
    parameters = study.definition.parameters
    if part.parameter not in parameters:
        raise unknown(f"{path}/parameter", "parameter", part.parameter)
    holds = bounded(parameters[part.parameter].precision, part, path)
    return _Wanted(part.parameter, selection(part.where), holds)


def _one_sample(matching: Sequence[Sequence[Observation]]) -> bool:
    """Return whether one moment of collection has a result of each."""
    first, *others = (set(map(moment, observations)) for observations in matching)
    return bool(first.intersection(*others))


def _days(matching: Sequence[Sequence[Observation]]) -> list[Days]:
    return [[observation.day for observation in observations] for observations in matching]


def _within(days: int, matching: Sequence[Sequence[Observation]]) -> bool:
    """Return whether some days hold a result of each."""
    by_part = _days(matching)
    return any(
        all(any(start <= day <= start + days for day in part) for part in by_part)
        for start in {day for part in by_part for day in part}
    )


def _in_order(days: int, matching: Sequence[Sequence[Observation]]) -> bool:
    """Return whether some days hold a result of each, none before the one listed before it."""
    first, *others = _days(matching)
    for start in first:
        reached: int | None = start
        for part in others:
            reached = next((day for day in part if reached is not None and day >= reached), None)
        if reached is not None and reached - start <= days:
            return True
    return False
