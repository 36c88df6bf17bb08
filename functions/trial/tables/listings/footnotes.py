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


def footnotes(rules: Rules, definition: ListingDefinition, path: str) -> Iterator[str]:
    """Say the order, which way changes go, what a blank can mean, and what is imputed."""
    found = [
        (column.label, what, quantity)
        for column in definition.columns
        for what, _, name in [(column.source or "").partition(":")]
        for quantity in measures_of(rules, what, name, path)
    ]
    yield order(definition)
    shown = [(label, each.unit, each.direction) for label, what, each in found if what == "measure"]
    yield from notes.changes(shown)
    if any(each.scheduled for *_, each in found):
        yield notes.BLANK
    yield from _units(rules, definition)
    dated = (each.source for each in definition.columns if each.kind == "date")
    fields = (days.field(name, definition.records) for name in dated)
    if any(field is not None and field.rule is not None for field in fields):
        yield IMPUTED


def _units(rules: Rules, definition: ListingDefinition) -> Iterator[str]:
    """Say where a result stands beside a unit that it need not have been reported in."""
    sources = {each.source for each in definition.columns}
    shown = [rules.study.definition.parameters[each] for each in parameters_of(definition.records)]
    if {"result", "unit"} <= sources and "reported-unit" not in sources:
        for each in shown:
            if others := ", ".join(sorted(each.units)):
                yield (
                    f"{each.label}: the unit is that in which results count; one can have been"
                    f" reported in another ({others})."
                )
