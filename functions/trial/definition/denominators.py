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
        return Condition.model_construct(recorded=levels.recorded, where=levels.where)
    if levels is not None and levels.characteristic is not None:
        measures = list(_measures_of_category(definition, levels.characteristic))
    else:
        measures = [] if counted is None else list(_measures(definition, counted))
    parts: list[Ref] = [
        Condition.model_construct(measure=measure, assessed=True) for measure in measures
    ]
    return parts[0] if len(parts) == 1 else Condition.model_construct(all=parts) if parts else None


def asks_not_done(definition: Definition, row: TableRow, counted: Ref | None) -> bool:
    """Return whether a row asks what was not done: nobody who is assessed has that."""
    if row.levels is not None and row.levels.characteristic is not None:
        return _category_asks_not_done(definition, row.levels.characteristic)
    return counted is not None and _asks_not_done(definition, counted)


def _asks_not_done(definition: Definition, ref: Ref) -> bool:
    return any(
        leaf.not_done or _category_asks_not_done(definition, leaf.characteristic)
        for leaf in _leaves(definition, ref)
    )


def _category_asks_not_done(definition: Definition, name: str | None) -> bool:
    classes = definition.classes.get(name) if name is not None else None
    return classes is not None and any(
        _asks_not_done(definition, ref) for ref in classes.conditions
    )


def _measures(definition: Definition, ref: Ref) -> Iterator[str | Measure]:
    """Yield the measures that a condition needs."""
    for leaf in _leaves(definition, ref):
        if leaf.measure is not None:
            yield leaf.measure
        if leaf.characteristic is not None:
            yield from _measures_of_category(definition, leaf.characteristic)


def _leaves(definition: Definition, ref: Ref) -> Iterator[Condition]:
    """Yield the conditions that one is put together of, itself where it has no parts."""
    condition = ref if isinstance(ref, Condition) else definition.conditions.get(ref)
    if condition is None:
        return
    parts = *(condition.all or ()), *(condition.any or ()), *(condition.none or ())
    for part in parts:
        yield from _leaves(definition, part)
    if not parts:
        yield condition


def _measures_of_category(definition: Definition, name: str) -> Iterator[str | Measure]:
    """Yield the measures that classes need; another category needs none."""
    classes = definition.classes.get(name)
    if classes is None:
        return
    if classes.measure is not None:
        yield classes.measure
    for condition in classes.conditions:
        yield from _measures(definition, condition)
