"""One subject's derived values under a study's rules: days, visits, baselines, adverse events.

Derived from the folded records alone: no clock, no other subject, no order of arrival. Where a
rule chooses among records, the time of day decides between those of one day, then their content and
last their id; where it does not decide, `undecided` says so.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from trial.definition.conditions import Selection
from trial.definition.design import Parameter, Visit, reported_sources
from trial.definition.inputs import BASELINE
from trial.definition.study import Study
from trial.events import dates
from trial.events.kinds import (
    CODINGS,
    DECIDING_DATE,
    DOSES,
    has_measurements,
    implied,
    is_contact,
    reference,
)
from trial.events.payloads import KINDS, is_not_done
from trial.subject import adverse_events, codings
from trial.subject.adverse_events import AdverseEvent, Treatment
from trial.subject.choosing import UndecidedChoice
from trial.subject.derived_fields import HAVE_DERIVED, treated_days, with_derived_fields
from trial.subject.fold import Key, Record, Subject, blinded
from trial.subject.imputation import Dated, Imputation
from trial.subject.ordering import by_date
from trial.subject.results import Observation
from trial.subject.series import Reported, Series, SeriesCache

_WITH_MEASUREMENTS = tuple(filter(has_measurements, KINDS))
"""The kinds whose records hold results of parameters."""
OF_VISITS = (*_WITH_MEASUREMENTS, "lab.result.reported", "observation.recorded", "visit.missed")
"""The kinds of records that say by its name that a visit took place, or did not."""
_ALWAYS = 10**7
"""A day (ordinal) after every date: the end of a window that stays open."""


def _whole_days(visit: Visit, day: int) -> int:
    """Return how many days lie between a visit's day and the date that its days count from."""
    return day - 1 if visit.days_from == "first-dose" and day > 0 else day


def _days_apart(visit: Visit, day: int) -> int:
    """Return how many days lie between a day and the one that a visit is planned for."""
    return _whole_days(visit, day) - _whole_days(visit, visit.day or 0)


def _contact(data: Mapping[str, Any], field: str) -> int:
    """Return the last day (ordinal) that a record's dates name: its deciding one, and its end."""
    text, end = data.get(field), data.get("end")
    day = dates.earliest(text) if text else 0
    return max(day, dates.earliest(end)) if end else day


class Derivation:
    """A subject seen through a study's definition; each value is derived once, when asked for."""

    disputed: tuple[tuple[str, str, int], ...] = ()
    """Kind, record and revision of what came with two contents: known to documents alone."""
    across: tuple[tuple[str, tuple[Key, ...], str], ...] = ()
    """What only the reader of all subjects finds of this one: rule, records, and what of them."""

    def __init__(self, study: Study, subject: Subject, cutoff: int | None = None) -> None:
        """Sort the live records by kind; `cutoff` is the day (ordinal) that all is seen at.

        Of a study seen pooled, nothing that tells the arm is looked at.
        """
        self.cutoff = cutoff
        self.study = study
        self.rules = study.definition
        self.subject = blinded(subject) if study.pooled else subject
        self.memo: dict[int, Any] = {}
        self._series: dict[tuple[str, Selection], SeriesCache] = {}
        self._not_done: dict[tuple[str, Selection], SeriesCache] = {}
        self._windows: dict[str, tuple[int, int, int] | None] = {}
        self._ordered: dict[str, list[Record]] = {}
        self._by_kind: dict[str, list[Record]] = {}
        for record in self.subject.records.values():
            if not record.void:
                if extra := implied(record.kind, record.data):
                    record = replace(record, data={**record.data, **extra})  # noqa: PLW2901
                self._by_kind.setdefault(record.kind, []).append(record)
        self.imputation = Imputation(self._by_kind, cutoff)

    def records(self, kind: str) -> list[Record]:
        """List the live records of a kind, in no particular order, with what is derived of them."""
        records = self._by_kind.get(kind, [])
        return self.ordered(kind) if records and kind in HAVE_DERIVED else records

    def ordered(self, kind: str) -> list[Record]:
        """List the live records of a kind by date and time, then content, then record id."""
        if kind not in self._ordered:
            records = by_date(self._by_kind.get(kind, []), DECIDING_DATE.get(kind, "date"))
            self._ordered[kind] = self._derived(kind, records) if kind in HAVE_DERIVED else records
        return self._ordered[kind]

    def _derived(self, kind: str, records: list[Record]) -> list[Record]:
        return with_derived_fields(
            kind,
            records,
            self._by_kind.get(CODINGS.get(kind, ""), []),
            self.rules.medications,
            treated_days(self.first_dose, self.last_dose_day),
        )

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
        """The arm whose treatment was given first: the planned one where that gives it too.

        Who was given nothing is in none, unless the planned arm is one without doses beside arms
        that have some: a device, an operation, observation.
        """
        if self.doses:
            return self._arm_of(self.doses[0])
        arms = self.rules.arms
        undosed = [arm.id for arm in arms if not arm.treatments]
        mixed = 0 < len(undosed) < len(arms)
        return self.planned_arm if mixed and self.planned_arm in undosed else None

    def _arm_of(self, dose: Record) -> str | None:
        treatment = dose.data.get("treatment")
        arms = [arm.id for arm in self.rules.arms if treatment in arm.treatments[:1]]
        if self.planned_arm in arms or not arms:
            return self.planned_arm
        return arms[0]

    @cached_property
    def doses(self) -> list[Record]:
        """Doses given, in order of their start."""
        return self.ordered(DOSES)

    @property
    def first_dose(self) -> str | None:
        """When treatment began: the local time of the first dose."""
        return self.imputation.first_dose

    @property
    def entry(self) -> str | None:
        """The date of randomisation or, without one, of enrolment."""
        entered = self.randomisation or self.enrolment
        return entered.data["date"] if entered else None

    @cached_property
    def last_dose_day(self) -> int | None:
        """The last day (ordinal) on which a dose was given so far."""
        dose_ends = (dose.data.get("end") or dose.data["start"] for dose in self.doses)
        return max(map(dates.earliest, dose_ends), default=None)

    @cached_property
    def regimen_day(self) -> int | None:
        """The day (ordinal) on which the background regimen began."""
        regimen = self._first("regimen.started")
        return dates.earliest(regimen.data["date"]) if regimen else None

    @cached_property
    def end_of_study(self) -> Record | None:
        """The disposition of the study; the latest where there are several."""
        of_study = [
            record
            for record in self.ordered("disposition.recorded")
            if record.data["of"] == "study"
        ]
        return of_study[-1] if of_study else None

    @cached_property
    def death(self) -> Record | None:
        """The report of the subject's death."""
        return self._first("death.reported")

    @cached_property
    def last_contact(self) -> int:
        """The last day (ordinal) on which anything is recorded of the subject; 0 before that."""
        return max(self._contact_days.values(), default=0)

    @cached_property
    def _contact_days(self) -> dict[Key, int]:
        """The last day (ordinal) of each record that says that there was contact."""
        return {
            (kind, record.record): _contact(record.data, field)
            for kind, records in self._by_kind.items()
            for field in [DECIDING_DATE.get(kind, "date")]
            for record in records
            if is_contact(kind, record.data)
        }

    def last_contact_without(self, records: Collection[Key]) -> int:
        """Return the last contact (ordinal) as it is without some records."""
        days = self._contact_days.items()
        return max((day for key, day in days if key not in records), default=0)

    def contact_day(self, record: Record) -> int:
        """Return the last day (ordinal) of contact that a record tells; 0 if it tells of none."""
        if record.void or not is_contact(record.kind, record.data):
            return 0
        return _contact(record.data, DECIDING_DATE.get(record.kind, "date"))

    def dated(self, record: Record) -> Dated | None:
        """Return what the deciding date of a record counts as; None where it has none."""
        field = DECIDING_DATE.get(record.kind, "date")
        return self.imputation.dated(record.kind, field, record.data)

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
        """Return the period of the protocol that a day (ordinal) lies in."""
        protocol_day = self.protocol_day(day)
        if protocol_day is None:
            return None
        for period in self.rules.periods:
            if period.first_day <= protocol_day and (
                period.last_day is None or protocol_day <= period.last_day
            ):
                return period.id
        return None

    def series(self, parameter: str, where: Selection = ()) -> Series:
        """Return the results of a parameter, or those of them that were obtained in one way."""
        key = (parameter, where)
        if (cache := self._series.get(key)) is None:
            cache = self._series[key] = SeriesCache()
        return Series(self, parameter, where, cache)

    def not_done(self, parameter: str, where: Selection = ()) -> Series:
        """Return, as a series without values, when a parameter is reported as not done.

        A derived parameter is not done where what it is of is not: of a formula any operand.
        """
        key = (parameter, where)
        if key not in self._not_done:
            reported = self._reported[1]
            sources = reported_sources(self.rules.parameters, parameter) if reported else ()
            items = (item for source in sources for item in reported.get(source, ()))
            self._not_done[key] = SeriesCache(self.series(parameter, where).without_value(items))
        return Series(self, parameter, where, self._not_done[key])

    def observations(self, parameter: str, where: Selection) -> list[Observation]:
        """List the results of a parameter that were obtained in some way, in their order."""
        return self.series(parameter, where).observations

    def of_visits(
        self, parameter: str, where: Selection, visits: Sequence[str]
    ) -> list[Observation]:
        """List those of them that may count for one of some visits."""
        return self.series(parameter, where).of_visits(visits)

    def fact(self, name: str) -> Any:  # noqa: ANN401 (as posted)
        """Return what was recorded of a characteristic at enrolment; None where it is not known."""
        if self.enrolment is None:
            return None
        data = self.enrolment.data
        defined = name in self.rules.characteristics
        return data.get("characteristics", {}).get(name) if defined else data.get(name)

    @property
    def age_in_days(self) -> int | None:
        """The age in days at enrolment, of an infant of whom it was recorded."""
        return None if self.enrolment is None else self.enrolment.data.get("age_in_days")

    def reported(self, parameter: str) -> list[Reported]:
        """List the results of a parameter that is reported, in no particular order."""
        return self._reported[0].get(parameter, [])

    @cached_property
    def _reported(self) -> tuple[dict[str, list[Reported]], dict[str, list[Reported]]]:
        """By parameter: the results, and what is reported as not done."""
        results: dict[str, list[Reported]] = {}
        not_done: dict[str, list[Reported]] = {}
        for parameter, reported in self._items():
            _, _, _, item = reported
            by_parameter = results if "result" in item else not_done
            by_parameter.setdefault(parameter, []).append(reported)
        return results, not_done

    def _items(self) -> Iterator[tuple[str, Reported]]:
        """Yield what is reported of parameters: a result, or that it was not done."""
        for record in self.records("lab.result.reported"):
            yield (
                record.data["parameter"],
                (record, record.data.get("visit") or "", 0, record.data),
            )
        for kind in _WITH_MEASUREMENTS:
            for record in self.records(kind):
                visit = record.data.get("visit", "")
                for place, item in enumerate(record.data.get("measurements", ())):
                    yield item["parameter"], (record, visit, place, item)
        for record in self.records("observation.recorded"):
            if (test := record.data["test"]) in self.rules.parameters and (
                "result" in record.data or is_not_done(record.data)
            ):
                yield test, (record, record.data.get("visit", ""), 0, record.data)

    def counts(self, observation: Observation) -> bool:
        """Return whether a sample may count: not after discontinuation unless the study says so."""
        end = self.end_of_study
        if end is None or end.data["status"] == "completed":
            return True
        return self.rules.samples_after_discontinuation or observation.day <= dates.earliest(
            end.data["date"]
        )

    def window_of(self, visit: Visit) -> tuple[int, int, int] | None:
        """Return a visit's first, planned and last day (ordinals).

        None where it has none, or while days cannot count.
        """
        if visit.id not in self._windows:
            self._windows[visit.id] = self._window_of(visit)
        return self._windows[visit.id]

    def _window_of(self, visit: Visit) -> tuple[int, int, int] | None:
        planned = self.planned_day(visit) if visit.window is not None else None
        if visit.window is None or visit.day is None or planned is None:
            return None
        low, high = visit.window
        return (
            0 if low is None else planned + _days_apart(visit, low),
            planned,
            _ALWAYS if high is None else planned + _days_apart(visit, high),
        )

    def planned_day(self, visit: Visit) -> int | None:
        """Return the day (ordinal) that a visit is planned for.

        None where it has none, or while days cannot count.
        """
        if visit.day is None or (zero := self._zero(visit)) is None:
            return None
        return zero + _whole_days(visit, visit.day)

    def _zero(self, visit: Visit) -> int | None:
        """Return the day (ordinal) that a visit's days count from."""
        match visit.days_from:
            case "first-dose":
                return dates.earliest(self.first_dose) if self.first_dose else None
            case "last-dose":
                return self.last_dose_day if self._treatment_over else None
            case "randomisation":
                randomisation = self.randomisation
                return dates.earliest(randomisation.data["date"]) if randomisation else None
            case _:
                return self.day_zero

    @cached_property
    def _treatment_over(self) -> bool:
        """Whether the last dose is known to be the last.

        The study is over, or on that day or later treatment was completed or discontinued.
        """
        return self.over or any(
            record.data["of"] == "treatment"
            and dates.earliest(record.data["date"]) >= (self.last_dose_day or 0)
            for record in self.records("disposition.recorded")
        )

    def before(self, visit: Visit) -> list[Visit]:
        """List the visits of its schedule that come before one.

        Of visits with a day those of an earlier one, of others those that the definition names
        before it; so too of those of one day.
        """
        alike = [
            candidate
            for candidate in self.rules.visits
            if candidate.schedule == visit.schedule
            and (candidate.day is None) == (visit.day is None)
        ]
        alike.sort(key=lambda candidate: candidate.day or 0)
        return alike[: alike.index(visit)]

    def closes(self, visit: Visit) -> int | None:
        """Return the last day (ordinal) whose results can stand in for a visit's.

        That is the last of its window. Without one, it is the day on which it was recorded or
        missed; where that is not known, it lies before the first record of a later visit that came
        after those of all visits before it.
        """
        if visit.window is not None:
            window = self.window_of(visit)
            return window[2] if window else None
        if visit_days := self._days_of({visit.id}):
            return max(visit_days)
        earlier = {candidate.id for candidate in self.before(visit)}
        reached = max(self._days_of(earlier), default=0)
        alike = (
            candidate for candidate in self.rules.visits if candidate.schedule == visit.schedule
        )
        later = (
            {candidate.id for candidate in alike if candidate.window is None} - earlier - {visit.id}
        )
        following = [day for day in self._days_of(later) if day > reached]
        return min(following) - 1 if following else _ALWAYS

    def _days_of(self, visits: set[str]) -> list[int]:
        """List the days (ordinals) on which visits were recorded or missed, or sampled."""
        return [day for visit in visits for day in self._visit_days.get(visit, ())]

    @cached_property
    def _visit_days(self) -> dict[str, list[int]]:
        """The days (ordinals) by visit; none of one whose records have no date."""
        days: dict[str, list[int]] = {}
        for kind in OF_VISITS:
            for record in self.records(kind):
                if (visit := record.data.get("visit")) is not None:
                    days_of_visit = days.setdefault(visit, [])
                    if text := record.data.get(DECIDING_DATE.get(kind, "date")):
                        days_of_visit.append(dates.earliest(text))
        return days

    @cached_property
    def recorded_visits(self) -> frozenset[str]:
        """The visits that took place: recorded as such, or named by something done at them."""
        kinds = (kind for kind in OF_VISITS if kind != "visit.missed")
        names = (
            record.data.get("visit")
            for kind in kinds
            for record in self._by_kind.get(kind, ())
            if is_contact(kind, record.data)
        )
        return frozenset(name for name in names if name)

    @property
    def begun(self) -> bool:
        """Return whether the subject is of the trial: enrolled, or randomised."""
        return self.enrolment is not None or self.randomisation is not None

    @property
    def over(self) -> bool:
        """Return whether the study is over for the subject: nothing more can come."""
        return self.end_of_study is not None or self.death is not None

    def due(self, visit: Visit) -> bool:
        """Return whether a visit is due: something is recorded beyond its window, or all is over.

        One without a window is due once it was recorded or missed, or a result names it.
        """
        if self.over:
            return True
        if visit.window is None:
            return visit.id in self._visit_days
        window = self.window_of(visit)
        return window is not None and self.seen_beyond(window[2])

    def baseline_due(self) -> bool:
        """Return whether a baseline is due: something is recorded after the first dose's day."""
        if self.over:
            return True
        return self.first_dose is not None and self.seen_beyond(dates.earliest(self.first_dose))

    def due_days(self) -> Iterator[tuple[str, int]]:
        """Yield the days (ordinals) after which visits, by id, and baselines are due.

        Those of visits without a window have none.
        """
        for visit in self.rules.visits:
            if (window := self.window_of(visit)) is not None:
                yield visit.id, window[2]
        if self.first_dose is not None:
            yield BASELINE, dates.earliest(self.first_dose)

    def seen_beyond(self, day: int) -> bool:
        """Return whether anything is recorded after a day (ordinal), or the cut-off is later."""
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
        coded = self.records("adverse-event.coded")
        return adverse_events.classify(
            self.rules.adverse_events, reports, coded, self._treatment, self.dated
        )

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
        doses_given = bisect_right(self._dose_days, day)
        return self.doses[doses_given - 1] if doses_given else None

    @cached_property
    def _dose_days(self) -> list[int]:
        return [dates.earliest(dose.data["start"]) for dose in self.doses]

    @cached_property
    def undecided(self) -> list[UndecidedChoice]:
        """List the choices that neither a date, a time nor the definition decides."""
        requests = self.study.results_chosen.items()
        results = (
            choice for key, places in requests for choice in self.series(*key).undecided(places)
        )
        return [*results, *self._undecided_doses(), *self._undecided_codings()]

    def _undecided_doses(self) -> Iterator[UndecidedChoice]:
        """Find first doses that tell different arms, and no time that tells which came first."""
        first = self.first_dose or ""
        rivals = [
            dose for dose in self.doses if not dates.is_order_known(dose.data["start"], first)
        ]
        if len({self._arm_of(dose) for dose in rivals}) > 1:
            records = tuple(dose.record for dose in rivals)
            yield UndecidedChoice("first dose", records, dates.earliest(first))

    def _undecided_codings(self) -> Iterator[UndecidedChoice]:
        """Find codings of one record and version that differ in what of them counts."""
        lowest = ("llt",) if self.study.asks_for_llt else ()
        for coded, coding in CODINGS.items():
            fields = (*_CODED_FIELDS[coding], *lowest)
            for name, rivals in codings.conflicting(
                self.records(coding), reference(coding), fields
            ).items():
                report = self.subject.records.get((coded, name))
                dated = self.dated(report) if report and not report.void else None
                records = tuple(rival.record for rival in rivals)
                yield UndecidedChoice(coding, records, dated.day if dated else None)


_CODED_FIELDS = {
    "adverse-event.coded": adverse_events.CODED_FIELDS,
    "conmed.coded": ("preferred_name", "atc"),
    "medical-history.coded": adverse_events.CODED_FIELDS,
}
"""By kind of coding: what of it counts."""
