"""Why a subject counts as it does in a cell: by what its row of the definition asks."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from trial.deferred import dataclass
from trial.definition import Definition
from trial.definition.conditions import Condition, Measure, Ref
from trial.definition.outputs import Table, TableColumn, TableRow
from trial.events import json_pointer
from trial.reporting.tracing.explaining import Evidence, Explanations
from trial.subject.derivation import Derivation
from trial.tables.analysis import variables
from trial.tables.compiled import CompiledStudy
from trial.tables.rows.event_rates import EventRateRow
from trial.tables.rows.events import WorstRow
from trial.tables.rows.incidence import IncidenceRow
from trial.tables.rows.kinds import CompiledRow
from trial.tables.rows.subgroups import narrowed_row
from trial.tables.tracing import Standing


@dataclass(frozen=True)
class RowReason:
    """A cell as the definition has it: its row, at a visit if it is by visit, and its column."""

    explanations: Explanations
    definition: Definition
    row: TableRow
    column: TableColumn
    visit: str
    compiled: CompiledRow
    position: int
    """The compiled row, and the position of the column."""
    level: str | None
    """The last part of the printed row's id where that is of a level."""

    @classmethod
    def of(
        cls, explanations: Explanations, study: CompiledStudy, table: Table, row: str,
        compiled_row: CompiledRow, column: str,
    ) -> "RowReason":  # fmt: skip
        """Find what a printed row and a column of a table stand for."""
        name, *parts = compiled_row.id.split("/")
        definition = next(part for part in table.rows if part.id == name)
        below = row.removeprefix(compiled_row.id).split("/")[1:]
        if definition.repeated is not None:  # one model of all its visits
            parts = [json_pointer.unescape(name) for name in below[:1]]
        columns = {part.id: place for place, part in enumerate(table.columns)}
        return cls(
            explanations,
            study.study.definition,
            definition,
            table.columns[columns[column]],
            parts[-1] if parts and definition.visits is not None else "",
            compiled_row,
            columns[column],
            json_pointer.unescape(below[-1]) if below else None,
        )

    def evidence(self, derivation: Derivation, standing: Standing) -> Iterator[Evidence]:
        """Yield what decides how a subject stands in the cell."""
        explain, row = self.explanations, self.row
        for ref in self._narrowing:
            yield from explain.condition(ref, derivation)
        if row.subgroups is not None:
            yield from explain.category(row.subgroups.characteristic, derivation)
        for ref in self._conditions:
            yield from explain.condition(ref, derivation)
        for measure in self._measures:
            yield from explain.measure(measure, derivation)
        for name in self._categories:
            yield from explain.category(name, derivation)
        if row.levels is not None and row.levels.recorded is not None:
            levels = row.levels
            yield from explain.levels(
                str(levels.recorded), str(levels.field), derivation, levels.where, self.level
            )
        if row.survival is not None:
            yield from explain.time(row.survival.time, derivation)
        if row.event_rate is not None:
            yield from explain.at_risk(derivation)
        yield from self._counted(derivation, standing)

    def _counted(self, derivation: Derivation, standing: Standing) -> Iterator[Evidence]:
        """Yield the events or records that are counted, by their names in the analysis data."""
        names = {
            record[variables.EVENT]
            for record in standing.records
            if record.get(variables.EVENT) and record.get(variables.ANALYSED)
        }
        if self.row.record_terms is not None:
            records = derivation.ordered(self.row.record_terms.recorded)
            yield from self.explanations.records(r for r in records if r.record in names)
            return
        events = [event for event in derivation.adverse_events if event.record in names]
        compiled_row = narrowed_row(self.compiled)
        if (
            isinstance(compiled_row, WorstRow | IncidenceRow | EventRateRow)
            and standing.in_numerator
        ):
            selection = compiled_row.selections[self.position]
            events = list(selection.counted(derivation.adverse_events))
            if isinstance(compiled_row, WorstRow) and self.level is not None:
                field = compiled_row.severity.field
                events = [e for e in events if str(e.data.get(field) or "") == self.level]
        yield from self.explanations.events(events, derivation)

    @cached_property
    def _narrowing(self) -> list[Ref]:
        return [
            self._at_visit(ref) for ref in (self.column.where, self.row.where) if ref is not None
        ]

    @cached_property
    def _conditions(self) -> list[Ref]:
        """The conditions that the row counts in the column."""
        row = self.row
        refs = [self._of_column(part) for part in (row.count, row.not_due)]
        refs += [*(row.pairs or ()), row.stratified.count if row.stratified else None]
        refs += [row.logistic.count] if row.logistic else []
        return [self._at_visit(ref) for ref in refs if ref is not None]

    @cached_property
    def _measures(self) -> list[str | Measure]:
        """The measures that the row describes in the column."""
        row = self.row
        refs = [self._of_column(part) for part in (row.summary, row.graded)]
        refs += [row.ancova.measure, *row.ancova.covariates] if row.ancova else []
        refs += [row.repeated.measure, *row.repeated.covariates] if row.repeated else []
        refs += [row.stratified.measure] if row.stratified else []
        hazards = row.survival.hazard_ratio_asked if row.survival else None
        refs += hazards.continuous if hazards else []
        return [self._measure_at_visit(ref) for ref in refs if ref is not None]

    def _of_column(self, part: Any) -> Any:  # noqa: ANN401 (a reference, or one by column)
        return part.get(self.column.id) if isinstance(part, dict) else part

    @cached_property
    def _categories(self) -> list[str]:
        """The categories that the row sorts subjects by."""
        row = self.row
        names: Sequence[str | None] = [row.levels.characteristic] if row.levels else []
        if row.shift is not None:
            names = [row.shift.before, row.shift.after]
        if row.cross is not None:
            names = [row.cross.first, row.cross.second]
        if row.stratified is not None:
            names = [row.stratified.levels, *row.stratified.strata]
        if row.ancova is not None:
            names = row.ancova.factors
        if row.repeated is not None:
            names = row.repeated.factors
        if (model := row.logistic or row.event_rate) is not None:
            names = model.covariates
        if row.survival is not None:
            hazard_ratio = row.survival.hazard_ratio_asked
            names = [*row.survival.strata, *(hazard_ratio.covariates if hazard_ratio else ())]
        present = [name for name in names if name is not None]
        at_visit = self.definition.at_visit
        return [at_visit(name, self.visit) for name in present] if self.visit else present

    def _at_visit(self, ref: Ref) -> Ref:
        return ref.at_visit(self.visit) if self.visit and isinstance(ref, Condition) else ref

    def _measure_at_visit(self, ref: str | Measure) -> str | Measure:
        if not self.visit:
            return ref
        measure = self.definition.measures[ref] if isinstance(ref, str) else ref
        return measure.model_copy(update={"at": self.visit}) if measure.without_date else ref
