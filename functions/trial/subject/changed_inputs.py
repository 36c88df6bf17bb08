"""Which inputs of a definition's parts changed from one state of a subject to the next."""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

from trial.deferred import dataclass
from trial.definition.inputs import (
    ANYTHING,
    CONTACT,
    COURSE,
    DUE,
    RESULTS,
    VISITS,
    due_input,
    parameter_input,
)
from trial.events import dates
from trial.events.kinds import DOSES
from trial.statistics.cells import Share
from trial.subject.derivation import OF_VISITS, Derivation
from trial.subject.fold import Key, Record, Subject
from trial.subject.imputation import DEATH

_DATE = "date"


@dataclass(frozen=True)
class Former:
    """A subject as it was, and its share then, whole: all that was counted of just this state."""

    subject: Subject
    share: Share


def changed_inputs(
    before: Subject, after: Subject, derivation: Derivation
) -> frozenset[str] | None:
    """Return which inputs differ between two states of a subject; the derivation is of the later.

    None where all that is counted may differ: where the course of the subject changed, or records
    are gone. Of a study seen pooled the states still tell the arm, so that more may differ here.
    """
    changed = _changed_records(before, after)
    if changed is None or derivation.cutoff is not None or _is_of_course(changed, derivation):
        return None
    inputs = {ANYTHING, *(record.kind for record in changed)}
    for record in changed:
        if parameters := set(map(parameter_input, _parameters(record))):
            inputs |= {*parameters, RESULTS}
    keys = {(record.kind, record.record) for record in changed}
    if not inputs.isdisjoint(OF_VISITS):
        inputs |= {VISITS, *_due_by_name(changed, keys, derivation)}
    return frozenset(inputs | _contact_inputs(before, changed, keys, derivation))


def _changed_records(before: Subject, after: Subject) -> list[Record] | None:
    """Return every state of the records that differ; None where one is no longer there."""
    changed = list[Record]()
    added = 0
    for key, record in after.records.items():
        former = before.records.get(key)
        if former is record:
            continue
        added += former is None
        if former != record:
            changed += [record] if former is None else [former, record]
    return changed if len(before.records) + added == len(after.records) else None


def _is_of_course(changed: Sequence[Record], derivation: Derivation) -> bool:
    """Return whether a change, or what stays, makes all records be read otherwise."""
    if derivation.superseded or not COURSE.isdisjoint(record.kind for record in changed):
        return True
    # A partial date of death is imputed after the last day on which the subject was seen alive.
    if any(len(death.data[_DATE]) < dates.FULL for death in derivation.records(DEATH)):
        return True
    days = [
        dates.earliest(record.data["start"])
        for record in changed
        if record.kind == DOSES and not record.void
    ]
    if not days:
        return False
    first = derivation.first_dose
    return (
        first is None
        or min(days) <= dates.earliest(first)
        or any(visit.days_from == "last-dose" for visit in derivation.rules.visits)
    )


def _parameters(record: Record) -> Iterator[str]:
    """Yield the parameters that a record may hold results of, known or not."""
    yield from (
        name for field in ("parameter", "test") if (name := record.data.get(field)) is not None
    )
    yield from (item["parameter"] for item in record.data.get("measurements", ()))


def _due_by_name(
    changed: Sequence[Record], keys: AbstractSet[Key], derivation: Derivation
) -> Iterator[str]:
    """Yield which visits without a window may have become due, or be due no more.

    They are due once a record names them: so if one that did not change does, they are and were.
    """
    visits = derivation.study.visits
    named = (record.data.get("visit", "") for record in changed if record.kind in OF_VISITS)
    names = {name for name in named if name in visits and visits[name].window is None}
    if names:
        names -= {
            record.data.get("visit")
            for kind in OF_VISITS
            for record in derivation.records(kind)
            if (kind, record.record) not in keys
        }
    if names:
        yield DUE
        yield from map(due_input, names)


def _contact_inputs(
    before: Subject, changed: Sequence[Record], keys: AbstractSet[Key], derivation: Derivation
) -> frozenset[str]:
    """Return whether the last contact is another, and whether that makes anything due, or not."""
    former = [
        record for record in changed if before.records.get((record.kind, record.record)) is record
    ]
    day = max(derivation.last_contact_without(keys), *map(derivation.contact_day, former), 0)
    low, high = sorted((day, derivation.last_contact))
    if low == high:
        return frozenset()
    due = {due_input(place) for place, due_day in derivation.due_days() if low <= due_day < high}
    return frozenset({CONTACT, DUE, *due} if due else {CONTACT})
