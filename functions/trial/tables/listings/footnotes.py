"""Footnotes that follow from a listing's columns: changes, blanks, imputed dates."""

from collections.abc import Iterator

from trial.definition.outputs import ListingDefinition
from trial.rules import Rules
from trial.tables import notes
from trial.tables.listings import days
from trial.tables.listings.items import parameters_of
from trial.tables.listings.order import order
from trial.tables.listings.sources import measures_of

IMPUTED = (
    "Imputed: D the day, M month and day. A partial start counts as the first day it can mean, or"
    " as the first dose's if it can mean that, but not after its own end; a partial end as the"
    " last, but not after death or cut-off; a partial death as the first day on which the subject"
    " can have died, which is not before it was last seen alive."
)
"""The footnote of a listing with an imputed date."""

OUT_OF_RANGE = (
    "Listed are results beyond the limits of the reference range that was reported with each; one"
    " without a limit on its side is not."
)
"""The footnote of a listing of results out of range."""


def footnotes(rules: Rules, definition: ListingDefinition, path: str) -> Iterator[str]:
    """Yield the order of the rows, directions of changes, the meaning of blanks, imputed dates."""
    measured = [
        (column.label, prefix, quantity)
        for column in definition.columns
        for prefix, _, name in [(column.source or "").partition(":")]
        for quantity in measures_of(rules, prefix, name, path)
    ]
    yield order(definition)
    if definition.out_of_range:
        yield OUT_OF_RANGE
    changes = [
        (label, quantity.unit, quantity.direction)
        for label, prefix, quantity in measured
        if prefix == "measure"
    ]
    yield from notes.changes(changes)
    if any(quantity.scheduled for *_, quantity in measured):
        yield notes.BLANK
    yield from _units(rules, definition)
    dated = (column.source for column in definition.columns if column.kind == "date")
    fields = (days.field(name, definition.records) for name in dated)
    if any(field is not None and field.rule is not None for field in fields):
        yield IMPUTED


def _units(rules: Rules, definition: ListingDefinition) -> Iterator[str]:
    """Yield a note where a result may have been reported in another unit than the one shown."""
    sources = {column.source for column in definition.columns}
    parameters = [
        rules.study.definition.parameters[name] for name in parameters_of(definition.records)
    ]
    if {"result", "unit"} <= sources and "reported-unit" not in sources:
        for parameter in parameters:
            if units_text := ", ".join(sorted(parameter.units)):
                yield (
                    f"{parameter.label}: the unit is that in which results count; one can have been"
                    f" reported in another ({units_text})."
                )
