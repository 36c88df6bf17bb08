"""Compiling the rows of a table from its definition, and laying their cells out over rows of sums.

A row of sums holds about 1 KB, which is what DynamoDB bills an update by. The order in which rows
are compiled decides where their cells are stored, so it is part of what the digest of a definition
stands for.

Every process that counts an event begins with this module. So kinds of row that few definitions
have are imported where one is compiled, with the statistics that they alone need.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from functools import cached_property, partial
from math import prod
from typing import TYPE_CHECKING, Any

from trial.deferred import dataclass
from trial.definition.available_statistics import contrast_of
from trial.definition.conditions import AdverseEventFilter, Condition, Measure, Ref, Scope
from trial.definition.denominators import asks_not_done, denominator_condition, means_assessed
from trial.definition.design import Visit
from trial.definition.grading import MAX_GRADE
from trial.definition.intervals import USUAL_INTERVAL
from trial.definition.outputs import (
    DENOMINATORS,
    MOST_REPEATED_VISITS,
    ByTerm,
    Excess,
    Levels,
    RatioModelDefinition,
    SetDenominator,
    Subgroups,
    Survival,
    Table,
    TableColumn,
    TableRow,
    TermSorting,
    Worst,
    WorstGrade,
)
from trial.definition.study import Study
from trial.definition.summary_statistics import INTERVALS, ORDER_STATISTICS
from trial.events.fields import term
from trial.events.json_body import canonical
from trial.events.kinds import DECIDING_DATE, derived_fields, names_of
from trial.events.payloads import KINDS
from trial.rules import Rules, dating, determination
from trial.rules.categories import Category, in_no_class, is_number, known_levels, level_text
from trial.rules.determination import PendingTest
from trial.rules.matching import Test, matcher, optional_fields, refused, unknown
from trial.rules.measures import Quantity
from trial.statistics.inference import CONFIDENCE_95, Confidence
from trial.statistics.margins import Margin
from trial.statistics.pairs import PAIRED_TANGO
from trial.statistics.rates import EXACT_POISSON
from trial.statistics.risks import DIFFERENCE
from trial.subject.derivation import Derivation
from trial.tables.rows.comparing import RANKS
from trial.tables.rows.counting import ConditionCount, OwnDenominator
from trial.tables.rows.counts import CountRow, HeadingRow, NotDueRow, PairsRow
from trial.tables.rows.durations import DAYS, DurationsRow
from trial.tables.rows.events import EventSelection, EventsRow, Severity, WorstLevels, WorstRow
from trial.tables.rows.incidence import IncidenceRow, IncidenceTermsRow, RateMeasure
from trial.tables.rows.interactions import Interaction
from trial.tables.rows.intervals import LOG_LOG_95, STUDENT_95, RowInterval
from trial.tables.rows.kinds import Comparison, CompiledRow, row_id
from trial.tables.rows.levels import KnownLevels, LevelsRow
from trial.tables.rows.record_terms import RecordTermsRow, RecordView
from trial.tables.rows.subgroups import SubgroupRow
from trial.tables.rows.summaries import LOCF, SummaryRow
from trial.tables.rows.terms import Hierarchy, TermOrder, TermsRow, TermView

if TYPE_CHECKING:
    from trial.tables.rows.crossing import Admission, CrossOptions, CrossRow
    from trial.tables.rows.hazards import HazardModel
    from trial.tables.rows.ratios import RatioModel
    from trial.tables.rows.restricted import RestrictedMeans

CELLS_PER_ROW_OF_SUMS = 64
"""At about 14 bytes a cell, a row of sums stays within the 1 KB that an ADD is billed by."""
CELLS_OF_RANGES = 6
"""Cells that count the values of a column by range, about: values decide how many there are.

None are planned for in a wide definition: there more rows of sums cost more than larger ones.
"""
DETERMINED_PER_ROW_OF_SUMS = 40
"""Conditions for which one row of sums counts the determined and the missing.

The first 40 are counted in the study's row, with the sizes of the sets that they are parts of:
every event touches that row anyway, and it stays within the 1 KB that an ADD is billed by.
"""
MOST_PATTERNS = 500
"""Combinations of levels of a regression's covariates."""
STUDY_SUMS = "study"
"""The row of sums every change touches: accepted revisions, sizes of sets, complete subjects."""
_METHODS = {"observed": "", "bocf": "BOCF", "locf": LOCF, "locf-visit": LOCF}

_GRADES = ("1", "2", "3", "4", "5")

PLACED = "cells#"
"""How the rows of sums begin that rows of tables share."""
type Owner = tuple[str, str]
"""The table and the row of a definition that count into a cell; '' for the table's columns."""

type _Owners = dict[int, dict[Owner, None]]

LevelFinder = Callable[[Derivation], Iterable[str]]
"""Returns the levels of a subject: '' for a missing one, and none where it is not yet due."""


def member_test(rules: Rules, name: str, arms: Collection[str], path: str) -> Test:
    """Return the test of who belongs to an analysis set and, where some are named, to an arm."""
    definition = rules.study.definition
    if name not in definition.sets:
        raise unknown(f"{path}/set", "analysis set", name)
    analysis_set = definition.sets[name]
    test = rules.condition(analysis_set.condition, f"/sets/{name}/condition")
    if not arms:
        return test
    for arm in arms:
        if arm not in {defined_arm.id for defined_arm in definition.arms}:
            raise unknown(f"{path}/arm" if len(arms) == 1 else f"{path}/arms", "arm", arm)
    if analysis_set.arm == "planned":
        return lambda derivation: derivation.planned_arm in arms and test(derivation)
    return lambda derivation: derivation.received_arm in arms and test(derivation)


def comparison(column: TableColumn, table: Table, path: str) -> Comparison:
    """Return which columns a column compares, by position; only columns of subjects can be."""
    places = {column.id: i for i, column in enumerate(table.columns) if column.compare is None}
    names = column.compare or []
    for name in names:
        if name not in places:
            raise unknown(f"{path}/compare", "column of subjects", name)
    confidence = column.interval.confidence if column.interval else CONFIDENCE_95
    positions = tuple(places[name] for name in names)
    return Comparison(
        positions,
        column.counts,
        column.means,
        confidence,
        column.rates,
        column.contrast,
        column.standard_error,
    )


def check_events_of_column(
    rules: Rules, event_filter: AdverseEventFilter, table: Table, path: str
) -> None:
    """Refuse a filter of adverse events that no row of the table has a use for."""
    rules.adverse_event_matcher(_without_scope(event_filter), path)
    by_group = any(
        row.by_term is not None and (row.by_term.pooled or "group" in row.by_term.levels)
        for row in table.rows
    )
    if _without_scope(event_filter) is not event_filter and not by_group:
        detail = "is that of groups: name some beside it, or have a row of terms by group"
        raise refused(f"{path}/scope", detail)
    if _without_scope(event_filter) is event_filter:
        return
    for row in table.rows:  # a column narrows what a row counts, and cannot widen it
        filtered = row.worst or row.incidence
        part = row.events or (filtered and filtered.filter)
        if part and part.asks_for_groups and part.scope is None:
            detail = f"leaves open the scope of row {row.id}, which names groups: give it `scope`"
            raise refused(f"{path}/scope", detail)


def level_finder(rules: Rules, definition: Levels, path: str) -> LevelFinder:
    """Return the finder of a subject's levels of a category, or of a field of some records.

    The levels of records come in the order of their dates, those of undated records last.
    """
    if definition.characteristic is not None:
        return _category_level_finder(rules, definition.characteristic, path)
    kind, field = definition.recorded or "", definition.field or ""
    if kind not in KINDS or (field and field not in names_of(kind)):
        raise unknown(path, "kind of event and field", f"{kind} {field}")
    matches, date = matcher(definition.where), DECIDING_DATE.get(kind, "date")

    def find(derivation: Derivation) -> Iterable[str]:
        return (
            level_text(value) if value is not None else ""
            for record in sorted(
                derivation.ordered(kind), key=lambda candidate: not candidate.data.get(date)
            )
            if matches(record.data)
            for value in _values(record.data.get(field))
        )

    return find


def _values(value: object) -> Sequence[object]:
    """Return the values in a field: the items of a list, and one None for an empty list."""
    return (value or [None]) if isinstance(value, list) else [value]


def _category_level_finder(rules: Rules, name: str, path: str) -> LevelFinder:
    """Return the finder of a subject's one level of a category."""
    category, pending = (
        rules.category(name, path),
        determination.category_pending_test(rules, name, path),
    )

    def find(derivation: Derivation) -> Iterable[str]:
        if (level := category(derivation)) is not None:
            return [level]
        return [] if pending(derivation) else [""]

    return find


class SumsLayout:
    """Assigns cells to rows of sums of about 1 KB, which small tables share."""

    def __init__(self) -> None:
        self._cells = 0
        self.places: list[tuple[str, int]] = []
        """By index, the row of sums, and how many cells there may be."""
        self.owner: Owner = "", ""
        """For whom cells are placed."""
        self.owners: list[Owner] = []
        """By index, for whom it was placed."""
        self.determined_owners: tuple[_Owners, _Owners] = {}, {}
        """By index, for whom the determined are counted; and the missing only."""
        self._determined: dict[tuple[str, ...], int] = {}
        self._missing_only: dict[tuple[str, ...], int] = {}

    def determined_place(self, *key: str, missing_only: bool) -> tuple[str, int]:
        """Return where a condition's determined and missing subjects are counted, by its key.

        Conditions with one key share the place. Those that count `missing_only` have rows of their
        own: few subjects ever touch those, and the cells that most subjects touch stay together.
        """
        indexes = self._missing_only if missing_only else self._determined
        index = indexes.setdefault(key, len(indexes))
        self.determined_owners[missing_only].setdefault(index, {})[self.owner] = None
        return determined_row(index, missing_only=missing_only), index

    @property
    def determined_keys(self) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
        """The keys by index: of the determined, and of those that count the missing only."""
        return list(self._determined), list(self._missing_only)

    def place(self, cells: int, arranged_cells: int | None = None) -> tuple[str, int]:
        """Return the row of sums with room for a row's cells, and the index in their names.

        Where they are arranged, room is made for as many as are named for that.
        """
        chunk = self._cells // CELLS_PER_ROW_OF_SUMS
        self._cells += cells
        self.places.append((f"{PLACED}{chunk}", arranged_cells or cells))
        self.owners.append(self.owner)
        return f"{PLACED}{chunk}", len(self.places) - 1


def determined_row(index: int, *, missing_only: bool) -> str:
    """Return the row of sums that counts the determined subjects of a condition by its index."""
    chunk = index // DETERMINED_PER_ROW_OF_SUMS
    name = "missing" if missing_only else "settled"  # stored names: they outlive a renaming
    return f"{name}#{chunk}" if missing_only or chunk else STUDY_SUMS


@dataclass(frozen=True)
class _KeyedDenominator:
    """The denominator that a row names itself, and a text that differs for another one."""

    base: OwnDenominator
    key: str


class Compiler:
    """Compiles the rows of one table."""

    def __init__(self, rules: Rules, layout: SumsLayout, table: Table, path: str) -> None:
        self._rules = rules
        self._study = rules.study
        self._layout = layout
        self._place = layout.place
        self._table = table
        self._path = path
        self._subgroup = ""
        """The key of the subgroup whose rows are compiled; '' outside any."""

    def rows(self) -> list[CompiledRow]:
        """Return the table's rows; a row of the definition with `visits` gives one a visit."""
        rows: list[CompiledRow] = []
        for i, row in enumerate(self._table.rows):
            compile_row = partial(self._compile_row, row, f"{self._path}/rows/{i}")
            self._layout.owner = self._table.id, row.id
            rows += self._rules.faults.attempt(lambda: list(compile_row())) or ()  # noqa: B023
        return rows

    def _compile_row(self, row: TableRow, path: str) -> Iterator[CompiledRow]:
        compilers: dict[str, Callable[[TableRow, str], Iterator[CompiledRow]]] = {
            "count": self._count,
            "graded": self._graded,
            "levels": self._levels,
            "summary": self._summaries,
            "pairs": self._pairs,
            "not_due": self._not_due,
            "events": self._events,
            "terms": self._terms,
            "record_terms": self._record_terms,
            "durations": self._durations,
            "resolution": self._resolution,
            "worst": self._worst,
            "shift": self._shift,
            "cross": self._cross,
            "incidence": self._incidence,
            "stratified": self._stratified,
            "ancova": self._ancova,
            "mmrm": self._mmrm,
            "multiple_imputation": self._multiple_imputation,
            "logistic": self._logistic,
            "event_rate": self._event_rate,
            "survival": self._survival,
        }
        if row.subgroups is not None:
            yield from self._subgroups(row, row.subgroups, path)
            return
        # The rows of visits are called by those, so the label of their rule stands above them.
        by_itself = row.visits is not None and row.label and row.repeated is None
        if row.kind is None or by_itself:
            yield HeadingRow(row.id, row.label, row.level)
        if row.kind is None:
            return
        yield from compilers[row.kind](row, path)

    def _subgroups(self, row: TableRow, subgroups: Subgroups, path: str) -> Iterator[CompiledRow]:
        """Yield a heading and, for each subgroup, the row as it is of its subjects."""
        subgroups_path = f"{path}/subgroups"
        category = self._rules.category(subgroups.characteristic, subgroups_path)
        levels = subgroups.values or known_levels(self._study, subgroups.characteristic)
        if not levels:
            detail = f"{subgroups.characteristic} has no declared levels: name them in `values`"
            raise refused(subgroups_path, detail)
        if row.label:
            yield HeadingRow(row.id, row.label, row.level)
        places = [self._place(2 * len(self._table.columns)) for _ in levels]
        for level, place in zip(levels, places, strict=True):
            value = level_text(level.value)
            changes = {
                "id": row_id(row.id, value),
                "label": level.label,
                "level": row.level + bool(row.label),
                "subgroups": None,
            }
            narrowed = row.model_copy(update=changes)
            self._subgroup = canonical([subgroups.characteristic, value])
            try:
                inner_rows = list(self._compile_row(narrowed, path))
            finally:
                self._subgroup = ""
            by_term = row.by_term is not None or row.record_terms is not None
            if by_term:
                yield HeadingRow(narrowed.id, narrowed.label, narrowed.level)
            indent = narrowed.level + 1 if by_term else 0
            for inner in inner_rows:
                if isinstance(inner, HeadingRow):
                    yield inner
                else:
                    yield SubgroupRow(
                        inner, category, value, place, places, row.label, level.label, indent
                    )

    def _placed(self, row: TableRow, cells: int) -> tuple[str, str, int, str, int]:
        return (row.id, row.label, row.level, *self._place(cells * len(self._table.columns)))

    def _placed_by_term(
        self, row: TableRow, name: str, chunks: int
    ) -> tuple[str, str, int, int, str]:
        """Place a row that has cells by term: in rows of sums of its own, so many."""
        _, index = self._place(0)
        return row.id, f"{self._table.id}#{name}{index}-", index, chunks, row.label

    def _by_column[Part](
        self,
        row: TableRow,
        per_column: Any,  # noqa: ANN401 (one reference, or one by column)
        compile_part: Callable[[Any, str], Part],
        path: str,
    ) -> list[Part | None]:
        """Return what each column of subjects asks for, compiled; None for one that compares."""
        columns = self._table.columns
        ids = {column.id for column in columns if column.compare is None and row.fills(column)}
        if isinstance(per_column, dict):
            for name in per_column:
                if name not in ids:
                    raise unknown(f"{path}/{name}", "column of subjects", name)
            by_id = {
                name: compile_part(value, f"{path}/{name}") for name, value in per_column.items()
            }
            return [by_id.get(column.id) for column in columns]
        common = compile_part(per_column, path)
        return [common if column.id in ids else None for column in columns]

    def _condition_counts(
        self, refs_of_columns: Ref | dict[str, Ref], row: TableRow, path: str, name: str,
        visit: Visit | None = None,
    ) -> list[ConditionCount]:  # fmt: skip
        """Return how the row's condition is counted in each column, of the row's denominator."""
        if row.where is not None:
            self._rules.condition(row.where, f"{path}/where")
        for i, column in enumerate(self._table.columns):
            if column.where is not None:
                self._rules.condition(column.where, f"{self._path}/columns/{i}/where")

        def with_visit(ref: Ref, ref_path: str) -> Ref:
            filled = _at_visit(ref, visit.id, ref_path) if visit else ref
            self._rules.condition(filled, ref_path)
            return filled

        refs = self._by_column(row, refs_of_columns, with_visit, f"{path}/{name}")
        bases = [
            None if ref is None else self._own_denominator(row, path, visit, ref) for ref in refs
        ]
        return [
            self._condition_count(i, parts, row, bases[i], f"{path}/{name}")
            for i, (column, ref) in enumerate(zip(self._table.columns, refs, strict=True))
            if (parts := [part for part in (column.where, row.where, ref) if part is not None])
            and ref is not None
        ]

    def _condition_count(
        self,
        column: int,
        parts: list[Ref],
        row: TableRow,
        base: "_KeyedDenominator | None",
        path: str,
    ) -> ConditionCount:
        """Return how one column counts the condition.

        What narrows the row or the column (`where`) joins the condition by Kleene's logic: whom
        that rules out is a no, even where the condition itself is undetermined.
        """
        ref = parts[0] if len(parts) == 1 else Condition.model_construct(all=parts)
        counted_column, indeterminacy = (
            self._table.columns[column],
            determination.undetermined(self._study.definition, ref),
        )
        sums, index, event_fields = "", 0, determination.optional_event_fields(self._rules, ref)
        if indeterminacy or base or event_fields:
            sums_key = determination.determination_key(self._rules, ref)
            sums, index = self._layout.determined_place(
                str(counted_column.set),
                "+".join(counted_column.arms_counted),
                base.key if base else "",
                sums_key,
                *filter(None, (self._subgroup,)),
                missing_only=indeterminacy is not determination.Undetermined.PENDING
                and base is None,
            )
        return ConditionCount(
            column,
            self._rules.condition(ref, path),
            determination.pending_test(self._rules, ref, path),
            indeterminacy,
            sums,
            index,
            base.base if base else None,
            row.denominator == "column",
            event_fields,
            determination.strict_test(self._rules, ref, path) if event_fields else None,
        )

    def _own_denominator(
        self,
        row: TableRow,
        path: str,
        visit: Visit | None = None,
        counted: Ref | None = None,
    ) -> "_KeyedDenominator | None":
        """Return the denominator that a row names itself, for the condition that a column counts.

        None where it is those determined or the column. A condition of such a name could not be
        told from the word, so it is refused.
        """
        denominator_path, denominator_name = f"{path}/denominator", row.denominator
        definition = self._study.definition
        if denominator_name in DENOMINATORS and denominator_name in definition.conditions:
            detail = f"is a reserved word here: rename the condition {denominator_name}"
            raise refused(denominator_path, detail)
        if (
            isinstance(denominator_name, SetDenominator)
            and denominator_name.set not in definition.sets
        ):
            raise unknown(f"{denominator_path}/set", "analysis set", denominator_name.set)
        ref = denominator_condition(definition, row, counted)
        if ref is None:
            if counted is not None and means_assessed(definition, row):
                raise refused(denominator_path, _NOBODY_ASSESSED)
            return None
        if means_assessed(definition, row) and asks_not_done(definition, row, counted):
            raise refused(denominator_path, _NOTHING_NOT_DONE)
        if visit is not None and isinstance(ref, Condition):
            ref = ref.at_visit(visit.id)
        test = self._rules.condition(ref, denominator_path)
        key = ref if isinstance(ref, str) else canonical(ref.members("unset"))
        words = ""
        if isinstance(denominator_name, SetDenominator):
            words = f"those in the set {definition.sets[denominator_name.set].label}"
        elif means_assessed(definition, row):
            words = "those assessed"
        elif isinstance(ref, Condition):
            words = "those who meet its condition, given under Methods"
        return _KeyedDenominator(OwnDenominator(test, key, words), key)

    def _where(self, row: TableRow, path: str) -> Test | None:
        return self._rules.condition(row.where, f"{path}/where") if row.where else None

    def _count(self, row: TableRow, path: str) -> Iterator[CompiledRow]:
        assert row.count is not None
        interval = self._interval(row, path)
        for name, label, visit in self._by_visit(row, path):
            counts = self._condition_counts(row.count, row, path, "count", visit)
            sums, index = self._place(len(self._table.columns))
            placed = _level(row), sums, index
            margin = self._margin(row, path)
            yield CountRow(name, label, *placed, counts, interval, row.label, margin)

    def _graded(self, row: TableRow, path: str) -> Iterator[CompiledRow]:
        """Yield the count of subjects at the grades of each column; in others of those above 0."""
        measure, graded_path = row.graded, f"{path}/graded"
        assert measure is not None
        if row.visits is not None:
            measure = self._without_date(measure, graded_path)
        conditions: dict[str, Ref] = {
            column.id: _of_grades(measure, column)
            for column in self._table.columns
            if column.compare is None and row.fills(column)
        }
        for name, label, visit in self._by_visit(row, path):
            at_visit = measure
            if visit is not None and isinstance(measure, Measure):
                at_visit = measure.model_copy(update={"at": visit.id})
            quantity = self._rules.measure(at_visit, graded_path)
            if quantity.places or not quantity.precision.exact:
                raise refused(graded_path, "must have whole numbers, as grades are")
            counts = self._condition_counts(conditions, row, path, "graded", visit)
            placed = _level(row), *self._place(len(self._table.columns))
            yield CountRow(name, label, *placed, counts, self._interval(row, path), row.label)

    def _without_date(self, ref: str | Measure, path: str) -> Measure:
        """Return the measure of a row by visit, which takes the visit of each row."""
        measure = self._study.definition.measures.get(ref) if isinstance(ref, str) else ref
        if measure is None:
            raise unknown(path, "measure", str(ref))
        if not measure.without_date:
            raise refused(path, _SAME_AT_EVERY_VISIT)
        return measure

    def _interval(self, row: TableRow, path: str) -> RowInterval | None:
        """Return the interval that a row asks for, if any."""
        if row.interval_asked is None:
            return None
        return RowInterval.of(row.interval_asked, str(row.kind), f"{path}/interval")

    @staticmethod
    def _confidence(row: TableRow, path: str, always: str) -> Confidence:
        """Return the level and limits that a row of one method asks for; refuses to name one."""
        if (interval := row.interval_asked) is None:
            return CONFIDENCE_95
        if interval.method is not None:
            raise refused(f"{path}/interval/method", always)
        return interval.confidence

    def _by_visit(self, row: TableRow, path: str) -> Iterator[tuple[str, str, Visit | None]]:
        """Yield the id, label and visit of the row, or of each of its rows by visit."""
        if row.visits is None:
            yield row.id, row.label, None
            return
        visits = self._study.visits
        for name in list(visits) if row.visits == "all" else row.visits:
            if name not in visits:
                raise unknown(f"{path}/visits", "visit", name)
            yield f"{row.id}/{name}", visits[name].label, visits[name]

    def _not_due(self, row: TableRow, path: str) -> Iterator[CompiledRow]:
        assert row.not_due is not None
        counts = self._condition_counts(row.not_due, row, path, "not_due")
        yield NotDueRow(row.id, row.label, row.level, counts)

    def _levels(self, row: TableRow, path: str) -> Iterator[CompiledRow]:
        assert row.levels is not None
        self._check_varies(row, [row.levels.characteristic or ""], f"{path}/levels")
        for name, label, visit in self._by_visit(row, path):
            levels = row.levels
            if visit is not None and levels.characteristic is not None:
                category = self._study.definition.at_visit(levels.characteristic, visit.id)
                levels = levels.model_copy(update={"characteristic": category})
            find = level_finder(self._rules, levels, f"{path}/levels")
            at_visit = row.model_copy(update={"levels": levels})
            base = self._own_denominator(at_visit, path, visit)
            levels_in_order = self._known_levels(levels)
            sums, index = self._place((len(levels_in_order.labels) or 8) * len(self._table.columns))
            yield LevelsRow(
                name,
                label,
                _level(row),
                sums,
                index,
                find,
                levels_in_order,
                one_level_each=levels.characteristic is not None,
                base=base.base if base else None,
                whole_column=row.denominator == "column",
                interval=self._interval(row, path),
                groups=(("visit", visit.id),) if visit else (),
            )

    def _check_varies(self, row: TableRow, categories: Sequence[str], path: str) -> None:
        """Refuse a row by visit of what is the same at every visit."""
        definition = self._study.definition
        visits = [visit.id for visit in definition.visits]
        if row.visits is not None and visits:
            first, *rest = (
                [definition.at_visit(name, visit) for name in categories] for visit in visits
            )
            if all(reference == first for reference in rest):
                raise refused(path, _SAME_CLASSES_AT_EVERY_VISIT)

    def _known_levels(self, definition: Levels) -> KnownLevels:
        """Return the levels in order: those named, which are always shown, then those declared."""
        labels = {level_text(level.value): level.label for level in definition.values}
        declared = self._level_labels(definition.characteristic or "")
        if not labels and definition.characteristic in self._study.definition.classes:
            labels = declared
        unnamed_levels = {value: label for value, label in declared.items() if value not in labels}
        return KnownLevels(labels | unnamed_levels, frozenset(labels), frozenset(unnamed_levels))

    def _level_labels(self, name: str) -> dict[str, str]:
        return {level.value: level.label for level in known_levels(self._study, name) or ()}

    def _event_selections(
        self, event_filter: AdverseEventFilter, path: str
    ) -> Sequence[EventSelection]:
        """Return which events each column counts: those that meet the row's filter and its own."""
        common = self._event_selection(event_filter, path)
        selections: dict[str, EventSelection] = {}
        return [
            selections.setdefault(
                canonical([part.members() for part in parts if part is not None]),
                self._narrowed(common, column, f"{self._path}/columns/{i}"),
            )
            if any(parts := (column.events, column.worst))
            else common
            for i, column in enumerate(self._table.columns)
        ]

    def _narrowed(
        self, selection: EventSelection, column: TableColumn, path: str
    ) -> EventSelection:
        """Return what a column leaves of the events that a row counts."""
        if column.events is not None:
            own_filter = _without_scope(column.events)
            selection = selection.narrowed(self._event_selection(own_filter, f"{path}/events"))
        if column.worst is None:
            return selection
        return selection.of_worst(_worst_levels(column.worst, self._study, f"{path}/worst"))

    def _event_selection(self, event_filter: AdverseEventFilter, path: str) -> EventSelection:
        return EventSelection(
            self._rules.adverse_event_matcher(event_filter, path), optional_fields(event_filter)
        )

    def _worst(self, row: TableRow, path: str) -> Iterator[CompiledRow]:
        assert row.worst is not None
        severity = _severity(row.worst, self._study)
        selections = self._event_selections(row.worst.filter, f"{path}/worst/filter")
        levels_in_order = KnownLevels(severity.labels, severity.always)
        placed = self._placed(row, len(severity.labels))
        yield WorstRow(
            *placed,
            _no_levels,
            levels_in_order,
            base=self._event_denominator(row, path),
            severity=severity,
            selections=selections,
        )

    def _shift(self, row: TableRow, path: str) -> Iterator[CompiledRow]:
        from trial.tables.rows.crossing import CrossOptions, ShiftRow  # noqa: PLC0415 (see above)

        assert row.shift is not None
        shift = row.shift
        for name in (shift.before, shift.after):
            if name not in self._study.definition.classes:
                raise unknown(f"{path}/shift", "class", name)
        options = CrossOptions(
            ("before", "after"), shift.percent_of, shift.missing, shift.zero_counts
        )
        yield from self._crossed(row, path, ShiftRow, (shift.before, shift.after), options)

    def _cross(self, row: TableRow, path: str) -> Iterator[CompiledRow]:
        from trial.tables.rows.crossing import CrossOptions, CrossRow  # noqa: PLC0415 (see above)

        assert row.cross is not None
        cross = row.cross
        options = CrossOptions(
            ("first", "second"), cross.percent_of, cross.missing, cross.zero_counts
        )
        yield from self._crossed(row, path, CrossRow, (cross.first, cross.second), options)

    def _crossed(
        self,
        row: TableRow,
        path: str,
        kind: "type[CrossRow]",
        categories: tuple[str, str],
        options: "CrossOptions",
    ) -> Iterator[CompiledRow]:
        """Yield the row of two classifications, or one a visit."""
        part_path, definition = f"{path}/{row.kind}", self._study.definition
        self._check_varies(row, categories, part_path)
        for id_, label, visit in self._by_visit(row, path):
            names = [definition.at_visit(name, visit.id) if visit else name for name in categories]
            first, second = (self._rules.category(name, part_path) for name in names)
            firsts, seconds = map(self._crossed_labels, names)
            size = (len(firsts) or 8) * (len(seconds) or 8)
            sums, index = self._place(size * len(self._table.columns))
            admission = self._admission(row, visit, f"{path}/where")
            yield kind(
                id_,
                label,
                _level(row),
                sums,
                index,
                first,
                second,
                self._any_pending([(first, names[0]), (second, names[1])], part_path),
                firsts,
                seconds,
                options,
                (("visit", visit.id),) if visit else (),
                admission,
            )

    def _admission(self, row: TableRow, visit: Visit | None, path: str) -> "Admission | None":
        """Return of whom a row is alone; a measure of the condition that says not when is at it."""
        from trial.tables.rows.crossing import Admission  # noqa: PLC0415 (see above)

        if (where := row.where) is None:
            return None
        if visit is not None and isinstance(where, Condition):
            where = where.at_visit(visit.id)
        pending = determination.pending_test(self._rules, where, path)
        return Admission(self._rules.condition(where, path), pending)

    def _crossed_labels(self, name: str) -> dict[str, str]:
        """Return the labels of the levels that a category can have, as far as that is defined."""
        if name in self._study.definition.classes:
            return self._class_labels(name)
        return self._level_labels(name)

    def _class_labels(self, name: str) -> dict[str, str]:
        """Return the labels of the classes, of the missing and of a value that is in no class."""
        classes = self._study.definition.classes[name]
        missing = [] if classes.missing is None else [classes.missing]
        unclassed = [*missing, in_no_class(classes)]
        return self._level_labels(name) | {
            label: label for label in unclassed if label not in self._level_labels(name)
        }

    def _any_pending(self, categories: Sequence[tuple[Category, str]], path: str) -> PendingTest:
        """Return the test of whether one of a subject's unknown levels is only not yet due."""
        tests = [
            (category, determination.category_pending_test(self._rules, name, path))
            for category, name in categories
        ]
        return lambda derivation: any(
            category(derivation) is None and pending(derivation) for category, pending in tests
        )

    def _pairs(self, row: TableRow, path: str) -> Iterator[CompiledRow]:
        assert row.pairs is not None
        ids = [column.id for column in self._table.columns]
        if row.column is not None and row.column not in ids:
            raise unknown(f"{path}/column", "column", row.column)
        first, second = (
            self._rules.condition(ref, f"{path}/pairs/{i}") for i, ref in enumerate(row.pairs)
        )
        of_subjects = [
            column.id
            for column in self._table.columns
            if column.compare is None and not column.narrows
        ]
        name = row.column or next(reversed(of_subjects), None)
        if name not in of_subjects:
            raise refused(f"{path}/column", "must be a column of subjects, not of their events")
        column = ids.index(name)
        both_conditions: Ref = Condition.model_construct(all=list(row.pairs))
        event_fields = determination.optional_event_fields(self._rules, both_conditions)
        strict_test = [
            determination.strict_test(self._rules, ref, f"{path}/pairs/{i}")
            for i, ref in enumerate(row.pairs if event_fields else ())
        ]
        sums, index = self._place(6 if event_fields else 5)
        pending = determination.pending_test(self._rules, both_conditions, f"{path}/pairs")
        placed = (row.id, row.label, row.level, sums, index)
        confidence = self._confidence(row, path, f"of pairs is always {PAIRED_TANGO}")
        tests = (first, second, pending, event_fields, strict_test)
        yield PairsRow(*placed, column, *tests, confidence)

    def _events(self, row: TableRow, path: str) -> Iterator[CompiledRow]:
        assert row.events is not None
        selections = self._event_selections(row.events, f"{path}/events")
        base, whole = self._event_denominator(row, path), self._events_in_percent(row, path)
        if isinstance(row.of_records, AdverseEventFilter) and whole is not None:
            pairs = zip(selections, whole, strict=True)
            selections = [selection.narrowed(of_records) for selection, of_records in pairs]
        size = 2 if whole is None else 3
        yield EventsRow(*self._placed(row, size), selections, base, whole)

    def _events_in_percent(self, row: TableRow, path: str) -> Sequence[EventSelection] | None:
        """Return by column which events percentages of events are of, if there are such."""
        if row.of_records is False:
            return None
        of_records = row.of_records
        event_filter = of_records if isinstance(of_records, AdverseEventFilter) else None
        selections = self._event_selections(
            event_filter or AdverseEventFilter.model_construct(), f"{path}/of_records"
        )
        return [  # of all grades, also where a column shows some worst ones
            selection if selection.worst is None else replace(selection, worst=None)
            for selection in selections
        ]

    def _event_denominator(self, row: TableRow, path: str) -> OwnDenominator | None:
        """Return the denominator that a row of adverse events names itself: a condition or a set.

        Every subject has a known number of events, so that no word of the language says another.
        """
        word = row.denominator in DENOMINATORS or means_assessed(self._study.definition, row)
        if word and row.denominator is not None:
            detail = f"of adverse events is a condition or a set, not {row.denominator}"
            raise refused(f"{path}/denominator", detail)
        base = self._own_denominator(row, path)
        return base.base if base else None

    def _incidence(self, row: TableRow, path: str) -> Iterator[CompiledRow]:
        assert row.incidence is not None
        incidence = row.incidence
        confidence = self._confidence(row, path, f"of a rate is always {EXACT_POISSON}")
        measure = RateMeasure(incidence.occurrences == "all", incidence.per, confidence)
        incidence_path = f"{path}/incidence"
        if row.by_term is None:
            selections = self._event_selections(incidence.filter, f"{incidence_path}/filter")
            yield IncidenceRow(*self._placed(row, 3), selections, measure)
            return
        yield IncidenceTermsRow(
            *self._placed_by_term(row, "incidence", incidence.chunks),
            self._term_views(incidence, incidence_path),
            self._term_order(incidence, incidence_path),
            measure,
        )

    def _stratified(self, row: TableRow, path: str) -> Iterator[CompiledRow]:
        from trial.tables.rows.models import StratifiedRow  # noqa: PLC0415 (see above)

        assert row.stratified is not None
        stratified_path, strata = f"{path}/stratified", row.stratified.strata
        if row.stratified.levels is not None:
            yield self._stratified_levels(row, row.stratified.levels, stratified_path)
            return
        if row.stratified.measure is not None:
            yield self._stratified_ranks(row, row.stratified.measure, stratified_path)
            return
        assert row.stratified.count is not None
        counted = self._in_strata(row.stratified.count, strata, stratified_path, "strata")
        yield StratifiedRow(
            *self._placed(row, 2 * self._patterns(strata)),
            *counted,
            row.stratified.contrast,
            row.stratified.method,
            self._confidences(row, path, _NAMED_BY_METHOD),
            self._margin(row, path),
        )

    def _patterns(self, names: Sequence[str]) -> int:
        """Return how many combinations of levels some categories have; of free text as eight."""
        return prod(len(known_levels(self._study, name) or range(8)) for name in names)

    def _in_strata(
        self, count: Ref, names: Sequence[str], path: str, part: str
    ) -> tuple[Test, Sequence[Category], PendingTest, Sequence[str], Test]:
        """Return what a condition is counted by, within categories that a part of a row names."""
        test = self._rules.condition(count, f"{path}/count")
        categories = self._categories(names, f"{path}/{part}")
        stratum = self._any_pending(list(zip(categories, names, strict=True)), f"{path}/{part}")
        condition_pending = determination.pending_test(self._rules, count, f"{path}/count")

        def pending(derivation: Derivation) -> bool:
            return stratum(derivation) or (
                test(derivation) is None and condition_pending(derivation)
            )

        event_fields = determination.optional_event_fields(self._rules, count)
        strict_test = determination.strict_test(self._rules, count, f"{path}/count")
        return test, categories, pending, event_fields, strict_test if event_fields else test

    def _categories(self, names: Sequence[str], path: str, continuous: str = "") -> list[Category]:
        """Return the categories of some names, each of which stands at its place in a list.

        A number is refused, as it would have a level a value; `continuous` is where it can stand.
        """
        for i, name in enumerate(names):
            if is_number(self._study, name):
                detail = f"{name} is a number, of which each value would be a level: name classes"
                measured = f", or list {{characteristic: {name}}} under `{continuous}`"
                raise refused(f"{path}/{i}", f"{detail}{measured if continuous else ''}")
        return [self._rules.category(name, f"{path}/{i}") for i, name in enumerate(names)]

    def _categories_by_name(
        self, names: Sequence[str], path: str, continuous: str
    ) -> dict[str, Category]:
        return dict(zip(names, self._categories(names, path, continuous), strict=True))

    def _logistic(self, row: TableRow, path: str) -> Iterator[CompiledRow]:
        from trial.statistics.families import LOGISTIC  # noqa: PLC0415 (see above)
        from trial.tables.rows.logistic import LogisticRow  # noqa: PLC0415 (see above)

        assert row.logistic is not None
        logistic, logistic_path = row.logistic, f"{path}/logistic"
        counted = self._in_strata(logistic.count, logistic.covariates, logistic_path, "covariates")
        model = self._ratio_model(row, logistic, LOGISTIC, path)
        placed = self._placed(row, 2 * self._patterns(logistic.covariates))
        yield LogisticRow(*placed, *counted, model=model)

    def _event_rate(self, row: TableRow, path: str) -> Iterator[CompiledRow]:
        from trial.tables.rows.event_rates import EventRateRow  # noqa: PLC0415 (see above)

        assert row.event_rate is not None
        event_rate, rate_path = row.event_rate, f"{path}/event_rate"
        _, index = self._place(0)
        yield EventRateRow(
            row.id,
            row.label,
            row.level,
            f"{self._table.id}#rate{index}.",
            [column.arm for column in self._table.columns],
            self._event_selections(event_rate.filter, f"{rate_path}/filter"),
            self._categories(event_rate.covariates, f"{rate_path}/covariates"),
            event_rate.per,
            self._ratio_model(row, event_rate, event_rate.distribution, path),
        )

    def _ratio_model(
        self, row: TableRow, model: RatioModelDefinition, family: str, path: str
    ) -> "RatioModel":
        """Return the model of ratios of a row; refuses one of too many patterns of covariates."""
        from trial.tables.rows.ratios import WALD, RatioModel  # noqa: PLC0415 (see above)

        model_path = f"{path}/{row.kind}"
        if (patterns := self._patterns(model.covariates)) > MOST_PATTERNS:
            detail = (
                f"have {patterns} combinations of levels, and a model of at most {MOST_PATTERNS} is"
                " fitted while a reader waits: name fewer, or classes with fewer levels"
            )
            raise refused(f"{model_path}/covariates", detail)
        interval = self._interval(row, path) or RowInterval(WALD)
        return RatioModel(
            family,
            len(model.covariates),
            model.test,
            interval.method,
            model.decimals,
            self._crossing(model.interaction, model.covariates),
            self._levels_of_contrasts(row),
            self._margin(row, path),
        )

    def _crossing(self, name: str | None, names: Sequence[str]) -> Interaction | None:
        """Return the interaction that a model asks for with one of some categories, if any."""
        if name is None:
            return None
        definition = self._study.definition
        labels = {
            key: part.label
            for parts in (definition.characteristics, definition.classes)
            for key, part in parts.items()
        }
        levels = known_levels(self._study, name) or ()
        level_labels = {level_text(level.value): level.label for level in levels}
        return Interaction(names.index(name), labels.get(name, name), level_labels)

    def _stratified_levels(self, row: TableRow, name: str, path: str) -> CompiledRow:
        """Return the row of levels that are declared: of free text the test would have no end."""
        from trial.tables.rows.models import StratifiedLevelsRow  # noqa: PLC0415 (see above)

        assert row.stratified is not None
        names = [name, *row.stratified.strata]
        first = self._rules.category(name, f"{path}/levels")
        rest = self._categories(row.stratified.strata, f"{path}/strata")
        if not (levels := known_levels(self._study, name)):
            raise refused(f"{path}/levels", f"{name} has no declared levels")
        pending = self._any_pending(list(zip((first, *rest), names, strict=True)), path)
        placed = self._placed(row, len(levels) * self._patterns(row.stratified.strata))
        return StratifiedLevelsRow(*placed, first, rest, pending)

    def _stratified_ranks(self, row: TableRow, measure: str | Measure, path: str) -> CompiledRow:
        """Return the row of a measure; who lacks it or a stratum may still come, or is missing."""
        from trial.tables.rows.ranked import StratifiedRanksRow  # noqa: PLC0415 (see above)

        assert row.stratified is not None
        strata = row.stratified.strata
        quantity = self._rules.measure(measure, f"{path}/measure")
        categories = self._categories(strata, f"{path}/strata")
        stratum = self._any_pending(list(zip(categories, strata, strict=True)), f"{path}/strata")

        def pending(derivation: Derivation) -> bool:
            return stratum(derivation) or (
                quantity.evaluate(derivation) is None and quantity.pending(derivation)
            )

        return StratifiedRanksRow(
            *self._placed(row, 1),
            self._table.id,
            quantity,
            categories,
            pending,
            [None if column.narrows else column.arm for column in self._table.columns],
        )

    def _model_arms(self, path: str) -> list[str | None]:
        """Return the arm of each column; refuses an arm that two have, for a model has it once."""
        arms = [None if column.narrows else column.arm for column in self._table.columns]
        if repeated := sorted({arm for arm in arms if arm is not None and arms.count(arm) > 1}):
            detail = (
                "is one model of all subjects in columns of arms, so that each arm has one column: "
                f"{repeated[0]} has several; put it into a table of its own"
            )
            raise refused(path, detail)
        return arms

    def _ancova(self, row: TableRow, path: str) -> Iterator[CompiledRow]:
        from trial.tables.rows.models import AncovaRow, Pool  # noqa: PLC0415 (see above)

        assert row.ancova is not None
        ancova, ancova_path = row.ancova, f"{path}/ancova"
        arms = self._model_arms(ancova_path)
        for name in (ancova.scores or {}).keys() ^ set(filter(None, arms)) if ancova.scores else ():
            detail = (
                f"must give a score for each arm that has a column, and for no other arm: {name}"
            )
            raise refused(f"{ancova_path}/scores", detail)
        for name in ancova.pool.keys() - set(ancova.factors):
            raise unknown(f"{ancova_path}/pool", "factor", name)
        _, index = self._place(0)
        response = self._rules.measure(ancova.measure, f"{ancova_path}/measure")
        compiled_row = AncovaRow(
            row.id,
            row.label,
            row.level,
            f"{self._table.id}#ancova{index}-",
            arms,
            response,
            self._covariates(ancova.covariates, ancova_path),
            self._categories_by_name(ancova.factors, f"{ancova_path}/factors", "covariates"),
            {
                name: Pool(
                    member_test(self._rules, pool.set, (), f"{ancova_path}/pool/{name}"),
                    pool.minimum,
                )
                for name, pool in ancova.pool.items()
            },
            row.decimals if isinstance(row.decimals, int) else response.precision.decimals,
            ancova.weights,
            ancova.scores or {},
            self._confidences(row, path, _ALWAYS_T),
            self._margin(row, path),
            self._crossing(ancova.interaction, ancova.factors),
        )
        compiled_row.check(path)
        yield compiled_row

    def _visits_modelled(
        self, row: TableRow, measure: str | Measure, path: str
    ) -> tuple[Sequence[Visit], Sequence[Quantity]]:
        """Return the visits that one model is of, and its measure at each of them."""
        visits = [visit for _, _, visit in self._by_visit(row, path) if visit is not None]
        if len(visits) > MOST_REPEATED_VISITS:
            article = "an" if row.mmrm is not None else "a"
            detail = f"are at most {MOST_REPEATED_VISITS} in {article} {row.kind} row"
            raise refused(f"{path}/visits", f"{detail}: {len(visits)}")
        measure_path = f"{path}/{row.kind}/measure"
        if not self._varies_by_visit(measure):
            raise refused(measure_path, _SAME_AT_EVERY_VISIT)
        return visits, [self._measure_at(measure, visit, measure_path) for visit in visits]

    def _multiple_imputation(self, row: TableRow, path: str) -> Iterator[CompiledRow]:
        from trial.tables.rows.imputed import (  # noqa: PLC0415 (see above)
            DeltaGrid,
            ImputedRow,
            Imputing,
        )

        assert row.multiple_imputation is not None
        imputation, model_path = row.multiple_imputation, f"{path}/multiple_imputation"
        visits, responses = self._visits_modelled(row, imputation.measure, path)
        arms = self._model_arms(model_path)
        in_order = [arm for arm in arms if arm is not None]
        if imputation.reference is not None and imputation.reference not in in_order:
            raise unknown(f"{model_path}/reference", "arm of a column", imputation.reference)
        deltas = imputation.deltas
        for name in (deltas.by_arm if deltas else {}).keys() - set(in_order):
            raise unknown(f"{model_path}/deltas/by_arm", "arm of a column", name)
        labels = {arm.id: arm.label for arm in self._study.definition.arms}
        reference = imputation.reference or ""
        _, index = self._place(0)
        compiled_row = ImputedRow(
            row.id,
            row.label,
            row.level,
            f"{self._table.id}#mi{index}-",
            arms,
            labels,
            visits,
            responses,
            self._covariates(imputation.covariates, model_path),
            self._categories_by_name(imputation.factors, f"{model_path}/factors", "covariates"),
            imputation.weights,
            Imputing(
                imputation.method, reference, labels.get(reference, ""), imputation.imputations
            ),
            DeltaGrid(
                {arm: deltas.by_arm[arm] for arm in in_order if arm in deltas.by_arm},
                deltas.alpha,
            )
            if deltas
            else None,
            row.decimals if isinstance(row.decimals, int) else responses[0].precision.decimals,
            self._confidences(row, path, "of least-squares means is always Student's t"),
        )
        compiled_row.check(path)
        yield compiled_row

    def _mmrm(self, row: TableRow, path: str) -> Iterator[CompiledRow]:
        from trial.tables.rows.repeated import RepeatedRow  # noqa: PLC0415 (see above)

        assert row.mmrm is not None
        mmrm, mmrm_path = row.mmrm, f"{path}/mmrm"
        visits, responses = self._visits_modelled(row, mmrm.measure, path)
        precision = responses[0].precision
        _, index = self._place(0)
        compiled_row = RepeatedRow(
            row.id,
            row.label,
            row.level,
            f"{self._table.id}#mmrm{index}-",
            self._model_arms(mmrm_path),
            visits,
            responses,
            self._covariates(mmrm.covariates, mmrm_path),
            self._categories_by_name(mmrm.factors, f"{mmrm_path}/factors", "covariates"),
            mmrm.by_visit,
            mmrm.covariance,
            mmrm.degrees_of_freedom,
            mmrm.weights,
            row.decimals if isinstance(row.decimals, int) else precision.decimals,
            self._confidences(row, path, "of least-squares means is always Student's t"),
        )
        compiled_row.check(path)
        yield compiled_row

    def _covariates(self, refs: Sequence[str | Measure], path: str) -> list[Quantity]:
        """Return the measures that a model at a path is adjusted for."""
        return [self._rules.measure(ref, f"{path}/covariates/{i}") for i, ref in enumerate(refs)]

    def _measure_at(self, ref: str | Measure, visit: Visit, path: str) -> Quantity:
        """Return a measure, by its name or in place, at a visit."""
        measures = self._study.definition.measures
        if isinstance(ref, str):
            if ref not in measures:
                raise unknown(path, "measure", ref)
            ref = measures[ref]
        return self._rules.measure(ref.model_copy(update={"at": visit.id}), path)

    def _confidences(self, row: TableRow, path: str, always: str) -> Sequence[Confidence]:
        """Return the level and limits by column: its own, else those of the row."""
        of_row = self._confidence(row, path, always)
        columns = self._table.columns
        return [column.interval.confidence if column.interval else of_row for column in columns]

    def _margin(self, row: TableRow, path: str) -> Margin | None:
        """Return the margin that a row has, if any; refuses one that what is shown cannot keep."""
        if row.margin is None:
            return None
        declared, margin_path = row.margin, f"{path}/margin"
        low, high = (
            None if side is None else Fraction(side) for side in (declared.lower, declared.upper)
        )
        margin = Margin(low, high, Fraction(declared.alpha))
        columns = [column for column in self._table.columns if contrast_of(row, column)]
        if not columns:
            raise refused(margin_path, _NOTHING_TO_KEEP)
        of_row = row.interval_asked if row.kind in _OWN_INTERVALS else None
        for column in columns:
            ratio = contrast_of(row, column) != DIFFERENCE
            if ratio and any(side is not None and side <= 0 for side in (low, high)):
                raise refused(margin_path, f"must be above 0: column {column.id} shows a ratio")
            interval = column.interval or of_row or USUAL_INTERVAL
            sides = {"lower": low, "upper": high}
            if interval.confidence.two_sided != margin.level or any(
                side is not None and interval.limits not in ("both", name)
                for name, side in sides.items()
            ):
                level = f"{2 * (Decimal('0.5') - declared.alpha):f}"
                raise refused(
                    margin_path,
                    f"at alpha {declared.alpha:f} is of an interval of level {level} with limits on"
                    f" its sides, and column {column.id} shows another: give it `interval`",
                )
        return margin

    def _survival(self, row: TableRow, path: str) -> Iterator[CompiledRow]:
        from trial.tables.rows.survival import SurvivalRow  # noqa: PLC0415 (see above)

        assert row.survival is not None
        survival, survival_path = row.survival, f"{path}/survival"
        _, index = self._place(0)
        yield SurvivalRow(
            row.id,
            row.label,
            row.level,
            f"{self._table.id}#time{index}.",
            survival.at,
            [column.arm for column in self._table.columns],
            self._interval(row, path) or LOG_LOG_95,
            time=self._rules.time(survival.time, f"{survival_path}/time"),
            optional_fields=dating.optional_event_fields(
                self._study.definition.times[survival.time]
            ),
            strata=self._categories(survival.strata, f"{survival_path}/strata"),
            hazards=self._hazards(row, survival, survival_path),
            means=self._restricted_means(row, survival),
            competing=self._is_competing(survival, survival_path),
        )

    def _is_competing(self, survival: Survival, path: str) -> bool:
        """Return whether the curve is of cumulative incidence; refuse what its time is not for."""
        is_competing = survival.estimate == "cumulative-incidence"
        competing_events = self._study.definition.times[survival.time].competing
        if competing_events and not is_competing:
            detail = (
                f"must be cumulative-incidence: {survival.time} has `competing` events, of which"
                " Kaplan-Meier's estimate would be too high"
            )
            raise refused(f"{path}/estimate", detail)
        if is_competing and not competing_events:
            raise refused(
                f"{path}/estimate", f"{survival.time} has no `competing` events: name some"
            )
        return is_competing

    def _restricted_means(self, row: TableRow, survival: Survival) -> "RestrictedMeans | None":
        """Return the means up to some days that a row of times asks for, if any."""
        from trial.tables.rows.restricted import RestrictedMeans  # noqa: PLC0415 (see above)

        if (restricted_mean := survival.restricted_mean) is None:
            return None
        confidences = self._levels_of_contrasts(row)
        return RestrictedMeans(
            restricted_mean.to, restricted_mean.contrasts, restricted_mean.decimals, confidences
        )

    def _levels_of_contrasts(self, row: TableRow) -> Sequence[Confidence]:
        """Return the level and limits by column: its own, else those of the row."""
        of_row = (row.interval_asked or USUAL_INTERVAL).confidence
        columns = self._table.columns
        return [column.interval.confidence if column.interval else of_row for column in columns]

    def _hazards(self, row: TableRow, survival: Survival, path: str) -> "HazardModel | None":
        """Return the model of hazards that a row of times asks for, if any."""
        from trial.tables.rows.hazards import HazardModel  # noqa: PLC0415 (see above)

        margin = self._margin(row, path.removesuffix("/survival"))
        if (hazard_ratio := survival.hazard_ratio_asked) is None:
            return None
        names = hazard_ratio.covariates
        return HazardModel(
            self._categories_by_name(names, f"{path}/hazard_ratio/covariates", "continuous"),
            [
                self._rules.measure(ref, f"{path}/hazard_ratio/continuous/{i}")
                for i, ref in enumerate(hazard_ratio.continuous)
            ],
            hazard_ratio.ties,
            hazard_ratio.test,
            hazard_ratio.proportional_hazards,
            hazard_ratio.decimals,
            self._levels_of_contrasts(row),
            margin,
        )

    def _terms(self, row: TableRow, path: str) -> Iterator[CompiledRow]:
        assert row.terms is not None
        yield TermsRow(
            *self._placed_by_term(row, "terms", row.terms.chunks),
            self._term_views(row.terms, f"{path}/terms"),
            self._term_order(row.terms, f"{path}/terms"),
            row.terms.minimum_percent,
            _severity(row.terms.worst, self._study) if row.terms.worst else None,
            self._event_denominator(row, path),
            row.of_records is not False,
            self._excess(row.terms.minimum_excess, f"{path}/terms/minimum_excess"),
        )

    def _excess(self, excess: Excess | None, path: str) -> tuple[int, int, Decimal] | None:
        """Return by position which column must exceed which; refuses those that share subjects."""
        if excess is None:
            return None
        columns = self._table.columns
        places = {column.id: i for i, column in enumerate(columns) if column.compare is None}
        for field, name in (("column", excess.column), ("over", excess.over)):
            if name not in places:
                raise unknown(f"{path}/{field}", "column of subjects", name)
        first, second = places[excess.column], places[excess.over]
        arms = [set(columns[place].arms_counted) for place in (first, second)]
        alike = columns[first].set == columns[second].set
        if not alike or not all(arms) or arms[0] & arms[1]:
            raise refused(f"{path}/over", "must be of another arm, and of the same set")
        return first, second, excess.percent

    def _durations(self, row: TableRow, path: str) -> Iterator[CompiledRow]:
        assert row.durations is not None
        columns = self._table.columns
        quantities = [DAYS if column.compare is None else None for column in columns]
        sums, index = self._place_of_summary(row, quantities)
        yield DurationsRow(
            row.id,
            row.label,
            row.level,
            sums,
            index,
            self._table.id,
            quantities,
            [row.statistics_of(column.id) for column in columns],
            [""] * len(columns),
            self._decimals(row),
            None,
            [column.arm for column in columns],
            (),
            self._interval_of_means(row, path),
            of=row.durations.of,
            selections=self._event_selections(row.durations.filter, f"{path}/durations/filter"),
        )

    def _resolution(self, row: TableRow, path: str) -> Iterator[CompiledRow]:
        from trial.tables.rows.resolution import Following, ResolutionRow, ResolutionTermsRow  # noqa: PLC0415 (see above)

        resolution, resolution_path = row.resolution, f"{path}/resolution"
        assert resolution is not None
        interval = self._interval(row, path) or LOG_LOG_95
        following = Following(resolution.occurrences == "first", interval)
        if row.by_term is not None:
            yield ResolutionTermsRow(
                *self._placed_by_term(row, "terms", resolution.chunks),
                self._term_views(resolution, resolution_path),
                self._term_order(resolution, resolution_path),
                following,
            )
            return
        _, index = self._place(0)
        yield ResolutionRow(
            row.id,
            row.label,
            row.level,
            f"{self._table.id}#time{index}.",
            resolution.at,
            [column.arm for column in self._table.columns],
            interval,
            "Not resolved",
            selections=self._event_selections(resolution.filter, f"{resolution_path}/filter"),
            following=following,
        )

    def _record_terms(self, row: TableRow, path: str) -> Iterator[CompiledRow]:
        terms = row.record_terms
        assert terms is not None
        for i, name in enumerate(terms.by):
            if terms.recorded not in KINDS or name not in names_of(terms.recorded):
                detail = f"{terms.recorded} {name}"
                raise unknown(f"{path}/record_terms/by/{i}", "kind of event and field", detail)
        derived = derived_fields(terms.recorded)
        view = RecordView(
            terms.recorded,
            tuple(terms.by),
            matcher(terms.where),
            tuple(name for name in terms.where if name in derived),
        )
        yield RecordTermsRow(
            *self._placed_by_term(row, "terms", terms.chunks),
            [view] * len(self._table.columns),
            self._term_order(terms, f"{path}/record_terms"),
            terms.minimum_percent,
            None,
            None,
            row.of_records is not False,
        )

    def _term_views(self, terms: ByTerm, path: str) -> Sequence[TermView]:
        """Return what each column counts: the same where nothing about its events differs.

        The scope of groups that terms are sorted into or pooled by is no filter of events.
        """
        by_group = terms.pooled or "group" in terms.levels
        event_filter = _without_scope(terms.filter) if by_group else terms.filter
        selections = self._event_selections(event_filter, f"{path}/filter")
        views: dict[tuple[int, str], TermView] = {}
        for column, selection in zip(self._table.columns, selections, strict=True):
            key = id(selection), _term_scope(terms, column)
            if key not in views:
                views[key] = TermView(selection, self._hierarchy(terms, column, path))
        return [
            views[id(selection), _term_scope(terms, column)]
            for column, selection in zip(self._table.columns, selections, strict=True)
        ]

    def _hierarchy(self, terms: ByTerm, column: TableColumn, path: str) -> Hierarchy:
        labels_by_term: dict[str, list[str]] = {}
        label_sets = [
            event_filter.groups
            for event_filter in (terms.filter, column.events)
            if event_filter is not None and event_filter.groups
        ]
        groups = [
            group
            for group in self._study.definition.adverse_events.groups
            if terms.pooled or all(group.label in labels for labels in label_sets)
        ]
        scope: Scope = "broad" if _term_scope(terms, column) == "broad" else "narrow"
        for group in groups:
            for name in dict.fromkeys(map(term, group.of_scope(scope))):
                labels_by_term.setdefault(name, []).append(group.label)
        if not terms.pooled:
            return Hierarchy(terms.levels, {}, labels_by_term)
        if repeated := sorted(name for name, labels in labels_by_term.items() if len(labels) > 1):
            raise refused(
                f"{path}/pooled", f"must not have one term in two groups: {', '.join(repeated)}"
            )
        pooled = {name: label for name, (label,) in labels_by_term.items()}
        return Hierarchy(terms.levels, pooled, labels_by_term)

    def _term_order(self, terms: TermSorting, path: str) -> TermOrder:
        """Return the order of terms; refuse a column that cannot decide it."""
        order_path, comparing = f"{path}/order_by", terms.order == "difference"
        places = {column.id: i for i, column in enumerate(self._table.columns)}
        pairs = [
            column.id
            for column in self._table.columns
            if len(column.compare or ()) == 2  # noqa: PLR2004 (a difference is between two)
        ]
        if comparing and terms.order_by is None and len(pairs) != 1:
            pair_names = ", ".join(pairs) or "none"
            detail = (
                f"must name the column whose difference decides: these compare two: {pair_names}"
            )
            raise refused(order_path, detail)
        name = terms.order_by or (pairs[0] if comparing else None)
        if name is None:
            return TermOrder(terms.order, self._deciding_columns())
        if name not in places:
            raise unknown(order_path, "column", name)
        if comparing and name not in pairs:
            raise refused(order_path, f"must be a column that compares two others: {name}")
        if not comparing and self._table.columns[places[name]].compare is not None:
            raise refused(order_path, f"must be a column of subjects: {name}")
        return TermOrder(terms.order, [places[name]])

    def _deciding_columns(self) -> Sequence[int] | None:
        """Return the columns of all events, where others narrow them: those count nothing twice."""
        columns = [
            (i, column) for i, column in enumerate(self._table.columns) if column.compare is None
        ]
        of_all_events = [i for i, column in columns if not column.narrows]
        return of_all_events if 0 < len(of_all_events) < len(columns) else None

    def _summaries(self, row: TableRow, path: str) -> Iterator[CompiledRow]:
        if row.visits is not None and not self._varies_by_visit(row.summary):
            raise refused(f"{path}/summary", _SAME_AT_EVERY_VISIT)
        for name, label, visit in self._by_visit(row, path):
            compiled_row = self._summary(row, name, label, visit, path)
            compiled_row.check(path)
            yield compiled_row

    def _varies_by_visit(self, measures: Any) -> bool:  # noqa: ANN401 (one measure, or one a column)
        """Return whether one of a row's measures takes the visit of each row."""
        refs = measures.values() if isinstance(measures, dict) else [measures]
        defined = self._study.definition.measures
        resolved = (defined.get(ref) if isinstance(ref, str) else ref for ref in refs)
        return any(measure is None or measure.without_date for measure in resolved)

    def _summary(
        self, row: TableRow, name: str, label: str, visit: Visit | None, path: str
    ) -> SummaryRow:
        measures = self._study.definition.measures

        def measure(ref: str | Measure, measure_path: str) -> Measure:
            if isinstance(ref, str):
                if ref not in measures:
                    raise unknown(measure_path, "measure", ref)
                ref = measures[ref]
            return ref.model_copy(update={"at": visit.id}) if visit and ref.without_date else ref

        def quantity(ref: str | Measure, measure_path: str) -> Quantity:
            return self._rules.measure(measure(ref, measure_path) if visit else ref, measure_path)

        def method(ref: str | Measure, measure_path: str) -> str:
            return _METHODS[measure(ref, measure_path).missing]

        quantities = self._by_column(row, row.summary, quantity, f"{path}/summary")
        sums, index = self._place_of_summary(row, quantities)
        return SummaryRow(
            name,
            label,
            _level(row),
            sums,
            index,
            self._table.id,
            quantities,
            [row.statistics_of(column.id) for column in self._table.columns],
            [
                method_name or ""
                for method_name in self._by_column(row, row.summary, method, f"{path}/summary")
            ],
            self._decimals(row),
            self._where(row, path),
            [column.arm for column in self._table.columns],
            (("visit", visit.id),) if visit else (),
            self._interval_of_means(row, path),
            self._divisor(row, path),
            self._ranked,
            self._margin(row, path),
            shows_error=any(column.standard_error for column in self._table.columns),
            joint=[
                self._rules.measure(ref, f"{path}/joint/{i}") for i, ref in enumerate(row.joint)
            ],
        )

    @cached_property
    def _ranked(self) -> frozenset[int]:
        """The columns that others compare by ranks."""
        places = {column.id: i for i, column in enumerate(self._table.columns)}
        names = {
            name
            for column in self._table.columns
            if column.means in RANKS
            for name in column.compare or ()
        }
        return frozenset(places[name] for name in names & places.keys())

    def _place_of_summary(
        self, row: TableRow, quantities: Sequence[Quantity | None]
    ) -> tuple[str, int]:
        """Return where the moments are counted, and the values by range."""
        tallied = sum(
            quantity is not None
            and (i in self._ranked or not ORDER_STATISTICS.isdisjoint(row.statistics_of(column.id)))
            for i, (column, quantity) in enumerate(
                zip(self._table.columns, quantities, strict=True)
            )
        )
        of_moments = 3 * len(quantities)
        return self._place(of_moments + CELLS_OF_RANGES * tallied, of_moments)

    def _divisor(self, row: TableRow, path: str) -> Fraction | None:
        """Return what a sum is divided by, if given; refused where there is no sum."""
        if row.per is None:
            return None
        if not any("sum" in row.statistics_of(column.id) for column in self._table.columns):
            raise refused(f"{path}/per", "divides a sum: add `sum` to `statistics`")
        return Fraction(row.per)

    def _interval_of_means(self, row: TableRow, path: str) -> RowInterval:
        """Return how a summary computes its intervals; refuses to say so where there is none."""
        names = {
            name
            for column in self._table.columns
            for name in row.statistics_of(column.id)
            if column.compare is None
        }
        if row.interval is not False and names.isdisjoint(INTERVALS):
            detail = f"is of no statistic here: add one of {', '.join(INTERVALS)} to `statistics`"
            raise refused(f"{path}/interval", detail)
        return self._interval(row, path) or STUDENT_95

    def _decimals(self, row: TableRow) -> int | Mapping[str, int] | None:
        if isinstance(row.decimals, dict):
            return {str(name): places for name, places in row.decimals.items()}
        return row.decimals


_NAMED_BY_METHOD = "of a contrast over strata is named by its `method`"
_OWN_INTERVALS = ("stratified", "ancova", "survival", "logistic", "event_rate")
"""Kinds of row whose own interval is that of columns that compare, unless these have one."""
_ALWAYS_T = "of least-squares means is always Student's t"
_NOTHING_TO_KEEP = (
    "has nothing to be kept by: no column compares two by a difference or a ratio in this row"
)
_NOBODY_ASSESSED = "the condition has no measure: nothing says who is assessed; name a condition"
_NOTHING_NOT_DONE = (
    "`assessed` are those with a value, so that `not_done`, which the condition asks, is true of"
    " none of them. Leave `denominator` out (all of whom it is known), or name a condition"
)
_SAME_CLASSES_AT_EVERY_VISIT = (
    "is the same at every visit: write classes in place, of a measure without `at`"
)
_SAME_AT_EVERY_VISIT = "is the same at every visit: write a measure without `at`"


def _level(row: TableRow) -> int:
    """Return the indentation of the row; its rows by visit stand under its label, if it has one."""
    return row.level + (row.visits is not None and bool(row.label))


def _at_visit(ref: Ref, visit: str, path: str) -> Ref:
    """Return a condition at a visit; refuses one that is the same at every visit."""
    if isinstance(ref, str) or (filled := ref.at_visit(visit)) == ref:
        raise refused(path, _SAME_AT_EVERY_VISIT)
    return filled


def _of_grades(measure: str | Measure, column: TableColumn) -> Ref:
    """Return the condition of who is at the grades of a column; without any of who is above 0."""
    grades = (1, MAX_GRADE) if column.worst is None else column.worst.grades
    adjoining = column.worst is None or len(grades) == grades[-1] - grades[0] + 1
    runs = [(grades[0], grades[-1])] if adjoining else [(grade, grade) for grade in grades]
    conditions: list[Ref] = [
        Condition.model_construct(measure=measure, at_least=Decimal(first), at_most=Decimal(last))
        for first, last in runs
    ]
    return conditions[0] if len(conditions) == 1 else Condition.model_construct(any=conditions)


def _no_levels(_: Derivation) -> Iterable[str]:
    return ()


def _without_scope(event_filter: AdverseEventFilter) -> AdverseEventFilter:
    """Leave out a scope that is not of groups which the filter names."""
    if event_filter.scope is None or event_filter.asks_for_groups:
        return event_filter
    return event_filter.model_copy(update={"scope": None})


def _term_scope(terms: ByTerm, column: TableColumn) -> str:
    """Return how far groups go that terms are sorted into, in a column."""
    return (column.events and column.events.scope) or terms.filter.scope or "narrow"


def _worst_levels(worst: WorstGrade, study: Study, path: str) -> WorstLevels:
    """Return the levels that a column is for; those of severity are ordered by its vocabulary."""
    if worst.field == "grade":
        return WorstLevels("grade", {grade: grade for grade in range(MAX_GRADE + 1)}, worst.grades)
    words = study.vocabularies.get("adverse-event.reported", {}).get("severity")
    if not words:
        detail = "needs a vocabulary of severity, from the mildest up: here it is open"
        raise refused(path, detail)
    least = worst.severity_at_least
    for word in filter(None, (least, *worst.severity)):
        if word not in words:
            raise unknown(f"{path}/severity{'_at_least' if least else ''}", "severity", word)
    places: dict[object, int] = {word: place for place, word in enumerate(words)}
    severities = words[words.index(least) :] if least else worst.severity
    return WorstLevels("severity", places, tuple(places[word] for word in severities))


def _severity(worst: Worst, study: Study) -> Severity:
    """Return the levels of a field, mildest first, in the order of its scale.

    The scale of severity is the study's vocabulary. Levels that are not all on the scale come in
    the order in which the definition names them, before the rest of the scale.
    """
    level_labels = {level.value: level.label for level in worst.levels}
    words = study.vocabularies.get("adverse-event.reported", {})
    scale = _GRADES if worst.field == "grade" else words.get(worst.field, ())
    ordered = (
        scale
        if level_labels.keys() <= set(scale)
        else [*level_labels, *(x for x in scale if x not in level_labels)]
    )
    labels = {
        level: level_labels.get(level, f"{worst.field.capitalize()} {level}") for level in ordered
    }
    return Severity(worst.field, labels, frozenset(level_labels))
