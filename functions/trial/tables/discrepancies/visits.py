"""Visits and samples: planned and recorded."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any

from trial.definition.design import Visit
from trial.events import dates
from trial.events.kinds import CODINGS, DOSES, MISSED_DOSES, has_measurements
from trial.events.payloads import KINDS, is_not_done
from trial.subject.derivation import Derivation
from trial.subject.fold import Key, Record
from trial.subject.results import limit_errors, result_errors
from trial.tables.discrepancies.evidence import MAX_RECORDS_NAMED, Evidence, by_id, record_keys

RECORDED, RESULTS = "visit.recorded", "lab.result.reported"
MISSED = (("visit.missed", RECORDED), (MISSED_DOSES, DOSES))


def visit_twice(derivation: Derivation) -> Iterator[Evidence]:
    """Find visits with two records that bear different dates, or that measure the same thing.

    Two records of one day that complete each other are none.
    """
    if len(derivation.records(RECORDED)) < 2:  # noqa: PLR2004 (nothing to compare)
        return
    for visit, records in _by_visit(derivation).items():
        days = sorted({record.data["date"][: dates.FULL] for record in records})
        if len(records) > 1 and (len(days) > 1 or _overlap(records)):
            yield record_keys(*records), f"{visit}, dated {', '.join(days)}"


def _by_visit(derivation: Derivation) -> dict[str, list[Record]]:
    records_by_visit: dict[str, list[Record]] = {}
    for record in derivation.ordered(RECORDED):
        records_by_visit.setdefault(record.data["visit"], []).append(record)
    return records_by_visit


def _overlap(records: list[Record]) -> bool:
    """Return whether one thing is measured in two records, or two of them measure nothing."""
    measured = [set(map(_identity, record.data.get("measurements", ()))) for record in records]
    alike = sum(map(len, measured)) > len(set().union(*measured))
    return alike or measured.count(set()) > 1


def _identity(item: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return what identifies a measurement: its parameter, position and all but its result."""
    return tuple(sorted((k, v) for k, v in item.items() if k not in _MEASURED))


_MEASURED = ("result", "not_done", "unit", "range_low", "range_high")
"""The fields of a measurement that do not identify it."""


def visit_outside_window(derivation: Derivation) -> Iterator[Evidence]:
    """Find visits dated outside the window that the definition gives them."""
    for record in derivation.ordered(RECORDED):
        visit = derivation.study.visits.get(record.data["visit"])
        window = derivation.window_of(visit) if visit is not None else None
        if visit is None or window is None:
            continue
        first, _, last = window
        if not first <= (day := dates.earliest(record.data["date"])) <= last:
            bound = f"not before {dates.iso(first)}" if day < first else f"by {dates.iso(last)}"
            yield record_keys(record), f"{visit.id} dated {dates.iso(day)}, expected {bound}"


def visits_out_of_order(derivation: Derivation) -> Iterator[Evidence]:
    """Find visits of one schedule of which the one that is planned for later came first."""
    recorded = _by_visit(derivation)
    latest: dict[str, tuple[Visit, Record]] = {}
    for visit in derivation.study.visits_by_day:
        for record in recorded.get(visit.id, ()):
            before = latest.get(visit.schedule)
            if before is not None and _day(record) < _day(before[1]):
                detail = f"{before[0].id} {dates.iso(_day(before[1]))}"
                yield (
                    record_keys(before[1], record),
                    f"{detail}, {visit.id} {dates.iso(_day(record))}",
                )
        if visit_records := recorded.get(visit.id):
            latest[visit.schedule] = visit, visit_records[-1]


def _day(visit: Record) -> int:
    return dates.earliest(visit.data["date"])


def missed_and_recorded(derivation: Derivation) -> Iterator[Evidence]:
    """Find visits, and doses of visits, that are reported both as missed and as taken place."""
    for missed_kind, kind in MISSED:
        if missed := derivation.records(missed_kind):
            records_by_visit = {
                record.data.get("visit"): record for record in reversed(derivation.ordered(kind))
            }
            for missed_record in by_id(missed):
                if (recorded := records_by_visit.get(missed_record.data["visit"])) is not None:
                    yield record_keys(missed_record, recorded), f"{missed_record.data['visit']}"


def completed_without_last_visit(derivation: Derivation) -> Iterator[Evidence]:
    """Find completions where nothing is recorded of the last planned visit.

    Neither the visit under its name, nor anything measured within its window.
    """
    end = derivation.end_of_study
    planned = [visit for visit in derivation.rules.visits if visit.day is not None]
    if end is None or end.data["status"] != "completed" or not planned:
        return
    last = max(planned, key=lambda visit: visit.day or 0)
    if not _took_place(derivation, last):
        yield record_keys(end), f"nothing is recorded of {last.label}"


def _took_place(derivation: Derivation, visit: Visit) -> bool:
    visits = derivation.records(RECORDED)
    results = [record for record in derivation.records(RESULTS) if not is_not_done(record.data)]
    if any(record.data.get("visit") == visit.id for record in (*visits, *results)):
        return True
    window = derivation.window_of(visit)
    dated = [result.data["collected"] for result in results]
    dated += [record.data["date"] for record in visits]
    return window is not None and any(
        window[0] <= dates.earliest(date) <= window[2] for date in dated
    )


def sample_after_first_dose(derivation: Derivation) -> Iterator[Evidence]:
    """Find samples of a visit that is limited to before the first dose, taken later that day."""
    first = derivation.first_dose
    if first is None:
        return
    day = first[: dates.FULL]
    of_that_day = [
        record
        for record in derivation.ordered(RESULTS)
        if record.data["collected"][: dates.FULL] == day and not is_not_done(record.data)
    ]
    visits = [visit for visit in derivation.rules.visits if visit.limit == "before-first-dose"]
    for visit in visits if of_that_day else ():
        window = derivation.window_of(visit)
        if window is None:
            continue
        low, _, high = window
        for record in of_that_day:
            collected = record.data["collected"]
            late = not dates.not_after(collected, first)
            if late and low <= dates.earliest(collected) <= high:
                yield (
                    record_keys(derivation.doses[0], record),
                    f"collected {collected}, dose began {first}",
                )


def limits_changed(derivation: Derivation) -> Iterator[Evidence]:
    """Find results in another unit, or with another limit, than the ones before."""
    limits_by_parameter: dict[str, tuple[tuple[object, object], Record]] = {}
    for record in derivation.ordered(RESULTS):
        data = record.data
        if is_not_done(data):
            continue
        limits = (data["unit"], data.get("lloq"))
        before, earlier = limits_by_parameter.get(data["parameter"], (limits, record))
        limits_by_parameter[data["parameter"]] = limits, record
        if limits != before:
            detail = f"{data['parameter']} is now in {limits[0]}, limit {limits[1]}"
            yield record_keys(earlier, record), detail


def reference_range(derivation: Derivation) -> Iterator[Evidence]:
    """Find results whose range of the healthy is none: low above high, or nothing above 0."""
    for kind in (RESULTS, *filter(has_measurements, KINDS)):
        for record in by_id(filter(_has_limit, derivation.records(kind))):
            for item in _measured_items(record):
                low, high = item.get("range_low"), item.get("range_high")
                if high is not None and (high <= 0 or (low is not None and low > high)):
                    yield record_keys(record), f"{item['parameter']}: upper limit {high:f}"


def _has_limit(record: Record) -> bool:
    return any(item.get("range_high") is not None for item in _measured_items(record))


def _measured_items(record: Record) -> Sequence[Mapping[str, Any]]:
    return [record.data] if record.kind == RESULTS else record.data.get("measurements", ())


def age_in_days_missing(derivation: Derivation) -> Iterator[Evidence]:
    """Find infants with a sample of days of life that tell grades apart, of unknown age in days."""
    enrolment = derivation.enrolment
    if enrolment is None or derivation.age_in_days is not None or derivation.fact("age") != 0:
        return
    graded = sorted(
        {
            grading.grades.of
            for grading in derivation.study.gradings.values()
            if grading.days_of_age
            and any(
                (derivation.protocol_day(observation.day) or 0) < grading.days_of_age[-1]
                for observation in derivation.observations(grading.grades.of, ())
            )
        }
    )
    if graded:
        yield record_keys(enrolment), f"grades of {', '.join(graded)} depend on it"


def no_longer_accepted(derivation: Derivation) -> Iterator[Evidence]:
    """Find results and numbers of enrolment that the definition in force would refuse.

    It took others before it was amended; what has too many decimals now counts rounded.
    """
    for name, parameter in derivation.rules.parameters.items():
        for record, _, _, item in derivation.reported(name):
            for field, detail in result_errors(parameter, item)[:1]:
                yield record_keys(record), f"{name}: {field} {detail}"
    for record in by_id(derivation.records("subject.enrolled")):
        values = record.data.get("characteristics", {})
        for name, characteristic in derivation.rules.characteristics.items():
            number = values.get(name) if characteristic.levels is None else None
            if isinstance(number, int | Decimal):
                for detail in islice(limit_errors([Decimal(number)], characteristic), 1):
                    yield record_keys(record), f"{name}: {detail}"


_CHOSEN = {
    "first dose": (DOSES,),
    **{coding: (coding,) for coding in CODINGS.values()},
}
HAVE_RESULTS = (RESULTS, "observation.recorded", *filter(has_measurements, KINDS))


def undecided(derivation: Derivation) -> Iterator[Evidence]:
    """Find what neither a date, a time nor the definition chooses between, though it matters."""
    details_by_records: dict[tuple[Key, ...], dict[str, None]] = {}
    for choice in derivation.undecided:
        candidates = (
            (kind, record)
            for record in choice.records
            for kind in _CHOSEN.get(choice.name, HAVE_RESULTS)
            if (kind, record) in derivation.subject.records
        )
        day = f", {dates.iso(choice.day)}" if choice.day else ""
        name = "coding" if choice.name in CODINGS.values() else choice.name
        details_by_records.setdefault(tuple(candidates)[:MAX_RECORDS_NAMED], {})[f"{name}{day}"] = (
            None
        )
    for records, details in details_by_records.items():
        yield records, "; ".join(details)
