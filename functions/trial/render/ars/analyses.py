"""The analyses of a table and their results, as ARS has them.

An analysis is what one row of a definition asks for, of one analysis set, by one method; whatever
its rule shows by level, term or visit are groups of its results. Ids come from the definition, so
they stay as the data grow.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import field

from trial.deferred import dataclass
from trial.definition import Definition
from trial.render.ars import groupings
from trial.render.ars.clauses import of_records, written
from trial.render.ars.methods import Method, Methods
from trial.render.ars.references import AnalysisRef
from trial.render.tables_json import Document
from trial.tables.analysis import variables
from trial.tables.analysis.variables import PARAMETER, VISIT
from trial.tables.analysis_plan import AnalysisPlan, CellRecords, Variable, equal
from trial.tables.grid import Cell, Completion, Grid
from trial.tables.rows.subgroups import SUBGROUP

Roles = Mapping[tuple[str, str], str]
"""By table and row of the definition: primary, secondary or exploratory, of an outcome measure."""

NO_ROLE, NO_LOOK = "term/purpose/no-role", "term/reason/no-look"
_PURPOSES: Mapping[str, Document] = {
    role: {"controlledTerm": f"{role.upper()} OUTCOME MEASURE"}
    for role in ("primary", "secondary", "exploratory")
}


DENOMINATORS = ("N", "all_events")
"""What percentages are of: of all levels and terms of a row they are the same in a column."""
_VISIT = "visit"
_PARTS = {"N": "denominator"}
"""What analyses are called that give one statistic of other records; others by its name."""


@dataclass
class Analysis:
    """An analysis as it is gathered from the cells of a table.

    `owners` gives the ids of the analyses that give other statistics of the same cells.
    """

    id: str
    described: Document
    method: Method
    groupings: list[str]
    owners: Mapping[str, str] = field(default_factory=dict)
    results: list[Document] = field(default_factory=list)

    def written(self) -> Document:
        """Write it, with its results."""
        operations = {str(result["operationId"]) for result in self.results}
        referenced = [
            {
                "referencedOperationRelationshipId": relation,
                "analysisId": self.owners.get(part, self.id),
            }
            for ratio, relation, part in self.method.relations()
            if self.method.operation(ratio) in operations
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
    """Collects the analyses of tables, with the sets, groupings and data subsets they refer to."""

    def __init__(
        self,
        definition: Definition,
        plan: AnalysisPlan,
        methods: Methods,
        roles: Roles,
        reason: Document,
    ) -> None:
        """Begin with nothing; the methods in use and the reason are shared by all tables."""
        self._definition = definition
        self._plan = plan
        self._reason = reason
        self._methods = methods
        self._roles = roles
        self._factors = groupings.Factors(definition, plan)
        self.groupings: dict[str, Document] = {}
        self.subsets: dict[str, Document] = {}
        self.joint_sets: dict[str, tuple[str, ...]] = {}

    def collect(self, grid: Grid) -> list[Analysis]:
        """Return the analyses of a table, in order of their first cells."""
        tables = {table.id: table for table in self._definition.tables}
        table = tables.get(grid.id)
        grouping = groupings.columns(grid, table, self._definition, self._plan)
        self.groupings[str(grouping["id"])] = grouping
        analyses: dict[str, Analysis] = {}
        for row in grid.rows:
            for cell in row.cells:
                if cell.statistics:
                    self._add_cell(AnalysisRef.of(grid, table, row, cell), cell, analyses)
        return list(analyses.values())

    def _add_cell(self, ref: AnalysisRef, cell: Cell, analyses: dict[str, Analysis]) -> None:
        method, records = self._methods.use(cell), self._plan.cells.get(ref.place)
        all_groups = self._groups(ref, records)
        whole = self._groups(ref, records, of=_of_denominator(ref, records))
        parts = {
            statistic.name: _part(ref, records, statistic.name) for statistic in cell.statistics
        }
        owners = {
            name: "/".join(
                filter(None, ("analysis", ref.id, _named(part), f"method={method.slug}"))
            )
            for name, part in parts.items()
        }
        for statistic in cell.statistics:
            id_ = owners[statistic.name]
            of_whole = statistic.name in DENOMINATORS and parts[statistic.name]
            groups = whole if of_whole else all_groups
            if id_ not in analyses:
                described = self._described(ref, records, parts[statistic.name])
                grouping_ids = [str(group["groupingId"]) for group in groups]
                analyses[id_] = Analysis(id_, described, method, grouping_ids)
            analyses[id_].owners = {**owners, **analyses[id_].owners}
            raw = {} if statistic.raw is None else {"rawValue": str(statistic.raw)}
            result: Document = {
                "operationId": method.operation(statistic.name),
                "resultGroups": groups,
                **raw,
                "formattedValue": statistic.text,
            }
            # All levels of a row have one denominator in a column, which is stated once.
            if groups is all_groups or result not in analyses[id_].results:
                analyses[id_].results.append(result)

    def _groups(
        self, ref: AnalysisRef, records: CellRecords | None, of: Container[str] | None = None
    ) -> list[Document]:
        """Return the groups that a cell is of: its arm, column and levels, or those of factors."""
        groups: list[Document] = []
        column = ref.column
        arms = column.arms_counted if column else ()
        if column and column.set and len(arms) == 1:
            variable, name = self._arm(ref, records, column.set)
            grouping = groupings.grouping_of_arms(name)
            if grouping not in self.groupings:
                self.groupings[grouping] = groupings.arms(self._definition, name, variable)
            arm = groupings.arm_id(name, arms[0])
            groups.append({"groupingId": grouping, "groupId": arm})
        groups.append(
            {
                "groupingId": groupings.grouping_of_columns(ref.table),
                "groupId": groupings.column_id(ref.table, ref.cell.column),
            }
        )
        factors: list[str] = []
        for factor, value in ref.row.groups:
            if of is not None and factor not in of:
                continue
            factors.append(factor)
            key = _key(ref, records, factors)
            grouping = groupings.factor_id(ref.table, ref.rule, key)
            if grouping not in self.groupings:
                variable = self._variable(ref, records, factors)
                self.groupings[grouping] = self._factors.written(
                    grouping, ref.definition_row, factor, variable
                )
            groups.append(self._factors.result_group(grouping, value))
        return groups

    def _arm(
        self, ref: AnalysisRef, records: CellRecords | None, set_id: str
    ) -> tuple[Variable | None, str]:
        """Find the variable that sorts subjects by arm: the model's own, or the set's."""
        if records is not None and records.records.arm:
            variable = self._plan.dataset, records.records.arm
            return variable, f"{ref.table}/{ref.rule}"
        assigned = self._definition.sets[set_id].arm
        return self._plan.arms.get(assigned), assigned

    def _variable(
        self, ref: AnalysisRef, records: CellRecords | None, factors: Sequence[str]
    ) -> Variable | None:
        if records is None:
            return None
        of_rows = _of_rows(ref)
        down_to = ",".join(factor for factor in factors if factor not in of_rows)
        name = of_rows.get(factors[-1]) or records.records.factors.get(down_to)
        return (self._plan.dataset, name) if name else None

    def _described(self, ref: AnalysisRef, records: CellRecords | None, part: str) -> Document:
        row, definition_row = ref.row, ref.definition_row
        label = (definition_row.label if definition_row and row.groups else "") or row.label
        description: Document = {"name": label or ref.rule, "description": ref.title}
        description["reason"] = self._reason
        role = self._roles.get((ref.table, ref.rule), "")
        description["purpose"] = _PURPOSES.get(role, {"sponsorTermId": NO_ROLE})
        is_model = records is not None and bool(records.records.arm)
        if sets := ref.sets_of_arms if is_model else ref.sets:
            description["analysisSetId"] = self._set(sets)
        if records is not None:
            description["dataSubsetId"] = self._subset(ref, records, part)
            description["dataset"] = self._plan.dataset
            description["variable"] = records.records.variable
        return description

    def _set(self, names: tuple[str, ...]) -> str:
        """Return the set that an analysis is of: one, or all that its columns are of together."""
        id_ = groupings.set_id("+".join(names))
        if len(names) > 1:
            self.joint_sets[id_] = names
        return id_

    def _subset(self, ref: AnalysisRef, records: CellRecords, part: str) -> str:
        """Return the subset of records that a statistic is of; kept when it is first needed."""
        id_ = "/".join(filter(None, ("subset", ref.id, _named(part))))
        if id_ not in self.subsets:
            tests = [equal(PARAMETER, records.parameter)]
            if records.by_visit and (visit := ref.visit) is not None:
                tests.append(equal(VISIT, self._plan.visits[visit]))
            is_compared = ref.column is not None and ref.column.compare is not None
            tests += (
                records.records.compared_in(ref.part.partition("/")[2])
                if is_compared
                else records.records.selections[part]
            )
            label = ", ".join(filter(None, (ref.row.label or ref.rule, _named(part))))
            self.subsets[id_] = {
                "id": id_,
                "name": label,
                "label": label,
                "level": 1,
                "order": len(self.subsets) + 1,
                **written(of_records(self._plan.dataset, tuple(tests))),
            }
        return id_


def _of_denominator(ref: AnalysisRef, records: CellRecords | None) -> Container[str]:
    """Return the factors whose levels each have a denominator: others share that of their row."""
    within = records.records.within if records is not None else ""
    of_rows = tuple(_of_rows(ref))
    return (*of_rows, within) if _depth(ref) > 1 else of_rows


def _depth(ref: AnalysisRef) -> int:
    of_rows = _of_rows(ref)
    return sum(factor not in of_rows for factor, _ in ref.row.groups)


def _key(ref: AnalysisRef, records: CellRecords | None, factors: Sequence[str]) -> str:
    """Return what tells a factor's grouping from others of a row: those above, if they matter."""
    of_rows, factor = _of_rows(ref), factors[-1]
    path = ",".join(above for above in factors if above not in of_rows) or factor
    by_path = records.records.factors if records is not None else {}
    return factor if factor in by_path and by_path[factor] == by_path.get(path) else path


def _of_rows(ref: AnalysisRef) -> Mapping[str, str]:
    """Return the factors that make a row of its own of each level, and the variables of these.

    A field of records that are sorted by it may have the same name.
    """
    row = ref.definition_row
    by_visit = {_VISIT: VISIT} if row and row.visits is not None else {}
    by_subgroup = {SUBGROUP: variables.SUBGROUP} if row and row.subgroups is not None else {}
    return {**by_visit, **by_subgroup}


def _part(ref: AnalysisRef, records: CellRecords | None, statistic: str) -> str:
    """Return the selection of records that a cell's statistic is of; '' for most of them.

    What a percentage is of, and who is in neither of its numbers, are analyses of their own.
    """
    if records is None or (ref.column and ref.column.compare):
        return ""
    return records.records.part(statistic, _depth(ref))


def _named(part: str) -> str:
    """Return what a part's analyses and subsets are called in their ids."""
    return _PARTS.get(part, part.partition("/")[0].replace("_", "-"))
