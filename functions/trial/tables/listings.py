"""Listings: a record a row, with what is derived of it, as the definition's columns ask.

A column's source is a fact of the subject, a field of the record, or a derived name:
`<field>.study-day`, `.protocol-day`, `.period`; `characteristic:`, `class:`, `measure:`,
`condition:`, `set:`, `as:` (an observation as another parameter counts it) and `last:` (a
parameter at or before the record) followed by a name; the names of `_SUBJECT`,
`_ADVERSE_EVENT` and `_OBSERVATION`, and an observation's `value` as counted. A column without a
source says that it is not collected; what is not yet due says so; a blank was not reported.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from trial import dates
from trial.adverse_events import AdverseEvent, imputed_onset
from trial.definition.design import ARM
from trial.definition.outputs import ListingColumnDefinition, ListingDefinition
from trial.derivation import DECIDING_DATE, Derivation
from trial.errors import Fault, Rejected
from trial.messages import KINDS
from trial.results import Observation
from trial.rules import Rules
from trial.rules.categories import ENROLMENT_FIELDS, characteristic, is_characteristic
from trial.rules.matching import Test, check_fields, matcher, unknown
from trial.rules.measures import Quantity
from trial.subject import Record
from trial.tables import findings, notes
from trial.tables.grid import NOT_COLLECTED, NOT_YET_DUE, Listing, ListingColumn, Value
from trial.tables.plan import Plan
from trial.tables.variables import is_whole, key_sequence

FINDINGS = "findings"
_FIELDS = {FINDINGS: ("finding", "detail"), "observations": ("collected", "result")}
"""What a listing's items carry where they are no records of a kind."""


@dataclass(frozen=True)
class Item:
    """What one row of a listing is about."""

    record: str
    day: int | None
    data: Mapping[str, Any]
    event: AdverseEvent | None = None
    observation: Observation | None = None
    visit: str = ""


Source = Callable[[Derivation, Item], Value]


def listings(plan: Plan, derivations: Iterable[Derivation]) -> tuple[Listing, ...]:
    """Make every listing of the definition from the subjects, in order of their ids."""
    ordered = sorted(derivations, key=lambda each: each.subject.id)
    return tuple(
        _listing(plan.rules, definition, ordered, f"/listings/{i}")
        for i, definition in enumerate(plan.study.definition.listings)
    )


def _listing(
    rules: Rules, definition: ListingDefinition, derivations: list[Derivation], path: str
) -> Listing:
    items = _items(rules, definition, path)
    meant = (
        rules.condition(definition.subjects, f"{path}/subjects") if definition.subjects else None
    )
    sources = [
        source(rules, column, definition.records, f"{path}/columns/{i}")
        for i, column in enumerate(definition.columns)
    ]
    rows = [
        tuple(each(derivation, item) for each in sources)
        for derivation in derivations
        if not derivation.superseded and (meant is None or meant(derivation))
        for item in items(derivation)
    ]
    keys = key_sequence(definition)
    columns = tuple(
        ListingColumn(
            each.id,
            each.label,
            each.kind,
            is_whole(rules, each.source, definition.records),
            keys.get(each.id, 0),
        )
        for each in definition.columns
    )
    return Listing(
        definition.id,
        definition.title,
        definition.population,
        columns,
        rows,
        (*definition.footnotes, *notes.of_listing(rules, definition, path)),
        definition.data_name,
    )


def check(plan: Plan) -> None:
    """Refuse listings that name what the definition does not define."""
    listings(plan, [])


def _items(
    rules: Rules, definition: ListingDefinition, path: str
) -> Callable[[Derivation], Iterable[Item]]:
    kind = definition.records
    if kind == "subjects":
        return lambda derivation: [Item(derivation.subject.id, derivation.day_zero, {})]
    if kind == FINDINGS:
        return _findings
    if kind.startswith("observations:"):
        return _observations(rules, kind.removeprefix("observations:"), path)
    if kind not in KINDS:
        raise unknown(f"{path}/records", "kind of record", kind)
    check_fields(kind, definition.where, f"{path}/where")
    matches = matcher(definition.where)
    if kind == "adverse-event.reported":
        return lambda derivation: [
            Item(each.record, _onset_day(derivation, each), each.data, event=each)
            for each in derivation.adverse_events
            if matches(each.data)
        ]

    def records(derivation: Derivation) -> Iterable[Item]:
        return [_item(each) for each in derivation.ordered(kind) if matches(each.data)]

    return records


def _findings(derivation: Derivation) -> Iterable[Item]:
    return [
        Item(each.record, None, {"finding": findings.RULES[each.rule][0], "detail": each.detail})
        for each in findings.find(derivation)
    ]


def _item(record: Record) -> Item:
    text = record.data.get(DECIDING_DATE.get(record.kind, "date"))
    return Item(record.record, _day(text), record.data)


def _observations(
    rules: Rules, parameter: str, path: str
) -> Callable[[Derivation], Iterable[Item]]:
    if parameter not in rules.study.definition.parameters:
        raise unknown(f"{path}/records", "parameter", parameter)

    def items(derivation: Derivation) -> Iterable[Item]:
        visits = {
            (chosen.record, chosen.day): visit.label
            for visit in rules.study.definition.visits
            if (chosen := derivation.at_visit(parameter, visit)) is not None
        }
        return [
            Item(
                each.record, each.day, {"collected": each.collected, "result": each.text},
                observation=each, visit=visits.get((each.record, each.day), ""),
            )
            for each in derivation.observations(parameter)
        ]  # fmt: skip

    return items


def _onset_day(derivation: Derivation, event: AdverseEvent) -> int | None:
    onset = event.data.get("onset")
    return imputed_onset(onset, derivation.first_dose) if onset else None


def _day(text: str | None) -> int | None:
    return dates.earliest(text) if text else None


def source(rules: Rules, column: ListingColumnDefinition, records: str, path: str) -> Source:
    """Make the function that gives a column's value; refuses a name that is not known."""
    name = column.source
    if name is None:
        return lambda _derivation, _item: NOT_COLLECTED
    if ":" in name:
        what, _, of = name.partition(":")
        return _named(rules, what, of, path)
    if name in (ARM, *ENROLMENT_FIELDS):
        return lambda derivation, _: _plain(characteristic(derivation, name))
    known = dict(_SUBJECT)
    if records.startswith("observations:"):
        known |= _OBSERVATION
        known["value"] = _counted(rules, records.removeprefix("observations:"))
    if records == "adverse-event.reported":
        known |= _ADVERSE_EVENT
    return known[name] if name in known else _of_record(name, records, path)


def _of_record(name: str, records: str, path: str) -> Source:
    if name == "record":
        return lambda _, item: item.record
    field, _, derived = name.partition(".")
    known = (
        KINDS[records].model_fields
        if records in KINDS
        else _FIELDS.get(records.split(":", maxsplit=1)[0], ())
    )
    if field not in known:
        fault = Fault(f"{path}/source", "is no source of this listing's records")
        raise Rejected(422, "Definition not accepted", "", fault)
    return _derived(field, derived, path) if derived else lambda _, i: _plain(i.data.get(field))


def _counted(rules: Rules, parameter: str) -> Source:
    places = rules.study.definition.parameters[parameter].places
    return lambda _, item: (
        _decimal(item.observation.value.units, places) if item.observation else None
    )


def _derived(field: str, derived: str, path: str) -> Source:
    counters: dict[str, Callable[[Derivation, int], Value]] = {
        "study-day": Derivation.study_day,
        "protocol-day": Derivation.protocol_day,
        "period": _period_label,
    }
    if derived not in counters:
        raise unknown(f"{path}/source", "derived value", derived)
    counter = counters[derived]

    def value(derivation: Derivation, item: Item) -> Value:
        text = item.data.get(field)
        # A partial date has no day of its own; inventing one here would hide that.
        if not text or len(text) < dates.FULL:
            return None
        return counter(derivation, dates.earliest(text))

    return value


def _period_label(derivation: Derivation, day: int) -> Value:
    period = derivation.period_of(day)
    return next((each.label for each in derivation.rules.periods if each.id == period), None)


def _named(rules: Rules, what: str, name: str, path: str) -> Source:
    definition = rules.study.definition
    match what:
        case "characteristic" if is_characteristic(rules.study, name):
            return lambda derivation, _: _plain(characteristic(derivation, name))
        case "class" if name in definition.classes:
            category = rules.category(name, path)
            return _or_not_yet_due(
                lambda derivation, _: category(derivation), notes.asked(rules, what, name, path)
            )
        case "measure":
            measured = _measured(rules.measure(name, f"{path}/source"))
            return _or_not_yet_due(measured, notes.asked(rules, what, name, path))
        case "condition":
            test = rules.condition(name, f"{path}/source")
            return _or_not_yet_due(_truth(test), notes.asked(rules, what, name, path))
        case "set" if name in definition.sets:
            member = rules.condition(definition.sets[name].condition, f"{path}/source")
            return _truth(lambda derivation: bool(member(derivation)))
        case "as" | "last" if name in definition.parameters:
            find = _as if what == "as" else _last
            return lambda derivation, item: find(derivation, name, item)
        case _:
            raise unknown(f"{path}/source", what, name)


def _or_not_yet_due(source: Source, asked: list[Quantity]) -> Source:
    """Tell what is not yet due from what was not reported, which is a blank."""

    def value(derivation: Derivation, item: Item) -> Value:
        found = source(derivation, item)
        waits = found is None and any(each.waits(derivation) for each in asked)
        return NOT_YET_DUE if waits else found

    return value


def _truth(test: Test) -> Source:
    return lambda derivation, _: _yes_or_no(test(derivation))


def _measured(quantity: Quantity) -> Source:
    def measured(derivation: Derivation, _: Item) -> Value:
        value = quantity.evaluate(derivation)
        return None if value is None else _decimal(value.units, quantity.places)

    return measured


def _as(derivation: Derivation, parameter: str, item: Item) -> Value:
    """Give an observation's value as another parameter counts it, where it has one."""
    places = derivation.parameter(parameter).places
    for each in derivation.observations(parameter):
        if each.record == item.record and each.day == item.day:
            return _decimal(each.value.units, places)
    return None


def _last(derivation: Derivation, parameter: str, item: Item) -> Value:
    places = derivation.parameter(parameter).places
    found = [
        each.value.units
        for each in derivation.observations(parameter)
        if item.day is None or each.day <= item.day
    ]
    return _decimal(found[-1], places) if found else None


def _decimal(units: int, places: int) -> Value:
    return Decimal(units).scaleb(-places) if places else units


def _yes_or_no(truth: bool | None) -> Value:  # noqa: FBT001 (a truth value is what it renders)
    return None if truth is None else "Y" if truth else "N"


def _plain(value: Any) -> Value:  # noqa: ANN401 (any field of a record)
    match value:
        case bool():
            return "Y" if value else "N"
        case list():
            return "; ".join(map(str, value)) or None
        case None | str() | int() | Decimal():
            return value
        case _:
            return str(value)


def _date_of(text: str | None) -> Value:
    return text[: dates.FULL] if text else None


def _discontinuation(derivation: Derivation, field: str) -> Value:
    end = derivation.end_of_study
    return None if end is None else _plain(end.data.get(field))


_SUBJECT: Mapping[str, Source] = {
    "subject": lambda derivation, _: derivation.subject.id,
    "enrolled": lambda derivation, _: (
        derivation.enrolment.data["date"] if derivation.enrolment else None
    ),
    "received-arm": lambda derivation, _: derivation.received_arm,
    "first-dose": lambda derivation, _: _date_of(derivation.first_dose),
    "last-dose": lambda derivation, _: (
        dates.iso(derivation.last_dose_day) if derivation.last_dose_day else None
    ),
    "last-contact": lambda derivation, _: (
        dates.iso(derivation.last_contact) if derivation.last_contact else None
    ),
    "doses": lambda derivation, _: len(derivation.doses),
    "end-of-study-status": lambda derivation, _: _discontinuation(derivation, "status"),
    "end-of-study-reason": lambda derivation, _: _discontinuation(derivation, "reason"),
    "end-of-study-date": lambda derivation, _: _discontinuation(derivation, "date"),
    "death-date": lambda derivation, _: derivation.death.data["date"] if derivation.death else None,
}


_OBSERVATION: Mapping[str, Source] = {
    "visit": lambda _, item: item.visit or "Not chosen for a visit",
    "operator": lambda _, item: item.observation.value.operator if item.observation else None,
}


def _last_dose(derivation: Derivation, item: Item) -> Record | None:
    return None if item.day is None else derivation.dose_before(item.day)


def _dose(derivation: Derivation, item: Item, *fields: str) -> Value:
    dose = _last_dose(derivation, item)
    if dose is None:
        return "None before onset" if item.day is not None else None
    return " ".join(str(dose.data.get(field) or "") for field in fields).strip() or None


def _since_last_dose(derivation: Derivation, item: Item) -> Value:
    dose = _last_dose(derivation, item)
    if dose is None or item.day is None or len(item.data.get("onset") or "") < dates.FULL:
        return None
    return item.day - dates.earliest(dose.data["start"])


def _duration(_derivation: Derivation, item: Item) -> Value:
    onset, end = item.data.get("onset") or "", item.data.get("end") or ""
    if len(onset) < dates.FULL or len(end) < dates.FULL:
        return None
    return dates.earliest(end) - dates.earliest(onset) + 1


def _days_on_treatment(derivation: Derivation, item: Item) -> Value:
    onset = item.data.get("onset") or ""
    if item.day is None or derivation.first_dose is None or len(onset) < dates.FULL:
        return None
    return max(0, item.day - dates.earliest(derivation.first_dose) + 1)


_ADVERSE_EVENT: Mapping[str, Source] = {
    "soc": lambda _, item: item.event.soc if item.event else None,
    "pt": lambda _, item: item.event.pt if item.event else None,
    "emergent": lambda _, item: _yes_or_no(item.event.emergent) if item.event else None,
    "related": lambda _, item: _yes_or_no(item.event.related) if item.event else None,
    "duration": _duration,
    "days-since-last-dose": _since_last_dose,
    "treatment-at-onset": lambda derivation, item: _dose(derivation, item, "treatment"),
    "dose-at-onset": lambda derivation, item: _dose(derivation, item, "amount", "unit"),
    "days-on-treatment": _days_on_treatment,
}
