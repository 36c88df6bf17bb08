"""The items that a listing has a row each for: records, observations, subjects, discrepancies."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from trial.definition.conditions import AdverseEventFilter
from trial.definition.outputs import RecordSelection
from trial.events.kinds import names_of
from trial.events.payloads import KINDS, Circumstances
from trial.rules import Rules
from trial.rules.matching import bounded, matcher, refused, unknown
from trial.subject.adverse_events import AdverseEvent
from trial.subject.derivation import Derivation
from trial.subject.fold import Record
from trial.subject.results import Observation, distance
from trial.tables.discrepancies import EditChecks
from trial.tables.grid import Value

SUBJECTS, DISCREPANCIES, OBSERVATIONS = "subjects", "discrepancies", "observations"
"""The items other than records of a kind; `observations:` is followed by their parameters."""
EVENTS = "adverse-event.reported"


@dataclass(frozen=True)
class ListingItem:
    """What one row of a listing shows: a record, an observation, a subject or a discrepancy."""

    record: str
    day: int | None
    data: Mapping[str, Any]
    event: AdverseEvent | None = None
    observation: Observation | None = None
    parameter: str = ""
    visits: tuple[str, ...] = ()
    """The labels of the visits that an observation was chosen for."""


ColumnSource = Callable[[Derivation, ListingItem], Value]
"""Returns a column's value in the row of an item."""
ItemFinder = Callable[[Derivation], Iterable[ListingItem]]


def item_finder(rules: Rules, definition: RecordSelection, path: str) -> ItemFinder:
    """Return the function that lists a subject's items, in their order."""
    kind = definition.records
    if kind == SUBJECTS:
        return lambda derivation: [ListingItem(derivation.subject.id, derivation.day_zero, {})]
    if kind == DISCREPANCIES:
        return _discrepancies(EditChecks(rules.study))
    if parameters := parameters_of(kind):
        return _observations(rules, parameters, _admission(rules, definition, path), path)
    if kind not in KINDS:
        raise unknown(f"{path}/records", "kind of record", kind)
    matches = matcher(definition.where)
    if kind == EVENTS:
        event_filter = definition.events or AdverseEventFilter()
        is_listed = rules.adverse_event_matcher(event_filter, f"{path}/events")
        return lambda derivation: [
            ListingItem(
                event.record, event.onset.day if event.onset else None, event.data, event=event
            )
            for event in derivation.adverse_events
            if matches(event.data) and is_listed(event)
        ]
    return lambda derivation: [
        _item(derivation, record) for record in derivation.ordered(kind) if matches(record.data)
    ]


def parameters_of(records: str) -> list[str]:
    """Return the parameters whose observations a listing shows; none where it has other items."""
    prefix, _, names = records.partition(":")
    return names.split(",") if prefix == OBSERVATIONS else []


def fields(records: str) -> Iterable[str]:
    """Return the names of the fields in the data of a listing's items."""
    if parameters_of(records):
        return ("collected", "result", "range_low", "range_high", *Circumstances.model_fields)
    if records == DISCREPANCIES:
        return ("discrepancy", "rule", "severity", "detail")
    return names_of(records) if records in KINDS else ()


def _discrepancies(checks: EditChecks) -> ItemFinder:
    def items(derivation: Derivation) -> Iterator[ListingItem]:
        for discrepancy in checks.find(derivation):
            data = {"discrepancy": discrepancy.label, "detail": discrepancy.detail}
            data |= {"rule": discrepancy.rule, "severity": discrepancy.severity}
            yield ListingItem(discrepancy.named, None, data)

    return items


def _item(derivation: Derivation, record: Record) -> ListingItem:
    dated = derivation.dated(record)
    return ListingItem(record.record, dated.day if dated else None, record.data)


type _Admission = Callable[[str, Observation], bool]
"""Whether a result of a parameter is listed."""


def _admission(rules: Rules, definition: RecordSelection, path: str) -> _Admission:
    """Return the test of the results that a listing of observations shows."""
    parameters, shown = rules.study.definition.parameters, parameters_of(definition.records)
    for name in shown if definition.out_of_range else ():
        if name in parameters and parameters[name].is_derived:
            detail = f"must be of reported parameters: {name} is derived, and has no range"
            raise refused(f"{path}/out_of_range", detail)
    wanted = []
    for i, part in enumerate(definition.results):
        part_path = f"{path}/results/{i}"
        if part.parameter not in shown:
            detail = f"is none of those that are listed: {', '.join(shown)}"
            raise refused(f"{part_path}/parameter", detail)
        if part.parameter not in parameters:
            raise unknown(f"{part_path}/parameter", "parameter", part.parameter)
        holds = bounded(parameters[part.parameter].precision, part, part_path)
        wanted.append((part.parameter, matcher(part.where), holds))

    def is_listed(name: str, observation: Observation) -> bool:
        if definition.out_of_range and (distance(observation, parameters[name]) or 0) <= 0:
            return False
        return not wanted or any(
            parameter == name and matches(observation.item) and holds(observation.value)
            for parameter, matches, holds in wanted
        )

    return is_listed


def _observations(
    rules: Rules, parameters: list[str], is_listed: _Admission, path: str
) -> ItemFinder:
    for name in parameters:
        if name not in rules.study.definition.parameters:
            raise unknown(f"{path}/records", "parameter", name)

    def items(derivation: Derivation) -> Iterator[ListingItem]:
        for name in parameters:
            visits = _visit_labels(rules, derivation, name)
            for observation in derivation.series(name).observations:
                if not is_listed(name, observation):
                    continue
                yield ListingItem(
                    observation.record,
                    observation.day,
                    {
                        **observation.item,
                        "collected": observation.collected,
                        "result": observation.text,
                    },
                    observation=observation,
                    parameter=name,
                    visits=tuple(visits.get((observation.record, observation.place), ())),
                )

    return items


def _visit_labels(
    rules: Rules, derivation: Derivation, parameter: str
) -> dict[tuple[str, int], list[str]]:
    """Return the labels of visits by the record, and place in it, of what was chosen for each."""
    labels: dict[tuple[str, int], list[str]] = {}
    for visit in rules.study.definition.visits:
        if (chosen := derivation.series(parameter).at_visit(visit)) is not None:
            for source in chosen.sources:
                labels.setdefault((source.record, source.place), []).append(visit.label)
    return labels
