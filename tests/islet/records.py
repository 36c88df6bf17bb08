"""What is recorded of each subject of ISLET-9.

By the words of docs/study-definition.md and docs/events.md.
"""

import calendar
import json
import math
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from functools import cached_property
from typing import Any

Data = dict[str, Any]
DATED = ("date", "collected", "start", "onset")
ALIVE = (
    "visit.recorded",
    "lab.result.reported",
    "dose.administered",
    "adverse-event.reported",
    "conmed.recorded",
    "consent.recorded",
    "subject.enrolled",
    "subject.randomised",
)
NO_CONTACT = {"visit.missed", "dose.missed"}
WINDOWED = {
    "screening": (-28, -8),
    "baseline": (-7, 0),
    "week-4": (22, 36),
    "week-8": (50, 64),
    "week-12": (77, None),
}
PLANNED = {"week-4": 28, "week-12": 84}
UNITS = {"mg/dL": Fraction("0.0555"), "lb": Fraction("0.45359237")}
ROUNDED = {"glucose": 2, "weight": 1}
AFTER_LAST_DOSE = 14
FIRST = {"tablet": "ISL-10", "sham": "SHAM"}  # the treatment that tells who received an arm
GIVEN = {"tablet": {"ISL-10", "ISL-20"}, "sham": {"SHAM"}, "device": set()}


def half_up(value: Fraction, places: int) -> Fraction:
    """Round a tie away from zero."""
    scaled = abs(value) * 10**places
    whole = math.floor(scaled + Fraction(1, 2))
    return Fraction(whole if value >= 0 else -whole, 10**places)


def span(text: str) -> tuple[int, int]:
    """Give the first and the last day that a date, whole or partial, can mean."""
    year, *rest = (int(part) for part in text[:10].split("-"))
    if len(rest) == 2:
        day = date(year, *rest).toordinal()
        return day, day
    months = (rest[0], rest[0]) if rest else (1, 12)
    last = calendar.monthrange(year, months[1])[1]
    return date(year, months[0], 1).toordinal(), date(year, months[1], last).toordinal()


def natural(record: str) -> list[tuple[bool, int, str]]:
    """Give a record's id, its numbers as numbers."""
    return [
        (part.isdigit(), int(part) if part.isdigit() else 0, part)
        for part in re.split(r"(\d+)", record)
    ]


@dataclass(frozen=True)
class Result:
    """One result: its day, its time, its value in the parameter's unit and how it was obtained."""

    parameter: str
    day: int
    time: str
    value: Fraction
    id: str
    position: str | None
    visit: str | None
    high: Fraction | None


def value_of(parameter: str, text: str, unit: str) -> Fraction:
    """Give a result in the parameter's unit.

    Halved below quantification, then rounded where the study says so.
    """
    value = Fraction(text.lstrip("<>")) * UNITS.get(unit, Fraction(1))
    if text.startswith("<"):
        value /= 2
    return half_up(value, ROUNDED[parameter]) if parameter in ROUNDED else value


@dataclass
class Subject:
    """A subject's records by kind, each at its highest revision."""

    id: str
    records: dict[str, list[Data]]
    cutoff: int | None = None
    coded: dict[str, Data] = field(init=False)

    def __post_init__(self) -> None:
        """Of codings of an event the latest version counts."""
        latest = sorted(self.of("adverse-event.coded"), key=lambda each: each["version"])
        self.coded = {each["adverse_event"]: each for each in latest}

    def of(self, kind: str, **where: str) -> list[Data]:
        """Its records of a kind whose fields are as given."""
        return [
            each
            for each in self.records.get(kind, [])
            if all(each.get(k) == v for k, v in where.items())
        ]

    def first(self, kind: str) -> Data | None:
        """Give the first by date and time."""
        return min(self.of(kind), key=lambda each: each.get("start") or each["date"], default=None)

    @cached_property
    def arm(self) -> str | None:
        """The planned arm."""
        found = self.first("subject.randomised")
        return found and found["arm"]

    @cached_property
    def randomised(self) -> int | None:
        found = self.first("subject.randomised")
        return found and span(found["date"])[0]

    @cached_property
    def dosed(self) -> int | None:
        """The day of the first dose."""
        found = self.first("dose.administered")
        return found and span(found["start"])[0]

    @cached_property
    def last_dose(self) -> int | None:
        return max(
            (span(each.get("end") or each["start"])[1] for each in self.of("dose.administered")),
            default=None,
        )

    @cached_property
    def received(self) -> str | None:
        """The arm whose treatment was given first.

        The planned one where it gives none, or that one.
        """
        dose = self.first("dose.administered")
        if dose is None:
            return None if self.arm in FIRST else self.arm
        if self.arm and FIRST.get(self.arm) == dose["treatment"]:
            return self.arm
        return next((arm for arm, first in FIRST.items() if first == dose["treatment"]), self.arm)

    @cached_property
    def discontinued(self) -> int | None:
        """The day on which the study was discontinued."""
        days = [
            span(each["date"])[0]
            for each in self.of("disposition.recorded", of="study", status="discontinued")
        ]
        return min(days, default=None)

    @cached_property
    def over(self) -> bool:
        return bool(self.of("disposition.recorded", of="study") or self.of("death.reported"))

    @cached_property
    def contact(self) -> int:
        """The latest date, or end, of any record but missed visits and doses.

        Of a partial one the first day.
        """
        return max(
            span(each[name])[0]
            for kind, records in self.records.items()
            if kind not in NO_CONTACT
            for each in records
            for name in (*DATED, "end")
            if each.get(name)
        )

    @cached_property
    def died(self) -> int | None:
        """The day of death.

        Of a month its first, but not before the subject was last seen alive.
        """
        found = self.first("death.reported")
        if found is None:
            return None
        low, high = span(found["date"])
        alive = max(
            span(each[name])[0]
            for kind in ALIVE
            for each in self.of(kind)
            for name in (*DATED, "end")
            if each.get(name)
        )
        return max(low, min(alive, high))

    def past(self, day: int) -> bool:
        """Something is recorded after a day, or a cut-off lies after it."""
        return self.contact > day or (self.cutoff is not None and self.cutoff > day)

    @cached_property
    def results(self) -> list[Result]:
        """Its results in their order."""
        found = [
            self._result(each, each["collected"], each["record"], None)
            for each in self.of("lab.result.reported")
        ]
        for visit in self.of("visit.recorded"):
            found += [
                self._result(each, visit["date"], f"{visit['record']}/{index}", visit["visit"])
                for index, each in enumerate(visit.get("measurements", []))
            ]
        return sorted(found, key=lambda each: (each.day, each.time, natural(each.id)))

    def _result(self, data: Data, when: str, record: str, visit: str | None) -> Result:
        high = data.get("range_high")
        value = value_of(data["parameter"], data["result"], data["unit"])
        return Result(
            data["parameter"],
            span(when)[0],
            when[10:],
            value,
            record,
            data.get("position"),
            visit,
            None if high is None else Fraction(str(high)),
        )


def read(lines: Iterable[str], cutoff: str | None = None) -> list[Subject]:
    """Every subject who counts, as of a cut-off date where one is given."""
    latest: dict[tuple[str, str, str], Data] = {}
    for event in map(json.loads, lines):
        kind = event["type"].removeprefix("org.livetlf.").removesuffix(".v1")
        key = event["subject"], kind, event["data"]["record"]
        if key not in latest or latest[key]["revision"] < event["data"]["revision"]:
            latest[key] = event["data"]
    subjects: dict[str, dict[str, list[Data]]] = defaultdict(lambda: defaultdict(list))
    for (subject, kind, _), data in latest.items():
        if data.get("action") != "void":
            subjects[subject][kind].append(data)
    made = [Subject(name, records) for name, records in sorted(subjects.items())]
    seen = [as_of(each, span(cutoff)[0]) for each in made] if cutoff else made
    return [each for each in seen if each.records and not each.of("subject.superseded")]


def as_of(subject: Subject, cutoff: int) -> Subject:
    """Give a subject as a cut-off date shows it.

    What is dated later is not there, nor an end that comes later.
    """
    records: dict[str, list[Data]] = {}
    for kind, each in subject.records.items():
        kept = [
            data for data in each if (day := day_of(subject, kind, data)) is None or day <= cutoff
        ]
        records[kind] = [
            {
                name: value
                for name, value in data.items()
                if name != "end" or span(value)[0] <= cutoff
            }
            for data in kept
        ]
    return Subject(subject.id, {kind: each for kind, each in records.items() if each}, cutoff)


def day_of(subject: Subject, kind: str, data: Data) -> int | None:
    """Give the day a record counts as, imputed where its date is partial."""
    text = next((data[name] for name in DATED if data.get(name)), None)
    if text is None:
        return None
    if kind == "death.reported":
        return subject.died
    low, high = span(text)
    if kind in {"adverse-event.reported", "conmed.recorded"}:
        if subject.dosed is not None and low <= subject.dosed <= high:
            low = subject.dosed
        return min(low, span(data["end"])[1]) if data.get("end") else low
    return low
