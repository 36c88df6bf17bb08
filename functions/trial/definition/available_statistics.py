"""Which statistics a cell of a table can hold: known from the definition, before there is data.

What refers to a cell is checked against it: key results, and the order of testing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from trial.definition import Definition
from trial.definition.intervals import USUAL_INTERVAL, IntervalDefinition
from trial.definition.outputs import (
    MODELS_OF_MEANS,
    CellRef,
    Survival,
    Table,
    TableColumn,
    TableRow,
)
from trial.definition.references import find_row
from trial.definition.summary_statistics import INTERVALS
from trial.errors import FieldError
from trial.statistics.risks import CONTRAST_STATISTICS, DIFFERENCE

_COUNT = frozenset(("n", "N", "percent"))
_OPEN = frozenset(("not_due", "missing"))
_IMPUTED = frozenset(("observed", "imputed", "baseline"))
_UNDATED = frozenset(("undated",))
_P = frozenset(("p",))
_PAIRS = _OPEN | {"n", "both", "first", "second", "neither", "difference", "p"}
_TESTS = frozenset(("fisher", "pearson"))
_NOTHING: frozenset[str] = frozenset()
_HAZARDS = ("hazard-ratio", "proportional-hazards")
"""The rows of a survival that only columns that compare have something in."""
_RATIOS: Mapping[str, str] = {"logistic": "odds_ratio", "event_rate": "rate_ratio"}
"""The kinds of row that are a regression, and what ratio each gives."""
_PAIR = 2
"""Columns that a difference, a contrast or a test of ranks is between."""


def available_statistics(ref: CellRef, tables: Iterable[Table]) -> frozenset[str]:
    """Return the names of the statistics that a cell can hold; nothing where there is no such cell.

    Under `events` by class and term a name may be a term's or a level's: then what either has.
    """
    match = find_row(ref, tables)
    if match is None:
        return _NOTHING
    table, row = match
    column = next(candidate for candidate in table.columns if candidate.id == ref.column)
    inner = ref.row.split("/")[1:]
    if row.subgroups is not None:
        row, inner = row.model_copy(update={"subgroups": None}), inner[1:]
        if ref.row == row.id:
            return _NOTHING
    if not _filled(table, row, column):
        return _NOTHING
    if row.pairs is not None:
        return _PAIRS | _always(row) if column.id == _of_pairs(table, row) else _NOTHING
    if column.compare is not None:
        return _compared(table, row, column, column.compare, inner)
    return _shown(row, column, inner) if _fills(row, [column.id]) else _NOTHING


def has_p_value(ref: CellRef, tables: Iterable[Table]) -> bool:
    """Return whether a cell is one that holds a P value, where it can be computed."""
    return not available_statistics(ref, tables).isdisjoint(("p", "p_margin"))


def contrast_of(row: TableRow, column: TableColumn) -> str | None:
    """Return the contrast of two columns that a row with a margin can show."""
    if len(column.compare or ()) != _PAIR:
        return None
    if row.stratified is not None:
        return row.stratified.contrast
    if row.survival is not None:
        return None if row.survival.hazard_ratio_asked is None else "hazard-ratio"
    if (ratio := _RATIOS.get(str(row.kind))) is not None:
        return ratio.replace("_", "-")
    if row.kind == "ancova" or (row.kind == "summary" and column.means != "anova"):
        return DIFFERENCE
    return column.contrast if row.kind == "count" and column.contrasts else None


def _kept(row: TableRow, column: TableColumn) -> frozenset[str]:
    """Return what a row with a margin has in a column that contrasts two; of some with a test."""
    if row.margin is None or contrast_of(row, column) is None:
        return _NOTHING
    untested = (
        row.stratified.method == "newcombe"
        if row.stratified is not None
        else row.interval_asked is not None and row.interval_asked.method == "profile"
        if row.kind in _RATIOS
        else column.counts == "newcombe"
        if row.kind == "count"
        else row.kind == "summary" and column.means not in ("t", "welch")
    )
    return frozenset(("conclusion",)) if untested else frozenset(("conclusion", "p_margin"))


def testing_order_errors(definition: Definition) -> Iterator[FieldError]:
    """Find what the order of testing names that is no P value."""
    for i, ref in enumerate(definition.testing.order if definition.testing else ()):
        if find_row(ref, definition.tables) is not None and not has_p_value(ref, definition.tables):
            detail = f"has no P value in column {ref.column} of table {ref.table}"
            yield FieldError(f"/testing/order/{i}", f"row {ref.row} {detail}")
    yield from _information_errors(definition)


def estimand_errors(definition: Definition) -> Iterator[FieldError]:
    """Find estimands of a cell that holds nothing."""
    for i, estimand in enumerate(definition.estimands):
        ref, path = estimand.source, f"/estimands/{i}/source"
        if find_row(ref, definition.tables) is None:
            yield FieldError(path, f"no row {ref.row} in column {ref.column} of table {ref.table}")
        elif not available_statistics(ref, definition.tables):
            detail = f"holds nothing in column {ref.column} of table {ref.table}"
            yield FieldError(path, f"row {ref.row} {detail}, so that nothing estimates it there")


def _information_errors(definition: Definition) -> Iterator[FieldError]:
    """Find where what is to be counted as information is no count of subjects."""
    spending = definition.testing.spending if definition.testing else None
    ref = spending.information if spending else None
    if ref is None or find_row(ref, definition.tables) is None:
        return
    if "n" not in available_statistics(ref, definition.tables):
        detail = f"counts no subjects in column {ref.column} of table {ref.table}"
        yield FieldError("/testing/spending/information", f"row {ref.row} {detail}")


def _filled(table: Table, row: TableRow, column: TableColumn) -> bool:
    """Return whether a row can show something in a column, or in all that it compares."""
    names = {column.id, *(column.compare or ())}
    return all(row.fills(candidate) for candidate in table.columns if candidate.id in names)


def _of_pairs(table: Table, row: TableRow) -> str | None:
    """Return the column that a row of pairs stands in."""
    subjects = [
        candidate.id
        for candidate in table.columns
        if candidate.compare is None and not candidate.narrows
    ]
    return row.column or next(reversed(subjects), None)


def _fills(row: TableRow, columns: Iterable[str]) -> bool:
    """Return whether a row shows something in each of some columns of subjects."""
    value = getattr(row, row.kind) if row.kind else None
    return not isinstance(value, dict) or value.keys() >= set(columns)


def _shown(row: TableRow, column: TableColumn, inner: Sequence[str]) -> frozenset[str]:
    """Return what a row has in a column of subjects; `inner` names the row that its rule gives."""
    return _SHOWN[row.kind](row, column, inner) if row.kind else _NOTHING


def _counted(row: TableRow, _column: TableColumn, inner: Sequence[str]) -> frozenset[str]:
    at_row = bool(inner) == (row.visits is not None)
    return _COUNT | _OPEN | _limits(row.interval_asked) if at_row else _NOTHING


def _measured(row: TableRow, column: TableColumn, inner: Sequence[str]) -> frozenset[str]:
    if bool(inner) != (row.visits is not None):
        return _NOTHING
    statistics = row.statistics_of(column.id)
    interval = row.interval_asked or USUAL_INTERVAL
    limits = (_limits(interval, INTERVALS[name]) for name in statistics if name in INTERVALS)
    return frozenset(("n", *statistics)) - INTERVALS.keys() | frozenset().union(*limits) | _IMPUTED


def _limits(
    interval: IntervalDefinition | None, names: tuple[str, str] = INTERVALS["ci"]
) -> frozenset[str]:
    """Return the names of an interval's limits that are asked for."""
    sides = zip(("lower", "upper"), names, strict=True)
    return frozenset(
        name for side, name in sides if interval is not None and interval.limits in ("both", side)
    )


def _always(row: TableRow) -> frozenset[str]:
    """Return the limits of a row that has an interval whether it asks for it or not."""
    return _limits(row.interval_asked or USUAL_INTERVAL)


def _at_levels(row: TableRow, _column: TableColumn, inner: Sequence[str]) -> frozenset[str]:
    below_visit = len(inner) > (row.visits is not None)
    return _COUNT | _limits(row.interval_asked) if below_visit else _NOTHING


def _of_events_counted(
    row: TableRow, _column: TableColumn, _inner: Sequence[str]
) -> frozenset[str]:
    of_records = {"all_events", "events_percent"} if row.of_records is not False else _NOTHING
    return _COUNT | {"events"} | of_records


def _of_terms(row: TableRow, column: TableColumn, inner: Sequence[str]) -> frozenset[str]:
    return _of_events_counted(row, column, inner) if inner else _NOTHING


def _surviving(row: TableRow, _column: TableColumn, inner: Sequence[str]) -> frozenset[str]:
    incidence = row.survival is not None and row.survival.estimate == "cumulative-incidence"
    if not inner:
        extra = {"competing"} if incidence else _NOTHING
        return _COUNT | _OPEN | _UNDATED | {"censored"} | extra
    if inner[0] in _HAZARDS or inner[0].endswith("-ratio"):
        return _NOTHING
    if inner[0].startswith("mean-"):
        return _always(row) | {"restricted_mean", "se"}
    if incidence:
        return _always(row) | {"incidence"} if inner[0].startswith("day-") else _NOTHING
    return _always(row) | {"survival" if inner[0].startswith("day-") else "days"}


def _adjusted(row: TableRow, column: TableColumn, inner: Sequence[str]) -> frozenset[str]:
    if column.arm is None or (inner and not _at_level(row, inner)):
        return _NOTHING
    return _always(row) | {"lsmean", "se"} | (_NOTHING if inner else {"n"})


def _at_level(row: TableRow, inner: Sequence[str]) -> bool:
    """Return whether a row is of one level of an interaction."""
    crossed = row.ancova is not None and row.ancova.interaction is not None
    return crossed and len(inner) == 2 and inner[0] == "interaction"  # noqa: PLR2004 (and a level)


def _adjusted_by_visit(row: TableRow, column: TableColumn, inner: Sequence[str]) -> frozenset[str]:
    if column.arm is None or len(inner) != 1:
        return _NOTHING
    counts = {"n"} if row.mmrm is not None else {"n", "observed", "imputed"}
    return _always(row) | counts | {"lsmean", "se"}


def _in_model(row: TableRow, _column: TableColumn, inner: Sequence[str]) -> frozenset[str]:
    if inner:
        return _NOTHING
    if row.logistic is not None:
        return _COUNT | _OPEN
    return _UNDATED | {"n", "events", "years", "rate"}


def _rated(row: TableRow, _column: TableColumn, inner: Sequence[str]) -> frozenset[str]:
    assert row.incidence is not None
    if bool(inner) != (row.by_term is not None):
        return _NOTHING
    counted = "n" if row.incidence.occurrences == "first" else "events"
    return _always(row) | _UNDATED | {counted, "years", "rate"}


def _lasting(row: TableRow, column: TableColumn, inner: Sequence[str]) -> frozenset[str]:
    return _measured(row, column, inner) - {"n"} - _IMPUTED | {"events"} if not inner else _NOTHING


def _in_strata(row: TableRow, _column: TableColumn, _inner: Sequence[str]) -> frozenset[str]:
    assert row.stratified is not None
    return _OPEN | (_COUNT if row.stratified.count is not None else {"n"})


def _resolving(row: TableRow, _column: TableColumn, inner: Sequence[str]) -> frozenset[str]:
    assert row.resolution is not None
    counted = frozenset(("n" if row.resolution.occurrences == "first" else "events", "resolved"))
    if row.by_term is None:
        return _surviving(row, _column, inner) if inner else counted
    interval = row.interval_asked or USUAL_INTERVAL
    return counted | {"median"} | _limits(interval, INTERVALS["median_ci"]) if inner else _NOTHING


_SHOWN: Mapping[str, Callable[[TableRow, TableColumn, Sequence[str]], frozenset[str]]] = {
    "count": _counted,
    "graded": _counted,
    "levels": _at_levels,
    "summary": _measured,
    "not_due": lambda *_: _COUNT,
    "events": _of_events_counted,
    "terms": _of_terms,
    "record_terms": _of_terms,
    "worst": _at_levels,
    "shift": _at_levels,
    "cross": _at_levels,
    "stratified": _in_strata,
    "ancova": _adjusted,
    "mmrm": _adjusted_by_visit,
    "multiple_imputation": _adjusted_by_visit,
    "logistic": _in_model,
    "event_rate": _in_model,
    "survival": _surviving,
    "incidence": _rated,
    "durations": _lasting,
    "resolution": _resolving,
}


def _compared(
    table: Table,
    row: TableRow,
    column: TableColumn,
    compared_columns: Sequence[str],
    inner: Sequence[str],
) -> frozenset[str]:
    """Return the names of what a row has in a column that compares some others."""
    if not _fills(row, compared_columns):
        return _NOTHING
    if (statistics_of := _COMPARED.get(str(row.kind))) is not None:
        return statistics_of(row, column, inner)
    if row.kind in MODELS_OF_MEANS:
        modelled = _modelled(table, row, column, compared_columns, inner)
        return modelled if inner else modelled | _kept(row, column)
    if row.survival is not None and inner:
        return _below_curve(row, row.survival, column, inner[0])
    if not _at_comparison(row, inner):
        return _NOTHING
    return _compared_row(row, column) | _kept(row, column)


def _ratio(row: TableRow, column: TableColumn, inner: Sequence[str]) -> frozenset[str]:
    """Return what a regression has: the ratio of two columns, or the test of its interaction."""
    model = row.logistic or row.event_rate
    if inner and (model is None or model.interaction is None or inner[0] != "interaction"):
        return _NOTHING
    if len(inner) == 1:
        return _P
    dispersed = row.event_rate is not None and row.event_rate.distribution != "poisson"
    extra = _P | ({"dispersion"} if dispersed else _NOTHING)
    if len(column.compare or ()) != _PAIR:
        return extra
    limits = _limits(column.interval) if column.interval else _always(row)
    of_margin = _NOTHING if inner else _kept(row, column)
    return limits | extra | of_margin | {_RATIOS[str(row.kind)]}


def _compared_levels(row: TableRow, column: TableColumn, inner: Sequence[str]) -> frozenset[str]:
    """Return what levels have: a test in their heading; a difference there, or in each row.

    A subject can be at several levels of records, so each of these has a row with either.
    """
    depth = len(inner) - (row.visits is not None)
    of_records = row.levels is not None and row.levels.recorded is not None
    if depth > 0:
        of_each = of_records or column.counts not in _TESTS
        return _contrasted(column) if of_each else _NOTHING
    labelled = bool(row.label) or row.visits is not None
    return _contrasted(column) if labelled and not depth and not of_records else _NOTHING


_COMPARED: Mapping[str, Callable[[TableRow, TableColumn, Sequence[str]], frozenset[str]]] = {
    "levels": _compared_levels,
    "worst": _compared_levels,
    "logistic": _ratio,
    "event_rate": _ratio,
}
"""The kinds of row whose comparisons are like those of no other."""


def _below_curve(
    row: TableRow, survival: Survival, column: TableColumn, inner: str
) -> frozenset[str]:
    """Return what rows below a curve have in a column that compares."""
    if inner.startswith("mean-"):
        return _of_restricted_means(row, survival, column, inner)
    hazards = survival.hazard_ratio_asked
    if hazards is None or inner not in _HAZARDS:
        return _NOTHING
    if inner == "proportional-hazards":
        return _P if hazards.proportional_hazards else _NOTHING
    if len(column.compare or ()) > 2:  # noqa: PLR2004 (a ratio is between two)
        return _P
    limits = _limits(column.interval) if column.interval else _always(row)
    return limits | _P | {"hazard_ratio"} | _kept(row, column)


def _of_restricted_means(
    row: TableRow, survival: Survival, column: TableColumn, inner: str
) -> frozenset[str]:
    restricted_mean, (_, day, *ratio) = survival.restricted_mean, inner.split("-")
    contrast = "ratio" if ratio else "difference"
    if (
        restricted_mean is None
        or day not in map(str, restricted_mean.to)
        or contrast not in restricted_mean.contrasts
    ):
        return _NOTHING
    if len(column.compare or ()) != 2:  # noqa: PLR2004 (a contrast is between two)
        return _NOTHING
    limits = _limits(column.interval) if column.interval else _always(row)
    return limits | _P | {"mean_ratio" if ratio else "difference"}


def _compared_row(row: TableRow, column: TableColumn) -> frozenset[str]:
    if row.kind in ("incidence", "resolution"):
        return _contrasted_rates(row, column)
    if row.kind == "summary":
        return _P if column.means == "anova" else _of_difference(column) | _P
    if row.stratified is not None and row.stratified.contrast is not None:
        return _P | _common(row, row.stratified.contrast, column)
    if row.stratified is not None and row.stratified.measure is not None:
        return _P if len(column.compare or ()) == _PAIR else _NOTHING
    return _P if row.kind in ("stratified", "survival") else _contrasted(column)


def _common(row: TableRow, contrast: str, column: TableColumn) -> frozenset[str]:
    """Return the contrast over strata, and its limits: the column's own, or the row's."""
    if len(column.compare or ()) != _PAIR:
        return _NOTHING
    limits = _limits(column.interval) if column.interval else _always(row)
    return limits | {CONTRAST_STATISTICS[contrast]}


def _at_comparison(row: TableRow, inner: Sequence[str]) -> bool:
    """Return whether it is the row that compares: of terms it is each term's."""
    if row.kind in ("terms", "record_terms"):
        return bool(inner)
    if row.kind in ("incidence", "resolution"):
        return bool(inner) == (row.by_term is not None)
    compares = row.kind in ("count", "graded", "events", "summary", "stratified", "survival")
    return compares and bool(inner) == (row.visits is not None)


def _contrasted(column: TableColumn) -> frozenset[str]:
    if column.counts in _TESTS:
        return _P
    error = {"se"} if column.standard_error and column.waldian else _NOTHING
    limits = _limits(column.interval or USUAL_INTERVAL)
    return limits | error | {CONTRAST_STATISTICS[column.contrast]}


def _contrasted_rates(row: TableRow, column: TableColumn) -> frozenset[str]:
    if row.resolution is not None:
        return _P if row.resolution.occurrences == "first" else _NOTHING
    if column.rates is None:
        return _NOTHING
    limits = _limits(column.interval or USUAL_INTERVAL)
    return limits | ({"rate_ratio"} | _P if column.rates == "ratio" else {"difference"})


def _of_difference(column: TableColumn) -> frozenset[str]:
    error = {"se"} if column.standard_error and column.means in ("t", "welch") else _NOTHING
    return _limits(column.interval or USUAL_INTERVAL) | error | {"difference"}


def _modelled_by_visit(
    table: Table,
    row: TableRow,
    column: TableColumn,
    compared_columns: Sequence[str],
    below: Sequence[str],
) -> frozenset[str]:
    """Return what a visit's row has, or one `below` it: of a delta, or of the tipping point."""
    if len(compared_columns) != 2:  # noqa: PLR2004 (a difference is between two)
        return _NOTHING
    imputation = row.multiple_imputation
    deltas = None if imputation is None else imputation.deltas
    if below and deltas is None:
        return _NOTHING
    if below and below[0] == "tipping" and deltas is not None:
        arms = [c.arm for c in table.columns if c.compare is None and c.arm in deltas.by_arm]
        compared_arms = [c.arm for c in table.columns if c.id in compared_columns]
        return frozenset(("tipping_delta",)) if set(arms[-1:]) & set(compared_arms) else _NOTHING
    limits = _limits(column.interval) if column.interval else _always(row)
    return limits | _P | {"difference", "se"}


def _modelled(
    table: Table,
    row: TableRow,
    column: TableColumn,
    compared_columns: Sequence[str],
    inner: Sequence[str],
) -> frozenset[str]:
    if row.repeated is not None:
        below = inner[1:]
        by_visit = _modelled_by_visit(table, row, column, compared_columns, below)
        return by_visit if inner else _NOTHING
    if inner and not _at_level(row, inner):
        return _P if column is _widest(table, row, inner[0]) else _NOTHING
    pair = len(compared_columns) == _PAIR
    limits = _limits(column.interval) if column.interval else _always(row)
    if pair:
        return limits | _P | {"difference", "se"}
    return _NOTHING if inner else _P


def _widest(table: Table, row: TableRow, test: str) -> TableColumn | None:
    """Return the column of a test of trend or interaction, if there is one: the widest."""
    if row.ancova is None:
        return None
    options = {"trend": row.ancova.scores, "interaction": row.ancova.interaction}
    if options.get(test) is None:
        return None
    compared = [candidate for candidate in table.columns if candidate.compare is not None]
    return max(compared, key=lambda candidate: len(candidate.compare or ()), default=None)
