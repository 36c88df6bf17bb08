"""What a column of a listing shows: the function that gives its value.

A column's source is a fact of the subject, a field of the record, or a derived name:
`<field>.study-day`, `.protocol-day`, `.period`; `characteristic:`, `class:`, `measure:`,
`condition:`, `set:`, `as:` (an observation as another parameter counts it), `last:` (a parameter
at or before the record), `baseline:` and `change:` (of an observation) followed by a name; the
names of `facts`, and an observation's `value` as counted. A column without a source says that it
is not collected; what is not yet due says so; a blank was not reported.
"""

from collections.abc import Callable, Mapping

from trial.definition.design import ARM
from trial.definition.outputs import ListingColumnDefinition
from trial.events import dates
from trial.rules import Rules, determination
from trial.rules.categories import ENROLMENT_FIELDS, characteristic, is_characteristic
from trial.rules.determination import PendingTest
from trial.rules.matching import Test, refused, unknown
from trial.rules.measures import Quantity
from trial.subject.derivation import Derivation
from trial.tables.grid import NOT_COLLECTED, NOT_YET_DUE, Value
from trial.tables.listings import facts
from trial.tables.listings.facts import decimal, plain, yes_or_no
from trial.tables.listings.items import EVENTS, ColumnSource, ListingItem, fields, parameters_of


def source(rules: Rules, column: ListingColumnDefinition, records: str, path: str) -> ColumnSource:
    """Return the function that gives a column's value; refuses a name that is not known."""
    if column.source is None:
        return lambda _derivation, _item: NOT_COLLECTED
    return named_source(rules, column.source, records, f"{path}/source")


def named_source(rules: Rules, name: str, records: str, path: str) -> ColumnSource:
    """Return the function that gives a value of records by its name, which stands at a path."""
    if ":" in name:
        prefix, _, named = name.partition(":")
        if prefix in OF_BASELINE:
            return _of_baseline(rules, prefix, named, records, path)
        return _named(rules, prefix, named, path)
    if name in (ARM, *ENROLMENT_FIELDS):
        return lambda derivation, _: plain(characteristic(derivation, name))
    sources = {**facts.SUBJECT}
    if parameters_of(records):
        sources |= facts.OBSERVATION
    if records == EVENTS:
        sources |= facts.ADVERSE_EVENT
    return sources[name] if name in sources else _record_source(name, records, path)


def _record_source(name: str, records: str, path: str) -> ColumnSource:
    if name == "record":
        return lambda _, item: item.record
    field, _, derived = name.partition(".")
    if field not in fields(records):
        raise refused(path, "is not a source of this listing's records")
    return _derived(field, derived, path) if derived else lambda _, i: plain(i.data.get(field))


def _derived(field: str, derived: str, path: str) -> ColumnSource:
    if derived not in DERIVED:
        raise unknown(path, "derived value", derived)
    counter = DERIVED[derived]

    def value(derivation: Derivation, item: ListingItem) -> Value:
        text = item.data.get(field)
        # A partial date has no day of its own; inventing one here would hide that.
        if not text or len(text) < dates.FULL:
            return None
        return counter(derivation, dates.earliest(text))

    return value


def _period_label(derivation: Derivation, day: int) -> Value:
    period = derivation.period_of(day)
    return next(
        (
            defined_period.label
            for defined_period in derivation.rules.periods
            if defined_period.id == period
        ),
        None,
    )


DERIVED: Mapping[str, Callable[[Derivation, int], Value]] = {
    "study-day": Derivation.study_day,
    "protocol-day": Derivation.protocol_day,
    "period": _period_label,
}
"""What is derived of a record's date, by the name that follows it."""


def _named(rules: Rules, prefix: str, name: str, path: str) -> ColumnSource:
    definition = rules.study.definition
    match prefix:
        case "characteristic" if is_characteristic(rules.study, name):
            return lambda derivation, _: plain(characteristic(derivation, name))
        case "class" if name in definition.classes:
            category = rules.category(name, path)
            pending = determination.category_pending_test(rules, name, path)
            return _or_not_yet_due(lambda derivation, _: category(derivation), [pending])
        case "measure":
            measured = _measured(rules.measure(name, path))
            return _or_not_yet_due(measured, _pending(measures_of(rules, prefix, name, path)))
        case "condition":
            test = rules.condition(name, path)
            quantities = measures_of(rules, prefix, name, path)
            return _or_not_yet_due(_truth(test), _pending(quantities))
        case "set" if name in definition.sets:
            member = rules.condition(definition.sets[name].condition, path)
            return _truth(lambda derivation: bool(member(derivation)))
        case "as" | "last" if name in definition.parameters:
            find = _as if prefix == "as" else _last
            return lambda derivation, item: find(derivation, name, item)
        case _:
            raise unknown(path, prefix, name)


OF_BASELINE: Mapping[str, Callable[[Derivation, str, ListingItem], Value]] = {
    "baseline": facts.at_baseline,
    "change": facts.change_from,
}
"""What a listing of observations shows of each against a baseline that it names."""


def _of_baseline(rules: Rules, prefix: str, name: str, records: str, path: str) -> ColumnSource:
    if name not in rules.study.definition.baselines:
        raise unknown(path, "baseline", name)
    if not parameters_of(records):
        raise refused(path, "is of a listing of observations")
    value = OF_BASELINE[prefix]
    return lambda derivation, item: value(derivation, name, item)


def measures_of(rules: Rules, prefix: str, name: str, path: str) -> list[Quantity]:
    """Return the measures that a derived source needs."""
    match prefix:
        case "measure":
            return [rules.measure(name, path)]
        case "class":
            return rules.measures_of_classes(name, path)
        case "condition":
            return rules.measures_of(name, path)
        case _:
            return []


def _pending(quantities: list[Quantity]) -> list[PendingTest]:
    return [quantity.pending for quantity in quantities]


def _or_not_yet_due(source: ColumnSource, tests: list[PendingTest]) -> ColumnSource:
    """Return the source that shows what is not yet due; what was not reported stays blank."""

    def value(derivation: Derivation, item: ListingItem) -> Value:
        shown_value = source(derivation, item)
        pending = shown_value is None and any(test(derivation) for test in tests)
        return NOT_YET_DUE if pending else shown_value

    return value


def _truth(test: Test) -> ColumnSource:
    return lambda derivation, _: yes_or_no(test(derivation))


def _measured(quantity: Quantity) -> ColumnSource:
    def measured(derivation: Derivation, _: ListingItem) -> Value:
        value = quantity.evaluate(derivation)
        return None if value is None else decimal(value.units, quantity.precision)

    return measured


def _as(derivation: Derivation, parameter: str, item: ListingItem) -> Value:
    """Return an observation's value as another parameter counts it, where it has one."""
    precision = derivation.parameter(parameter).precision
    for observation in derivation.series(parameter).observations:
        listed = item.observation
        if listed and (observation.record, observation.place) == (listed.record, listed.place):
            return decimal(observation.value.units, precision)
    return None


def _last(derivation: Derivation, parameter: str, item: ListingItem) -> Value:
    precision = derivation.parameter(parameter).precision
    units = [
        observation.value.units
        for observation in derivation.series(parameter).observations
        if item.day is None or observation.day <= item.day
    ]
    return decimal(units[-1], precision) if units else None
