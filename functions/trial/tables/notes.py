"""Footnotes that follow from what is shown: units and directions of changes, what is empty."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from trial.definition import Definition
from trial.definition.outputs import Table
from trial.rules.measures import Quantity
from trial.statistics.margins import Margin
from trial.tables.bidi import isolated
from trial.tables.grid import NOT_REPORTED, Column, Row, Statistic
from trial.tables.rounding import exact_text
from trial.tables.rows.counting import OwnDenominator
from trial.tables.rows.kinds import ColumnHead

EMPTY = "Not reported: no subject is in this population so far."
BLANK = "A blank was not reported; a derived value that is not yet due says so."

DETERMINED = (
    "Percentages are of those of whom the answer is known: who is not yet due or missing is told"
    " beside, and in neither number."
)
_STRATA_NAMED = 20
ZERO_ROWS = "Classes and changes of class that nobody has are not shown."
ZERO_PAIRS = "Levels and combinations of levels that nobody has are not shown."


def units_and_directions(measured: Iterable[tuple[str, Quantity]]) -> tuple[str, str]:
    """Return the unit and the direction of some columns' measures, by column where they differ."""
    columns = list(measured)
    units = [(label, quantity.unit) for label, quantity in columns]
    return _joined(units), _joined([(label, quantity.direction) for label, quantity in columns])


def _joined(texts: Sequence[tuple[str, str]]) -> str:
    """Return the text that all share, else each text after the labels that have it."""
    if len({text for _, text in texts}) <= 1:
        return next((text for _, text in texts), "")
    by_text: dict[str, list[str]] = {}
    for label, text in texts:
        if text:
            by_text.setdefault(text, []).append(label)
    return "; ".join(
        f"{', '.join(map(isolated, labels))}: {text}" for text, labels in by_text.items()
    )


def changes(rows: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    """Yield the unit and the direction of changes, each with its label."""
    groups: dict[tuple[str, str], list[str]] = {}
    for label, unit, direction in rows:
        if direction:
            groups.setdefault((unit, direction), []).append(label)
    for (unit, direction), labels in groups.items():
        subject = "Changes" if len(groups) == 1 else ", ".join(map(isolated, dict.fromkeys(labels)))
        prefix = f"{subject}: in {unit}. " if unit else f"{subject}: "
        yield f"{prefix}{direction[0].upper()}{direction[1:]}."


def scales(definition: Definition, parameters: Iterable[str]) -> Iterator[str]:
    """Yield by which term of which scale some parameters of grades are."""
    for parameter in map(definition.parameters.__getitem__, parameters):
        if (grades := parameter.grades) is not None:
            scale = definition.scales[grades.scale]
            term = scale.terms[grades.term]
            yield (
                f"{isolated(parameter.label)}: by {isolated(scale.label)}"
                f" {isolated(scale.version)}, {isolated(term.label)}."
            )


def estimands(definition: Definition, table: Table) -> Iterator[str]:
    """Yield what cells of a table estimate (ICH E9(R1)), as the definition states it."""
    rows = {row.id: row.label for row in table.rows}
    columns = {column.id: column.name for column in table.columns}
    for estimand in definition.estimands:
        if estimand.source.table == table.id:
            row, *below = estimand.source.row.split("/")
            cell = (rows.get(row) or row, *below, columns[estimand.source.column])
            events = "; ".join(
                f"{part.event} ({part.strategy.replace('-', ' ')})"
                for part in estimand.intercurrent_events
            )
            yield (
                f"Estimand, {isolated(estimand.label)} ({', '.join(map(isolated, cell))}):"
                f" population: {definition.sets[estimand.population].label}; treatment:"
                f" {estimand.treatment}; variable: {estimand.variable}; intercurrent events:"
                f" {events}; summary measure: {estimand.summary}."
            )


_SHARING = {
    "before": "same class before",
    "after": "same class after",
    "first": "same level of the first classification",
    "second": "same level of the second classification",
}


def cross_percentages(label: str, percent_of: str) -> str:
    """State what percentages of changes and combinations are of; '' where that is as usual."""
    if percent_of == "known":
        return ""
    whole = "all of the column, whether both are known or not"
    subjects = whole if percent_of == "column" else f"those at the {_SHARING[percent_of]}"
    return f"{isolated(label)}: percentages within a class or level are of {subjects}."


def undated(label: str, counts: Mapping[str, int]) -> tuple[str, ...]:
    """State how many subjects, by column, have events that do not count for lack of a date."""
    return _with_subjects(
        f"{isolated(label)}: events without a known date are not counted.", counts
    )


def without_covariates(label: str, counts: Mapping[str, int]) -> tuple[str, ...]:
    """State how many subjects, by column, are in no model, as a covariate is not known."""
    sentence = "the model leaves out who lacks a covariate."
    return _with_subjects(f"{isolated(label)}: {sentence}", counts)


def without_days(label: str, counts: Mapping[str, tuple[int, int]]) -> Iterator[str]:
    """Yield how many events, by column, have no days to describe: ongoing, or without a date."""
    words = [
        (column, n, reason)
        for column, numbers in counts.items()
        for n, reason in zip(numbers, ("ongoing", "without a known date"), strict=True)
        if n
    ]
    if words:
        per_column = "; ".join(f"{isolated(column)} {n} {reason}" for column, n, reason in words)
        yield f"{isolated(label)}: events that are not described here: {per_column}."


def undated_terms(label: str) -> str:
    """State that events do not count for lack of a date; the cells give the number of subjects."""
    return (
        f"{isolated(label)}: events without a known date are not counted; the cells say how many"
        " subjects that concerns."
    )


def baselines(label: str, counts: Mapping[str, int]) -> tuple[str, ...]:
    """State for how many subjects, by column, the last value carried forward is the baseline."""
    sentence = "where no value followed the baseline, LOCF carried that forward (BOCF)."
    return _with_subjects(f"{isolated(label)}: {sentence}", counts)


def in_no_subgroup(label: str, counts: Mapping[str, int]) -> tuple[str, ...]:
    """State how many subjects, by column, are at none of the levels that make subgroups."""
    return _with_subjects(
        f"{isolated(label)}: subjects at another or no known level are in no subgroup.", counts
    )


def under(row: str, label: str, texts: Iterable[str]) -> Iterator[str]:
    """Yield the notes of a row made for each subgroup: what is of one names the row before it.

    Several rows of a table may have the same subgroups.
    """
    for text in texts:
        of_subgroup = row and text.startswith((f"{isolated(label)}: ", f"{isolated(label)}, "))
        yield f"{isolated(row)}, {text}" if of_subgroup else text


def no_logarithm(label: str, columns: Sequence[str]) -> tuple[str, ...]:
    """State in which columns there is no geometric statistic, as a value has no logarithm."""
    if not columns:
        return ()
    column_names = ", ".join(map(isolated, columns))
    return (
        f"{isolated(label)}: no geometric statistics where a value is 0 or less: {column_names}.",
    )


def _with_subjects(sentence: str, counts: Mapping[str, int]) -> tuple[str, ...]:
    per_column = ", ".join(f"{isolated(column)} {n}" for column, n in counts.items() if n)
    return (f"{sentence} Subjects: {per_column}.",) if per_column else ()


def empty(columns: Sequence[Column]) -> Iterator[str]:
    """Yield why a table of no subjects holds no number."""
    if _of_nobody(columns):
        yield EMPTY


def _of_nobody(columns: Sequence[Column]) -> bool:
    sizes = [column.n for column in columns if column.n is not None]
    return bool(sizes) and not any(sizes)


def unreported(rows: Iterable[Row], columns: Sequence[Column]) -> Iterator[Row]:
    """Yield the rows; in a table of no subjects as not reported, since 0 of 0 would be a result."""
    nobody = _of_nobody(columns)
    for row in rows:
        cells = (replace(cell, statistics=tuple(map(_not_reported, cell.statistics)))
                 for cell in row.cells)  # fmt: skip
        yield replace(row, cells=tuple(cells)) if nobody else row


def _not_reported(statistic: Statistic) -> Statistic:
    """Return the denominator as it is, which is 0, and every other statistic as not reported."""
    if statistic.name in ("N", "all_events"):
        return statistic
    return replace(statistic, raw=None, text=NOT_REPORTED if statistic.text else "")


def terms_order(
    kind: str, depth: int, columns: Sequence[str], compared: str, counted: str = "subjects"
) -> str:
    """Return how terms are sorted, at one depth or within their classes; by some columns."""
    subject = "Terms are" if depth == 1 else "Classes, and terms within each, are"
    column_names = ", ".join(map(isolated, columns))
    if kind == "alphabetical":
        return f"{subject} in alphabetical order."
    if kind == "difference":
        return (
            f"{subject} sorted by the difference of {compared} that {column_names} is about,"
            " greatest first; equal ones by name."
        )
    scope = "summed over the columns" if len(columns) != 1 else f"in {column_names}"
    if len(columns) > 1:
        scope += f" {column_names}"
    return f"{subject} sorted by their {counted}, {scope}, most frequent first; equal ones by name."


def levels_order(label: str) -> str:
    """Return how levels are sorted that the definition does not name."""
    subject = f"{isolated(label)}: levels" if label else "Levels"
    return (
        f"{subject} that have no place of their own are sorted by their subjects in the column that"
        " has most, most frequent first; equal ones by name."
    )


def nobody(label: str, levels: Sequence[str]) -> str:
    """State which levels are not shown because nobody is at them."""
    return (
        f"{f'{isolated(label)}: ' if label else ''}nobody is at {', '.join(map(isolated, levels))}."
    )


def denominators(rows: Iterable[Row], heads: Iterable[ColumnHead]) -> Iterator[str]:
    """Yield what percentages are of where that is not a column's whole set."""
    counted = [cell for row in rows for cell in row.cells if cell.get("percent") is not None]
    if any(cell.get(name) for cell in counted for name in ("not_due", "missing")):
        yield DETERMINED
    yield from (note for row in rows for note in row.notes)
    for head in heads:
        if head.undetermined:
            yield (
                f"{isolated(head.label)}: of {head.undetermined} it is not known whether the column"
                " shows them; where that matters they are in no percentage."
            )


def optional_fields_note(label: str, fields: str, columns: Iterable[tuple[str, str]]) -> str:
    """State, by column, what is not counted because adverse events lack some fields."""
    per_column = "; ".join(f"{isolated(column)} {count}" for column, count in columns)
    return (
        f"{isolated(label)}: adverse events of which {fields} is not reported are not counted:"
        f" {per_column}."
    )


def unknown_records(
    label: str, fields: Sequence[str], counts: Iterable[tuple[str, int, int]]
) -> Iterator[str]:
    """Yield how many records, by column, may be meant or not and are not counted, if any."""
    per_column = [
        f"{isolated(column)} {records} record{'' if records == 1 else 's'}"
        + (f", and so {subjects} subject{'' if subjects == 1 else 's'}" if subjects else "")
        for column, records, subjects in counts
        if records
    ]
    if per_column:
        yield (
            f"{isolated(label)}: records of which {' or '.join(fields)} is not known are not"
            f" counted: {'; '.join(per_column)}."
        )


def optional_fields_notes(
    label: str, fields: Iterable[str], counts: Iterable[tuple[str, int]]
) -> Iterator[str]:
    """Yield how many subjects, by column, that makes a difference to, if any."""
    per_column = [(column, f"{n} subject{'' if n == 1 else 's'}") for column, n in counts if n]
    if per_column:
        yield optional_fields_note(label, " or ".join(fields), per_column)


def margin(label: str, limits: Margin | None) -> Iterator[str]:
    """Yield what a row's differences or ratios must keep, if anything."""
    if limits is not None:
        bounds = (("above", limits.lower), ("below", limits.upper))
        bounds_text = " and ".join(
            f"{name} {exact_text(side)}" for name, side in bounds if side is not None
        )
        yield (
            f"{isolated(label)}: a difference or ratio must lie {bounds_text}; shown by the"
            f" interval of level {exact_text(limits.level)},"
            f" one-sided alpha {exact_text(limits.alpha)}."
        )


def strata_left_out(
    label: str, by_column: Iterable[tuple[str, Sequence[Sequence[str]]]]
) -> Iterator[str]:
    """Yield which strata add nothing, as one of the two columns compared has nobody there."""
    for column, strata in by_column:
        if strata:
            stratum_names = [isolated(", ".join(levels)) for levels in strata[:_STRATA_NAMED]]
            excess = len(strata) - len(stratum_names)
            stratum_names += [f"{excess} more"] if excess else []
            yield (
                f"{isolated(label)}, {isolated(column)}: nobody of one side is in"
                f" {'stratum' if len(strata) == 1 else 'strata'} {'; '.join(stratum_names)}, which"
                f" {'adds' if len(strata) == 1 else 'add'} nothing."
            )


def denominator(label: str, base: OwnDenominator | None, *, whole_column: bool) -> Iterator[str]:
    """Yield what the denominator is where it is not the subjects with a known answer."""
    if base is not None:
        subjects = base.words or f"those with: {isolated(base.label)}"
        yield f"{isolated(label)}: percentages are of {subjects}."
    elif whole_column:
        sentence = "percentages are of all of the column, whether the answer is known or not."
        yield f"{isolated(label)}: {sentence}"
