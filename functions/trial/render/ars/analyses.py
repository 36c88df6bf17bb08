"""The analyses of a table and their results, as ARS has them.

An analysis is what one row of a definition asks for, of one analysis set, by one method; whatever
its rule shows by level, term or visit are groups of its results. Ids come from the definition, so
they stay as the data grow.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from trial.definition.conditions import AdverseEventFilter, Measure, Ref
from trial.definition.denominators import denominator_condition
from trial.definition.outputs import Table, TableRow
from trial.render.ars import events, groupings
from trial.render.ars.clauses import Clause, Clauses, Variable, combined, written
from trial.render.ars.methods import Method, Methods
from trial.render.ars.references import AnalysisRef
from trial.render.tables_json import Document
from trial.rules import determination
from trial.tables.grid import Cell, Completion, Grid, Row
from trial.tables.listings.items import SUBJECTS

Roles = Mapping[tuple[str, str], str]
"""By table and row of the definition: primary, secondary or exploratory, of an outcome measure."""

NO_ROLE, NO_LOOK = "term/purpose/no-role", "term/reason/no-look"
_PURPOSES: Mapping[str, Document] = {
    role: {"controlledTerm": f"{role.upper()} OUTCOME MEASURE"}
    for role in ("primary", "secondary", "exploratory")
}


DENOMINATOR = "denominator"
"""Marks the ids of analyses that give what percentages are of, and of their subsets."""


@dataclass
class Analysis:
    """An analysis as it is gathered from the cells of a table."""

    id: str
    described: Document
    method: Method
    groupings: list[str]
    denominator: str = ""
    """The analysis that gives its denominators, where that is another."""
    results: list[Document] = field(default_factory=list)

    def written(self) -> Document:
        """Write it, with its results."""
        analysis_ids = {"DENOMINATOR": self.denominator or self.id}
        referenced = [
            {
                "referencedOperationRelationshipId": relation,
                "analysisId": analysis_ids.get(role, self.id),
            }
            for relation, role in self.method.relations()
        ]
        return {
            "id": self.id,
            **self.described,
            "orderedGroupings": [
                {"order": order, "groupingId": grouping, "resultsByGroup": True}
                for order, grouping in enumerate(self.groupings, 1)
            ],
            "methodId": self.method.id,
            **({"referencedAnalysisOperations": referenced} if referenced else {}),
            "results": self.results,
        }


def reason(completion: Completion) -> Document:
    """Return why analyses were made: as planned, if the data are final or at a planned look."""
    planned = completion.final or completion.look
    return {"controlledTerm": "SPECIFIED IN SAP"} if planned else {"sponsorTermId": NO_LOOK}


class AnalysisCollector:
    """Collects the analyses of tables, with the groupings and data subsets that they refer to."""

    def __init__(self, clauses: Clauses, methods: Methods, roles: Roles, reason: Document) -> None:
        """Begin with nothing; the methods in use and the reason are shared by all tables."""
        self._reason = reason
        self._clauses = clauses
        self._methods = methods
        self._roles = roles
        self._factors = groupings.Factors(clauses)
        self.groupings: dict[str, Document] = {}
        self.subsets: dict[str, Document] = {}

    def collect(self, grid: Grid) -> list[Analysis]:
        """Return the analyses of a table, in order of their first cells."""
        tables = {table.id: table for table in self._clauses.definition.tables}
        table = tables.get(grid.id)
        grouping = groupings.columns(grid, table, self._clauses)
        self.groupings[str(grouping["id"])] = grouping
        analyses: dict[str, Analysis] = {}
        for row in grid.rows:
            for cell in row.cells:
                if cell.statistics:
                    self._add_cell(grid, table, row, cell, analyses)
        return list(analyses.values())

    def _add_cell(
        self, grid: Grid, table: Table | None, row: Row, cell: Cell, analyses: dict[str, Analysis]
    ) -> None:
        ref = AnalysisRef.of(grid, table, row, cell)
        method = self._methods.use(cell)
        groups = self._groups(ref)
        grouping_ids = [str(group["groupingId"]) for group in groups]
        id_ = f"analysis/{ref.id}/method={method.slug}"
        subset = self._denominator(ref) if cell.get("percent") else None
        denominator_id = f"analysis/{ref.id}/{DENOMINATOR}/method={method.slug}" if subset else ""
        if id_ not in analyses:
            analyses[id_] = Analysis(
                id_, self._described(ref), method, grouping_ids, denominator_id
            )
        if subset and denominator_id not in analyses:
            description = {**self._described(ref), "dataSubsetId": subset}
            analyses[denominator_id] = Analysis(
                denominator_id, description, method, grouping_ids, denominator_id
            )
        for statistic in cell.statistics:
            # What a percentage is of is a result of its own analysis, where a clause names that.
            owner = denominator_id if subset and statistic.name == "N" else id_
            raw = {} if statistic.raw is None else {"rawValue": str(statistic.raw)}
            analyses[owner].results.append(
                {
                    "operationId": method.operation(statistic.name),
                    "resultGroups": groups,
                    **raw,
                    "formattedValue": statistic.text,
                }
            )

    def _denominator(self, ref: AnalysisRef) -> str | None:
        """Return the id of the subset that percentages are of, where a clause can say which it is.

        That is a part of the set, or of an arm of it: those of whom the answer is known.
        """
        row, column = ref.definition_row, ref.column
        if row is None or column is None or column.where is not None or row.visits is not None:
            return None
        clause = self._denominator_clause(ref, row)
        return self._kept(f"subset/{ref.id}/{DENOMINATOR}", f"{row.id}, of whom", clause)

    def _denominator_clause(self, ref: AnalysisRef, row: TableRow) -> Clause | None:
        if row.denominator == "column" or row.where is not None:
            return None
        if row.levels is not None and (name := row.levels.characteristic) is not None:
            values = {level.value for level in row.levels.values}
            determined = None if "" in values else self._clauses.known(name)
        elif (counted := ref.reference("count")) is not None:
            undetermined = determination.undetermined(self._clauses.definition, counted)
            determined = self._clauses.determined(counted) if undetermined else None
        elif row.counts_events and row.denominator is not None:
            of_events = denominator_condition(self._clauses.definition, row)
            return None if of_events is None else self._clauses.of(of_events)
        else:
            return None
        base = denominator_condition(self._clauses.definition, row, ref.reference("count"))
        if base is None:
            return determined
        return combined("AND", [self._clauses.of(base), determined])

    def _groups(self, ref: AnalysisRef) -> list[Document]:
        """Return the groups that a cell is of: its arm, column and levels."""
        groups: list[Document] = []
        column = ref.column
        if column and column.arm and column.set:
            assigned = self._clauses.definition.sets[column.set].arm
            grouping = groupings.grouping_of_arms(assigned)
            if grouping not in self.groupings:
                self.groupings[grouping] = groupings.arms(self._clauses, assigned)
            arm = groupings.arm_id(assigned, column.arm)
            groups.append({"groupingId": grouping, "groupId": arm})
        groups.append(
            {
                "groupingId": groupings.grouping_of_columns(ref.table),
                "groupId": groupings.column_id(ref.table, ref.cell.column),
            }
        )
        for factor, value in ref.row.groups:
            grouping = groupings.factor_id(ref.table, ref.rule, factor)
            if grouping not in self.groupings:
                self.groupings[grouping] = self._factors.written(
                    grouping, ref.definition_row, factor
                )
            groups.append(self._factors.result_group(grouping, value))
        return groups

    def _described(self, ref: AnalysisRef) -> Document:
        row, definition_row = ref.row, ref.definition_row
        label = (definition_row.label if definition_row and row.groups else "") or row.label
        dataset, variable = self._variable(ref) if definition_row else ("", "")
        description: Document = {"name": label or ref.rule, "description": ref.title}
        description["reason"] = self._reason
        role = self._roles.get((ref.table, ref.rule), "")
        description["purpose"] = _PURPOSES.get(role, {"sponsorTermId": NO_ROLE})
        if dataset:
            description |= {"dataset": dataset, "variable": variable}
        if ref.set:
            description["analysisSetId"] = groupings.set_id(ref.set)
        if definition_row and (subset := self._subset(ref, definition_row)):
            description["dataSubsetId"] = subset
        return description

    def _variable(self, ref: AnalysisRef) -> Variable:
        """Find the variable that is analysed; else it is the subjects who are counted."""
        variables, row = self._clauses.variables, ref.definition_row
        assert row is not None
        factor = ref.row.groups[-1][0] if ref.row.groups else "level"
        if factor != "visit" and (variable := self._factors.variable(row, factor)):
            return variable
        if row.events or row.incidence or row.durations:
            return self._clauses.of_row(row)["subject"]
        measured = ref.reference("summary") or (row.ancova.measure if row.ancova else None)
        value = self._measure(measured) if measured is not None else None
        return value or variables.find(SUBJECTS, "subject")

    def _measure(self, ref: str | Measure) -> Variable | None:
        variable = self._clauses.measure(ref)
        if variable is None and isinstance(ref, Measure) and ref.parameter and not ref.baseline:
            return self._clauses.variables.published(f"observations:{ref.parameter}", "value")
        return variable

    def _subset(self, ref: AnalysisRef, row: TableRow) -> str | None:
        """Return the id of the subset that a row is of, where a clause can say which it is."""
        counted = ref.reference("count")
        clause = self._selected(row, counted, ref.narrowed)
        if clause is None:
            return None
        condition = counted if isinstance(counted, str) and row.where is None else None
        id_ = f"subset/condition/{condition}" if condition else f"subset/{ref.id}"
        return self._kept(id_, condition or f"{ref.table}, {row.label or row.id}", clause)

    def _kept(self, id_: str, label: str, clause: Clause | None) -> str | None:
        """Keep a subset, once; none where no clause says which it is."""
        if clause is None:
            return None
        if id_ not in self.subsets:
            order = len(self.subsets) + 1
            self.subsets[id_] = {
                "id": id_, "name": label, "level": 1, "order": order, **written(clause),
            }  # fmt: skip
        return id_

    def _selected(
        self, row: TableRow, counted: Ref | None, narrowed: AdverseEventFilter | None
    ) -> Clause | None:
        if (event_filter := events.filter_of(row)) is not None:
            sources = events.sources_of(row)
            return self._clauses.of_events(event_filter, *sources, narrowed=narrowed)
        if row.levels is not None and row.levels.recorded and row.levels.where:
            kind, field = row.levels.recorded, row.levels.field or ""
            return self._clauses.recorded(kind, row.levels.where, None, field)
        if (terms := row.record_terms) is not None:
            return self._clauses.recorded(terms.recorded, terms.where, None, *terms.by)
        refs = [ref for ref in (row.where, counted) if ref is not None]
        if row.stratified is not None:
            refs = [row.stratified.count]
        return combined("AND", map(self._clauses.of, refs))
