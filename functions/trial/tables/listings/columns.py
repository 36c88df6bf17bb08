"""A listing's columns, each with the function that gives its values.

A column of a date becomes up to four, named as CDISC names them: the text as collected (…DTC), the
date it counts as (…DT), which part of that was imputed (…DTF) and the study day (…DY).
"""

from collections.abc import Collection, Iterator
from functools import partial

from trial.definition.outputs import ListingColumnDefinition, ListingDefinition
from trial.rules import Rules
from trial.rules.matching import refused
from trial.rules.registry import FaultCollector
from trial.tables.grid import ListingColumn
from trial.tables.listings import days
from trial.tables.listings.items import ColumnSource
from trial.tables.listings.sources import source
from trial.tables.listings.variables import gives_numbers, is_whole, key_sequence

SourcedColumn = tuple[ListingColumn, ColumnSource]
_STUDY_DAY = ".study-day"


def columns(rules: Rules, definition: ListingDefinition, path: str) -> list[SourcedColumn]:
    """Return a listing's columns; refuses sources that are not known.

    What the definition shows itself is not added to it: a column of that id, or the study day of
    the same date. Where it shows that study day, it is of the date shown beside it.
    """
    column_definitions = definition.columns
    ids, sources = (
        {column.id for column in column_definitions},
        {column.source for column in column_definitions},
    )
    dated = {column.source for column in column_definitions if column.kind == "date"}
    keys = key_sequence(definition)
    faults = FaultCollector()

    def compile_column(column: ListingColumnDefinition, column_path: str) -> list[SourcedColumn]:
        if column.kind in ("date", "day") and column.source is not None:
            first, *date_columns = _date_columns(column, definition.records, sources, column_path)
            return [first, *(sourced for sourced in date_columns if sourced[0].id not in ids)]
        kind = column.kind if column.source else "text"  # it says that it is not collected
        stem = (column.source or "").partition(_STUDY_DAY)[0]
        field = days.field(stem, definition.records) if stem in dated else None
        value = field.study_day if field else source(rules, column, definition.records, column_path)
        if kind == "number" and not gives_numbers(rules, str(column.source), definition.records):
            raise refused(f"{column_path}/kind", _not_a_number(str(column.source)))
        is_integer = is_whole(rules, column.source, definition.records)
        key = keys.get(column.id, 0)
        return [(ListingColumn(column.id, column.label, kind, is_integer, key), value)]

    compiled_columns = [
        faults.attempt(partial(compile_column, column, f"{path}/columns/{i}"))
        for i, column in enumerate(column_definitions)
    ]
    faults.raise_found()
    return [column for columns in compiled_columns for column in columns or ()]


def _not_a_number(source: str) -> str:
    instead = " (value is the number that a result counts as)" if source == "result" else ""
    return f"is number, but {source} is text: leave out `kind`{instead}"


def _date_columns(
    column: ListingColumnDefinition, records: str, sources: Collection[str | None], path: str
) -> Iterator[SourcedColumn]:
    field = days.field(column.source, records)
    if field is None:
        raise refused(f"{path}/kind", "is date, but the source is not a date")
    if column.kind == "day":
        yield ListingColumn(column.id, column.label, "day"), field.date
        return
    stem, label = column.id.removesuffix("DTC"), column.label
    yield ListingColumn(column.id, label, "date"), field.text
    yield ListingColumn(f"{stem}DT", f"{label} (date)", "day"), field.date
    if field.rule is not None:
        yield ListingColumn(f"{stem}DTF", f"{label} (imputed)"), field.flag
    if not field.derived and f"{column.source}{_STUDY_DAY}" not in sources:
        day = ListingColumn(f"{stem}DY", f"{label} (study day)", "number", integer=True)
        yield day, field.study_day
