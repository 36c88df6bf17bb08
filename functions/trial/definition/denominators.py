"""What percentages of a row are of, as a condition: whatever word or set the row names."""

from collections.abc import Iterator

from trial.definition import Definition
from trial.definition.conditions import Condition, Measure, Ref
from trial.definition.outputs import Levels, SetDenominator, TableRow

ASSESSED = "assessed"


def denominator_condition(
    definition: Definition, row: TableRow, counted: Ref | None = None
) -> Ref | None:
    """Return the condition of who is in a row's own denominator; None where it has none.

    `counted` is the condition that a row of `count` counts in a column: of the `assessed`, every
    measure that it needs has a value. Of a row of levels they have such a record, or a value.
    """
    denominator = row.denominator
    if isinstance(denominator, SetDenominator):
        analysis_set = definition.sets.get(denominator.set)
        return analysis_set.condition if analysis_set else None
    if means_assessed(definition, row):
        return _assessed(definition, row.levels, counted)
    return None if denominator in ("determined", "column", None) else denominator


def means_assessed(definition: Definition, row: TableRow) -> bool:
    """Return whether a row's denominator are the assessed; a condition of that name goes first."""
    return row.denominator == ASSESSED and ASSESSED not in definition.conditions


def _assessed(definition: Definition, levels: Levels | None, counted: Ref | None) -> Ref | None:
    if levels is not None and levels.recorded is not None:
        return Condition(recorded=levels.recorded, where=levels.where)
    if levels is not None and levels.characteristic is not None:
        measures = list(_measures_of_category(definition, levels.characteristic))
    else:
        measures = [] if counted is None else list(_measures(definition, counted))
    parts: list[Ref] = [Condition(measure=measure, assessed=True) for measure in measures]
    return parts[0] if len(parts) == 1 else Condition(all=parts) if parts else None


def _measures(definition: Definition, ref: Ref) -> Iterator[str | Measure]:
    """Yield the measures that a condition needs, each once."""
    condition = ref if isinstance(ref, Condition) else definition.conditions.get(ref)
    if condition is None:
        return
    if condition.measure is not None:
        yield condition.measure
    if condition.characteristic is not None:
        yield from _measures_of_category(definition, condition.characteristic)
    for part in (*(condition.all or ()), *(condition.any or ()), *(condition.none or ())):
        yield from _measures(definition, part)


def _measures_of_category(definition: Definition, name: str) -> Iterator[str | Measure]:
    """Yield the measures that classes need; another category needs none."""
    classes = definition.classes.get(name)
    if classes is None:
        return
    if classes.measure is not None:
        yield classes.measure
    for condition in classes.conditions:
        yield from _measures(definition, condition)
