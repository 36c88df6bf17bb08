"""A definition's tables and flow, compiled: what every subject contributes, and how sums read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from trial.definition.outputs import CellRef, Table, TableColumn
from trial.definition.study import Study
from trial.errors import FieldError, Rejected
from trial.events import blinding
from trial.rules import Rules
from trial.rules.matching import Test, Truth
from trial.rules.registry import FaultCollector
from trial.statistics.association import WorkBudget
from trial.statistics.cells import Share, Sums
from trial.subject.derivation import Derivation
from trial.subject.fold import Subject
from trial.tables import compiling, completion, discrepancies, notes
from trial.tables.compiling import STUDY_SUMS
from trial.tables.completion import COMPLETE
from trial.tables.flow import FLOW_ROW, CompiledFlow, compile_flow
from trial.tables.grid import Column, Grid, Row
from trial.tables.rows.events import TermsRow
from trial.tables.rows.kinds import ColumnHead, Comparison, CompiledRow, Members, put_cell
from trial.tables.rows.levels import NOT_YET_DUE_LEVEL, LevelsRow
from trial.tables.rows.models import AncovaRow

MAX_ROWS_PER_SUBJECT = (
    96  # of 100 actions in a transaction; the rest are the subject and its journal
)


def set_cell(name: str, arm: str | None = None) -> str:
    """Name the cell of the study's row that counts a set or, of that, an arm."""
    return f"set:{name}" if arm is None else f"set:{name}@{arm}"


@dataclass(frozen=True)
class Population:
    """The subjects of a set or, of those, an arm: what a column's denominator counts."""

    set: str
    arm: str | None
    member: Test

    @property
    def cell(self) -> str:
        """Where its size is counted, in the study's row."""
        return set_cell(self.set, self.arm)


@dataclass(frozen=True)
class CompiledColumn:
    """A column: its denominator and who of it is shown; or which columns it compares.

    Where it shows some of its set, `place` says where those are counted (`k`), and those whom it is
    known to hide (`h`).
    """

    id: str
    label: str
    population: Population | None
    where: Test | None
    comparison: Comparison | None
    place: tuple[str, int] = ("", 0)

    def belongs(self, derivation: Derivation) -> bool:
        """Return whether the subject is of the set that is the column's denominator."""
        return self.population is not None and bool(self.population.member(derivation))

    def shows(self, derivation: Derivation) -> Truth:
        """Return whether the column shows the subject, if it belongs to it."""
        return True if self.where is None else self.where(derivation)

    def contribute(self, derivation: Derivation, share: Share) -> None:
        """Count whom the column shows and whom it hides, where that is not everybody of its set."""
        if self.where is None or not self.belongs(derivation):
            return
        if (is_shown := self.shows(derivation)) is not None:
            sums, index = self.place
            put_cell(share, sums, f"{index}.{'k' if is_shown else 'h'}", 1)

    def head(self, sums: Share, places: int, allowance: WorkBudget) -> ColumnHead:
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
            self.id, self.label, n, arm, self.comparison, places, hidden, undetermined, allowance
        )


@dataclass(frozen=True)
class CompiledTable:
    """A table: its definition, columns and rows, ready to count and to read."""

    definition: Table
    columns: Sequence[CompiledColumn]
    rows: Sequence[CompiledRow]

    def contribute(self, derivation: Derivation, share: Share) -> None:
        """Add the subject's contribution to this table to its share."""
        members = self.members(derivation)
        if any(members.belongs):
            for column in self.columns:
                column.contribute(derivation, share)
        for row in self.rows if any(members.belongs) else self._pooling:
            row.contribute(derivation, members, share)

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
            for row in self.read(sums).rows
            if row.id == ref.row
            for cell in row.cells
            if cell.column == ref.column
        )
        counts = (n for cell in cells for n in cell.statistics if n.name == "n")
        return next((n.raw for n in counts if isinstance(n.raw, int)), 0)

    @cached_property
    def _pooling(self) -> list[CompiledRow]:
        """The rows that count who is in no column: levels are pooled by the size of a whole set."""
        return [row for row in self.rows if isinstance(row, AncovaRow) and row.pools]

    def read(self, sums: Sums) -> Grid:
        """Read the table out of the sums."""
        table = self.definition
        allowance = WorkBudget()
        heads = [column.head(sums, table.percent_decimals, allowance) for column in self.columns]
        columns = tuple(
            Column(head.id, head.label, None if head.comparison else head.n) for head in heads
        )
        read = [(plan, plan.read(sums, heads)) for plan in self.rows]
        rows = tuple(notes.unreported((row for _, plan_rows in read for row in plan_rows), columns))
        changes = notes.changes((row.label, row.unit, row.direction) for row in rows)
        order = (note for plan, plan_rows in read for note in _order(plan, plan_rows))
        derived = (*changes, *notes.denominators(rows, heads), *order, *notes.empty(columns))
        footnotes = (*table.footnotes, *dict.fromkeys(derived))
        return Grid(table.id, table.title, table.population, columns, rows, footnotes)


def _order(plan: CompiledRow, rows: Sequence[Row]) -> Iterator[str]:
    """Yield how rows that come as they occur are sorted, if there are several."""
    if isinstance(plan, TermsRow) and len(rows) > 1:
        yield notes.terms_order(len(plan.factors))
    if isinstance(plan, LevelsRow):
        placed = {*plan.levels.labels, "", NOT_YET_DUE_LEVEL}
        occurring = [row for row in rows if row.groups and row.groups[-1][1] not in placed]
        if len(occurring) > 1:
            yield notes.levels_order(plan.label)


class CompiledStudy:
    """All a study counts."""

    def __init__(self, study: Study, faults: FaultCollector) -> None:
        """Compile the definition; what is wrong with it is noted, and left out."""
        self.study = study
        self.rules = Rules(study, faults)
        self.populations: dict[str, Population] = {}
        self._layout = compiling.SumsLayout()
        for name in study.definition.sets:
            faults.attempt(partial(self.population, name, None, f"/sets/{name}"))
        self._complete = faults.attempt(partial(completion.test, self.rules))
        self.tables = {
            table.id: self._table(table, f"/tables/{i}")
            for i, table in enumerate(study.definition.tables)
        }
        self.flow: CompiledFlow = compile_flow(study.definition.flow, self.rules)
        self.checks = discrepancies.EditChecks(study)
        if not faults.found:
            faults.attempt(partial(_check_width, self))

    def contribute(self, subject: Subject, cutoff: int | None = None) -> Share:
        """Return one subject's share of everything; pure, and the whole of what is ever counted."""
        share: Share = {STUDY_SUMS: {"accepted": subject.accepted}}
        derivation = Derivation(self.study, subject, cutoff)
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

    def population(self, name: str, arm: str | None, path: str) -> Population:
        """Compile a set of subjects or, of those, an arm; all that are named are counted."""
        member = compiling.member_test(self.rules, name, arm, path)
        population = Population(name, arm, member)
        return self.populations.setdefault(population.cell, population)

    def _table(self, table: Table, path: str) -> CompiledTable:
        columns = [
            self.rules.faults.attempt(partial(self._column, column, table, f"{path}/columns/{i}"))
            for i, column in enumerate(table.columns)
        ]
        rows = compiling.Compiler(self.rules, self._layout, table, path).rows()
        return CompiledTable(table, [column for column in columns if column is not None], rows)

    def _column(self, column: TableColumn, table: Table, path: str) -> CompiledColumn:
        where = self.rules.condition(column.where, f"{path}/where") if column.where else None
        population = self.population(column.set, column.arm, path) if column.set else None
        comparison = compiling.comparison(column, table, path) if column.compare else None
        place = self._layout.place(2) if where else ("", 0)
        return CompiledColumn(column.id, column.label, population, where, comparison, place)


_PLANS: dict[tuple[str, str], CompiledStudy] = {}


def compiled(study: Study) -> CompiledStudy:
    """Return a study's compiled plan; a definition is compiled once in a process and audience."""
    key = study.digest, study.audience
    if key not in _PLANS:
        faults = FaultCollector()
        plan = CompiledStudy(study, faults)
        faults.raise_found()
        _PLANS[key] = plan
    return _PLANS[key]


def contribute(study: Study, subject: Subject, cutoff: int | None = None) -> Share:
    """Return one subject's share of all that is counted of a study, for every audience of it."""
    share = compiled(study).contribute(subject, cutoff)
    if study.open is study:
        return share
    return blinding.merged(compiled(study.open).contribute(subject, cutoff), share)


def audience_share(study: Study, share: Share) -> Share:
    """Take out of what is counted for every audience the part that a view of the study shows."""
    return blinding.share_of_audience(share, study.audience) if study.definition.blinded else share


def _rows_of_sums_touched(plan: CompiledStudy) -> set[str]:
    """Name the rows of sums that one subject's change can touch."""
    rows = {STUDY_SUMS, FLOW_ROW, discrepancies.ROW}
    for table in plan.tables.values():
        rows |= {column.place[0] for column in table.columns if column.where}
        for row in table.rows:
            rows |= row.touched()
    return rows


def _check_width(plan: CompiledStudy) -> None:
    """Refuse a definition whose change of one subject would not fit into one transaction.

    A correction can move every tally from one row of sums to another, so tallies weigh double;
    what is counted for two audiences moves in one transaction too.
    """
    study = plan.study
    rows = len(_rows_of_sums_touched(plan))
    if study.open is not study:
        rows += len(_rows_of_sums_touched(compiled(study.open)))
    if rows > MAX_ROWS_PER_SUBJECT:
        detail = (
            f"one subject can change {rows} rows of sums, of {MAX_ROWS_PER_SUBJECT} that fit into"
            " a transaction: ask for fewer medians or fewer tables"
        )
        raise Rejected(422, "Definition not accepted", "", FieldError("/tables", detail))
