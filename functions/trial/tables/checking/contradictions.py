"""Conditions that no subject can meet together, as far as their words alone show it."""

from collections.abc import Iterable, Iterator
from itertools import product
from typing import NamedTuple

from trial.definition import Definition
from trial.definition.base import Bounds
from trial.definition.conditions import Condition, Measure, Ref


class _Literal(NamedTuple):
    """A condition that must be true, or must be false, for another to be true."""

    condition: Condition
    holds: bool


def are_contradictory(definition: Definition, first: Ref, second: Ref) -> bool:
    """Return whether no subject meets both conditions, whatever is recorded of it.

    It is so where one needs true what the other needs false, or both ask for levels of one
    characteristic, or values of one measure, that have none in common. Where only the records can
    tell it is not; a name that means nothing contradicts nothing.
    """
    pairs = product(_literals(definition, first), _literals(definition, second))
    return any(_exclude(definition, one, other) for one, other in pairs)


def are_alike(definition: Definition, first: Ref, second: Ref) -> bool:
    """Return whether two conditions are one, by name or as they are written."""
    condition = _resolved(definition, first)
    return condition is not None and condition == _resolved(definition, second)


def _resolved(definition: Definition, ref: Ref) -> Condition | None:
    return definition.conditions.get(ref) if isinstance(ref, str) else ref


def _literals(definition: Definition, ref: Ref) -> Iterator[_Literal]:
    condition = _resolved(definition, ref)
    if condition is None:
        return
    yield _Literal(condition, holds=True)
    for part in condition.all or ():
        yield from _literals(definition, part)
    yield from _denied(definition, condition.none or ())


def _denied(definition: Definition, refs: Iterable[Ref]) -> Iterator[_Literal]:
    for ref in refs:
        if (condition := _resolved(definition, ref)) is not None:
            yield _Literal(condition, holds=False)
            yield from _denied(definition, condition.any or ())


def _exclude(definition: Definition, first: _Literal, second: _Literal) -> bool:
    if first.holds != second.holds:
        return first.condition == second.condition
    return first.holds and _are_apart(definition, first.condition, second.condition)


def _are_apart(definition: Definition, first: Condition, second: Condition) -> bool:
    if first.characteristic is not None and first.characteristic == second.characteristic:
        return not {*first.levels} & {*second.levels}
    measure = _measure(definition, first)
    return (
        measure is not None
        and measure == _measure(definition, second)
        and not _have_common_values(first, second)
    )


def _measure(definition: Definition, condition: Condition) -> Measure | None:
    ref = condition.measure
    return definition.measures.get(ref) if isinstance(ref, str) else ref


def _have_common_values(first: Bounds, second: Bounds) -> bool:
    lows, highs = [*first.lows, *second.lows], [*first.highs, *second.highs]
    return all(
        low < high or (low == high and not (above or beneath))
        for (low, above), (high, beneath) in product(lows, highs)
    )
