"""The items that a listing has a row each for: records, observations, subjects, discrepancies."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from trial.definition.outputs import ListingDefinition
from trial.events.kinds import names_of
from trial.events.payloads import KINDS, Circumstances
from trial.rules import Rules
from trial.rules.matching import matcher, unknown
from trial.subject.adverse_events import AdverseEvent
from trial.subject.derivation import Derivation
from trial.subject.fold import Record
from trial.subject.results import Observation
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


def item_finder(rules: Rules, definition: ListingDefinition, path: str) -> ItemFinder:
    """Return the function that lists a subject's items, in their order."""
    kind = definition.records
    if kind == SUBJECTS:
        return lambda derivation: [ListingItem(derivation.subject.id, derivation.day_zero, {})]
    if kind == DISCREPANCIES:
        return _discrepancies(EditChecks(rules.study))
    if parameters := parameters_of(kind):
        return _observations(rules, parameters, path)
    if kind not in KINDS:
        raise unknown(f"{path}/records", "kind of record", kind)
    matches = matcher(definition.where)
    if kind == EVENTS:
        return lambda derivation: [
            ListingItem(
                event.record, event.onset.day if event.onset else None, event.data, event=event
            )
            for event in derivation.adverse_events
            if matches(event.data)
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


def _observations(rules: Rules, parameters: list[str], path: str) -> ItemFinder:
    for name in parameters:
        if name not in rules.study.definition.parameters:
            raise unknown(f"{path}/records", "parameter", name)

    def items(derivation: Derivation) -> Iterator[ListingItem]:
        for name in parameters:
            visits = _visit_labels(rules, derivation, name)
            for observation in derivation.series(name).observations:
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
