"""The items that a listing has a row each for: records, observations, subjects, discrepancies."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from trial.deferred import dataclass
from trial.definition.conditions import AdverseEventFilter
from trial.definition.outputs import ListingDefinition, RecordSelection
from trial.events import dates
from trial.events.kinds import names_of
from trial.events.payloads import CIRCUMSTANCES, KINDS, NOT_DONE
from trial.rules import Rules
from trial.rules.matching import bounded, matcher, refused, unknown
from trial.subject.adverse_events import AdverseEvent
from trial.subject.derivation import Derivation
from trial.subject.fold import Record
from trial.subject.results import Observation, distance
from trial.subject.series import Series
from trial.tables.discrepancies import EditChecks
from trial.tables.grid import Value

SUBJECTS, DISCREPANCIES, OBSERVATIONS = "subjects", "discrepancies", "observations"
"""The items other than records of a kind; `observations:` is followed by their parameters."""
EVENTS = "adverse-event.reported"
NOT_DONE_FIELDS = ("completion_status", "reason_not_done")
"""What a listing of observations has a column of, if it shows what was not done too."""


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
    """The labels of the visits that an observation was chosen for, or that lack it."""
    recorded_visit: str = ""
    """The visit that an observation was recorded with, or was not done at."""


ColumnSource = Callable[[Derivation, ListingItem], Value]
"""Returns a column's value in the row of an item."""
ItemFinder = Callable[[Derivation], Iterable[ListingItem]]


def item_finder(
    rules: Rules, definition: RecordSelection, path: str, *, not_done: bool = False
) -> ItemFinder:
    """Return the function that lists a subject's items, in their order.

    Of observations, with `not_done` what is reported as not done is among them.
    """
    kind = definition.records
    if kind == SUBJECTS:
        return lambda derivation: [ListingItem(derivation.subject.id, derivation.day_zero, {})]
    if kind == DISCREPANCIES:
        return _discrepancies(EditChecks(rules.study))
    if parameters := parameters_of(kind):
        find = _observations(rules, parameters, _admission(rules, definition, path), path)
        return _with_not_done(rules, parameters, find) if not_done else find
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


def shows_not_done(definition: ListingDefinition) -> bool:
    """Return whether a listing of observations shows what was not done: if a column is of it."""
    sources = {column.source for column in definition.columns}
    filtered = definition.out_of_range or definition.results or definition.after_first_dose
    return not filtered and not sources.isdisjoint(NOT_DONE_FIELDS)


def parameters_of(records: str) -> list[str]:
    """Return the parameters whose observations a listing shows; none where it has other items."""
    prefix, _, names = records.partition(":")
    return names.split(",") if prefix == OBSERVATIONS else []


def fields(records: str) -> Iterable[str]:
    """Return the names of the fields in the data of a listing's items."""
    if parameters_of(records):
        reported = ("collected", "result", "range_low", "range_high")
        return (*reported, *NOT_DONE_FIELDS, *CIRCUMSTANCES)
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


type _Admission = Callable[[Derivation, str, Observation], bool]
"""Whether a subject's result of a parameter is listed."""


def _admission(rules: Rules, definition: RecordSelection, path: str) -> _Admission:
    """Return the test of the results that a listing of observations shows."""
    parameters, parameter_names = (
        rules.study.definition.parameters,
        parameters_of(definition.records),
    )
    for name in parameter_names if definition.out_of_range else ():
        if name in parameters and parameters[name].is_derived:
            detail = f"must be of reported parameters: {name} is derived, and has no range"
            raise refused(f"{path}/out_of_range", detail)
    filters = []
    for i, part in enumerate(definition.results):
        part_path = f"{path}/results/{i}"
        if part.parameter not in parameter_names:
            detail = f"is none of those that are listed: {', '.join(parameter_names)}"
            raise refused(f"{part_path}/parameter", detail)
        if part.parameter not in parameters:
            raise unknown(f"{part_path}/parameter", "parameter", part.parameter)
        holds = bounded(parameters[part.parameter].precision, part, part_path)
        filters.append((part.parameter, matcher(part.where), holds))

    def is_listed(derivation: Derivation, name: str, observation: Observation) -> bool:
        if definition.after_first_dose and not _is_after(observation, derivation.first_dose):
            return False
        if definition.out_of_range and (distance(observation, parameters[name]) or 0) <= 0:
            return False
        return not filters or any(
            parameter == name and matches(observation.item) and holds(observation.value)
            for parameter, matches, holds in filters
        )

    return is_listed


def _is_after(observation: Observation, first_dose: str | None) -> bool:
    return first_dose is not None and not dates.not_after(observation.collected, first_dose)


def _observations(
    rules: Rules, parameters: list[str], is_listed: _Admission, path: str
) -> ItemFinder:
    for name in parameters:
        if name not in rules.study.definition.parameters:
            raise unknown(f"{path}/records", "parameter", name)

    def items(derivation: Derivation) -> Iterator[ListingItem]:
        for name in parameters:
            visits = _visit_labels(rules, derivation.series(name))
            for observation in derivation.series(name).observations:
                if not is_listed(derivation, name, observation):
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
                    recorded_visit=observation.visit,
                )

    return items


def _with_not_done(rules: Rules, parameters: list[str], find: ItemFinder) -> ItemFinder:
    """Return the finder of observations and of what was not done, of each parameter by date."""

    def items(derivation: Derivation) -> Iterator[ListingItem]:
        all_items = list(find(derivation))
        for name in parameters:
            lines = [item for item in all_items if item.parameter == name]
            lines += _not_done(rules, derivation, name)
            yield from sorted(lines, key=lambda item: dates.moment(item.data["collected"]))

    return items


def _not_done(rules: Rules, derivation: Derivation, parameter: str) -> Iterator[ListingItem]:
    reports = derivation.not_done(parameter)
    visits = _visit_labels(rules, reports, derivation.series(parameter))
    for report in reports.observations:
        status = {"completion_status": NOT_DONE, "reason_not_done": None}
        of_record = derivation.subject.records[report.kind, report.record].data
        reason = {name: of_record[name] for name in NOT_DONE_FIELDS if name in of_record}
        yield ListingItem(
            report.record,
            report.day,
            {**report.item, **status, **reason, "collected": report.collected},
            parameter=parameter,
            visits=tuple(visits.get((report.record, report.place), ())),
            recorded_visit=report.visit,
        )


def _visit_labels(
    rules: Rules, series: Series, unless_in: Series | None = None
) -> dict[tuple[str, int], list[str]]:
    """Return the labels of visits by the record, and place in it, of what was chosen for each.

    Left out are visits for which another series has something.
    """
    labels: dict[tuple[str, int], list[str]] = {}
    for visit in rules.study.definition.visits:
        if unless_in is not None and unless_in.at_visit(visit) is not None:
            continue
        if (observation := series.at_visit(visit)) is not None:
            for source in observation.sources:
                labels.setdefault((source.record, source.place), []).append(visit.label)
    return labels
