"""One subject's derived values under a study's rules: days, visits, baselines, adverse events.

Derived from the folded records alone: no clock, no other subject, no order of arrival. Where a
rule chooses among records, ties break by clinical content and then by record id.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import cached_property, lru_cache
from typing import Any

from trial import dates
from trial.messages import canonical
from trial.study import Parameter, Study, Visit
from trial.subject import Record, Subject

DECIDING_DATE: Mapping[str, str] = {
    "lab.result.reported": "collected",
    "resistance.reported": "collected",
    "dose.administered": "start",
    "adverse-event.reported": "onset",
    "conmed.recorded": "start",
}
"""The field that says when a record happened; `date` for every kind not named."""

NOT_CODED = "Not coded"
FATAL, GRADE_OF_DEATH = "FATAL", 5
"""The outcome and the grade of an adverse event that ended in death."""
_RESULT = re.compile(r"\s*(<=|>=|<|>)?\s*(-?\d{1,15}(?:\.\d{1,9})?)\s*", re.ASCII)
_NUMBER = re.compile(r"\d{1,9}")
_EXACT = Context(prec=60, rounding=ROUND_HALF_UP)
_ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Value:
    """A number in units of the last place, as it counts.

    Where it was reported beyond quantification, `operator` says on which side of `bound` it lies.
    """

    units: int
    operator: str = ""
    bound: int = 0
    imputed: bool = False


@dataclass(frozen=True, slots=True)
class Observation:
    """One result of a parameter, as reported and as counted."""

    record: str
    collected: str
    day: int
    text: str
    value: Value


@dataclass(frozen=True, slots=True)
class AdverseEvent:
    """An adverse event with its coding and what the study's rules say of it."""

    record: str
    data: Mapping[str, Any]
    soc: str
    pt: str
    emergent: bool
    related: bool


def read_result(text: str) -> tuple[str, Decimal] | None:
    """Take a result as reported apart: operator and number, or None where it is no number."""
    match = _RESULT.fullmatch(text)
    return (match[1] or "", Decimal(match[2])) if match else None


@lru_cache(maxsize=8192)
def quantise(value: Decimal, places: int) -> int:
    """Give a value in units of its last place, rounded half up (ties away from zero)."""
    return int(value.scaleb(places, _EXACT).to_integral_value(ROUND_HALF_UP, _EXACT))


@lru_cache(maxsize=8192)
def _log10(value: Decimal, places: int) -> int:
    return quantise(_EXACT.log10(value), places)


@lru_cache(maxsize=8192)
def _value(result: str, factor: Decimal, rule: str, places: int, *, log10: bool) -> Value | None:
    """Read a result; a value beyond quantification counts as its limit, or as half of it."""
    read = read_result(result)
    if read is None:
        return None
    operator, number = read
    bound = _EXACT.multiply(number, factor)
    halved = operator.startswith("<") and rule == "half"
    number = _EXACT.divide(bound, 2) if halved else bound
    if not log10:
        return Value(quantise(number, places), operator, quantise(bound, places))
    if number <= 0:
        return None
    return Value(_log10(number, places), operator, _log10(bound, places))


class Derivation:
    """A subject seen through a study's definition; each value is derived once, when asked for."""

    disputed: tuple[tuple[str, str, int], ...] = ()
    """Kind, record and revision of what came with two contents: known to documents alone."""

    def __init__(self, study: Study, subject: Subject, cutoff: int | None = None) -> None:
        """Sort the live records by kind; `cutoff` is the day (ordinal) that all is seen at."""
        self.cutoff = cutoff
        self.study = study
        self.rules = study.definition
        self.subject = subject
        self.memo: dict[int, Any] = {}
        self._observations: dict[str, list[Observation]] = {}
        self._at_visits: dict[str, dict[str, Observation]] = {}
        self._at_baselines: dict[str, Observation | None] = {}
        self._ordered: dict[str, list[Record]] = {}
        self._by_kind: dict[str, list[Record]] = {}
        for record in subject.records.values():
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
    def doses(self) -> list[Record]:
        """Doses given, in order of their start."""
        return self.ordered("dose.administered")

    @cached_property
    def first_dose(self) -> str | None:
        """When treatment began: the local time of the first dose."""
        return self.doses[0].data["start"] if self.doses else None

    @cached_property
    def last_dose_day(self) -> int | None:
        """The day (ordinal) of the last dose so far."""
        return dates.earliest(self.doses[-1].data["start"]) if self.doses else None

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
        parameter = self.rules.parameters[name]
        source = parameter.log10_of or name
        raw = self.rules.parameters[source]
        log10 = parameter.log10_of is not None
        found = []
        for record, collected, item in self._results.get(source, ()):
            factor = raw.units.get(item.get("unit") or raw.unit, _ONE)
            value = _value(
                item["result"], factor, raw.below_quantification, parameter.places, log10=log10
            )
            if value is not None:
                day = dates.earliest(collected)
                found.append(Observation(record, collected, day, item["result"], value))
        return sorted(found, key=lambda each: (each.day, each.record))

    @cached_property
    def _results(self) -> dict[str, list[tuple[str, str, Mapping[str, Any]]]]:
        """By parameter: record, local time and fields of every result."""
        found: dict[str, list[tuple[str, str, Mapping[str, Any]]]] = {}
        for each in self.records("lab.result.reported"):
            result = each.record, each.data["collected"], each.data
            found.setdefault(each.data["parameter"], []).append(result)
        for visit in self.records("visit.recorded"):
            for item in visit.data.get("measurements", ()):
                result = visit.record, visit.data["date"], item
                found.setdefault(item["parameter"], []).append(result)
        return found

    def counts(self, observation: Observation) -> bool:
        """Say whether a sample may count: not after discontinuation unless the study says so."""
        end = self.end_of_study
        if end is None or end.data["status"] == "completed":
            return True
        return self.rules.samples_after_discontinuation or observation.day <= dates.earliest(
            end.data["date"]
        )

    def at_visit(self, parameter: str, visit: Visit) -> Observation | None:
        """Choose a visit's result: closest to its day; later on a tie; last accession of a day."""
        if parameter not in self._at_visits:
            self._at_visits[parameter] = self._by_visit(parameter)
        return self._at_visits[parameter].get(visit.id)

    def _by_visit(self, parameter: str) -> dict[str, Observation]:
        """Give each visit its result; windows are apart, so a result is of one visit at most."""
        chosen: dict[str, tuple[tuple[int, int, str], Observation]] = {}
        zero = self.day_zero
        if zero is None:
            return {}
        for each in self.observations(parameter):
            visit = self.study.visit_of(each.day - zero)
            if visit is None or not self.counts(each) or not self._within(visit, zero, each):
                continue
            order = (-abs(each.day - zero - visit.day), each.day, each.record)
            if visit.id not in chosen or order > chosen[visit.id][0]:
                chosen[visit.id] = order, each
        return {name: observation for name, (_, observation) in chosen.items()}

    def _within(self, visit: Visit, zero: int, observation: Observation) -> bool:
        match visit.limit:
            case "before-first-dose":
                return self.first_dose is None or dates.not_after(
                    observation.collected, self.first_dose
                )
            case "before-regimen":
                began = self.regimen_day
                low, high = (zero + day for day in visit.window)
                return began is None or not low <= began <= high or observation.day <= began
            case _:
                return True

    def at_baseline(self, parameter: str, name: str) -> Observation | None:
        """Find a named baseline: of a visit, or the last result at or before the first dose."""
        baseline = self.rules.baselines[name]
        if baseline.visit is not None:
            return self.at_visit(parameter, self.study.visits[baseline.visit])
        if parameter not in self._at_baselines:
            self._at_baselines[parameter] = self._before_first_dose(parameter)
        return self._at_baselines[parameter]

    def _before_first_dose(self, parameter: str) -> Observation | None:
        if self.first_dose is None:
            return None
        for each in reversed(self.observations(parameter)):
            if dates.not_after(each.collected, self.first_dose):
                return each
        return None

    def last_until(self, parameter: str, visit: Visit) -> Observation | None:
        """Find the last result after the first dose and not after a visit's window (LOCF)."""
        if self.day_zero is None or self.first_dose is None:
            return None
        high = self.day_zero + visit.window[1]
        first_dose = self.first_dose
        for each in reversed(self.observations(parameter)):
            if each.day <= high and self.counts(each):
                return None if dates.not_after(each.collected, first_dose) else each
        return None

    def due(self, visit: Visit) -> bool:
        """Say whether a visit is due: something is recorded beyond its window, or all is over."""
        if self.end_of_study is not None or self.death is not None:
            return True
        return self.day_zero is not None and self.seen_beyond(self.day_zero + visit.window[1])

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
        coding = self._coding
        return [
            self._judge(each, coding.get(each.record))
            for each in self.ordered("adverse-event.reported")
        ]

    @cached_property
    def _coding(self) -> dict[str, Mapping[str, Any]]:
        chosen: dict[str, Record] = {}
        for each in self.records("adverse-event.coded"):
            event = each.data["adverse_event"]
            if event not in chosen or _coding_order(each) > _coding_order(chosen[event]):
                chosen[event] = each
        return {event: record.data for event, record in chosen.items()}

    def _judge(self, record: Record, coding: Mapping[str, Any] | None) -> AdverseEvent:
        causality = record.data.get("causality")
        rules = self.rules.adverse_events
        related = (
            rules.missing_causality == "related"
            if causality is None
            else causality in rules.related
        )
        return AdverseEvent(
            record.record,
            record.data,
            coding["soc"] if coding else NOT_CODED,
            coding["pt"] if coding else NOT_CODED,
            self._emergent(record.data),
            related,
        )

    def _emergent(self, data: Mapping[str, Any]) -> bool:
        """Tell whether an event began under treatment (after admiral's derive_var_trtemfl)."""
        if self.first_dose is None or self.last_dose_day is None:
            return False
        first = dates.earliest(self.first_dose)
        end, onset = data.get("end"), data.get("onset")
        if end and dates.latest(end) < first:
            return False
        if not onset:
            return self.rules.adverse_events.missing_onset == "emergent"
        window = self.rules.adverse_events.days_after_last_dose
        began = self.imputed_onset(onset)
        return began >= first and (window is None or began <= self.last_dose_day + window)

    def imputed_onset(self, onset: str) -> int:
        """Give the day (ordinal) a partial onset counts as.

        The first it can mean, or the first dose's where that lies in the same month or year.
        """
        began = dates.earliest(onset)
        if len(onset) < dates.FULL and self.first_dose and self.first_dose.startswith(onset):
            return dates.earliest(self.first_dose)
        return began


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


def _coding_order(record: Record) -> tuple[list[int], str, str]:
    version = [int(part) for part in _NUMBER.findall(record.data["version"])]
    return version, canonical(record.data), record.record
