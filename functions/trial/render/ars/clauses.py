"""What a definition asks of subjects and records, as ARS where-clauses.

A clause names a data set and a variable. Where a published data set (a listing) shows what is
asked for, they are its own: ADSL, ITTFL. Else they are what was recorded: the kind of record and
the field, or the `subjects` and the fact, by the names that listings have for their sources.
What no clause can say (a window, a baseline, a result below quantification) has none.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import get_origin

from trial.definition import Definition
from trial.definition.base import Bounds
from trial.definition.conditions import AdverseEventFilter, Condition, Measure, Ref, Where
from trial.definition.design import ARM
from trial.definition.outputs import ListingDefinition, TableRow
from trial.events.payloads import KINDS
from trial.render.ars import events
from trial.render.ars.events import EVENTS
from trial.render.datasets import variable_set
from trial.rules.categories import ENROLMENT_FIELDS
from trial.subject.derivation import DECIDING_DATE
from trial.tables.listings.items import SUBJECTS

Written = dict[str, object]
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
    """Ask a variable to have one of some values."""
    return Simple(variable, "EQ" if len(values) == 1 else "IN", values)


def combined(operator: str, parts: Iterable[Clause | None]) -> Clause | None:
    """Combine clauses; nothing where one of them cannot be said."""
    found = list(parts)
    said = [each for each in found if each is not None]
    if not said or len(said) < len(found):
        return None
    return said[0] if len(said) == 1 else Compound(operator, tuple(said))


def written(clause: Clause | None, level: int = 1) -> Written:
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
    parts: list[Written] = []
    for order, part in enumerate(clause.parts, 1):
        said = {"subClauseId": part} if isinstance(part, str) else written(part, level + 1)
        parts.append({"level": level + 1, "order": order, **said})
    return {"compoundExpression": {"logicalOperator": clause.operator, "whereClauses": parts}}


def _leaves_out(listing: ListingDefinition) -> bool:
    """Say whether a listing shows too few to speak of all: records of some, or an exclusion."""
    if listing.subjects is None or listing.records != SUBJECTS:
        return listing.subjects is not None
    condition = listing.subjects
    return not isinstance(condition, str) and bool(condition.all or condition.none)


class Variables:
    """Where the published data sets hold what a listing's source names."""

    def __init__(self, definition: Definition) -> None:
        """Look through the listings that show all records of their kind, or subjects."""
        self._classes = definition.classes.keys()
        self._shown: dict[str, list[Mapping[str, Variable]]] = {}
        for listing in definition.listings:
            if listing.where or _leaves_out(listing):
                continue
            self._shown.setdefault(listing.records, []).append(
                {
                    column.source: (variable_set(listing.data_name), column.id)
                    for column in reversed(listing.columns)
                    if column.source and not _is_list(listing.records, column.source)
                }
            )

    def published(self, records: str, *sources: str) -> Variable | None:
        """Find the variable of a published data set that shows one of some sources."""
        shown = self._shown.get(records, ())
        return next((each[name] for each in shown for name in sources if name in each), None)

    def together(self, records: str, sources: Sequence[str]) -> Mapping[str, Variable]:
        """Find variables of one data set, for they are asked for of one record."""
        wanted = set(sources)
        shown = (each for each in self._shown.get(records, ()) if each.keys() >= wanted)
        found = next(shown, {})
        return {source: found.get(source, (records, source)) for source in sources}

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
        """Know the definition, and what its data sets show."""
        self.definition = definition
        self.variables = Variables(definition)

    def of_set(self, name: str) -> Clause | None:
        """Say who belongs to an analysis set."""
        flag = self.variables.published(SUBJECTS, f"set:{name}")
        return equal(flag, "Y") if flag else self.of(self.definition.sets[name].condition)

    def of(self, ref: Ref) -> Clause | None:
        """Say of whom a condition is true."""
        if isinstance(ref, str):
            flag = f"condition:{ref}"
            published = self.variables.published(SUBJECTS, flag)
            said = None if published else self.of(self.definition.conditions[ref])
            return said or equal(published or (SUBJECTS, flag), "Y")
        if ref.all is not None or ref.any is not None or ref.none is not None:
            return self._nested(ref)
        if ref.recorded is not None:
            return self.recorded(ref.recorded, ref.where, ref.period)
        if ref.characteristic is not None:
            return equal(self.variables.characteristic(ref.characteristic), *ref.levels)
        if ref.adverse_event is not None:
            return self.of_events(ref.adverse_event)
        return self._measured(ref)

    def determined(self, ref: Ref) -> Clause | None:
        """Say of whom it is known whether a condition holds, where a clause can say so.

        A flag of a condition is blank where that is not known.
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
        """Say of whom the level of a category is known."""
        return Simple(self.variables.characteristic(category), "NE", _ANY)

    def _nested(self, condition: Condition) -> Clause | None:
        if condition.all is not None:
            return combined("AND", map(self.of, condition.all))
        either = combined("OR", map(self.of, condition.any or condition.none or ()))
        if condition.any is not None or either is None:
            return either
        return Compound("NOT", (either,))

    def recorded(
        self, kind: str, where: Where, period: str | None = None, *shown: str
    ) -> Clause | None:
        """Say which records of a kind are meant, by the data set that has what is shown of them."""
        asked = {field: _values(kind, field, wanted) for field, wanted in where.items()}
        if period is not None:
            labels = {each.id: each.label for each in self.definition.periods}
            asked[f"{DECIDING_DATE.get(kind, 'date')}.period"] = [labels[period]]
        if not asked:
            return Simple(self.variables.find(kind, "record"), "NE", _ANY)
        variables = self.variables.together(kind, [*shown, *asked])
        return combined(
            "AND", [equal(variables[source], *values) for source, values in asked.items()]
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
            shown = self.variables.published(SUBJECTS, f"measure:{ref}")
            known = self.measure(self.definition.measures[ref])
            return shown or known or (SUBJECTS, f"measure:{ref}")
        if ref.characteristic is not None:
            return self.variables.characteristic(ref.characteristic)
        return None

    def of_events(self, wanted: AdverseEventFilter, *shown: str) -> Clause | None:
        """Say which adverse events are meant, by the data set that has what is shown of them."""
        asked = list(events.tests(wanted, self.terms))
        variables = self.variables.together(EVENTS, [*shown, *(source for source, *_ in asked)])
        tests = [Simple(variables[source], how, values) for source, how, values in asked]
        return combined("AND", tests)

    def of_row(self, row: TableRow) -> Mapping[str, Variable]:
        """Find the variables of a row of adverse events: of one data set, whatever it asks."""
        wanted, shown = events.filter_of(row), events.sources_of(row)
        asked = events.tests(wanted, self.terms) if wanted else ()
        return self.variables.together(EVENTS, [*shown, *(source for source, *_ in asked)])

    @property
    def terms(self) -> Mapping[str, Sequence[str]]:
        """The preferred terms of each group of terms."""
        return {each.label: each.terms for each in self.definition.adverse_events.groups}


def _bounded(variable: Variable, bounds: Bounds) -> Iterable[Clause]:
    for name, comparator in _BOUNDS:
        if (bound := getattr(bounds, name)) is not None:
            yield Simple(variable, comparator, (f"{bound:f}",))


def _is_list(kind: str, field: str) -> bool:
    """Say whether a field holds several texts, which a listing shows as one."""
    known = KINDS[kind].model_fields.get(field) if kind in KINDS else None
    return known is not None and get_origin(known.annotation) is list


def _values(kind: str, field: str, wanted: str | list[str]) -> list[str]:
    """Give the values of a field as data sets show them: true is Y, false N."""
    values = [wanted] if isinstance(wanted, str) else wanted
    known = KINDS[kind].model_fields[field].annotation if kind in KINDS else None
    if known in (bool, bool | None):
        return ["Y" if each == "True" else "N" for each in values]
    return values
