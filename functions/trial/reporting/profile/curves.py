"""A subject's results over time, a curve a parameter: as reported, and as they count."""

from collections.abc import Callable, Iterator

from trial.definition.design import Parameter
from trial.subject.derivation import Derivation
from trial.subject.results import Observation
from trial.tables.listings.facts import decimal
from trial.tables.profiles import Curve, Point

type Since = Callable[[int | None], int | None]
"""Returns on which day since the origin a day (ordinal) lies."""


def curves(derivation: Derivation, since: Since) -> tuple[Curve, ...]:
    """Return a curve for each parameter of which the subject has results, as defined in order.

    Grades and multiples of a limit follow from other curves and have none.
    """
    return tuple(_curves(derivation, since))


def _curves(derivation: Derivation, since: Since) -> Iterator[Curve]:
    visits = {visit.id: visit.label for visit in derivation.rules.visits}
    for name, parameter in derivation.rules.parameters.items():
        if parameter.grades or parameter.upper_limits_of or parameter.lower_limits_of:
            continue
        points = tuple(
            _point(derivation, parameter, visits.get(result.visit, result.visit), result, since)
            for result in derivation.observations(name, ())
        )
        if points:
            yield Curve(name, parameter.label, parameter.unit, points)


def _point(
    derivation: Derivation, parameter: Parameter, visit: str, result: Observation, since: Since
) -> Point:
    return Point(
        result.kind,
        result.record,
        result.collected,
        since(result.day),
        derivation.study_day(result.day),
        visit,
        result.text,
        str(decimal(result.value.units, parameter.precision)),
        result.value.operator,
    )
