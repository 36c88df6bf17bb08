"""The analyses of a table and their results, as ARS has them.

An analysis is what one row of a definition asks for, of one analysis set, by one method; whatever
its rule shows by level, term or visit are groups of its results. Ids come from the definition, so
they stay as the data grow.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from trial.definition.conditions import Measure, Ref
from trial.definition.outputs import Table, TableRow
from trial.render.ars import events, groupings
from trial.render.ars.clauses import Clause, Clauses, Variable, Written, combined, written
from trial.render.ars.methods import Method, Methods
from trial.render.ars.references import Place
from trial.rules import determination
from trial.tables.grid import Cell, Completion, Grid, Row
from trial.tables.listings.items import SUBJECTS

Roles = Mapping[tuple[str, str], str]
"""By table and row of the definition: primary, secondary or exploratory, of an outcome measure."""

NO_ROLE, NO_LOOK = "term/purpose/no-role", "term/reason/no-look"
_PURPOSES: Mapping[str, Written] = {
    role: {"controlledTerm": f"{role.upper()} OUTCOME MEASURE"}
    for role in ("primary", "secondary", "exploratory")
}


DENOMINATOR = "denominator"
"""Marks the ids of analyses that give what percentages are of, and of their subsets."""


@dataclass
class Analysis:
    """An analysis as it is gathered from the cells of a table."""

    id: str
    described: Written
    method: Method
    groupings: list[str]
    denominator: str = ""
    """The analysis that gives its denominators, where that is another."""
    results: list[Written] = field(default_factory=list)

    def written(self) -> Written:
        """Write it, with its results."""
        other = {"DENOMINATOR": self.denominator or self.id}
        referenced = [
            {"referencedOperationRelationshipId": each, "analysisId": other.get(role, self.id)}
            for each, role in self.method.relations()
        ]
        return {
            "id": self.id,
            **self.described,
            "orderedGroupings": [
                {"order": order, "groupingId": each, "resultsByGroup": True}
                for order, each in enumerate(self.groupings, 1)
            ],
            "methodId": self.method.id,
            **({"referencedAnalysisOperations": referenced} if referenced else {}),
            "results": self.results,
        }


def reason(completion: Completion) -> Written:
    """Say why analyses were made: as planned, when the data are final and at a planned look."""
    planned = completion.final or completion.look
    return {"controlledTerm": "SPECIFIED IN SAP"} if planned else {"sponsorTermId": NO_LOOK}


class Gathering:
    """Gathers the analyses of tables; and the groupings and data subsets that they refer to."""

    def __init__(self, clauses: Clauses, methods: Methods, roles: Roles, why: Written) -> None:
        """Know the definition; the methods in use, and why, are shared by all tables."""
        self._why = why
        self._clauses = clauses
        self._methods = methods
        self._roles = roles
        self._factors = groupings.Factors(clauses)
        self.groupings: dict[str, Written] = {}
        self.subsets: dict[str, Written] = {}

    def of(self, grid: Grid) -> list[Analysis]:
        """Give the analyses of a table, in order of their first cells."""
        tables = {each.id: each for each in self._clauses.definition.tables}
        table = tables.get(grid.id)
        made = groupings.columns(grid, table, self._clauses)
        self.groupings[str(made["id"])] = made
        found: dict[str, Analysis] = {}
        for row in grid.rows:
            for cell in row.cells:
                if cell.statistics:
                    self._take(grid, table, row, cell, found)
        return list(found.values())

    def _take(
        self, grid: Grid, table: Table | None, row: Row, cell: Cell, found: dict[str, Analysis]
    ) -> None:
        place = Place.of(grid, table, row, cell)
        method = self._methods.use(cell)
        groups = self._groups(place)
        by = [str(each["groupingId"]) for each in groups]
        id_ = f"analysis/{place.id}/method={method.slug}"
        of = self._denominator(place) if cell.get("percent") else None
        whole = f"analysis/{place.id}/{DENOMINATOR}/method={method.slug}" if of else ""
        if id_ not in found:
            found[id_] = Analysis(id_, self._described(place), method, by, whole)
        if of and whole not in found:
            about = {**self._described(place), "dataSubsetId": of}
            found[whole] = Analysis(whole, about, method, by, whole)
        for each in cell.statistics:
            found[whole if of and each.name == "N" else id_].results.append(
                {
                    "operationId": method.operation(each.name),
                    "resultGroups": groups,
                    **({} if each.raw is None else {"rawValue": str(each.raw)}),
                    "formattedValue": each.text,
                }
            )

    def _denominator(self, place: Place) -> str | None:
        """Name the subset that percentages are of, where a clause can say which it is.

        That is a part of the set, or of an arm of it: those of whom the answer is known.
        """
        row, column = place.defined, place.column
        if row is None or column is None or column.where is not None or row.visits is not None:
            return None
        clause = self._of_whom(place, row)
        return self._kept(f"subset/{place.id}/{DENOMINATOR}", f"{row.id}, of whom", clause)

    def _of_whom(self, place: Place, row: TableRow) -> Clause | None:
        if row.denominator == "column" or row.where is not None:
            return None
        if row.levels is not None and (name := row.levels.characteristic) is not None:
            named = {each.value for each in row.levels.values}
            determined = None if "" in named else self._clauses.known(name)
        elif (asked := place.asked("count")) is not None:
            undetermined = determination.undetermined(self._clauses.definition, asked)
            determined = self._clauses.determined(asked) if undetermined else None
        else:
            return None
        if row.denominator in ("determined", None):
            return determined
        return combined("AND", [self._clauses.of(row.denominator), determined])

    def _groups(self, place: Place) -> list[Written]:
        """Say of whom a cell is: of which arm, column and level."""
        groups: list[Written] = []
        column = place.column
        if column and column.arm and column.set:
            assigned = self._clauses.definition.sets[column.set].arm
            grouping = groupings.grouping_of_arms(assigned)
            if grouping not in self.groupings:
                self.groupings[grouping] = groupings.arms(self._clauses, assigned)
            arm = groupings.arm_id(assigned, column.arm)
            groups.append({"groupingId": grouping, "groupId": arm})
        groups.append(
            {
                "groupingId": groupings.grouping_of_columns(place.table),
                "groupId": groupings.column_id(place.table, place.cell.column),
            }
        )
        for factor, value in place.row.groups:
            grouping = groupings.factor_id(place.table, place.rule, factor)
            if grouping not in self.groupings:
                made = self._factors.written(grouping, place.defined, factor)
                self.groupings[grouping] = made
            groups.append(self._factors.result_group(grouping, value))
        return groups

    def _described(self, place: Place) -> Written:
        row, defined = place.row, place.defined
        label = (defined.label if defined and row.groups else "") or row.label
        dataset, variable = self._variable(place) if defined else ("", "")
        about: Written = {"name": label or place.rule, "description": place.title}
        about["reason"] = self._why
        role = self._roles.get((place.table, place.rule), "")
        about["purpose"] = _PURPOSES.get(role, {"sponsorTermId": NO_ROLE})
        if dataset:
            about |= {"dataset": dataset, "variable": variable}
        if place.set:
            about["analysisSetId"] = groupings.set_id(place.set)
        if defined and (subset := self._subset(place, defined)):
            about["dataSubsetId"] = subset
        return about

    def _variable(self, place: Place) -> Variable:
        """Find the variable that is analysed; else it is the subjects who are counted."""
        variables, row = self._clauses.variables, place.defined
        assert row is not None
        factor = place.row.groups[-1][0] if place.row.groups else "level"
        if factor != "visit" and (found := self._factors.variable(row, factor)):
            return found
        if row.events or row.incidence:
            return self._clauses.of_row(row)["subject"]
        measured = place.asked("summary") or (row.ancova.measure if row.ancova else None)
        value = self._measure(measured) if measured is not None else None
        return value or variables.find(SUBJECTS, "subject")

    def _measure(self, ref: str | Measure) -> Variable | None:
        shown = self._clauses.measure(ref)
        if shown is None and isinstance(ref, Measure) and ref.parameter and not ref.baseline:
            return self._clauses.variables.published(f"observations:{ref.parameter}", "value")
        return shown

    def _subset(self, place: Place, row: TableRow) -> str | None:
        """Name the subset that a row counts or measures, where a clause can say which it is."""
        asked = place.asked("count")
        clause = self._selected(row, asked)
        if clause is None:
            return None
        named = asked if isinstance(asked, str) and row.where is None else None
        id_ = f"subset/condition/{named}" if named else f"subset/{place.id}"
        return self._kept(id_, named or f"{place.table}, {row.label or row.id}", clause)

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

    def _selected(self, row: TableRow, asked: Ref | None) -> Clause | None:
        if (wanted := events.filter_of(row)) is not None:
            return self._clauses.of_events(wanted, *events.sources_of(row))
        if row.levels is not None and row.levels.recorded and row.levels.where:
            kind, field = row.levels.recorded, row.levels.field or ""
            return self._clauses.recorded(kind, row.levels.where, None, field)
        refs = [each for each in (row.where, asked) if each is not None]
        if row.stratified is not None:
            refs = [row.stratified.count]
        return combined("AND", map(self._clauses.of, refs))
