"""The conditions of a definition on subjects and records, as ARS where-clauses.

A clause names a data set and a variable. Where a published data set (a listing) has the variable,
they are its own: ADSL, ITTFL. Else they are what was recorded: the kind of record and the field,
or `subjects` and the fact, by the names that listings have for their sources. What no clause can
express (a window, a baseline, a result below quantification) has none.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import get_origin

from trial.definition import Definition
from trial.definition.base import Bounds
from trial.definition.conditions import (
    AdverseEventFilter,
    Condition,
    Measure,
    Ref,
    TermGroup,
    Where,
)
from trial.definition.design import ARM
from trial.definition.outputs import ListingDefinition, TableRow
from trial.events.kinds import DECIDING_DATE, derived_fields
from trial.events.payloads import KINDS
from trial.render.ars import events
from trial.render.ars.events import EVENTS
from trial.render.datasets import variable_set
from trial.render.tables_json import Document
from trial.rules.categories import ENROLMENT_FIELDS
from trial.tables.listings.items import SUBJECTS

Variable = tuple[str, str]
"""A data set and a variable of it."""

_BOUNDS = (("at_least", "GE"), ("more_than", "GT"), ("at_most", "LE"), ("below", "LT"))
_ANY = ("",)


@dataclass(frozen=True)
class Simple:
    """A variable compared with values."""

    variable: Variable
    comparator: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Compound:
    """Clauses combined, or one negated; a text refers to a group by its id."""

    operator: str
    parts: "tuple[Clause | str, ...]"


type Clause = Simple | Compound


def equal(variable: Variable, *values: str) -> Simple:
    """Return the clause that a variable has one of some values."""
    return Simple(variable, "EQ" if len(values) == 1 else "IN", values)


def combined(operator: str, parts: Iterable[Clause | None]) -> Clause | None:
    """Combine clauses; None where one of them cannot be expressed."""
    candidates = list(parts)
    clauses = [clause for clause in candidates if clause is not None]
    if not clauses or len(clauses) < len(candidates):
        return None
    return clauses[0] if len(clauses) == 1 else Compound(operator, tuple(clauses))


def written(clause: Clause | None, level: int = 1) -> Document:
    """Write a clause as the members of a set, a subset, a group or a where-clause."""
    if clause is None:
        return {}
    if isinstance(clause, Simple):
        dataset, variable = clause.variable
        condition = {
            "dataset": dataset,
            "variable": variable,
            "comparator": clause.comparator,
            "value": list(clause.values),
        }
        return {"condition": condition}
    parts: list[Document] = []
    for order, part in enumerate(clause.parts, 1):
        member = {"subClauseId": part} if isinstance(part, str) else written(part, level + 1)
        parts.append({"level": level + 1, "order": order, **member})
    return {"compoundExpression": {"logicalOperator": clause.operator, "whereClauses": parts}}


def _leaves_out(listing: ListingDefinition) -> bool:
    """Return whether a listing leaves subjects out, so that it cannot stand for all of them."""
    if listing.subjects is None or listing.records != SUBJECTS:
        return listing.subjects is not None
    condition = listing.subjects
    return not isinstance(condition, str) and bool(condition.all or condition.none)


class Variables:
    """Where the published data sets hold what a listing's source names."""

    def __init__(self, definition: Definition) -> None:
        """Look through the listings that show all records of their kind, or subjects."""
        self._classes = definition.classes.keys()
        self._data_sets: dict[str, list[Mapping[str, Variable]]] = {}
        for listing in definition.listings:
            if listing.where or _leaves_out(listing):
                continue
            self._data_sets.setdefault(listing.records, []).append(
                {
                    column.source: (variable_set(listing.data_name), column.id)
                    for column in reversed(listing.columns)
                    if column.source and not _is_list(listing.records, column.source)
                }
            )

    def published(self, records: str, *sources: str) -> Variable | None:
        """Find the variable of a published data set that shows one of some sources."""
        data_sets = self._data_sets.get(records, ())
        return next(
            (data_set[name] for data_set in data_sets for name in sources if name in data_set), None
        )

    def together(self, records: str, sources: Sequence[str]) -> Mapping[str, Variable]:
        """Find variables of one data set, for they are asked for of one record."""
        needed = set(sources)
        data_sets = (
            data_set for data_set in self._data_sets.get(records, ()) if data_set.keys() >= needed
        )
        variables = next(data_sets, {})
        return {source: variables.get(source, (records, source)) for source in sources}

    def find(self, records: str, *sources: str) -> Variable:
        """Find it, or else name what was recorded."""
        return self.published(records, *sources) or (records, sources[0])

    def characteristic(self, name: str) -> Variable:
        """Find what sorts subjects: a fact of enrolment, the arm, a stratum, classes."""
        if name in self._classes:
            return self.find(SUBJECTS, f"class:{name}")
        if name in (ARM, *ENROLMENT_FIELDS):
            return self.find(SUBJECTS, name, f"characteristic:{name}")
        return self.find(SUBJECTS, f"characteristic:{name}")


class Clauses:
    """Makes clauses of the conditions, sets and filters of one definition."""

    def __init__(self, definition: Definition) -> None:
        """Find which variables the definition's data sets have."""
        self.definition = definition
        self.variables = Variables(definition)

    def of_set(self, name: str) -> Clause | None:
        """Return the clause of the subjects in an analysis set."""
        flag = self.variables.published(SUBJECTS, f"set:{name}")
        return equal(flag, "Y") if flag else self.of(self.definition.sets[name].condition)

    def of(self, ref: Ref) -> Clause | None:
        """Return the clause of the subjects for whom a condition is true."""
        if isinstance(ref, str):
            source = f"condition:{ref}"
            published = self.variables.published(SUBJECTS, source)
            clause = None if published else self.of(self.definition.conditions[ref])
            return clause or equal(published or (SUBJECTS, source), "Y")
        if ref.all is not None or ref.any is not None or ref.none is not None:
            return self._nested(ref)
        if ref.recorded is not None:
            return self.recorded(ref.recorded, ref.where, ref.period)
        if ref.characteristic is not None:
            return equal(self.variables.characteristic(ref.characteristic), *ref.levels)
        if ref.adverse_event is not None:
            return self.of_events(ref.adverse_event)
        return None if ref.measure is None else self._measured(ref)

    def determined(self, ref: Ref) -> Clause | None:
        """Return the clause of the subjects for whom a condition is determined, if there is one.

        A condition's flag is blank where it is not determined.
        """
        if isinstance(ref, str):
            return Simple(self.variables.find(SUBJECTS, f"condition:{ref}"), "NE", _ANY)
        if ref.characteristic is not None:
            return self.known(ref.characteristic)
        if ref.measure is None or ref.assessed or ref.missing == "failure":
            return None
        variable = self.measure(ref.measure)
        return Simple(variable, "NE", _ANY) if variable else None

    def known(self, category: str) -> Clause:
        """Return the clause of the subjects whose level of a category is known."""
        return Simple(self.variables.characteristic(category), "NE", _ANY)

    def _nested(self, condition: Condition) -> Clause | None:
        if condition.all is not None:
            return combined("AND", map(self.of, condition.all))
        either = combined("OR", map(self.of, condition.any or condition.none or ()))
        if condition.any is not None or either is None:
            return either
        return Compound("NOT", (either,))

    def recorded(
        self, kind: str, where: Where, period: str | None = None, *sources: str
    ) -> Clause | None:
        """Return the clause of the records of a kind, in one data set that also has the sources."""
        values_by_source = {field: _values(kind, field, value) for field, value in where.items()}
        if period is not None:
            labels = {
                period_definition.id: period_definition.label
                for period_definition in self.definition.periods
            }
            values_by_source[f"{DECIDING_DATE.get(kind, 'date')}.period"] = [labels[period]]
        if not values_by_source:
            return Simple(self.variables.find(kind, "record"), "NE", _ANY)
        variables = self.variables.together(kind, [*sources, *values_by_source])
        return combined(
            "AND",
            [equal(variables[source], *values) for source, values in values_by_source.items()],
        )

    def _measured(self, condition: Condition) -> Clause | None:
        assert condition.measure is not None
        variable = self.measure(condition.measure)
        if variable is None:
            return None
        if condition.assessed:
            return Simple(variable, "NE", _ANY)
        # Of results, the number alone does not decide: "<50" may lie below 50, and 50 does not.
        exact = self._is_exact(condition.measure)
        return combined("AND", _bounded(variable, condition)) if exact else None

    def _is_exact(self, ref: str | Measure) -> bool:
        measure = self.definition.measures[ref] if isinstance(ref, str) else ref
        return bool(measure.characteristic or measure.records or measure.days)

    def measure(self, ref: str | Measure) -> Variable | None:
        """Find the variable that holds a measure; one written in place has none of its own."""
        if isinstance(ref, str):
            published = self.variables.published(SUBJECTS, f"measure:{ref}")
            underlying = self.measure(self.definition.measures[ref])
            return published or underlying or (SUBJECTS, f"measure:{ref}")
        if ref.characteristic is not None:
            return self.variables.characteristic(ref.characteristic)
        return None

    def of_events(
        self,
        event_filter: AdverseEventFilter,
        *sources: str,
        narrowed: AdverseEventFilter | None = None,
    ) -> Clause | None:
        """Return the clause of a filter's adverse events, in one data set that has the sources.

        Where it is `narrowed` by another filter, events have to meet both.
        """
        conditions = list(events.tests(event_filter, self.groups))
        conditions += events.tests(narrowed, self.groups) if narrowed else ()
        variables = self.variables.together(
            EVENTS, [*sources, *(source for source, *_ in conditions)]
        )
        tests = [
            Simple(variables[source], comparator, values)
            for source, comparator, values in conditions
        ]
        return combined("AND", tests)

    def of_row(self, row: TableRow) -> Mapping[str, Variable]:
        """Find the variables of a row of adverse events, all in one data set."""
        event_filter, sources = events.filter_of(row), events.sources_of(row)
        conditions = events.tests(event_filter, self.groups) if event_filter else ()
        return self.variables.together(EVENTS, [*sources, *(source for source, *_ in conditions)])

    @property
    def groups(self) -> Mapping[str, TermGroup]:
        """The groups of terms by their labels."""
        return {group.label: group for group in self.definition.adverse_events.groups}


def _bounded(variable: Variable, bounds: Bounds) -> Iterable[Clause]:
    for name, comparator in _BOUNDS:
        if (bound := getattr(bounds, name)) is not None:
            yield Simple(variable, comparator, (f"{bound:f}",))


def _is_list(kind: str, field: str) -> bool:
    """Return whether a field holds several texts, which a listing shows as one."""
    model_field = KINDS[kind].model_fields.get(field) if kind in KINDS else None
    return model_field is not None and get_origin(model_field.annotation) is list


def _annotation(kind: str, field: str) -> object:
    """Return the type of what can be asked of a kind's records."""
    if kind not in KINDS:
        return None
    model_field = KINDS[kind].model_fields.get(field)
    return model_field.annotation if model_field else derived_fields(kind).get(field)


def _values(kind: str, field: str, value: str | list[str]) -> list[str]:
    """Return the values of a field as data sets show them: true is Y, false N."""
    values = [value] if isinstance(value, str) else value
    annotation = _annotation(kind, field)
    if annotation in (bool, bool | None):
        return ["Y" if text == "True" else "N" for text in values]
    return values
