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
    "procedure.recorded",
    "ecg.recorded",
    "physical-examination.recorded",
    "questionnaire.recorded",
    "observation.recorded",
    "vital-status.recorded",
)
STARTED = {
    "adverse-event.reported",
    "conmed.recorded",
    "medical-history.reported",
    "procedure.recorded",
}
NO_CONTACT = {"visit.missed", "dose.missed"}
WINDOWED = {
    "screening": (-28, -8),
    "baseline": (-7, 0),
    "week-4": (22, 36),
    "week-8": (50, 64),
    "week-12": (77, None),
}
PLANNED = {"week-4": 28, "week-12": 84}
UNITS = {
    ("glucose", "mg/dL"): Fraction("0.0555"),
    ("weight", "lb"): Fraction("0.45359237"),
    ("height", "in"): Fraction("2.54"),
    ("creatinine", "mg/dL"): Fraction("88.4"),
}
ROUNDED = {"glucose": 2, "weight": 1, "height": 0, "creatinine": 0, "temperature": 1}
HALVED = {"crp"}  # below quantification; of the others the limit counts
AFTER_LAST_DOSE = 14
FIRST = {"tablet": "ISL-10", "sham": "SHAM"}  # the treatment that tells who received an arm
GIVEN = {"tablet": {"ISL-10", "ISL-20"}, "sham": {"SHAM"}, "device": set()}


def half_up(value: Fraction, places: int) -> Fraction:
    """Round a tie away from zero."""
    scaled = abs(value) * 10**places
    floor = math.floor(scaled + Fraction(1, 2))
    return Fraction(floor if value >= 0 else -floor, 10**places)


def span(text: str) -> tuple[int, int]:
    """Give the first and the last day that a date, whole or partial, can mean."""
    year, *result = (int(part) for part in text[:10].split("-"))
    if len(result) == 2:
        day = date(year, *result).toordinal()
        return day, day
    months = (result[0], result[0]) if result else (1, 12)
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
    value = Fraction(text.lstrip("<>")) * UNITS.get((parameter, unit), Fraction(1))
    if unit == "F":
        value = (value - 32) * Fraction(5, 9)
    if text.startswith("<") and parameter in HALVED:
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
        latest = sorted(self.of("adverse-event.coded"), key=lambda item: item["version"])
        self.coded = {item["adverse_event"]: item for item in latest}

    def of(self, kind: str, **criteria: str) -> list[Data]:
        """Its records of a kind whose fields are as given."""
        return [
            item
            for item in self.records.get(kind, [])
            if all(item.get(k) == v for k, v in criteria.items())
        ]

    def first(self, kind: str) -> Data | None:
        """Give the first by date and time."""
        return min(self.of(kind), key=lambda item: item.get("start") or item["date"], default=None)

    @cached_property
    def arm(self) -> str | None:
        """The planned arm."""
        result = self.first("subject.randomised")
        return result and result["arm"]

    @cached_property
    def randomised(self) -> int | None:
        result = self.first("subject.randomised")
        return result and span(result["date"])[0]

    @cached_property
    def dosed(self) -> int | None:
        """The day of the first dose."""
        result = self.first("dose.administered")
        return result and span(result["start"])[0]

    @cached_property
    def last_dose(self) -> int | None:
        return max(
            (span(item.get("end") or item["start"])[1] for item in self.of("dose.administered")),
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
            span(item["date"])[0]
            for item in self.of("disposition.recorded", of="study", status="discontinued")
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
            span(record[name])[0]
            for kind, records in self.records.items()
            if kind not in NO_CONTACT
            for record in records
            if contact(record)
            for name in (*DATED, "end")
            if record.get(name)
        )

    @cached_property
    def died(self) -> int | None:
        """The day of death.

        Of a month its first, but not before the subject was last seen alive.
        """
        result = self.first("death.reported")
        if result is None:
            return None
        low, high = span(result["date"])
        alive = max(
            span(item[name])[0]
            for kind in ALIVE
            for item in self.of(kind)
            if contact(item)
            for name in (*DATED, "end")
            if item.get(name)
        )
        return max(low, min(alive, high))

    def past(self, day: int) -> bool:
        """Something is recorded after a day, or a cut-off lies after it."""
        return self.contact > day or (self.cutoff is not None and self.cutoff > day)

    @cached_property
    def results(self) -> list[Result]:
        """Its results in their order."""
        result = [
            self._result(item, item["collected"], item["record"], item.get("visit"))
            for item in self.of("lab.result.reported")
        ]
        result += [
            self._result({**item, "parameter": "height"}, item["date"], item["record"], None)
            for item in self.of("observation.recorded", test="height")
            if item.get("result")
        ]
        for kind in ("visit.recorded", "ecg.recorded", "questionnaire.recorded"):
            for visit in self.of(kind):
                result += [
                    self._result(
                        measurement, visit["date"], f"{visit['record']}/{index}", visit["visit"]
                    )
                    for index, measurement in enumerate(visit.get("measurements", []))
                ]
        return sorted(result, key=lambda item: (item.day, item.time, natural(item.id)))

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


def contact(record: Data) -> bool:
    """Whether a record shows its subject: not what was not done, nor a status but alive."""
    return not record.get("reason_not_done") and record.get("status") not in {"DEAD", "UNKNOWN"}


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
    result = [Subject(name, records) for name, records in sorted(subjects.items())]
    items = [as_of(item, span(cutoff)[0]) for item in result] if cutoff else result
    return [item for item in items if item.records and not item.of("subject.superseded")]


def as_of(subject: Subject, cutoff: int) -> Subject:
    """Give a subject as a cut-off date shows it.

    What is dated later is not there, nor an end that comes later.
    """
    records: dict[str, list[Data]] = {}
    for kind, record in subject.records.items():
        items = [
            data for data in record if (day := day_of(subject, kind, data)) is None or day <= cutoff
        ]
        records[kind] = [
            {
                name: value
                for name, value in data.items()
                if name != "end" or span(value)[0] <= cutoff
            }
            for data in items
        ]
    return Subject(subject.id, {kind: item for kind, item in records.items() if item}, cutoff)


def started(subject: Subject, text: str, end: str | None) -> int:
    """Give the day a start counts as.

    The first that it can mean, or the first dose's if it can mean that; its own end bounds both.
    """
    low, high = span(text)
    if end:
        high = min(high, span(end)[1])
    if subject.dosed is not None and low <= subject.dosed <= high:
        return subject.dosed
    return min(low, high)


def day_of(subject: Subject, kind: str, data: Data) -> int | None:
    """Give the day a record counts as, imputed where its date is partial."""
    text = next((data[name] for name in DATED if data.get(name)), None)
    if text is None:
        return None
    if kind == "death.reported":
        return subject.died
    if kind in STARTED:
        return started(subject, text, data.get("end"))
    return span(text)[0]
