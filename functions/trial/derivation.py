"""One subject's derived values under a study's rules: days, visits, baselines, adverse events.

Derived from the folded records alone: no clock, no other subject, no order of arrival. Where a
rule chooses among records, ties break by clinical content and then by record id.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from functools import cached_property
from operator import attrgetter
from typing import Any

from trial import adverse_events, dates
from trial.adverse_events import AdverseEvent, Treatment
from trial.definition.design import Parameter, Visit
from trial.messages import canonical
from trial.results import Observation, read_value
from trial.study import Study
from trial.subject import Record, Subject, masked

DECIDING_DATE: Mapping[str, str] = {
    "lab.result.reported": "collected",
    "resistance.reported": "collected",
    "dose.administered": "start",
    "adverse-event.reported": "onset",
    "conmed.recorded": "start",
}
"""The field that says when a record happened; `date` for every kind not named."""

_day = attrgetter("day")
_ALWAYS = 10**7
"""A day (ordinal) after every date: the end of a window that stays open."""


class Derivation:
    """A subject seen through a study's definition; each value is derived once, when asked for."""

    disputed: tuple[tuple[str, str, int], ...] = ()
    """Kind, record and revision of what came with two contents: known to documents alone."""

    def __init__(self, study: Study, subject: Subject, cutoff: int | None = None) -> None:
        """Sort the live records by kind; `cutoff` is the day (ordinal) that all is seen at.

        Of a study seen pooled, nothing that tells the arm is looked at.
        """
        self.cutoff = cutoff
        self.study = study
        self.rules = study.definition
        self.subject = masked(subject) if study.pooled else subject
        self.memo: dict[int, Any] = {}
        self._observations: dict[str, list[Observation]] = {}
        self._chosen: dict[tuple[str, str], Observation | None] = {}
        self._ordered: dict[str, list[Record]] = {}
        self._by_kind: dict[str, list[Record]] = {}
        for record in self.subject.records.values():
            if not record.void:
                self._by_kind.setdefault(record.kind, []).append(record)

    def records(self, kind: str) -> list[Record]:
        """List the live records of a kind, in no particular order."""
        return self._by_kind.get(kind, [])

    def ordered(self, kind: str) -> list[Record]:
        """List the live records of a kind by date, then clinical content, then record id."""
        if kind not in self._ordered:
            self._ordered[kind] = _in_order(self.records(kind), DECIDING_DATE.get(kind, "date"))
        return self._ordered[kind]

    def _first(self, kind: str) -> Record | None:
        records = self.records(kind)
        return records[0] if len(records) == 1 else next(iter(self.ordered(kind)), None)

    @cached_property
    def superseded(self) -> bool:
        """Whether another id stands for this person: then this one counts nowhere."""
        return bool(self.records("subject.superseded"))

    @cached_property
    def enrolment(self) -> Record | None:
        """The enrolment; the earliest where there are several."""
        return self._first("subject.enrolled")

    @cached_property
    def day_zero(self) -> int | None:
        """The day (ordinal) that protocol days count from."""
        return dates.earliest(self.enrolment.data["date"]) if self.enrolment else None

    @cached_property
    def randomisation(self) -> Record | None:
        """The randomisation; the earliest where there are several."""
        return self._first("subject.randomised")

    @cached_property
    def planned_arm(self) -> str | None:
        """The arm of randomisation; that of a single group for all who are enrolled."""
        if self.randomisation is not None:
            arm: str = self.randomisation.data["arm"]
            return arm
        return self.rules.arms[0].id if self.enrolment and len(self.rules.arms) == 1 else None

    @cached_property
    def received_arm(self) -> str | None:
        """The arm whose treatment was given first: the planned one where that gives it too."""
        if not self.doses:
            return None
        given = self.doses[0].data.get("treatment")
        arms = [arm.id for arm in self.rules.arms if given in arm.treatments[:1]]
        if self.planned_arm in arms or not arms:
            return self.planned_arm
        return arms[0]

    @cached_property
    def doses(self) -> list[Record]:
        """Doses given, in order of their start."""
        return self.ordered("dose.administered")

    @cached_property
    def first_dose(self) -> str | None:
        """When treatment began: the local time of the first dose."""
        return self.doses[0].data["start"] if self.doses else None

    @cached_property
    def last_dose_day(self) -> int | None:
        """The last day (ordinal) on which a dose was given so far."""
        given = (each.data.get("end") or each.data["start"] for each in self.doses)
        return max(map(dates.earliest, given), default=None)

    @cached_property
    def regimen_day(self) -> int | None:
        """The day (ordinal) on which the background regimen began."""
        regimen = self._first("regimen.started")
        return dates.earliest(regimen.data["date"]) if regimen else None

    @cached_property
    def end_of_study(self) -> Record | None:
        """The disposition of the study; the latest where there are several."""
        of_study = [
            each for each in self.ordered("disposition.recorded") if each.data["of"] == "study"
        ]
        return of_study[-1] if of_study else None

    @cached_property
    def death(self) -> Record | None:
        """The report of the subject's death."""
        return self._first("death.reported")

    @cached_property
    def last_contact(self) -> int:
        """The last day (ordinal) on which anything is recorded of the subject; 0 before that."""
        return max(
            (
                self._contact(record)
                for kind, records in self._by_kind.items()
                for record in records
                if not kind.endswith(".missed")
            ),
            default=0,
        )

    def _contact(self, record: Record) -> int:
        text = record.data.get(DECIDING_DATE.get(record.kind, "date"))
        end = record.data.get("end")
        return max(dates.earliest(text) if text else 0, dates.earliest(end) if end else 0)

    def protocol_day(self, day: int) -> int | None:
        """Count days from enrolment, which is day 0."""
        return None if self.day_zero is None else day - self.day_zero

    def study_day(self, day: int) -> int | None:
        """Count days from the first dose, which is day 1; there is no day 0 (CDISC)."""
        if self.first_dose is None:
            return None
        days = day - dates.earliest(self.first_dose)
        return days + 1 if days >= 0 else days

    def period_of(self, day: int) -> str | None:
        """Name the period of the protocol that a day (ordinal) lies in."""
        protocol_day = self.protocol_day(day)
        if protocol_day is None:
            return None
        for period in self.rules.periods:
            if period.first_day <= protocol_day and (
                period.last_day is None or protocol_day <= period.last_day
            ):
                return period.id
        return None

    def observations(self, parameter: str) -> list[Observation]:
        """List a parameter's results by day and, of one day, by accession."""
        if parameter not in self._observations:
            self._observations[parameter] = self._observe(parameter)
        return self._observations[parameter]

    def _observe(self, name: str) -> list[Observation]:
        counted = self.rules.parameters[name]
        source = counted.derived_from or name
        reported = self.rules.parameters[source]
        found = []
        for record, visit, item in self._results.get(source, ()):
            value = read_value(item, reported, counted, item.get("range_high"))
            if value is not None:
                field = "date" if visit else "collected"
                collected: str = record.data[field]
                day = dates.earliest(collected)
                found.append(
                    Observation(record.record, collected, day, item["result"], value, visit)
                )
        return sorted(found, key=lambda each: (each.day, each.record))

    @cached_property
    def _results(self) -> dict[str, list[tuple[Record, str, Mapping[str, Any]]]]:
        """By parameter: the record of every result, its visit if it is one, and the result."""
        found: dict[str, list[tuple[Record, str, Mapping[str, Any]]]] = {}
        for each in self.records("lab.result.reported"):
            found.setdefault(each.data["parameter"], []).append((each, "", each.data))
        for each in self.records("visit.recorded"):
            for item in each.data.get("measurements", ()):
                found.setdefault(item["parameter"], []).append((each, each.data["visit"], item))
        return found

    def counts(self, observation: Observation) -> bool:
        """Say whether a sample may count: not after discontinuation unless the study says so."""
        end = self.end_of_study
        if end is None or end.data["status"] == "completed":
            return True
        return self.rules.samples_after_discontinuation or observation.day <= dates.earliest(
            end.data["date"]
        )

    def window_of(self, visit: Visit) -> tuple[int, int, int] | None:
        """Give a visit's first, planned and last day (ordinals).

        None where it has none, or while days cannot count.
        """
        if visit.window is None or visit.day is None:
            return None
        match visit.days_from:
            case "first-dose":
                zero = dates.earliest(self.first_dose) if self.first_dose else None
            case "randomisation":
                zero = (
                    dates.earliest(self.randomisation.data["date"]) if self.randomisation else None
                )
            case _:
                zero = self.day_zero
        if zero is None:
            return None
        low, high = visit.window
        no_zero = visit.days_from == "first-dose"

        def ordinal(day: int) -> int:
            return zero + day - 1 if no_zero and day > 0 else zero + day

        return (
            0 if low is None else ordinal(low),
            ordinal(visit.day),
            _ALWAYS if high is None else ordinal(high),
        )

    def at_visit(self, parameter: str, visit: Visit) -> Observation | None:
        """Choose a visit's result.

        The closest to its day is the later on a tie; of one day the last accession counts. Of the
        highest or lowest the earliest counts. Of a visit without a window its own results count.
        """
        key = (parameter, visit.id)
        if key not in self._chosen:
            self._chosen[key] = self._choose(parameter, visit)
        return self._chosen[key]

    def _choose(self, parameter: str, visit: Visit) -> Observation | None:
        if visit.window is None:
            recorded = [each for each in self.observations(parameter) if each.visit == visit.id]
            return extreme(list(filter(self.counts, recorded)), visit.choose)
        if (window := self.window_of(visit)) is None:
            return None
        low, target, high = window
        observations = self.observations(parameter)
        first = bisect_left(observations, low, key=_day)
        candidates = [
            each
            for each in observations[first : bisect_right(observations, high, lo=first, key=_day)]
            if self._within(visit, low, high, each) and self.counts(each)
        ]
        if visit.choose == "closest":
            candidates.sort(key=lambda each: (-abs(each.day - target), each.day, each.record))
            return candidates[-1] if candidates else None
        return extreme(candidates, visit.choose)

    def after_first_dose(self, parameter: str, which: str) -> Observation | None:
        """Find the first, last, highest or lowest result taken after the first dose."""
        first = self.first_dose
        if first is None:
            return None
        after = [
            each
            for each in self.observations(parameter)
            if not dates.not_after(each.collected, first) and self.counts(each)
        ]
        return extreme(after, which)

    def _within(self, visit: Visit, low: int, high: int, observation: Observation) -> bool:
        match visit.limit:
            case "before-first-dose":
                return self.first_dose is None or dates.not_after(
                    observation.collected, self.first_dose
                )
            case "before-regimen":
                began = self.regimen_day
                return began is None or not low <= began <= high or observation.day <= began
            case _:
                return True

    def at_baseline(self, parameter: str, name: str) -> Observation | None:
        """Find a named baseline: of a visit, or the last result at or before the first dose."""
        baseline = self.rules.baselines[name]
        if baseline.visit is not None:
            return self.at_visit(parameter, self.study.visits[baseline.visit])
        key = (parameter, f"{name} baseline")  # no visit's id holds a space
        if key not in self._chosen:
            self._chosen[key] = self._before_first_dose(parameter)
        return self._chosen[key]

    def _before_first_dose(self, parameter: str) -> Observation | None:
        if self.first_dose is None:
            return None
        for each in reversed(self.observations(parameter)):
            if dates.not_after(each.collected, self.first_dose):
                return each
        return None

    def last_until(self, parameter: str, visit: Visit) -> Observation | None:
        """Find the last result after the first dose and not after a visit's window (LOCF)."""
        window = self.window_of(visit)
        if window is None or self.first_dose is None:
            return None
        first_dose = self.first_dose
        for each in reversed(self.observations(parameter)):
            if each.day <= window[2] and self.counts(each):
                return None if dates.not_after(each.collected, first_dose) else each
        return None

    def last_visit_before(self, parameter: str, visit: Visit) -> Observation | None:
        """Find the result, after the first dose, of the last visit before one that has any."""
        first_dose = self.first_dose
        if visit.day is None or first_dose is None:
            return None
        chosen = [
            self.at_visit(parameter, each)
            for each in self.rules.visits
            if each.schedule == visit.schedule and each.day is not None and each.day < visit.day
        ]
        after = [
            each for each in chosen if each and not dates.not_after(each.collected, first_dose)
        ]
        return max(after, key=lambda each: each.day, default=None)

    def due(self, visit: Visit) -> bool:
        """Say whether a visit is due: something is recorded beyond its window, or all is over."""
        if self.end_of_study is not None or self.death is not None:
            return True
        if visit.window is None:
            return any(each.data["visit"] == visit.id for each in self.records("visit.missed"))
        window = self.window_of(visit)
        return window is not None and self.seen_beyond(window[2])

    def baseline_due(self) -> bool:
        """Say whether a baseline is due: something is recorded after the first dose's day."""
        if self.end_of_study is not None or self.death is not None:
            return True
        return self.first_dose is not None and self.seen_beyond(dates.earliest(self.first_dose))

    def seen_beyond(self, day: int) -> bool:
        """Say whether anything is recorded after a day (ordinal), or the cut-off lies after it."""
        return (self.last_contact if self.cutoff is None else self.cutoff) > day

    def parameter(self, name: str) -> Parameter:
        """Look a parameter up."""
        return self.rules.parameters[name]

    @cached_property
    def adverse_events(self) -> list[AdverseEvent]:
        """The subject's adverse events, coded and judged by the study's rules."""
        reports = self.ordered("adverse-event.reported")
        if not reports:
            return []
        codings = self.records("adverse-event.coded")
        return adverse_events.judge(self.rules.adverse_events, reports, codings, self._treatment)

    @cached_property
    def _treatment(self) -> Treatment | None:
        if self.first_dose is None or self.last_dose_day is None:
            return None
        return Treatment(self.first_dose, self.last_dose_day, self._treatment_at)

    def _treatment_at(self, day: int) -> str:
        dose = self.dose_before(day)
        return str(dose.data.get("treatment") or "") if dose else ""

    def dose_before(self, day: int) -> Record | None:
        """Find the last dose given on or before a day (ordinal)."""
        given = bisect_right(self._dose_days, day)
        return self.doses[given - 1] if given else None

    @cached_property
    def _dose_days(self) -> list[int]:
        return [dates.earliest(each.data["start"]) for each in self.doses]


def extreme(observations: list[Observation], which: str) -> Observation | None:
    """Take the first, last, highest or lowest of results in their order."""
    if not observations:
        return None
    match which:
        case "highest":
            return max(observations, key=lambda each: each.value.units)
        case "lowest":
            return min(observations, key=lambda each: each.value.units)
        case _:
            return observations[0 if which == "first" else -1]


def _in_order(records: list[Record], field: str) -> list[Record]:
    """Sort by date; only records of one date are compared by their content, which takes longer."""
    if len(records) < 2:  # noqa: PLR2004 (nothing to compare)
        return records
    same: dict[str, list[Record]] = {}
    for each in records:
        same.setdefault(each.data.get(field) or "", []).append(each)
    return [
        each
        for day in sorted(same)
        for each in (
            sorted(same[day], key=lambda one: (canonical(one.data), one.record))
            if len(same[day]) > 1
            else same[day]
        )
    ]
