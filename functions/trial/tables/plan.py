"""A definition's tables and flow, compiled: what every subject contributes, and how sums read."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from trial.cells import Share
from trial.derivation import Derivation
from trial.errors import Fault, Rejected
from trial.messages import KINDS
from trial.rules import (
    ENROLMENT_FIELDS,
    Quantity,
    Rules,
    Test,
    check_fields,
    check_levels,
    event_matcher,
    matcher,
    unknown,
)
from trial.study import Definition, Levels, Measure, Ref, Study, Table, TableRow, Visit
from trial.subject import Subject
from trial.tables import findings
from trial.tables.flow import FLOW_ROW, FlowPlan, compile_flow
from trial.tables.grid import Column, Grid
from trial.tables.rows import (
    CountRow,
    EventsRow,
    HeadingRow,
    LevelsRow,
    NotDueRow,
    PairsRow,
    RowPlan,
    SummaryRow,
    TermsRow,
    level_text,
    levels_of_characteristic,
    put,
)

STUDY_ROW = "study"
"""The row of sums every change touches: accepted revisions and the sizes of the analysis sets."""

CELLS_A_ROW = 48  # at 15 to 20 bytes a cell, a row of sums stays near the 1 KB an ADD is billed by
ROWS_A_SUBJECT = 96  # of 100 actions in a transaction; the rest are the subject and its journal
DEFAULT_STATISTICS = ("n", "mean", "sd", "median", "min", "max")
_METHODS = {"observed": "", "bocf": "BOCF", "locf": "LOCF"}


@dataclass(frozen=True)
class ColumnPlan:
    """A column: its label, the set that is its denominator, and who of the set is shown."""

    id: str
    label: str
    set: str
    member: Test
    where: Test | None

    def holds(self, derivation: Derivation) -> bool:
        """Say whether the subject counts in this column."""
        return bool(self.member(derivation)) and (
            self.where is None or bool(self.where(derivation))
        )


@dataclass(frozen=True)
class TablePlan:
    """A table: its definition, columns and rows, ready to count and to read."""

    definition: Table
    columns: Sequence[ColumnPlan]
    rows: Sequence[RowPlan]

    def contribute(self, derivation: Derivation, share: Share) -> None:
        """Put the subject's part of this table into its share."""
        members = [column.holds(derivation) for column in self.columns]
        if any(members):
            for row in self.rows:
                row.contribute(derivation, members, share)

    def read(self, sums: Share) -> Grid:
        """Read the table out of the sums."""
        sizes = sums.get(STUDY_ROW, {})
        columns = tuple(
            Column(each.id, each.label, sizes.get(f"set:{each.set}", 0)) for each in self.columns
        )
        table = self.definition
        return Grid(
            table.id, table.title, table.population, columns,
            tuple(row for plan in self.rows for row in plan.read(sums, columns)),
            tuple(table.footnotes),
        )  # fmt: skip


class Plan:
    """All a study counts."""

    def __init__(self, study: Study) -> None:
        """Compile the definition; raises `Rejected` where it names what it does not define."""
        self.study = study
        self.rules = Rules(study)
        definition = study.definition
        self.sets = {
            name: self.rules.condition(each.condition, f"/sets/{name}/condition")
            for name, each in definition.sets.items()
        }
        self.tables = {
            table.id: _Compiler(self, table, f"/tables/{i}").table()
            for i, table in enumerate(definition.tables)
        }
        self.flow: FlowPlan = compile_flow(definition.flow, self.rules, levels)
        _check_width(self)

    def contribute(self, subject: Subject, cutoff: int | None = None) -> Share:
        """Give one subject's share of everything; pure, and the whole of what is ever counted."""
        share: Share = {STUDY_ROW: {"accepted": subject.accepted}}
        derivation = Derivation(self.study, subject, cutoff)
        if derivation.superseded:
            return share
        for name, test in self.sets.items():
            if test(derivation):
                put(share, STUDY_ROW, f"set:{name}", 1)
        for table in self.tables.values():
            table.contribute(derivation, share)
        self.flow.contribute(derivation, share)
        findings.contribute(derivation, share)
        return share


_PLANS: dict[str, Plan] = {}


def plan_of(study: Study) -> Plan:
    """Give a study's compiled plan; a definition is compiled once in a process."""
    if study.digest not in _PLANS:
        _PLANS[study.digest] = Plan(study)
    return _PLANS[study.digest]


def contribute(study: Study, subject: Subject) -> Share:
    """Give one subject's share of every table of a study."""
    return plan_of(study).contribute(subject)


def levels(rules: Rules, wanted: Levels, path: str) -> Callable[[Derivation], Iterable[str]]:
    """Make a finder of a subject's levels of a characteristic, or of a field of some records."""
    if wanted.characteristic is not None:
        known = (*ENROLMENT_FIELDS, "arm", *rules.study.definition.characteristics)
        if wanted.characteristic not in known:
            raise unknown(path, "characteristic", wanted.characteristic)
        named = [each.value for each in wanted.values]
        check_levels(rules.study, wanted.characteristic, named, f"{path}/values")
        return levels_of_characteristic(wanted.characteristic)
    kind, field = wanted.recorded or "", wanted.field or ""
    if kind not in KINDS or (field and field not in KINDS[kind].model_fields):
        raise unknown(path, "kind of event and field", f"{kind} {field}")
    check_fields(kind, wanted.where, f"{path}/where")
    matches = matcher(wanted.where)

    def find(derivation: Derivation) -> Iterable[str]:
        return (
            level_text(value) if (value := each.data.get(field)) is not None else ""
            for each in derivation.records(kind)
            if matches(each.data)
        )

    return find


class _Compiler:
    """Compiles one table, handing its rows out over rows of sums of about 1 KB."""

    def __init__(self, plan: Plan, table: Table, path: str) -> None:
        self.rules = plan.rules
        self.definition: Definition = plan.study.definition
        self.visits = plan.study.visits
        self.table_definition = table
        self.path = path
        self.columns = [self._column(plan, i) for i in range(len(table.columns))]
        self.cells = 0
        self.index = 0

    def _column(self, plan: Plan, i: int) -> ColumnPlan:
        column, path = self.table_definition.columns[i], f"{self.path}/columns/{i}"
        if column.set not in plan.sets:
            raise unknown(f"{path}/set", "analysis set", column.set)
        where = self.rules.condition(column.where, f"{path}/where") if column.where else None
        return ColumnPlan(column.id, column.label, column.set, plan.sets[column.set], where)

    def table(self) -> TablePlan:
        rows = [
            plan
            for i, row in enumerate(self.table_definition.rows)
            for plan in self._rows(row, f"{self.path}/rows/{i}")
        ]
        return TablePlan(self.table_definition, self.columns, rows)

    def _next(self, cells: int) -> tuple[str, int]:
        """Give a row's place: the row of sums with room for its cells, and its index."""
        chunk = self.cells // CELLS_A_ROW
        self.cells += cells
        self.index += 1
        return f"{self.table_definition.id}#{chunk}", self.index - 1

    def _rows(self, row: TableRow, path: str) -> Iterator[RowPlan]:
        width = len(self.columns)
        if row.count is not None:
            sums, index = self._next(width)
            tests = self._tests(row.count, f"{path}/count")
            tests = self._restricted(row, tests, path)
            yield CountRow(row.id, row.label, row.level, sums, index, tests, row.interval)
        elif row.not_due is not None:
            sums, index = self._next(width)
            tests = self._tests(row.not_due, f"{path}/not_due")
            narrowed = [column.where is not None for column in self.columns]
            yield NotDueRow(row.id, row.label, row.level, sums, index, tests, narrowed)
        elif row.levels is not None:
            sums, index = self._next(
                width * (len({each.value: each.label for each in row.levels.values}) or 8)
            )
            find = levels(self.rules, row.levels, f"{path}/levels")
            yield LevelsRow(
                row.id,
                row.label,
                row.level,
                sums,
                index,
                find,
                {each.value: each.label for each in row.levels.values},
            )
        elif row.summary is not None:
            yield from self._summaries(row, path)
        elif row.pairs is not None:
            yield self._pairs(row, path)
        elif row.events is not None:
            sums, index = self._next(2 * width)
            matches = event_matcher(row.events)
            yield EventsRow(row.id, row.label, row.level, sums, index, matches)
        elif row.terms is not None:
            yield self._terms(row)
        else:
            yield HeadingRow(row.id, row.label, row.level)

    def _tests(self, given: Ref | dict[str, Ref], path: str) -> list[Test | None]:
        return self._by_column(given, self.rules.condition, path)

    def _restricted(self, row: TableRow, tests: list[Test | None], path: str) -> list[Test | None]:
        if row.where is None:
            return tests
        where = self.rules.condition(row.where, f"{path}/where")

        def both(test: Test) -> Test:
            return lambda derivation: test(derivation) if where(derivation) else None

        return [None if test is None else both(test) for test in tests]

    def _by_column[Made](
        self,
        given: Any,  # noqa: ANN401 (one reference, or one by column)
        make: Callable[[Any, str], Made],
        path: str,
    ) -> list[Made | None]:
        if not isinstance(given, dict):
            made = make(given, path)
            return [made for _ in self.columns]
        known = {column.id for column in self.columns}
        for name in given.keys() - known:
            raise unknown(path, "column", name)
        return [
            make(given[column.id], f"{path}/{column.id}") if column.id in given else None
            for column in self.columns
        ]

    def _summaries(self, row: TableRow, path: str) -> Iterator[SummaryRow]:
        if row.visits is None:
            yield self._summary(row, row.id, row.label, None, path)
            return
        names = list(self.visits) if row.visits == "all" else row.visits
        for name in names:
            if name not in self.visits:
                raise unknown(f"{path}/visits", "visit", name)
            visit = self.visits[name]
            yield self._summary(row, f"{row.id}/{name}", visit.label, visit, path)

    def _summary(
        self, row: TableRow, name: str, label: str, visit: Visit | None, path: str
    ) -> SummaryRow:
        sums, index = self._next(3 * len(self.columns))
        assert row.summary is not None

        def define(ref: str | Measure) -> Measure:
            if isinstance(ref, str):
                if ref not in self.definition.measures:
                    raise unknown(path, "measure", ref)
                ref = self.definition.measures[ref]
            return ref.model_copy(update={"at": visit.id}) if visit else ref

        def quantity(ref: str | Measure, at: str) -> Quantity:
            return self.rules.measure(define(ref) if visit else ref, at)

        def method(ref: str | Measure, _: str) -> str:
            return _METHODS[define(ref).missing]

        where = f"{path}/summary"
        return SummaryRow(
            name, label, row.level, sums, self.table_definition.id, index,
            self._by_column(row.summary, quantity, where),
            self._statistics(row),
            [each or "" for each in self._by_column(row.summary, method, where)],
            row.decimals,
            self.rules.condition(row.where, f"{path}/where") if row.where else None,
        )  # fmt: skip

    def _statistics(self, row: TableRow) -> list[Sequence[str]]:
        if isinstance(row.statistics, dict):
            by_column = row.statistics
            return [by_column.get(each.id, DEFAULT_STATISTICS) for each in self.columns]
        return [row.statistics or DEFAULT_STATISTICS for _ in self.columns]

    def _pairs(self, row: TableRow, path: str) -> PairsRow:
        assert row.pairs is not None
        sums, index = self._next(4)
        ids = [column.id for column in self.columns]
        if row.column is not None and row.column not in ids:
            raise unknown(f"{path}/column", "column", row.column)
        first, second = (
            self.rules.condition(ref, f"{path}/pairs/{i}") for i, ref in enumerate(row.pairs)
        )
        column = ids.index(row.column) if row.column else len(ids) - 1
        return PairsRow(row.id, row.label, row.level, sums, index, column, first, second)

    def _terms(self, row: TableRow) -> TermsRow:
        assert row.terms is not None
        _, index = self._next(0)
        groups = self.definition.adverse_events.groups if row.terms.pooled else []
        return TermsRow(
            row.id,
            f"{self.table_definition.id}#terms{index}-",
            index,
            row.terms.chunks,
            event_matcher(row.terms.filter),
            {term: group.label for group in groups for term in group.terms},
            row.terms.by == "soc-pt",
            row.terms.minimum_percent,
        )


def _check_width(plan: Plan) -> None:
    """Refuse a definition whose change of one subject would not fit into one transaction.

    A correction can move every tally from one row of sums to another, so tallies weigh double.
    """
    rows: set[str] = {STUDY_ROW, FLOW_ROW, findings.FINDINGS_ROW}
    for table in plan.tables.values():
        for row in table.rows:
            match row:
                case TermsRow():
                    rows |= {f"{row.sums}{chunk}" for chunk in range(row.chunks)}
                case SummaryRow():
                    rows.add(row.sums)
                    rows |= {
                        f"{table.definition.id}{row.index}.{column}{end}"
                        for column, statistics in enumerate(row.statistics)
                        if row.quantities[column] is not None
                        and not {"median", "min", "max"}.isdisjoint(statistics)
                        for end in ("from", "to")
                    }
                case HeadingRow():
                    pass
                case _:
                    rows.add(getattr(row, "sums"))  # noqa: B009 (every other kind has one)
    if len(rows) > ROWS_A_SUBJECT:
        detail = (
            f"one subject can change {len(rows)} rows of sums, of {ROWS_A_SUBJECT} that fit into"
            " a transaction: ask for fewer medians or fewer tables"
        )
        raise Rejected(422, "Definition not accepted", "", Fault("/tables", detail))
