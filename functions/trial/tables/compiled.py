"""A study's definition, compiled: what each subject contributes to sums, and how to read them."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial

from trial.deferred import dataclass
from trial.definition.grades_used import grades_used
from trial.definition.outputs import CellRef, Table, TableColumn, TableRow
from trial.definition.study import Study
from trial.events import blinding
from trial.rules import Rules
from trial.rules.matching import Test
from trial.rules.registry import FaultCollector
from trial.statistics import cells
from trial.statistics.association import WorkBudget
from trial.statistics.cells import Selection, Share, Sums
from trial.subject.changed_inputs import Former, changed_inputs
from trial.subject.derivation import Derivation
from trial.subject.fold import Subject
from trial.subject.truth import Truth
from trial.tables import compiling, completion, discrepancies, notes
from trial.tables.arrangement import Arrangement, CountedTable
from trial.tables.compiling import STUDY_SUMS
from trial.tables.completion import COMPLETE
from trial.tables.components import ACCEPTED, Components
from trial.tables.flow import FLOW_ROW, CompiledFlow, compile_flow
from trial.tables.grid import Column, Grid, Row
from trial.tables.rows.incidence import IncidenceTermsRow
from trial.tables.rows.kinds import ColumnHead, Comparison, CompiledRow, Members, put_cell
from trial.tables.rows.levels import NOT_YET_DUE_LEVEL, LevelsRow
from trial.tables.rows.subgroups import narrowed_row
from trial.tables.rows.summaries import SummaryRow
from trial.tables.rows.terms import TermCells

MAX_ROWS_BY_POSITION = 96
"""So many rows of sums one subject changes at most where cells are stored by position.

No definition could be wider once.
"""


def set_cell(name: str, arm: str | None = None) -> str:
    """Return the name of the cell that counts a set, or an arm of it, in the study's row."""
    return f"set:{name}" if arm is None else f"set:{name}@{arm}"


@dataclass(frozen=True)
class Population:
    """An analysis set, or some arms of it: what a column's denominator counts."""

    set: str
    arms: tuple[str, ...]
    member: Test

    @property
    def arm(self) -> str | None:
        """The one arm that it is of, if it is of one."""
        return self.arms[0] if len(self.arms) == 1 else None

    @property
    def cell(self) -> str:
        """The cell of the study's row that counts its size."""
        return set_cell(self.set, "+".join(self.arms) or None)


@dataclass(frozen=True)
class CompiledColumn:
    """A column: its denominator and which subjects of it are shown; or the columns it compares.

    A column that shows only some of its set (`where`) counts those that it is known to show (`k`)
    and to hide (`h`), in the row of sums and under the index that `place` names.
    """

    definition: TableColumn
    population: Population | None
    where: Test | None
    comparison: Comparison | None
    place: tuple[str, int] = ("", 0)

    @property
    def id(self) -> str:
        """Its id."""
        return self.definition.id

    @property
    def label(self) -> str:
        """What it is called where it stands alone."""
        return self.definition.name

    def belongs(self, derivation: Derivation) -> bool:
        """Return whether the subject is in the column's set, its denominator."""
        return self.population is not None and bool(self.population.member(derivation))

    def shows(self, derivation: Derivation) -> Truth:
        """Return whether the column shows the subject, if it belongs to it."""
        return True if self.where is None else self.where(derivation)

    def contribute(self, derivation: Derivation, share: Share) -> None:
        """Count the subject as shown or hidden, if it belongs to a column that shows only some."""
        if not self.belongs(derivation):
            return
        if (is_shown := self.shows(derivation)) is not None:
            sums, index = self.place
            put_cell(share, sums, f"{index}.{'k' if is_shown else 'h'}", 1)

    def head(self, sums: Share, places: int, budget: WorkBudget) -> ColumnHead:
        """Return the column with the size of its denominator, and the places of a percentage."""
        population = self.population
        n = sums.get(STUDY_SUMS, {}).get(population.cell, 0) if population else 0
        arm = population.arm if population else None
        hidden = undetermined = 0
        if self.where is not None:
            row, index = self.place
            visible, hidden = (sums.get(row, {}).get(f"{index}.{cell}", 0) for cell in "kh")
            undetermined = n - visible - hidden
        return ColumnHead(
            self.id, self.label, n, arm, self.comparison, places, hidden, undetermined, budget
        )


type _RowAndEmpty = tuple[CompiledRow, frozenset[int]]
"""A row, with the columns that it leaves empty."""


@dataclass(frozen=True)
class _TablePart:
    """Columns that show only some of their set, and rows: of a table, or some of a table's.

    `pooling` are the rows to which subjects in no column contribute.
    """

    columns: Sequence[CompiledColumn]
    rows: Sequence[_RowAndEmpty]
    pooling: Sequence[_RowAndEmpty]

    def contribute(self, derivation: Derivation, members: Members, share: Share) -> None:
        """Add the subject's contribution to its share."""
        belongs = any(members.belongs)
        for column in self.columns if belongs else ():
            column.contribute(derivation, share)
        for row, empty in self.rows if belongs else self.pooling:
            row.contribute(derivation, members.without(empty), share)

    def only(self, names: Collection[str]) -> "_TablePart":
        """Return the part of it that some rows of the definition are, by their ids."""
        rows, pooling = (
            [pair for pair in pairs if pair[0].id.partition("/")[0] in names]
            for pairs in (self.rows, self.pooling)
        )
        return _TablePart(self.columns if "" in names else (), rows, pooling)


@dataclass(frozen=True)
class CompiledTable:
    """A table: its definition, its columns and its rows."""

    definition: Table
    columns: Sequence[CompiledColumn]
    rows: Sequence[CompiledRow]
    scales: Callable[[], Iterable[str]] = tuple
    """States by which scales what is shown is graded."""
    estimands: Callable[[], Iterable[str]] = tuple
    """States what its cells estimate."""

    def contribute(self, derivation: Derivation, share: Share) -> None:
        """Add the subject's contribution to this table to its share."""
        self._whole.contribute(derivation, self.members(derivation), share)

    def contribute_part(self, names: frozenset[str], derivation: Derivation, share: Share) -> None:
        """Add that to some rows of its definition, by their ids; '' for the columns themselves."""
        if (part := self._parts.get(names)) is None:
            part = self._parts[names] = self._whole.only(names)
        part.contribute(derivation, self.members(derivation), share)

    def contribute_row(
        self, row: CompiledRow, derivation: Derivation, members: Members, share: Share
    ) -> None:
        """Add the subject's contribution to one row: to columns of events if it counts such."""
        row.contribute(derivation, members.without(self._left_empty(row)[0]), share)

    def read_row(self, row: CompiledRow, sums: Sums, heads: Sequence[ColumnHead]) -> list[Row]:
        """Read one row; it leaves columns empty that narrow what other kinds of row count."""
        rows, (_, empty) = row.read(sums, heads), self._left_empty(row)
        if not empty:
            return rows
        return [
            replace(
                printed_row,
                cells=tuple(cell for cell in printed_row.cells if cell.column not in empty),
            )
            for printed_row in rows
        ]

    def _left_empty(self, row: CompiledRow) -> tuple[frozenset[int], frozenset[str]]:
        """Return the columns that a row leaves empty: by position, and by id with what compares."""
        return self._empty_by_rule[row.id.partition("/")[0]]

    @cached_property
    def _empty_by_rule(self) -> Mapping[str, tuple[frozenset[int], frozenset[str]]]:
        return {row.id: self._empty_in(row) for row in self.definition.rows}

    def _empty_in(self, row: TableRow) -> tuple[frozenset[int], frozenset[str]]:
        empty = frozenset(
            i for i, column in enumerate(self.columns) if not row.fills(column.definition)
        )
        ids = frozenset(
            column.id
            for i, column in enumerate(self.columns)
            if i in empty or (column.comparison and not empty.isdisjoint(column.comparison.columns))
        )
        return empty, ids

    def _takes_budget(self, row: CompiledRow) -> bool:
        """Return whether reading a row may leave less work for the exact tests of later ones."""
        if isinstance(narrowed_row(row), SummaryRow):
            return any(comparison.means == "wilcoxon-exact" for comparison in self._comparisons)
        return any(comparison.counts in ("fisher", "exact") for comparison in self._comparisons)

    @cached_property
    def _comparisons(self) -> Sequence[Comparison]:
        return [column.comparison for column in self.columns if column.comparison is not None]

    def members(self, derivation: Derivation) -> Members:
        """Return in which columns' sets a subject is, and which of those show it."""
        return Members(
            [column.belongs(derivation) for column in self.columns],
            [column.shows(derivation) for column in self.columns],
        )

    def count(self, ref: CellRef, sums: Sums) -> int:
        """Read the subjects that one cell counts."""
        cells = (
            cell
            for row in self.read(sums, {ref.row}).rows
            if row.id == ref.row
            for cell in row.cells
            if cell.column == ref.column
        )
        counts = (n for cell in cells for n in cell.statistics if n.name == "n")
        return next((n.raw for n in counts if isinstance(n.raw, int)), 0)

    @cached_property
    def _whole(self) -> _TablePart:
        columns = [column for column in self.columns if column.where is not None]
        return _TablePart(columns, self._rows_and_empty, self._pooling_rows)

    @cached_property
    def _parts(self) -> dict[frozenset[str], _TablePart]:
        return {}

    @cached_property
    def _rows_and_empty(self) -> list[_RowAndEmpty]:
        """The rows, each with the columns that it leaves empty."""
        return [(row, self._left_empty(row)[0]) for row in self.rows]

    @cached_property
    def _pooling_rows(self) -> list[_RowAndEmpty]:
        """The rows to which subjects in no column contribute: levels pooled by sizes of a set."""
        if not any(row.ancova and row.ancova.pool for row in self.definition.rows):
            return []
        from trial.tables.rows.models import AncovaRow  # noqa: PLC0415 (few definitions have one)

        models = ((row, empty, narrowed_row(row)) for row, empty in self._rows_and_empty)
        return [
            (row, empty)
            for row, empty, model in models
            if isinstance(model, AncovaRow) and model.pools
        ]

    def read(self, sums: Sums, rows_wanted: Collection[str] | None = None) -> Grid:
        """Read the table out of the sums: all of it, or what gives the rows of these ids."""
        table = self.definition
        budget = WorkBudget()
        heads = [column.head(sums, table.percent_decimals, budget) for column in self.columns]
        columns = tuple(
            Column(
                head.id,
                column.definition.label,
                None if head.comparison else head.n,
                column.definition.under,
            )
            for head, column in zip(heads, self.columns, strict=True)
        )
        rows_read = [
            (compiled_row, self.read_row(compiled_row, sums, heads))
            for compiled_row in self.rows
            if rows_wanted is None
            or _gives(compiled_row, rows_wanted)
            or self._takes_budget(compiled_row)
        ]
        rows = tuple(
            notes.unreported((row for _, plan_rows in rows_read for row in plan_rows), columns)
        )
        changes = notes.changes((row.label, row.unit, row.direction) for row in rows)
        order = (
            note
            for compiled_row, plan_rows in rows_read
            for note in _order(
                narrowed_row(compiled_row), plan_rows, [head.label for head in heads]
            )
        )
        derived = (
            *changes,
            *self.scales(),
            *self.estimands(),
            *notes.denominators(rows, heads),
            *order,
            *notes.empty(columns),
        )
        footnotes = (*table.footnotes, *dict.fromkeys(derived))
        return Grid(table.id, table.title, table.population, columns, rows, footnotes)


def _gives(compiled_row: CompiledRow, row_ids: Collection[str]) -> bool:
    """Return whether a row, or one of the rows under it, may have one of these ids."""
    return any(
        row_id == compiled_row.id or row_id.startswith(f"{compiled_row.id}/") for row_id in row_ids
    )


def _order(
    compiled_row: CompiledRow | None, rows: Sequence[Row], labels: Sequence[str]
) -> Iterator[str]:
    """Yield how rows that come as they occur are sorted, if there are several."""
    if isinstance(compiled_row, TermCells) and len(rows) > 1:
        order = compiled_row.order
        columns = [] if order.by is None else [labels[column] for column in order.by]
        compared = "rates" if isinstance(compiled_row, IncidenceTermsRow) else "percentages"
        counted = "events" if _sorted_by_events(compiled_row) else "subjects"
        yield notes.terms_order(order.kind, len(compiled_row.levels), columns, compared, counted)
    if isinstance(compiled_row, LevelsRow):
        placed_levels = {*compiled_row.levels.labels, "", NOT_YET_DUE_LEVEL}
        occurring = [row for row in rows if row.groups and row.groups[-1][1] not in placed_levels]
        if len(occurring) > 1:
            yield notes.levels_order(compiled_row.label)


def _sorted_by_events(row: CompiledRow) -> bool:
    """Return whether a row by term counts every event, and sorts its terms by their number."""
    if isinstance(row, IncidenceTermsRow):
        return row.measure.recurrent
    from trial.tables.rows.resolution import ResolutionTermsRow  # noqa: PLC0415 (for reading alone)

    return isinstance(row, ResolutionTermsRow) and not row.following.first


class CompiledStudy:
    """All that is counted of a study, for one audience."""

    def __init__(self, study: Study, faults: FaultCollector) -> None:
        """Compile the definition; a part with a fault is left out, and the fault collected."""
        self.study = study
        self.rules = Rules(study, faults)
        self.populations: dict[str, Population] = {}
        self._layout = compiling.SumsLayout()
        for name in study.definition.sets:
            faults.attempt(partial(self.population, name, (), f"/sets/{name}"))
        self._complete = faults.attempt(partial(completion.test, self.rules))
        self.tables = {
            table.id: self._table(table, f"/tables/{i}")
            for i, table in enumerate(study.definition.tables)
        }
        self.flow: CompiledFlow = compile_flow(study.definition.flow, self.rules)
        self.checks = discrepancies.EditChecks(study)
        self._has_counted = False

    def contribute(
        self, subject: Subject, cutoff: int | None = None, former: Former | None = None
    ) -> Share:
        """Return one subject's share of all that is counted: a pure function of its records.

        With a former state it is found by what changed since, as far as that tells.
        """
        derivation = Derivation(self.study, subject, cutoff)
        if former is not None:
            share = self._by_change(former, subject, derivation)
            if share is not None:
                return share
        share = {STUDY_SUMS: {ACCEPTED: subject.accepted}}
        self.checks.contribute(derivation, share)
        if derivation.superseded:
            return share
        for cell, population in self.populations.items():
            if population.member(derivation):
                put_cell(share, STUDY_SUMS, cell, 1)
        if self._complete is not None and self._complete(derivation):
            put_cell(share, STUDY_SUMS, COMPLETE, 1)
        for table in self.tables.values():
            table.contribute(derivation, share)
        self.flow.contribute(derivation, share)
        return share

    def _by_change(self, former: Former, subject: Subject, derivation: Derivation) -> Share | None:
        """Return the share in which only components that read what changed are counted anew.

        None where the former state does not tell which these are.
        """
        if not self._has_counted:  # what components read is found once a second event comes
            self._has_counted = True
            return None
        changed = changed_inputs(former.subject, subject, derivation)
        if changed is None:
            return None
        recount = self.components.recount(changed)
        if (share := self.components.kept(former.share, recount)) is None:
            return None
        share[STUDY_SUMS][ACCEPTED] = subject.accepted
        self.checks.contribute_rules(recount.rules, derivation, share)
        for cell in recount.sets:
            if self.populations[cell].member(derivation):
                put_cell(share, STUDY_SUMS, cell, 1)
        if recount.is_complete and self._complete is not None and self._complete(derivation):
            put_cell(share, STUDY_SUMS, COMPLETE, 1)
        for name, rows in recount.rows.items():
            self.tables[name].contribute_part(rows, derivation, share)
        if recount.flow:
            self.flow.contribute(derivation, share)
        return share

    @cached_property
    def components(self) -> Components:
        """The components in which a subject is counted, and what each reads."""
        sets = {cell: population.set for cell, population in self.populations.items()}
        return Components(self.study.definition, self._layout, sets, self.checks.inputs)

    def rows_touched(self) -> set[str]:
        """Return the rows of sums, by position, that one subject's change can touch."""
        rows = {STUDY_SUMS, FLOW_ROW, discrepancies.ROW}
        for table in self.tables.values():
            rows |= {column.place[0] for column in table.columns if column.where}
            for row in table.rows:
                rows |= row.touched()
        return rows

    @cached_property
    def rows_by_position(self) -> frozenset[str]:
        """The rows of sums that tables share."""
        return frozenset(row for row, _ in self._layout.places)

    def arrangement(self, whole: Arrangement | None) -> Arrangement:
        """Return where the cells stand if the definition is wide; `whole`, if it is pooled."""
        tables = [
            CountedTable(
                table.definition.id,
                [column.id for column in table.columns],
                table.rows,
                {column.id: column.place[1] for column in table.columns if column.where},
            )
            for table in self.tables.values()
        ]
        return Arrangement(tables, self._layout, self.study.visits, whole)

    def population(self, name: str, arms: tuple[str, ...], path: str) -> Population:
        """Return an analysis set, or some arms of it; every one that is named is counted."""
        member = compiling.member_test(self.rules, name, arms, path)
        population = Population(name, arms, member)
        return self.populations.setdefault(population.cell, population)

    def _table(self, table: Table, path: str) -> CompiledTable:
        self._layout.owner = table.id, ""
        columns = [
            self.rules.faults.attempt(partial(self._column, column, table, f"{path}/columns/{i}"))
            for i, column in enumerate(table.columns)
        ]
        rows = compiling.Compiler(self.rules, self._layout, table, path).rows()
        return CompiledTable(
            table,
            [column for column in columns if column is not None],
            rows,
            partial(self._scales_shown, table),
            partial(notes.estimands, self.study.definition, table),
        )

    def _scales_shown(self, table: Table) -> Iterator[str]:
        return notes.scales(self.study.definition, self._grades_used.get(table.id, ()))

    @cached_property
    def _grades_used(self) -> Mapping[str, Sequence[str]]:
        """The parameters of grades that each table shows, by the table's id."""
        return grades_used(self.study) if self.study.definition.scales else {}

    def _column(self, column: TableColumn, table: Table, path: str) -> CompiledColumn:
        where = self.rules.condition(column.where, f"{path}/where") if column.where else None
        arms = column.arms_counted
        population = self.population(column.set, arms, path) if column.set else None
        comparison = compiling.comparison(column, table, path) if column.compare else None
        if column.events is not None:
            compiling.check_events_of_column(self.rules, column.events, table, f"{path}/events")
        place = self._layout.place(2) if where else ("", 0)
        return CompiledColumn(column, population, where, comparison, place)


_COMPILED: dict[tuple[str, str], CompiledStudy] = {}


def keep_compiled(plan: CompiledStudy) -> None:
    """Keep what was compiled of a study without a fault, for all that asks for it later."""
    _COMPILED.setdefault((plan.study.digest, plan.study.audience), plan)


def compiled(study: Study) -> CompiledStudy:
    """Return a study's compiled definition; compiled once a process and audience."""
    key = study.digest, study.audience
    if key not in _COMPILED:
        faults = FaultCollector()
        compiled_study = CompiledStudy(study, faults)
        faults.raise_found()
        _COMPILED[key] = compiled_study
    return _COMPILED[key]


def contribute(
    study: Study, subject: Subject, cutoff: int | None = None, *, former: Former | None = None
) -> Share:
    """Return one subject's share of all that is counted of a study, for all its audiences.

    Of a wide definition the unblinded audience's rows hold the difference from the open ones. With
    a former state the same is found by the change from it, as far as that tells.
    """
    share = _stored(study, subject, cutoff, former)
    if study.open is study:
        return share
    pooled = _stored(study.open, subject, cutoff, former)
    if arrangement(study) is not None:
        share = cells.difference(share, pooled)
    return blinding.merged(pooled, share)


def _stored(study: Study, subject: Subject, cutoff: int | None, former: Former | None) -> Share:
    """Return what one audience counts of a subject, by the names that it is stored under."""
    if former is not None:
        former = replace(former, share=audience_share(study, former.share))
    share = compiled(study).contribute(subject, cutoff, former)
    arranged = arrangement(study)
    return share if arranged is None else arranged.stored(share)


def audience_share(study: Study, share: Share) -> Share:
    """Return the part of a share, counted for all audiences, that a view of the study shows."""
    arranged = arrangement(study)
    if study.definition.blinded:
        parts = [blinding.share_of_audience(share, name) for name in audiences_read(study)]
        share = parts[0] if len(parts) == 1 else cells.total(parts)
    return share if arranged is None else arranged.counted(share)


def audiences_read(study: Study) -> tuple[str, ...]:
    """Return whose rows of sums together are what a view of the study shows."""
    if study.audience == blinding.UNBLINDED and arrangement(study) is not None:
        return blinding.OPEN, blinding.UNBLINDED
    return (study.audience,)


def stored_selection(study: Study, counted: Selection) -> Selection:
    """Return in which rows of sums that is stored which a view of the study counts in some rows."""
    arranged = arrangement(study)
    selection = counted if arranged is None else arranged.selection(counted)
    return Selection(_for_audiences(study, selection.rows), _for_audiences(study, selection.starts))


@dataclass(frozen=True)
class StoredRows:
    """The names of a view's rows of sums in order, or the starts of names where values decide."""

    small: Sequence[str]
    """About 1 KB each: their cells are counts and moments, as many as the definition has."""
    growing: Sequence[str]
    """Those with a cell for each value or term."""


_BY_VALUE = re.compile(r"(.*#(?:tally#\d+#|[a-z]*\d+[.-])).*(?:from|to)")
"""A name that stands for rows which values decide; what their names begin with."""
_STORED: dict[tuple[str, str], StoredRows] = {}


def stored_rows(study: Study) -> StoredRows:
    """Return which rows of sums a view of the study is read from; found once a process."""
    key = study.digest, study.audience
    if key not in _STORED:
        _STORED[key] = _stored_rows(study)
    return _STORED[key]


def _stored_rows(study: Study) -> StoredRows:
    arranged, touched = arrangement(study), compiled(study).rows_touched()
    starts = {name: match[1] for name in touched if (match := _BY_VALUE.fullmatch(name))}
    selection = Selection(frozenset(touched - starts.keys()), frozenset(starts.values()))
    stored = stored_selection(study, selection)
    small = compiled(study).rows_by_position if arranged is None else arranged.rows
    small = _for_audiences(study, small)
    return StoredRows(sorted(small), sorted((stored.rows | stored.starts) - small))


def _for_audiences(study: Study, names: frozenset[str]) -> frozenset[str]:
    """Return the names by which rows of sums are stored for those whose sums a view shows."""
    if not study.definition.blinded:
        return names
    return frozenset(
        blinding.row_of_audience(name, audience)
        for name in names
        for audience in audiences_read(study)
    )


_ARRANGED: dict[tuple[str, str], Arrangement | None] = {}


def arrangement(study: Study) -> Arrangement | None:
    """Return how an audience's cells are arranged: None where they are stored by position.

    Definitions are, of which one subject changes few rows of sums; so the sums of every definition
    that was ever in force stay where they are.
    """
    key = study.digest, study.audience
    if key not in _ARRANGED:
        whole = study.whole
        width = sum(len(compiled(view).rows_touched()) for view in whole.views)
        if width <= MAX_ROWS_BY_POSITION:
            _ARRANGED[key] = None
        else:
            above = None if study is whole else arrangement(whole)
            _ARRANGED[key] = compiled(study).arrangement(above)
    return _ARRANGED[key]
