"""Visits and samples: planned and recorded."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import islice

from trial.definition.design import Visit
from trial.events import dates
from trial.subject.derivation import Derivation
from trial.subject.fold import Key, Record
from trial.subject.results import out_of_limits, refusals
from trial.tables.discrepancies.evidence import MAX_RECORDS_NAMED, Evidence, by_id, record_keys

RECORDED, RESULTS = "visit.recorded", "lab.result.reported"
_MISSED = (("visit.missed", RECORDED), ("dose.missed", "dose.administered"))


def visit_twice(derivation: Derivation) -> Iterator[Evidence]:
    """Find visits with two records that bear different dates, or that measure the same thing.

    Two records of one day that complete each other are none.
    """
    if len(derivation.records(RECORDED)) < 2:  # noqa: PLR2004 (nothing to compare)
        return
    for visit, records in _by_visit(derivation).items():
        days = sorted({each.data["date"][: dates.FULL] for each in records})
        if len(records) > 1 and (len(days) > 1 or _overlap(records)):
            yield record_keys(*records), f"{visit}, dated {', '.join(days)}"


def _by_visit(derivation: Derivation) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = {}
    for each in derivation.ordered(RECORDED):
        found.setdefault(each.data["visit"], []).append(each)
    return found


def _overlap(records: list[Record]) -> bool:
    """Say whether one thing is measured in two records, or two of them measure nothing."""
    measured = [set(map(_what, each.data.get("measurements", ()))) for each in records]
    alike = sum(map(len, measured)) > len(set().union(*measured))
    return alike or measured.count(set()) > 1


def _what(item: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Say what a measurement is of: its parameter, position and whatever else is not its result."""
    return tuple(sorted((k, v) for k, v in item.items() if k not in ("result", "unit")))


def visit_outside_window(derivation: Derivation) -> Iterator[Evidence]:
    """Find visits dated outside the window that the definition gives them."""
    for each in derivation.ordered(RECORDED):
        visit = derivation.study.visits.get(each.data["visit"])
        window = derivation.window_of(visit) if visit is not None else None
        if visit is None or window is None:
            continue
        first, _, last = window
        if not first <= (day := dates.earliest(each.data["date"])) <= last:
            bound = f"not before {dates.iso(first)}" if day < first else f"by {dates.iso(last)}"
            yield record_keys(each), f"{visit.id} dated {dates.iso(day)}, expected {bound}"


def visits_out_of_order(derivation: Derivation) -> Iterator[Evidence]:
    """Find visits of one schedule of which the one that is planned for later came first."""
    recorded = _by_visit(derivation)
    latest: dict[str, tuple[Visit, Record]] = {}
    planned = [each for each in derivation.rules.visits if each.day is not None]
    for visit in sorted(planned, key=lambda each: each.day or 0):
        for each in recorded.get(visit.id, ()):
            before = latest.get(visit.schedule)
            if before is not None and _day(each) < _day(before[1]):
                told = f"{before[0].id} {dates.iso(_day(before[1]))}"
                yield record_keys(before[1], each), f"{told}, {visit.id} {dates.iso(_day(each))}"
        if of := recorded.get(visit.id):
            latest[visit.schedule] = visit, of[-1]


def _day(visit: Record) -> int:
    return dates.earliest(visit.data["date"])


def missed_and_recorded(derivation: Derivation) -> Iterator[Evidence]:
    """Find visits, and doses of visits, that are reported both as missed and as taken place."""
    for missed_kind, kind in _MISSED:
        if missed := derivation.records(missed_kind):
            taken = {each.data.get("visit"): each for each in reversed(derivation.ordered(kind))}
            for each in by_id(missed):
                if (other := taken.get(each.data["visit"])) is not None:
                    yield record_keys(each, other), f"{each.data['visit']}"


def completed_without_last_visit(derivation: Derivation) -> Iterator[Evidence]:
    """Find completions where nothing is recorded of the last planned visit.

    Neither the visit under its name, nor anything measured within its window.
    """
    end = derivation.end_of_study
    planned = [visit for visit in derivation.rules.visits if visit.day is not None]
    if end is None or end.data["status"] != "completed" or not planned:
        return
    last = max(planned, key=lambda each: each.day or 0)
    if not _took_place(derivation, last):
        yield record_keys(end), f"nothing is recorded of {last.label}"


def _took_place(derivation: Derivation, visit: Visit) -> bool:
    visits = derivation.records(RECORDED)
    if any(each.data["visit"] == visit.id for each in visits):
        return True
    window = derivation.window_of(visit)
    dated = [each.data["collected"] for each in derivation.records(RESULTS)]
    dated += [each.data["date"] for each in visits]
    return window is not None and any(
        window[0] <= dates.earliest(each) <= window[2] for each in dated
    )


def sample_after_first_dose(derivation: Derivation) -> Iterator[Evidence]:
    """Find samples of a visit that is limited to before the first dose, taken later that day."""
    first = derivation.first_dose
    visits = [each for each in derivation.rules.visits if each.limit == "before-first-dose"]
    for visit in visits:
        window = derivation.window_of(visit)
        if first is None or window is None:
            continue
        low, _, high = window
        for record in derivation.ordered(RESULTS):
            collected = record.data["collected"]
            same_day = collected[: dates.FULL] == first[: dates.FULL]
            late = same_day and not dates.not_after(collected, first)
            if late and low <= dates.earliest(collected) <= high:
                yield (
                    record_keys(derivation.doses[0], record),
                    f"collected {collected}, dose began {first}",
                )


def limits_changed(derivation: Derivation) -> Iterator[Evidence]:
    """Find results in another unit, or with another limit, than the ones before."""
    known: dict[str, tuple[tuple[object, object], Record]] = {}
    for record in derivation.ordered(RESULTS):
        data = record.data
        limits = (data["unit"], data.get("lloq"))
        before, other = known.get(data["parameter"], (limits, record))
        known[data["parameter"]] = limits, record
        if limits != before:
            told = f"{data['parameter']} is now in {limits[0]}, limit {limits[1]}"
            yield record_keys(other, record), told


def reference_range(derivation: Derivation) -> Iterator[Evidence]:
    """Find results whose range of the healthy is none: low above high, or nothing above 0."""
    for record in by_id(derivation.records(RESULTS)):
        low, high = record.data.get("range_low"), record.data.get("range_high")
        if high is not None and (high <= 0 or (low is not None and low > high)):
            yield record_keys(record), f"{record.data['parameter']}: upper limit {high:f}"


def no_longer_accepted(derivation: Derivation) -> Iterator[Evidence]:
    """Find results and numbers of enrolment that the definition in force would refuse.

    It took others before it was amended; what has too many decimals now counts rounded.
    """
    for name, parameter in derivation.rules.parameters.items():
        for record, *_, item in derivation.reported(name):
            wrong = next(refusals(parameter, item.get("unit"), item["result"]), None)
            if wrong is not None:
                field, detail = wrong
                yield record_keys(record), f"{name}: {field} {detail}"
    for record in by_id(derivation.records("subject.enrolled")):
        values = record.data.get("characteristics", {})
        for name, known in derivation.rules.characteristics.items():
            number = values.get(name) if known.levels is None else None
            if isinstance(number, int | Decimal):
                for detail in islice(out_of_limits([Decimal(number)], known), 1):
                    yield record_keys(record), f"{name}: {detail}"


_CHOSEN = {"first dose": ("dose.administered",), "coding": ("adverse-event.coded",)}


def undecided(derivation: Derivation) -> Iterator[Evidence]:
    """Find what neither a date, a time nor the definition chooses between, though it matters."""
    open_: dict[tuple[Key, ...], dict[str, None]] = {}
    for each in derivation.undecided:
        found = (
            (kind, record)
            for record in each.records
            for kind in _CHOSEN.get(each.of, (RESULTS, RECORDED))
            if (kind, record) in derivation.subject.records
        )
        day = f", {dates.iso(each.day)}" if each.day else ""
        open_.setdefault(tuple(found)[:MAX_RECORDS_NAMED], {})[f"{each.of}{day}"] = None
    for records, told in open_.items():
        yield records, "; ".join(told)
