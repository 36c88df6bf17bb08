"""Parts of a definition that do not go together: nobody can have meant what they print.

Only what the definition by itself decides is found; what depends on the records is left alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import pairwise
from typing import NamedTuple

from trial.definition import Definition
from trial.definition.conditions import Class, Classes, MeasureRef, Ref
from trial.definition.denominators import denominator_condition
from trial.definition.flow import FlowBox, FlowStage, Identity
from trial.definition.formulas import Node, Operand, Operation, nodes
from trial.definition.outputs import TableColumn, TableRow
from trial.definition.reference_walk import JsonObject, NamedReference
from trial.errors import FieldError
from trial.events import json_pointer
from trial.tables.checking.contradictions import are_alike, are_contradictory


def classes_by_path(definition: Definition) -> Mapping[str, Classes]:
    """Return all classes by where they are written; those of several visits stand there once."""
    by_path: dict[str, Classes] = {}
    for name, classes in definition.classes.items():
        in_place = definition.written_in_place(name)  # at several visits with the same bounds
        path = f"/classes/{json_pointer.escape(name)}" if in_place is None else in_place[1]
        by_path[path] = classes
    return by_path


def gaps_of_classes(
    definition: Definition, _value: JsonObject, _references: list[NamedReference]
) -> Iterator[FieldError]:
    """Find values between classes that are in none of them."""
    for path, classes in classes_by_path(definition).items():
        if classes.measure is not None:
            step = _step(definition, classes.measure, classes.classes)
            if gaps := list(_gaps(classes.classes, step)):
                detail = f"leave a gap: {', '.join(gaps)} is in none of them"
                yield FieldError(f"{path}/classes", detail)


def _step(definition: Definition, ref: MeasureRef, classes: Sequence[Class]) -> Decimal | None:
    """Return how far apart the values of a measure are; None where they can be anything.

    Where nothing says so they are taken to have no more decimals than the bounds.
    """
    measure = definition.measures[ref] if isinstance(ref, str) else ref
    parameter = definition.parameters.get(measure.parameter or "")
    if measure.percent_change_from is not None:
        return None
    if parameter is not None and parameter.places is not None:
        return Decimal(1).scaleb(-parameter.places)
    if parameter is not None and parameter.derived_from is not None and parameter.grades is None:
        return None
    bounds = (bound for part in classes for bound, _ in (*part.lows, *part.highs))
    return min((Decimal(1).scaleb(-_decimals(bound)) for bound in bounds), default=Decimal(1))


def _decimals(number: Decimal) -> int:
    exponent = number.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


class _Edge(NamedTuple):
    """Where a stretch of values begins or ends: just before a value, or just after it."""

    value: Decimal
    is_after: bool = False


_LEAST, _GREATEST = _Edge(Decimal("-Infinity")), _Edge(Decimal("Infinity"))


def _gaps(classes: Sequence[Class], step: Decimal | None) -> Iterator[str]:
    """Say in words which values lie between classes; `step` is how far apart any two are."""
    stretches = sorted(
        (
            max((_Edge(low, out) for low, out in part.lows), default=_LEAST),
            min((_Edge(high, not out) for high, out in part.highs), default=_GREATEST),
        )
        for part in classes
    )
    reached = stretches[0][1]
    for start, end in stretches[1:]:
        if reached < start and (gap := _values_between(reached, start, step)):
            yield gap
        reached = max(reached, end)


def _values_between(start: _Edge, end: _Edge, step: Decimal | None) -> str:
    """Return which values lie between two edges, in words; '' where none does."""
    if start.value == end.value:
        return f"{start.value:f}"
    if step is None:
        return f"what lies between {start.value:f} and {end.value:f}"
    first = (start.value / step).to_integral_value(ROUND_CEILING) * step
    last = (end.value / step).to_integral_value(ROUND_FLOOR) * step
    first += step * (start.is_after and first == start.value)
    last -= step * (not end.is_after and last == end.value)
    if first > last:
        return ""
    return f"{first:f}" if first == last else f"what lies from {first:f} to {last:f}"


def denominators_of_others(
    definition: Definition, _value: JsonObject, _references: list[NamedReference]
) -> Iterator[FieldError]:
    """Find denominators of which nobody can be whom the row counts, or whom a column shows."""
    for i, table in enumerate(definition.tables):
        for j, row in enumerate(table.rows):
            columns = [column for column in table.columns if column.set and row.fills(column)]
            path = f"/tables/{i}/rows/{j}/denominator"
            if not columns or row.denominator is None:
                continue
            if all(_counts_others(definition, row, column) for column in columns):
                yield FieldError(path, "is of none of those whom the row counts: n is always 0")
            elif all(_shows_others(definition, row, column) for column in columns):
                yield FieldError(path, "holds nobody of any column: N is always 0")


def _refs(
    definition: Definition, row: TableRow, column: TableColumn
) -> tuple[Ref | None, Ref | None]:
    """Return what a row counts in a column, and its denominator there."""
    counted = row.count.get(column.id) if isinstance(row.count, dict) else row.count
    return counted, denominator_condition(definition, row, counted)


def _counts_others(definition: Definition, row: TableRow, column: TableColumn) -> bool:
    """Return whether nobody whom the row counts in a column is in its denominator."""
    counted, denominator = _refs(definition, row, column)
    return (
        counted is not None
        and denominator is not None
        and are_contradictory(definition, denominator, counted)
    )


def _shows_others(definition: Definition, row: TableRow, column: TableColumn) -> bool:
    """Return whether nobody of a column is in the row's denominator."""
    _, denominator = _refs(definition, row, column)
    analysis_set = definition.sets.get(column.set or "")
    in_set = None if analysis_set is None else analysis_set.condition
    return denominator is not None and any(
        are_contradictory(definition, denominator, ref)
        for ref in (in_set, column.where, row.where)
        if ref is not None
    )


def alpha_spent_twice(
    definition: Definition, _value: JsonObject, _references: list[NamedReference]
) -> Iterator[FieldError]:
    """Find looks of which one spends all of alpha while others spend some, or come after it.

    Alphas that only add up to more may be right: looks depend on each other, by how much there is
    at each.
    """
    testing = definition.testing
    if testing is None or not testing.looks[1:]:
        return
    for i, look in enumerate(testing.looks):
        if testing.spending is None and look.alpha == testing.alpha:
            detail = f"is all of {testing.alpha:f}: with the other looks it is more than there is"
            yield FieldError(f"/testing/looks/{i}/alpha", detail)
        is_last = look is testing.looks[-1]
        planned = None if testing.spending is None else testing.spending.planned
        if planned is not None and not is_last and (look.information or 0) >= planned:
            detail = f"is all that is planned ({planned}): no alpha is left for the looks after it"
            yield FieldError(f"/testing/looks/{i}/information", detail)


_OF_ONE_UNIT = frozenset({"+", "-", "max", "mean", "min", "sum"})
_KEEPS_UNIT = frozenset({"abs", "round"})
_ONE_SPELLING = str.maketrans({"µ": "u", "μ": "u", " ": None, "[": None, "]": None})


def mixed_units(
    definition: Definition, _value: JsonObject, _references: list[NamedReference]
) -> Iterator[FieldError]:
    """Find formulas that add, subtract or choose between values of different units.

    What is multiplied, divided or made by another function has a unit that nobody knows.
    """
    for name, parameter in definition.parameters.items():
        if parameter.formula is None:
            continue
        for node in nodes(parameter.expression):
            if isinstance(node, Operation) and node.function in _OF_ONE_UNIT:
                units = dict.fromkeys(_units(definition, node.parts))
                if len({_spelling(unit) for unit in units}) > 1:
                    detail = f"mixes units ({', '.join(units)}) in one {_NOUNS[node.function]}"
                    yield FieldError(f"/parameters/{json_pointer.escape(name)}/formula", detail)


_NOUNS = {
    "+": "sum", "-": "difference", "max": "maximum", "mean": "mean", "min": "minimum", "sum": "sum",
}  # fmt: skip


def _units(definition: Definition, parts: Sequence[Node]) -> Iterator[str]:
    for part in parts:
        if unit := _unit(definition, part):
            yield unit


def _unit(definition: Definition, node: Node) -> str:
    """Return the unit of a part of a formula; '' where it has none, or none is known."""
    if isinstance(node, Operand):
        return definition.parameters[node.parameter].unit
    if isinstance(node, Operation) and node.function in _OF_ONE_UNIT | _KEEPS_UNIT:
        units = list(_units(definition, node.parts))
        return units[0] if len({*map(_spelling, units)}) == 1 else ""
    return ""


def _spelling(unit: str) -> str:
    return unit.casefold().translate(_ONE_SPELLING)


def impossible_flow(
    definition: Definition, _value: JsonObject, _references: list[NamedReference]
) -> Iterator[FieldError]:
    """Find boxes that nobody can come into from the box above, and sums that cannot be right."""
    stages = definition.flow.stages
    for i, (before, after) in enumerate(pairwise(stages), 1):
        path = f"/flow/stages/{i}"
        if not after.apart and (detail := _unreachable_box(definition, before, after)):
            yield FieldError(f"{path}/box/count", detail)
        for j, side in enumerate(after.side):
            sources = before.box, after.box  # who left may be of either
            if all(are_contradictory(definition, box.count, side.count) for box in sources):
                detail = f"holds nobody: who is in {before.box.id} or {after.box.id} is not in it"
                yield FieldError(f"{path}/side/{j}/count", detail)
    boxes = {box.id: box for stage in stages for box in (stage.box, *stage.side)}
    for i, identity in enumerate(definition.flow.identities):
        if detail := _wrong_sum(definition, identity, boxes):
            yield FieldError(f"/flow/identities/{i}/parts", detail)


def _unreachable_box(definition: Definition, before: FlowStage, after: FlowStage) -> str:
    """Return why nobody comes into a stage's box from the stage above; '' where some may."""
    if are_contradictory(definition, before.box.count, after.box.count):
        return f"holds nobody who is in {before.box.id}, the box above"
    for side in before.side:
        if are_alike(definition, side.count, after.box.count):
            return f"is that of {side.id}, who left above it"
    return ""


def _wrong_sum(definition: Definition, identity: Identity, boxes: Mapping[str, FlowBox]) -> str:
    """Return why a sum of boxes cannot be the total; '' where it can."""
    for i, name in enumerate(identity.parts):
        for earlier in identity.parts[:i]:
            if are_alike(definition, boxes[name].count, boxes[earlier].count):
                return f"count the same subjects twice: {earlier}, {name}"
        if len(identity.parts) > 1 and are_alike(
            definition, boxes[name].count, boxes[identity.total].count
        ):
            return f"hold the whole of {identity.total} and more: {name}"
    return ""
