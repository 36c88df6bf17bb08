"""The analysis data: what each row of each table is of, as records that anybody can count again.

Each row of the definition is a parameter (`PARAMCD`); one more for each group of columns that
show other subjects of their set, or something else. A subject has records of a parameter if it is
in the set of one of its columns; their flags and categories say what it counts in. Sets and arms
are subjects' variables: in the study's own data set of subjects where a listing shows them all,
else in one that is added.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from trial.deferred import dataclass
from trial.definition.design import ARM, Visit
from trial.definition.outputs import (
    ListingColumnDefinition,
    ListingDefinition,
    Table,
    TableRow,
)
from trial.events.json_body import canonical
from trial.subject.derivation import Derivation
from trial.tables.analysis import variables
from trial.tables.analysis.kinds import RowAnalysis, analysis_of
from trial.tables.analysis_plan import AnalysisPlan, CellRecords, Variable
from trial.tables.compiled import CompiledStudy, CompiledTable
from trial.tables.grid import Listing, ListingColumn, Value
from trial.tables.listings import ListingRows, listing_of
from trial.tables.listings.items import SUBJECTS
from trial.tables.listings.naming import dataset_variable, free_dataset, variable_names

RECORDS, MEMBERS = "ADANL", "ADSETS"
TITLES: Mapping[str, str] = {
    RECORDS: "Analysis records by row of a table",
    MEMBERS: "Analysis sets and arms",
}
_POPULATION = "All subjects"
_ARM_SOURCES = {
    "planned": (ARM, "TRT01P", "Planned arm"),
    "received": ("received-arm", "TRT01A", "Received arm"),
}


@dataclass(frozen=True)
class _Parameter:
    """A row of a table in some of its columns: who is in the set of one of them has its records."""

    code: str
    label: str
    visit: str
    columns: tuple[int, ...]
    analysis: RowAnalysis


class AnalysisData:
    """The analysis data of one study, for one audience."""

    def __init__(self, compiled_study: CompiledStudy) -> None:
        """Lay out its parameters; nothing is read yet."""
        self._compiled = compiled_study
        self._definition = compiled_study.study.definition
        self._cells: dict[tuple[str, str, str], CellRecords] = {}
        self._parameters: list[tuple[CompiledTable, list[_Parameter]]] = []
        self._codes: dict[tuple[str, str, str], str] = {}
        for table in compiled_study.tables.values():
            self._parameters.append((table, list(self._parameters_of(table))))

    @cached_property
    def plan(self) -> AnalysisPlan:
        """Where analyses find what they are of."""
        return AnalysisPlan(
            self._records_name.upper(), self._cells, self._visits, *self._members.plan
        )

    def listings(self, derivations: Iterable[Derivation]) -> tuple[Listing, ...]:
        """Return the data sets, of subjects in order of their ids; made when they are read."""
        members = self._members.listing(self._compiled, derivations)
        if not self._cells:
            return members
        records = Listing(
            self._records_name.upper(),
            TITLES[RECORDS],
            _POPULATION,
            (*variables.COLUMNS[: variables.HEAD], *self._held),
            ListingRows(derivations, self.records),
            dataset=self._records_name,
        )
        return (*members, records)

    def records(self, derivation: Derivation) -> Iterator[tuple[Value, ...]]:
        """Yield the records of a subject, in the order of tables and rows."""
        if derivation.superseded:
            return
        names = [column.id for column in self._held]
        for table, parameters in self._parameters:
            members = table.members(derivation)
            if not any(members.belongs):
                continue
            for parameter in parameters:
                if not any(members.belongs[column] for column in parameter.columns):
                    continue
                head = derivation.subject.id, parameter.code, parameter.label
                for record in parameter.analysis.find(derivation, members):
                    visit = self._visits.get(str(record.get(variables.VISIT)), parameter.visit)
                    yield (*head, visit, *map(record.get, names))

    @cached_property
    def _held(self) -> list[ListingColumn]:
        """The columns that one of the parameters can have values in."""
        ids = {
            name
            for _, parameters in self._parameters
            for parameter in parameters
            for name in parameter.analysis.holds
        }
        return [column for column in variables.COLUMNS[variables.HEAD :] if column.id in ids]

    @cached_property
    def _records_name(self) -> str:
        return free_dataset(RECORDS, self._definition.listings)

    @cached_property
    def _members(self) -> "_Members":
        return _Members(self._definition.listings, self._definition)

    @cached_property
    def _visits(self) -> Mapping[str, str]:
        """The text of each visit: its label or, where two have one label, its id."""
        visits: Sequence[Visit] = self._definition.visits
        labels = [visit.label for visit in visits]
        is_clear = len(set(labels)) == len(labels)
        return {visit.id: visit.label if is_clear else visit.id for visit in visits}

    def _parameters_of(self, table: CompiledTable) -> Iterator[_Parameter]:
        rows = {row.id: row for row in table.definition.rows}
        for compiled_row in table.rows:
            id_, *parts = compiled_row.id.split("/")
            row = rows[id_]
            visit = self._visits.get(parts[-1], "") if parts and row.visits is not None else ""
            for variant, columns in _variants(table.definition, row).items():
                analyses = {column: analysis_of(compiled_row, column) for column in columns}
                analyses_shown = {
                    column: analysis for column, analysis in analyses.items() if analysis
                }
                if not analyses_shown:
                    continue
                code = self._code(table.definition.id, row.id, variant)
                self._place(table.definition, row, code, analyses_shown, visit=bool(visit))
                first = next(iter(analyses_shown.values()))
                label = _label(table.definition, row, min(columns) if variant else None)
                yield _Parameter(code, label, visit, tuple(analyses_shown), first)

    def _code(self, *key: str) -> str:
        return self._codes.setdefault((key[0], key[1], key[2]), f"P{len(self._codes) + 1:05d}")

    def _place(
        self,
        table: Table,
        row: TableRow,
        code: str,
        analyses: Mapping[int, RowAnalysis],
        *,
        visit: bool,
    ) -> None:
        for column, analysis in analyses.items():
            key = table.id, row.id, table.columns[column].id
            by_visit = visit or analysis.records.by_visit
            self._cells[key] = CellRecords(code, analysis.records, by_visit)


def _variants(table: Table, row: TableRow) -> Mapping[str, list[int]]:
    """Return the columns of subjects by what tells their records apart; '' where nothing does."""
    by_variant: dict[str, list[int]] = {}
    for place, column in enumerate(table.columns):
        if column.compare is None and (column.worst is None or row.fills(column)):
            narrowing = {"where": column.where, "events": column.events, "worst": column.worst}
            parts = {name: part for name, part in narrowing.items() if part is not None}
            by_column = {
                name: value for name, value in _by_column(table, row) if column.id in value
            }
            parts |= {name: value[column.id] for name, value in by_column.items()}
            variant = (
                canonical({name: _plain(part) for name, part in parts.items()}) if parts else ""
            )
            by_variant.setdefault(variant, []).append(place)
    return by_variant


def _by_column(table: Table, row: TableRow) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the parts of a row that have one entry a column."""
    ids = {column.id for column in table.columns}
    for name in row.model_fields_set:
        value = getattr(row, name)
        if isinstance(value, dict) and value and value.keys() <= ids:
            yield name, value


def _plain(part: Any) -> Any:  # noqa: ANN401 (a part of a definition, or its name)
    return part.model_dump(mode="json", exclude_unset=True) if hasattr(part, "model_dump") else part


def _label(table: Table, row: TableRow, column: int | None) -> str:
    parts = (f"Table {table.id}", row.label or row.id)
    of_column = () if column is None else (table.columns[column].label,)
    return ", ".join((*parts, *of_column))


class _Members:
    """Where sets and arms of subjects stand: in the study's own data set, or in an added one."""

    def __init__(self, listings: Sequence[ListingDefinition], definition: Any) -> None:  # noqa: ANN401
        self._dataset = free_dataset(MEMBERS, listings)
        sources = {
            f"set:{name}": (_flag(name), f"{item.label} flag")
            for name, item in definition.sets.items()
        }
        self._published = {
            source: variable
            for source in (*sources, *(source for source, *_ in _ARM_SOURCES.values()))
            if (variable := _published(listings, source)) is not None
        }
        if definition.arms:
            sources |= {source: (name, label) for source, name, label in _ARM_SOURCES.values()}
        lacking = {
            source: item for source, item in sources.items() if source not in self._published
        }
        names = variable_names([name for name, _ in lacking.values()])
        self._columns = {
            source: (name, label)
            for (source, (_, label)), name in zip(lacking.items(), names, strict=True)
        }
        self._sets, self._has_arms = list(definition.sets), bool(definition.arms)

    def _variable(self, source: str) -> Variable:
        if source in self._published:
            return self._published[source]
        return self._dataset.upper(), self._columns[source][0]

    @property
    def plan(self) -> tuple[Mapping[str, Variable], Mapping[str, Variable]]:
        arms = _ARM_SOURCES.items() if self._has_arms else ()
        return (
            {name: self._variable(f"set:{name}") for name in self._sets},
            {assigned: self._variable(source) for assigned, (source, *_) in arms},
        )

    def listing(
        self, compiled_study: CompiledStudy, derivations: Iterable[Derivation]
    ) -> tuple[Listing, ...]:
        if not self._columns:
            return ()
        columns = [ListingColumnDefinition(id="USUBJID", label="Subject", source="subject")]
        columns += [
            ListingColumnDefinition(id=name, label=label, source=source)
            for source, (name, label) in self._columns.items()
        ]
        definition = ListingDefinition(
            id=self._dataset.upper(),
            title=TITLES[MEMBERS],
            population=_POPULATION,
            records=SUBJECTS,
            columns=columns,
            dataset=self._dataset,
        )
        return (listing_of(compiled_study.rules, definition, derivations, ""),)


def _flag(name: str) -> str:
    letters = "".join(filter(str.isalnum, name.upper())) or "SET"
    return f"{letters[:6]}FL"


def _published(listings: Sequence[ListingDefinition], source: str) -> Variable | None:
    """Find the variable of a data set of all subjects that shows a source."""
    for listing in filter(_is_of_all_subjects, listings):
        for column in listing.columns:
            if column.source == source and column.kind == "text":
                variable = dataset_variable(listing, column)
                if variable is not None:
                    return variable
    return None


def _is_of_all_subjects(listing: ListingDefinition) -> bool:
    """Return whether a listing has a row for each subject, under the identifier's usual name."""
    return (
        listing.records == SUBJECTS
        and listing.subjects is None
        and any(
            column.id == variables.SUBJECT and column.source == "subject"
            for column in listing.columns
        )
    )
