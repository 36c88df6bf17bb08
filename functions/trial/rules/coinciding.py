"""Results and adverse events that come together: in one sample, on one day, within some days."""

from collections.abc import Callable, Sequence
from functools import partial

from trial.deferred import dataclass
from trial.definition.conditions import Coincident, Condition, Selection, selection
from trial.definition.precision import WHOLE
from trial.definition.study import Study
from trial.rules.matching import (
    EventMatcher,
    Test,
    adverse_event_matcher,
    bounded,
    memoised,
    unknown,
)
from trial.rules.measures import Quantity
from trial.subject.choosing import moment
from trial.subject.derivation import Derivation
from trial.subject.results import Value
from trial.subject.truth import Truth


@dataclass(frozen=True)
class Occurrence:
    """A result or an adverse event after the first dose: when, and whether it is one wanted."""

    day: int
    """Its day (ordinal): of an event that of its onset."""
    moment: tuple[int, int]
    wanted: Truth


Days = Sequence[int]
"""The days (ordinals) of what meets one of several conditions, in their order."""
Find = Callable[[Derivation, int | None], list[Occurrence]]
"""Lists what there is of a part; the number is how many days after the last dose still count."""
YES, NO = Value(1), Value(0)


def coincidence(study: Study, condition: Condition, path: str, *, strict: bool = False) -> Quantity:
    """Return whether what a condition lists comes together, as 1 or 0.

    None while a parameter has no result; with `strict` also where only an adverse event without a
    field that is asked for would make it true.
    """
    parts = condition.results or []
    finders = [_finder(study, part, f"{path}/results/{i}") for i, part in enumerate(parts)]
    needed = [part.parameter is not None for part in parts]
    together = _together(condition)

    def evaluate(derivation: Derivation) -> Value | None:
        occurrences_of = [find(derivation, condition.days_after_last_dose) for find in finders]
        if together(_matching(occurrences_of, (True,))):
            return YES
        if strict and together(_matching(occurrences_of, (True, None))):
            return None
        are_known = all(
            occurrences
            for occurrences, is_needed in zip(occurrences_of, needed, strict=True)
            if is_needed
        )
        return NO if are_known else None

    return Quantity(
        "", "", WHOLE, memoised(evaluate), lambda derivation: derivation.over, scheduled=True
    )


def _together(condition: Condition) -> Callable[[Sequence[Sequence[Occurrence]]], bool]:
    if condition.one_sample:
        return _one_sample
    if condition.in_order:
        return partial(_in_order, condition.within_days)
    numbers = [part.number for part in condition.results or ()]
    return partial(_within, condition.within_days, numbers)


def coincidence_test(
    study: Study, condition: Condition, path: str, *, strict: bool = False
) -> Test:
    """Return the test of whether what a condition lists comes together."""
    quantity = coincidence(study, condition, path, strict=strict)

    def test(derivation: Derivation) -> Truth:
        value = quantity.evaluate(derivation)
        return None if value is None else value == YES

    return test


def _matching(
    occurrences_of: Sequence[Sequence[Occurrence]], truths: Sequence[Truth]
) -> list[list[Occurrence]]:
    return [
        [occurrence for occurrence in occurrences if occurrence.wanted in truths]
        for occurrences in occurrences_of
    ]


def _finder(study: Study, part: Coincident, path: str) -> Find:
    if part.adverse_event is not None:
        matches = adverse_event_matcher(study, part.adverse_event, f"{path}/adverse_event")
        return partial(_events, matches)
    parameters, name = study.definition.parameters, str(part.parameter)
    if name not in parameters:
        raise unknown(f"{path}/parameter", "parameter", name)
    holds = bounded(parameters[name].precision, part, path)
    return partial(_results, name, selection(part.where), holds)


def _results(
    parameter: str,
    where: Selection,
    holds: Callable[[Value], bool],
    derivation: Derivation,
    until: int | None,
) -> list[Occurrence]:
    return [
        Occurrence(result.day, moment(result), holds(result.value))
        for result in derivation.series(parameter, where).on_treatment(until)
    ]


def _events(matches: EventMatcher, derivation: Derivation, until: int | None) -> list[Occurrence]:
    """List the adverse events that began on the day of the first dose or later, by their onset."""
    last = derivation.last_dose_day
    return [
        Occurrence(day, (day, 0), matches(event))
        for event in derivation.adverse_events
        if event.onset is not None and event.study_day is not None and event.study_day > 0
        for day in [event.onset.day]
        if until is None or last is None or day <= last + until
    ]


def _one_sample(matching: Sequence[Sequence[Occurrence]]) -> bool:
    """Return whether one moment of collection has one of each."""
    first, *rest = ({occurrence.moment for occurrence in occurrences} for occurrences in matching)
    return bool(first.intersection(*rest))


def _days(matching: Sequence[Sequence[Occurrence]]) -> list[Days]:
    return [sorted(occurrence.day for occurrence in occurrences) for occurrences in matching]


def _within(days: int, numbers: Sequence[int], matching: Sequence[Sequence[Occurrence]]) -> bool:
    """Return whether some days hold as many of each as are asked for."""
    by_part = _days(matching)
    return any(
        all(
            sum(start <= day <= start + days for day in part) >= number
            for part, number in zip(by_part, numbers, strict=True)
        )
        for start in {day for part in by_part for day in part}
    )


def _in_order(days: int, matching: Sequence[Sequence[Occurrence]]) -> bool:
    """Return whether some days hold one of each, none before the one listed before it."""
    first, *rest = _days(matching)
    for start in first:
        reached: int | None = start
        for part in rest:
            reached = next((day for day in part if reached is not None and day >= reached), None)
        if reached is not None and reached - start <= days:
            return True
    return False
