#!/usr/bin/env python3
"""Make the events of a synthetic TMB-301: the feed, in the order of arrival, and the wrong events.

    python events/tmb-301/generate.py [folder]

`cohort.csv` and `ae.csv` hold what the published figures fix; everything between is invented here,
from a fixed seed, so that no published figure moves. Nobody in the data is a real patient.

A record is made in its final state first; then its history is told backwards (what was first
mistyped, amended or taken back), and last come the ways of the post: late, overtaken, sent twice.
"""

import csv
import json
import random
import sys
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SEED = "TMB-301 synthetic 1"
STUDY = "TMB-301"

EDC = "urn:tmb-301:edc"
CENTRAL_LAB = "urn:tmb-301:central-lab"
SAFETY = "urn:tmb-301:safety-database"
RESISTANCE_LAB = "urn:tmb-301:resistance-lab"
COMMITTEE = "urn:tmb-301:adjudication-committee"


TARGETS = {"day-0": 0, "day-7": 7, "day-14": 14, "day-21": 21} | {
    f"week-{week}": 7 * week for week in range(5, 26, 2)
}
INFUSIONS = [visit for visit in TARGETS if visit not in ("day-0", "day-14", "week-25")]
CD4_VISITS = ("day-7", "week-5", "week-9", "week-13", "week-17", "week-21", "week-25")

FIRST_ENROLMENT = date(2015, 6, 8)
LAST_ENROLMENT = date(2016, 4, 24)  # a Sunday, but the day the sponsor announced
LAST_ENROLLED = "TMB301-021"
CLOSED = {date(2015, 11, 26), date(2015, 12, 25), date(2016, 1, 1)}
SITES = {"USA": [str(site) for site in range(101, 113)], "TWN": ["201", "202"]}


MISSED_VISITS = {
    ("009", "week-11"): "Travelling",
    ("013", "week-17"): "Intercurrent illness",
    ("018", "week-15"): "Could not leave work",
    ("022", "week-9"): "Travelling",
    ("029", "week-13"): "Forgot the appointment",
}
MISSED_INFUSIONS = {
    ("020", "week-19"): "No venous access",
    ("031", "week-11"): "Study drug not on site",
}
MOVED_VISITS = {("011", "week-13"): 4, ("016", "week-19"): -4, ("028", "week-7"): 5}
LOST_SAMPLES = {("006", "week-13"), ("039", "week-9")}
BLIPS = {("003", "week-17"): "236", ("006", "week-19"): "64", ("015", "week-21"): "112"}
UNSCHEDULED = [  # patient, visit, days after it, result
    ("003", "week-17", 5, "<20"),
    ("006", "week-19", 4, "<20"),
    ("012", "week-13", 2, "58"),  # as far from the target as the visit: the later one counts
    ("014", "week-7", 0, "88"),  # the same day: the later accession counts
    ("019", "week-13", 3, "231"),
    ("020", "week-11", -3, "171"),
    ("037", "week-9", 40, "5210"),  # after withdrawal: does not count
]

# Where the virus returned, or a single last value says so: lowest log10, its week, week of return.
RETURNS = {
    "023": ("3.40", 11, 21),
    "024": ("3.60", 15, 23),
    "025": ("3.30", 11, 23),
    "026": ("3.45", 15, 23),
    "027": ("2.80", 9, 19),
    "028": ("3.70", 7, 17),
    "029": ("3.42", 7, 19),
    "030": ("2.05", 11, 21),
    "031": ("1.15", 5, 17),
    "034": ("4.00", 7, 11),
    "035": ("2.95", 7, 11),
    "036": ("3.10", 9, 17),
    "037": ("3.40", 5, 9),
    "038": ("2.20", 9, 17),
    "039": ("2.65", 7, 13),
    "040": ("2.00", 9, 17),
}
SLOW = {"032": {21: "5.46", 35: "5.39"}, "033": {21: "4.50"}}  # log10 on protocol days
HALF = Decimal("0.5")
FAILED_NOT_REBOUNDED = {"028", "029"}
NO_BASELINE_ISOLATE = {"014", "016"}

VERBATIM = {
    "Diarrhoea": ["loose stools", "diarrhea x 3 days", "watery stools", "Diarrhea"],
    "Dizziness": ["dizzy after infusion", "light-headed", "dizziness"],
    "Nausea": ["nausea", "felt sick after dose"],
    "Rash maculo-papular": ["maculopapular rash on trunk"],
    "Rash generalised": ["generalized rash"],
    "Immune reconstitution inflammatory syndrome": ["IRIS (PML exacerbation)"],
    "Hepatic failure": ["end stage liver failure"],
    "Kaposi's sarcoma": ["progression of Kaposi's sarcoma"],
    "Acquired immunodeficiency syndrome": ["end-stage AIDS"],
    "Lymphoma": ["lymphoma"],
    "Headache": ["headache", "HA, frontal"],
    "Fatigue": ["tired all day"],
    "Pruritus": ["- itching, both arms"],
    "Vomiting": ["vomited twice"],
    "Abdominal discomfort": ["stomach discomfort"],
    "Myalgia": ["muscle aches"],
    "Decreased appetite": ["poor appetite"],
    "Paraesthesia": ["tingling in feet"],
    "Dry skin": ["dry skin on hands"],
}
FIRST_CODED = {  # patient and adverse event: the term it was first coded to
    ("005", "C-AE-1"): ("Migraine", "Nervous system disorders"),
    ("007", "C-AE-1"): ("Rash", "Skin and subcutaneous tissue disorders"),
    ("008", "C-AE-1"): ("Asthenia", "General disorders and administration site conditions"),
    ("018", "C-AE-1"): ("Neuropathy peripheral", "Nervous system disorders"),
    ("024", "C-AE-1"): ("Urticaria", "Skin and subcutaneous tissue disorders"),
}

# Where a record was wrong at first: patient, kind, name, what its earlier revisions said, and why
# it was changed. Days and minutes count from the right value; "=" stands before any other value.
MISTAKES: list[tuple[str, str, str, list[dict[str, Any]], str]] = [
    ("004", "subject.enrolled", "ENROLMENT", [{"age": 84}], "Age mistyped"),
    ("013", "subject.enrolled", "ENROLMENT", [{"age": 43}], "Age mistyped"),
    ("027", "subject.enrolled", "ENROLMENT", [{"age": 71}, {"age": 37}], "Age mistyped"),
    ("030", "subject.enrolled", "ENROLMENT", [{"sex": "M"}], "Sex wrongly ticked"),
    ("036", "subject.enrolled", "ENROLMENT", [{"race": "OTHER"}], "Race confirmed by patient"),
    ("009", "lab.result.reported", "viral-load day-14", [{"result": "17130"}], "Dilution factor"),
    ("012", "lab.result.reported", "viral-load week-25", [{"result": "<20"}], "Repeat assay"),
    ("021", "lab.result.reported", "viral-load week-25", [{"result": "3670"}], "Dilution factor"),
    ("030", "lab.result.reported", "viral-load day-7", [{"result": "61000"}], "Dilution factor"),
    (
        "018",
        "lab.result.reported",
        "viral-load day-14",
        [{"result": "7610"}, {"result": "671"}],
        "Amended by the laboratory",
    ),
    ("002", "lab.result.reported", "viral-load week-9", [{"result": "1450"}], "Repeat assay"),
    ("022", "lab.result.reported", "viral-load week-13", [{"result": "29680"}], "Dilution factor"),
    ("006", "lab.result.reported", "viral-load day-7", [{"collected": 1}], "Draw date corrected"),
    ("024", "lab.result.reported", "cd4 day-7", [{"result": "510"}], "Digits transposed"),
    ("038", "lab.result.reported", "cd4 day-7", [{"result": "20"}], "Amended by the laboratory"),
    ("010", "adverse-event.reported", "AE-1", [{"onset": -2}], "Onset date from the diary"),
    ("021", "adverse-event.reported", "AE-1", [{"onset": "month"}], "Full onset date obtained"),
    ("006", "adverse-event.reported", "AE-1", [{"causality": "NOT RELATED"}], "PI review"),
    ("024", "adverse-event.reported", "AE-1", [{"grade": 2}], "Grade by the DAIDS table"),
    ("030", "dose.administered", "IBA-01", [{"start": -150}], "Start time mistyped"),
    ("001", "dose.administered", "IBA-04", [{"start": -45}], "Start time mistyped"),
    ("019", "dose.administered", "IBA-01", [{"amount": 800}], "Loading dose is 2000 mg"),
    ("033", "dose.administered", "IBA-02", [{"amount": 80}], "Digit missing"),
    ("023", "visit.recorded", "week-7", [{"weight": "47.1"}], "Weight mistyped"),
    ("017", "visit.recorded", "day-0", [{"weight": "91.0"}], "Weight entered in the wrong field"),
    ("008", "visit.recorded", "week-15", [{"date": -1}], "Visit date corrected"),
    ("007", "regimen.started", "OBR-1", [{"date": -1}], "Start date from the pharmacy"),
    ("038", "disposition.recorded", "STUDY", [{"reason": "LOST TO FOLLOW-UP"}], "Patient called"),
    ("037", "disposition.recorded", "STUDY", [{"date": -5}], "Date of the last contact"),
    (
        "016",
        "disposition.recorded",
        "STUDY",
        [{"status": "discontinued", "reason": "LOST TO FOLLOW-UP"}],
        "Week 25 visit was held",
    ),
    ("035", "death.reported", "DEATH", [{"cause": "Sepsis"}], "Death certificate received"),
    ("027", "outcome.adjudicated", "FAILURE", [{"outcome": "virologic-failure"}], "Second reading"),
    ("026", "resistance.reported", "FAILURE", [{"susceptibility": "not reduced"}], "Assay redone"),
]

# Records entered in error: patient, kind, the record they were copied from, their id, changes, why.
VOIDED: list[tuple[str, str, str, str, dict[str, Any], str]] = [
    ("010", "adverse-event.reported", "AE-1", "AE-2", {"term": "loose stool"}, "Entered twice"),
    ("010", "adverse-event.coded", "C-AE-1", "C-AE-2", {"adverse_event": "AE-2"}, "Event voided"),
    (
        "011",
        "lab.result.reported",
        "viral-load day-14",
        "",
        {"result": "412"},
        "Sample of another patient",
    ),
    ("031", "lab.result.reported", "cd4 week-9", "", {"result": "388"}, "Tubes mixed up"),
    ("015", "dose.administered", "IBA-05", "IBA-05B", {}, "Entered twice"),
    ("004", "visit.recorded", "week-9", "week-9-b", {}, "Entered twice"),
    ("024", "conmed.recorded", "CM-1", "CM-9", {"drug": "warfarin"}, "Belongs to another patient"),
    (
        "012",
        "deviation.recorded",
        "",
        "DEV-1",
        {
            "date": "week-7",
            "category": "Missed infusion",
            "description": "Week 7 infusion not given",
            "severity": "minor",
        },
        "The infusion was given",
    ),
]


LATE = {  # patient, kind, name, revision: days between sending and arrival
    ("011", "subject.enrolled", "ENROLMENT", 1): 24,  # after the first infusion
    ("025", "subject.enrolled", "ENROLMENT", 1): 10,
    ("034", "subject.enrolled", "ENROLMENT", 1): 45,
    ("003", "adverse-event.reported", "AE-1", 1): 30,  # after its coding and its follow-up
    ("014", "adverse-event.reported", "AE-1", 1): 18,
    ("032", "adverse-event.reported", "AE-2", 1): 15,
    ("020", "lab.result.reported", "viral-load day-7", 1): 60,
    ("033", "lab.result.reported", "viral-load day-0", 1): 90,
    ("040", "dose.administered", "IBA-01", 1): 35,
    ("036", "death.reported", "DEATH", 1): 28,
}
OVERTAKEN = {  # the first revision arrives after the second
    ("004", "subject.enrolled", "ENROLMENT"),
    ("009", "lab.result.reported", "viral-load day-14"),
    ("030", "dose.administered", "IBA-01"),
    ("038", "disposition.recorded", "STUDY"),
    ("033", "adverse-event.reported", "AE-1"),
    ("005", "adverse-event.coded", "C-AE-1"),
    ("011", "lab.result.reported", "void viral-load day-14"),
}
LATE_LABORATORY_PERCENT = 4
SENT_AGAIN = 36
SENT_AGAIN_OTHERWISE = 32


@dataclass(frozen=True)
class Version:
    """What one revision of a record says; no data: the record is taken back."""

    sent: datetime
    source: str
    data: Mapping[str, Any] | None
    reason: str | None = None


@dataclass(frozen=True)
class Record:
    """A record and its history, first revision first."""

    subject: str
    kind: str
    id: str
    versions: tuple[Version, ...]
    name: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """Name the record as the tables above do."""
        return self.subject[-3:], self.kind, self.name or self.id


@dataclass(frozen=True)
class Delivery:
    """One event on the wire and when it arrives."""

    arrives: datetime
    event: dict[str, Any]


def dice(*names: str) -> random.Random:
    """Give a stream of chances of its own: a change in one place moves nothing elsewhere."""
    return random.Random(" / ".join((SEED, *names)))  # noqa: S311 (invention, not cryptography)


def instant(day: date, rng: random.Random, hours: tuple[int, int] = (20, 23)) -> datetime:
    """Give a moment of `day` in UTC: late enough that the day's work is done at the sites."""
    return datetime(
        day.year, day.month, day.day, rng.randint(*hours), rng.randint(0, 59), tzinfo=UTC
    )


def clock(day: date, minutes: int) -> str:
    """Write a local time as the site would."""
    return f"{day.isoformat()}T{minutes // 60:02}:{minutes % 60:02}"


def log10(copies: str) -> Decimal:
    """Give log10 of a count, a value below quantification as that limit."""
    return Decimal(copies.lstrip("<")).log10()


def open_day(day: date) -> date:
    """Move a day off weekends and holidays, by as little as possible."""
    candidates = (day + timedelta(days) for days in (0, 1, -1, 2, -2))
    return next(d for d in candidates if d.isoweekday() < 6 and d not in CLOSED)  # noqa: PLR2004


class Patient:
    """One row of the cohort with the dates of its visits."""

    def __init__(
        self, row: Mapping[str, str], events: list[dict[str, str]], enrolled: date, site: str
    ) -> None:
        """Keep the row, its adverse events, day 0 and the site."""
        self.row, self.events, self.enrolled, self.site = row, events, enrolled, site
        self.id = row["id"]
        self.number = self.id[-3:]

    def dice(self, *names: str) -> random.Random:
        """Give this patient's chances for one purpose."""
        return dice(self.id, *names)

    def day(self, number: int) -> date:
        """Give the date of a protocol day."""
        return self.enrolled + timedelta(number)

    @cached_property
    def planned(self) -> dict[str, date]:
        """The visits up to discontinuation and the dates they were, or should have been, held."""
        end = int(self.row["dsday"])
        return {
            visit: self._moved(visit, target, end)
            for visit, target in TARGETS.items()
            if target <= end
        }

    def _moved(self, visit: str, target: int, end: int) -> date:
        if visit == "day-0":
            return self.enrolled
        strict = visit in ("day-7", "day-14", "day-21")
        shifts = (0, 0, 0, 0, 0, 1) if strict else (0, 0, 0, 0, 1, 1, -1, -1, 2, -2)
        shift = self.dice("visit", visit).choice(shifts)
        if self.id == LAST_ENROLLED:
            shift = 0
        shift = MOVED_VISITS.get((self.number, visit), shift)
        day = open_day(self.day(target + shift))
        return day if day < self.day(end) or target == end else self.day(target)

    @cached_property
    def missed(self) -> dict[str, str]:
        """The visits that were not held, with the reason."""
        fatal = [int(event["day"]) for event in self.events if event["outcome"] == "FATAL"]
        hospital = {v: "In hospital" for v in self.planned if fatal and TARGETS[v] >= fatal[0]}
        return hospital | {v: why for (who, v), why in MISSED_VISITS.items() if who == self.number}

    @cached_property
    def held(self) -> dict[str, date]:
        """The visits that took place, with their dates."""
        return {visit: day for visit, day in self.planned.items() if visit not in self.missed}

    @cached_property
    def infusions(self) -> dict[str, int]:
        """The minute of the day at which each infusion began."""
        rng = self.dice("infusions")
        starts = {visit: rng.randrange(9 * 60 + 30, 15 * 60, 5) for visit in INFUSIONS}
        return {
            visit: start
            for visit, start in starts.items()
            if visit in self.held and (self.number, visit) not in MISSED_INFUSIONS
        }

    @cached_property
    def end(self) -> date:
        """The date of completion (the week 25 visit) or of discontinuation."""
        return self.held.get("week-25", self.day(int(self.row["dsday"])))

    def sent(self, day: date, *names: str, delay: tuple[int, int] = (0, 2)) -> datetime:
        """Say when a site or laboratory sent what happened on `day`."""
        rng = self.dice("sent", *names)
        return instant(day + timedelta(rng.randint(*delay)), rng)

    def record(
        self,
        kind: str,
        record: str,
        day: date,
        data: Mapping[str, Any],
        *,
        source: str = EDC,
        delay: tuple[int, int] = (0, 2),
        name: str = "",
    ) -> Record:
        """Make a record that was right at once."""
        sent = self.sent(day, kind, name or record, delay=delay)
        return Record(self.id, kind, record, (Version(sent, source, data),), name)


def patients() -> list[Patient]:
    """Read the cohort and spread its enrolment over the recruiting year."""
    with (HERE / "cohort.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with (HERE / "ae.csv").open(newline="") as file:
        events = list(csv.DictReader(file))
    rng = dice("enrolment")
    span = (LAST_ENROLMENT - FIRST_ENROLMENT).days - 3
    days = [open_day(FIRST_ENROLMENT + timedelta(span * i // len(rows))) for i in range(len(rows))]
    rng.shuffle(days)
    enrolled = {row["id"]: day for row, day in zip(rows, days, strict=True)}
    enrolled[LAST_ENROLLED] = LAST_ENROLMENT
    return [
        Patient(
            row,
            [event for event in events if event["id"] == row["id"]],
            enrolled[row["id"]],
            rng.choice(SITES[row["country"]]),
        )
        for row in rows
    ]


def known_loads(patient: Patient) -> dict[str, str]:
    """Give the values that the published figures fix."""
    row, last = patient.row, list(patient.held)[-1]
    loads = {"day-0": row["d0"], "day-7": row["bl"], "day-14": row["d14"], "week-21": row["w21"]}
    loads[last] = row["w25"] or row["last"]
    return {visit: load for visit, load in loads.items() if load}


def course(patient: Patient) -> dict[int, Decimal]:
    """Give the corner points (protocol day, log10) between which a patient's virus moves."""
    row = patient.row
    loads = known_loads(patient)
    points = {TARGETS[visit]: log10(load) for visit, load in loads.items()}
    final_day = TARGETS[list(patient.held)[-1]]
    final = points[final_day]
    if patient.number in SLOW:
        return points | {day: Decimal(at) for day, at in SLOW[patient.number].items()}
    if patient.number in RETURNS:
        low, week, back = RETURNS[patient.number]
        lowest = Decimal(low)
        points = {7 * week: lowest, 7 * (back - 2): lowest + Decimal("0.15")} | points
        if points[7] - points[14] < HALF:
            points[21] = points[7] - Decimal("0.65")  # the regimen works at once
        return points | ({7 * back: final - Decimal("0.1")} if 7 * back < final_day else {})
    reached = 7 * patient.dice("suppressed").choice((9, 11, 13, 15))
    floor = Decimal("1.1") if row["w25"] == "<20" else final
    first = min(points[14] - Decimal("0.3"), points[7] - Decimal("0.65"))
    return points | {21: max(first, floor), reached: floor, final_day: floor}


def between(points: Mapping[int, Decimal], day: int) -> Decimal:
    """Interpolate between corner points."""
    if day in points:
        return points[day]
    before, after = max(d for d in points if d < day), min(d for d in points if d > day)
    slope = (points[after] - points[before]) / (after - before)
    return points[before] + slope * (day - before)


def viral_loads(patient: Patient) -> dict[str, str]:
    """Give the result of every scheduled sample: the known ones, and invented ones between."""
    points, known = course(patient), known_loads(patient)
    rng = patient.dice("viral load")
    loads = {}
    for visit in patient.held:
        noise = Decimal(rng.randint(-40, 40)).scaleb(-3)
        copies = int(Decimal(10) ** (between(points, TARGETS[visit]) + noise))
        invented = BLIPS.get((patient.number, visit), str(copies) if copies >= 20 else "<20")  # noqa: PLR2004
        loads[visit] = known.get(visit, invented)
    return {v: load for v, load in loads.items() if (patient.number, v) not in LOST_SAMPLES}


GAIN = {"SUPP": (50, 150), "PART": (30, 90), "FAIL": (-10, 40), "DISC": (-4, 12)}


def cd4_counts(patient: Patient) -> dict[str, str]:
    """Give the CD4 counts: the known baseline, then a slow and noisy gain."""
    rng = patient.dice("cd4")
    base, gain = int(patient.row["cd4"]), rng.randint(*GAIN[patient.row["grp"]])
    counts = {"day-7": base}
    for visit in CD4_VISITS[1:]:
        noise = rng.randint(-6, 6)
        counts[visit] = max(0, base + gain * (TARGETS[visit] - 7) // 168 + noise)
    return {visit: str(count) for visit, count in counts.items() if visit in patient.held}


def accession(patient: Patient, day: date, tube: int, analyte: str) -> str:
    """Give a sample the number of the laboratory: later draws have later numbers."""
    return f"L{day:%y%m%d}-{patient.number}-{tube}-{analyte}"


def draw_time(patient: Patient, visit: str) -> int:
    """Give the minute of a visit's draw: before the infusion where there is one."""
    rng = patient.dice("draw", visit)
    if visit in patient.infusions:
        return patient.infusions[visit] - rng.randrange(25, 75)
    return rng.randrange(8 * 60 + 15, 15 * 60)


def viral_load(
    patient: Patient, visit: str, when: tuple[date, int, int], result: str, name: str
) -> Record:
    """Make a viral load as the central laboratory reports it, days after the draw."""
    day, minute, tube = when
    data = {
        "parameter": "viral-load",
        "collected": clock(day, minute),
        "result": result,
        "unit": "copies/mL",
        "lloq": 20,
        "uloq": 10000000,
    }
    record = accession(patient, day, tube, "VL")
    return reported(
        patient.record(
            "lab.result.reported",
            record,
            day,
            data,
            source=CENTRAL_LAB,
            delay=(4, 9),
            name=name or f"viral-load {visit}",
        )
    )


def reported(record: Record) -> Record:
    """Date each version of a laboratory's report by the day it was sent."""
    versions = (
        v if v.data is None else replace(v, data={**v.data, "reported": v.sent.date().isoformat()})
        for v in record.versions
    )
    return replace(record, versions=tuple(versions))


def laboratory(patient: Patient) -> Iterator[Record]:
    """Give every result of the central laboratory."""
    for visit, result in viral_loads(patient).items():
        when = patient.held[visit], draw_time(patient, visit), 1
        yield viral_load(patient, visit, when, result, "")
    for who, visit, days, result in UNSCHEDULED:
        if who == patient.number:
            day, minute = patient.held[visit] + timedelta(days), draw_time(patient, visit) + 10
            tube = 2 if days == 0 else 1
            yield viral_load(patient, visit, (day, minute, tube), result, f"repeat {visit}")
    for visit, count in cd4_counts(patient).items():
        yield cd4_count(patient, visit, count)


def cd4_count(patient: Patient, visit: str, count: str) -> Record:
    """Make a CD4 count, taken with the viral load of the visit."""
    day = patient.held[visit]
    data = {
        "parameter": "cd4",
        "collected": clock(day, draw_time(patient, visit)),
        "result": count,
        "unit": "cells/uL",
        "range_low": 500,
        "range_high": 1500,
    }
    record = accession(patient, day, 1, "CD4")
    name = f"cd4 {visit}"
    kind = "lab.result.reported"
    return reported(
        patient.record(kind, record, day, data, source=CENTRAL_LAB, delay=(1, 4), name=name)
    )


def enrolment(patient: Patient) -> Iterator[Record]:
    """Enrol a patient on day 0."""
    row, rng = patient.row, patient.dice("ethnicity")
    hispanic = row["country"] == "USA" and rng.randrange(6) == 0
    characteristics = {
        "years-since-diagnosis": int(row["yrs_hiv"]),
        "insti-resistant": row["insti_r"],
        **({"oss": int(row["oss"])} if row["oss"] else {}),
        "investigational-agent": row["fostemsavir"],
    }
    data = {
        "date": patient.enrolled.isoformat(),
        "site": patient.site,
        "country": row["country"],
        "investigator": f"Investigator {patient.site}",
        "age": int(row["age"]),
        "sex": row["sex"],
        "race": row["race"],
        "ethnicity": "HISPANIC OR LATINO" if hispanic else "NOT HISPANIC OR LATINO",
        "characteristics": characteristics,
    }
    yield patient.record("subject.enrolled", "ENROLMENT", patient.enrolled, data, delay=(0, 0))


def vital_signs(patient: Patient) -> Iterator[list[dict[str, str]]]:
    """Give weight, temperature and pulse, visit after visit."""
    rng = patient.dice("vital signs")
    weight = rng.randint(520, 720) if patient.row["sex"] == "F" else rng.randint(600, 920)
    while True:
        weight += rng.randint(-7, 8)
        yield [
            {"parameter": "weight", "result": f"{weight // 10}.{weight % 10}", "unit": "kg"},
            {"parameter": "temperature", "result": f"36.{rng.randint(2, 9)}", "unit": "C"},
            {"parameter": "pulse", "result": str(rng.randint(58, 92)), "unit": "beats/min"},
        ]


def visits(patient: Patient) -> Iterator[Record]:
    """Give every visit, held or missed."""
    for (visit, day), measurements in zip(
        patient.planned.items(), vital_signs(patient), strict=False
    ):
        data: dict[str, Any] = {"visit": visit, "date": day.isoformat()}
        if visit in patient.held:
            data["measurements"] = measurements
            yield patient.record("visit.recorded", visit, day, data)
        else:
            data["reason"] = patient.missed[visit]
            yield patient.record("visit.missed", visit, day, data, delay=(2, 8))


def infusions(patient: Patient) -> Iterator[Record]:
    """Give every infusion, given or missed; ibalizumab is loaded with 2000 mg on day 7."""
    rng = patient.dice("lots")
    for number, visit in enumerate((v for v in INFUSIONS if v in patient.planned), start=1):
        day, first = patient.planned[visit], visit == "day-7"
        if visit not in patient.infusions:
            why = MISSED_INFUSIONS.get((patient.number, visit), "Visit missed")
            data = {"visit": visit, "date": day.isoformat(), "reason": why}
            yield patient.record("dose.missed", f"IBA-{number:02}", day, data, delay=(0, 4))
            continue
        start = patient.infusions[visit]
        length = 30 + rng.randrange(0, 12) if first else 15 + rng.randrange(0, 10)
        data = {
            "visit": visit,
            "treatment": "ibalizumab",
            "amount": 2000 if first else 800,
            "unit": "mg",
            "start": clock(day, start),
            "end": clock(day, start + length),
            "lot": f"TMB-{rng.choice('ABC')}{rng.randint(11, 19)}",
        }
        yield patient.record("dose.administered", f"IBA-{number:02}", day, data)


AGENTS = ("dolutegravir", "darunavir/ritonavir", "etravirine", "tenofovir", "enfuvirtide")


def regimen(patient: Patient) -> Iterator[Record]:
    """Start the optimised background regimen after the day 14 sample; one patient began early."""
    rng = patient.dice("regimen")
    early = patient.number == "005"
    day = patient.day(3) if early else patient.held["day-14"] + timedelta(rng.choice((0, 0, 0, 1)))
    agents = sorted(rng.sample(AGENTS, rng.randint(2, 3)))
    data = {
        "date": day.isoformat(),
        "regimen": "optimised background regimen",
        "agents": agents + ["fostemsavir"] * (patient.row["fostemsavir"] == "Y"),
    }
    yield patient.record("regimen.started", "OBR-1", day, data)


PROPHYLAXIS = (
    (200, "sulfamethoxazole/trimethoprim", "Pneumocystis prophylaxis"),
    (10, "azithromycin", "Mycobacterium avium prophylaxis"),
)
REMEDIES = {"Diarrhoea": "loperamide", "Headache": "paracetamol", "Nausea": "ondansetron"}


def medication(patient: Patient) -> Iterator[Record]:
    """Give prophylaxis by CD4 count, and remedies for adverse events."""
    taken: list[dict[str, str]] = [
        {"drug": drug, "indication": why, "start": f"{patient.enrolled - timedelta(40):%Y-%m}"}
        for below, drug, why in PROPHYLAXIS
        if int(patient.row["cd4"]) < below
    ]
    for event in patient.events:
        if event["pt"] in REMEDIES:
            start, end = patient.day(int(event["day"])), patient.day(int(event["day"]) + 2)
            remedy = {"drug": REMEDIES[event["pt"]], "indication": event["pt"]}
            taken.append(remedy | {"start": start.isoformat(), "end": end.isoformat()})
    for number, data in enumerate(taken, start=1):
        day = date.fromisoformat(data["end"]) if "end" in data else patient.enrolled
        yield patient.record("conmed.recorded", f"CM-{number}", day, data, delay=(1, 9))


def deviations(patient: Patient) -> Iterator[Record]:
    """Give the deviations that follow from the course: early regimen, missed and moved visits."""
    found = []
    if patient.number == "005":
        what = "Optimised background regimen started on day 3 instead of day 14"
        found.append((patient.day(3), "Background regimen started early", what, "major"))
    for visit in INFUSIONS:
        if visit in patient.planned and visit not in patient.infusions:
            what = f"Infusion of {visit} not given"
            found.append((patient.planned[visit], "Missed infusion", what, "minor"))
    for who, visit in MOVED_VISITS:
        if who == patient.number:
            day = patient.held[visit]
            days = (day - patient.day(TARGETS[visit])).days
            what = f"Visit {visit} {abs(days)} days {'after' if days > 0 else 'before'} its day"
            found.append((day, "Visit out of window", what, "minor"))
    for number, (day, category, what, severity) in enumerate(found, start=1):
        data = {
            "date": day.isoformat(),
            "category": category,
            "description": what,
            "severity": severity,
        }
        yield patient.record("deviation.recorded", f"DEV-{number}", day, data, delay=(3, 15))


def adverse_events(patient: Patient) -> Iterator[Record]:
    """Give the adverse events, each reported open and closed by a later revision, and coded."""
    events = sorted(patient.events, key=lambda event: int(event["day"]))
    for number, event in enumerate(events, start=1):
        record = f"AE-{number}"
        first, *later = versions_of(patient, event, record)
        yield Record(patient.id, "adverse-event.reported", record, (first, *later))
        yield coding(patient, event, record, first.sent)


def versions_of(patient: Patient, event: Mapping[str, str], record: str) -> Iterator[Version]:
    """Tell an adverse event from its first report to its end."""
    rng = patient.dice("adverse event", record)
    onset = patient.day(int(event["day"]))
    final = final_report(event, onset, rng) | {"page": f"CRF {record}"}
    fatal, serious = event["outcome"] == "FATAL", event["serious"] == "Y"
    still_open = final | {"outcome": "NOT RECOVERED/NOT RESOLVED"}
    if fatal:
        still_open |= {
            "grade": 4,
            "seriousness": ["LIFE-THREATENING"],
            "action_taken": "DOSE NOT CHANGED",
        }
    if serious and not fatal:
        still_open |= {"grade": 2, "action_taken": "DOSE NOT CHANGED"}
    end = patient.end if fatal else onset + timedelta(rng.randint(3, 12))
    yield Version(instant(onset + timedelta(rng.randint(1, 2)), rng), EDC, still_open)
    if event["outcome"] != "NOT RECOVERED/NOT RESOLVED":
        final |= {"end": end.isoformat()}
    reason = "Follow-up: outcome known" if "end" in final else "Follow-up: worse, drug withdrawn"
    closed = instant(end + timedelta(rng.randint(2, 10)), rng)
    yield Version(closed, SAFETY if serious else EDC, final, reason)


def final_report(event: Mapping[str, str], onset: date, rng: random.Random) -> dict[str, Any]:
    """Say what is finally known of an adverse event, but for its end."""
    return {
        "term": rng.choice(VERBATIM[event["pt"]]),
        "onset": onset.isoformat(),
        "grade": int(event["grade"]),
        "serious": event["serious"] == "Y",
        "seriousness": [event["sercrit"]] if event["sercrit"] else [],
        "causality": "RELATED" if event["related"] == "Y" else "NOT RELATED",
        "action_taken": event["action"],
        "outcome": event["outcome"],
        "concomitant_treatment": event["pt"] in REMEDIES,
    }


def coding(patient: Patient, event: Mapping[str, str], record: str, seen: datetime) -> Record:
    """Code an adverse event days after it was reported; some are coded anew later."""
    rng = patient.dice("coding", record)
    final = {
        "adverse_event": record,
        "dictionary": "MedDRA",
        "version": "18.1",
        "soc": event["soc"],
        "pt": event["pt"],
    }
    sent = seen + timedelta(rng.randint(4, 12))
    versions = [Version(sent, SAFETY, final)]
    if coded := FIRST_CODED.get((patient.number, f"C-{record}")):
        first = Version(sent, SAFETY, final | dict(zip(("pt", "soc"), coded, strict=True)))
        again = sent + timedelta(rng.randint(15, 50))
        versions = [first, Version(again, SAFETY, final, "Coding review by the medical monitor")]
    return Record(patient.id, "adverse-event.coded", f"C-{record}", tuple(versions))


def endings(patient: Patient) -> Iterator[Record]:
    """Give the end of the study for a patient, and the death of four."""
    row = patient.row
    completed = row["dsdecod"] == "COMPLETED"
    data = {
        "of": "study",
        "status": "completed" if completed else "discontinued",
        **({} if completed else {"reason": row["dsdecod"]}),
        "date": patient.end.isoformat(),
    }
    delay = (20, 30) if row["dsdecod"] == "LOST TO FOLLOW-UP" else (1, 6)
    yield patient.record("disposition.recorded", "STUDY", patient.end, data, delay=delay)
    if row["dsdecod"] == "DEATH":
        cause = next(event["pt"] for event in patient.events if event["outcome"] == "FATAL")
        rng = patient.dice("death")
        death = {
            "date": patient.end.isoformat(),
            "cause": cause,
            "related": False,
            "autopsy": rng.randrange(4) == 0,
        }
        yield patient.record(
            "death.reported", "DEATH", patient.end, death, source=SAFETY, delay=(1, 4)
        )


# EC50 in ng/mL of the 38 baseline isolates: median 31, range 13 to 212, as published.
EC50 = (13, 15, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 28, 29, 30, 30, 31)
EC50 += (31, 32, 33, 34, 36, 38, 40, 43, 46, 50, 55, 61, 68, 77, 88, 104, 126, 160, 212)


def baseline_isolates(cohort: Iterable[Patient]) -> Iterator[Record]:
    """Give the susceptibility of 38 baseline isolates to ibalizumab."""
    tested = [patient for patient in cohort if patient.number not in NO_BASELINE_ISOLATE]
    ec50 = dice("isolates").sample(EC50, len(EC50))
    for patient, concentration in zip(tested, ec50, strict=True):
        rng = patient.dice("isolate")
        data = {
            "collected": patient.enrolled.isoformat(),
            "drug": "ibalizumab",
            "fold_change": rng.randint(70, 140) / 100,
            "ec50": concentration,
            "maximum_inhibition": rng.randint(90, 100),
            "susceptibility": "reference",
        }
        day = patient.enrolled
        yield patient.record(
            "resistance.reported", "BASELINE", day, data, source=RESISTANCE_LAB, delay=(25, 45)
        )


def failure(patient: Patient) -> Iterator[Record]:
    """Give the committee's finding and the isolate at failure, where there was one."""
    if patient.row["vf"] != "Y":
        return
    rng = patient.dice("failure")
    back = RETURNS[patient.number][2]
    day = patient.held[f"week-{back + 2}"]  # the value that confirmed it
    reduced = patient.row["reduced_suscept"] == "Y"
    outcome = "virologic-failure" if patient.number in FAILED_NOT_REBOUNDED else "rebound"
    data = {"outcome": outcome, "date": day.isoformat(), "committee": "Outcome committee"}
    yield patient.record(
        "outcome.adjudicated", "FAILURE", day, data, source=COMMITTEE, delay=(14, 40)
    )
    isolate = {
        "collected": day.isoformat(),
        "drug": "ibalizumab",
        "fold_change": rng.randint(220, 900) / 100 if reduced else rng.randint(90, 120) / 100,
        "maximum_inhibition": rng.randint(35, 72) if reduced else rng.randint(93, 99),
        "susceptibility": "reduced" if reduced else "not reduced",
        "mutations": ["gp120 V5: potential N-glycosylation site lost"] if reduced else [],
    }
    yield patient.record(
        "resistance.reported", "FAILURE", day, isolate, source=RESISTANCE_LAB, delay=(25, 45)
    )


def shifted(value: str, by: object) -> object:
    """Change a value to what was first recorded: dates by days, times by minutes, or outright."""
    if by == "month":
        return value[:7]
    if not isinstance(by, int):
        return by
    day = date.fromisoformat(value[:10])
    if "T" not in value:
        return (day + timedelta(by)).isoformat()
    return clock(day, int(value[11:13]) * 60 + int(value[14:16]) + by)


def mistaken(data: Mapping[str, Any], wrong: Mapping[str, Any]) -> dict[str, Any]:
    """Give data as they stood before a correction."""
    first = dict(data)
    for field, value in wrong.items():
        if field == "weight":
            weight, *others = first["measurements"]
            first["measurements"] = [weight | {"result": value}, *others]
        elif field == "collected":
            first[field] = data[field].replace(data[field][:10], str(shifted(data[field][:10], 1)))
        elif field in ("onset", "date", "start"):
            first[field] = shifted(data[field], value)
        else:
            first[field] = value
    return first


def with_mistakes(record: Record, earlier: list[dict[str, Any]], reason: str) -> Record:
    """Put the mistaken revisions before the right one, which then comes days or weeks later."""
    rng = dice("mistake", *record.key)
    right, *later = record.versions
    versions, sent = [], right.sent
    for number, wrong in enumerate(earlier):
        why = reason if number else None
        versions.append(Version(sent, right.source, mistaken(right.data or {}, wrong), why))
        soon = bool(later)  # a follow-up waits
        sent += timedelta(1 if soon else rng.randint(5, 40), minutes=rng.randint(1, 60))
    versions.append(replace(right, sent=sent, reason=reason))
    done = replace(record, versions=(*versions, *later))
    return reported(done) if "reported" in (right.data or {}) else done


def taken_back(records: Mapping[tuple[str, str, str], Record]) -> Iterator[Record]:
    """Give the records that were entered in error and voided later."""
    for who, kind, copied, record_id, changes, reason in VOIDED:
        rng = dice("void", who, kind, copied)
        like = records[who, kind, copied] if copied else records[who, "visit.recorded", "week-7"]
        first = like.versions[0]
        data = {**(first.data or {}), **changes} if copied else dict(changes)
        if not copied:
            data["date"] = (like.versions[0].data or {})["date"]
        sent = first.sent + timedelta(minutes=rng.randint(3, 90))
        void = Version(sent + timedelta(rng.randint(6, 30)), first.source, None, reason)
        yield Record(
            like.subject,
            kind,
            record_id or like.id.replace("-1-", "-9-"),
            (replace(first, sent=sent, data=data, reason=None), void),
            f"void {copied or record_id}",
        )


def all_records() -> list[Record]:
    """Give every record of the trial with its history."""
    cohort = patients()
    parts = (enrolment, visits, infusions, laboratory, regimen, medication, deviations)
    parts += (adverse_events, endings, failure)
    made = [record for patient in cohort for part in parts for record in part(patient)]
    made += baseline_isolates(cohort)
    records = {record.key: record for record in made}
    for who, kind, name, earlier, reason in MISTAKES:
        records[who, kind, name] = with_mistakes(records[who, kind, name], earlier, reason)
    return [*records.values(), *taken_back(records)]


def cloud_event(record: Record, number: int, version: Version, identity: str) -> dict[str, Any]:
    """Write one revision as a CloudEvent."""
    data: dict[str, Any] = {"record": record.id, "revision": number}
    if version.data is None:
        data["action"] = "void"
    if version.reason:
        data["reason_for_change"] = version.reason
    return {
        "specversion": "1.0",
        "id": identity,
        "source": version.source,
        "type": f"org.livetlf.{record.kind}.v1",
        "subject": record.subject,
        "time": f"{version.sent:%Y-%m-%dT%H:%M:%SZ}",
        "study": STUDY,
        "datacontenttype": "application/json",
        "data": data | dict(version.data or {}),
    }


def new_id(rng: random.Random) -> str:
    """Give the id of an event."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def arrival(record: Record, number: int, rng: random.Random) -> datetime:
    """Say when a revision reaches the service: soon after it was sent, with exceptions."""
    sent = record.versions[number - 1].sent
    if number == 1 and record.key in OVERTAKEN:
        return record.versions[1].sent + timedelta(days=1)
    if days := LATE.get((*record.key, number)):
        return sent + timedelta(days)
    if record.kind == "lab.result.reported" and rng.randrange(100) < LATE_LABORATORY_PERCENT:
        return sent + timedelta(rng.randint(8, 30))
    return sent + timedelta(seconds=rng.randint(1, 900))


def deliveries(records: Iterable[Record]) -> list[Delivery]:
    """Send every revision once."""
    ids, post = dice("ids"), dice("post")
    return [
        Delivery(arrival(record, number, post), cloud_event(record, number, version, new_id(ids)))
        for record in records
        for number, version in enumerate(record.versions, start=1)
    ]


def sent_twice(posted: list[Delivery]) -> Iterator[Delivery]:
    """Send some events again: the same bytes, or another system's copy of the same content."""
    rng = dice("twice")
    chosen = rng.sample(posted, SENT_AGAIN + SENT_AGAIN_OTHERWISE)
    for delivery in chosen[:SENT_AGAIN]:
        yield replace(delivery, arrives=delivery.arrives + timedelta(minutes=rng.randint(1, 20000)))
    for delivery in chosen[SENT_AGAIN:]:
        later = delivery.arrives + timedelta(minutes=rng.randint(60, 40000))
        event = delivery.event | {
            "id": new_id(rng),
            "source": SAFETY if delivery.event["source"] == EDC else EDC,
            "time": f"{later:%Y-%m-%dT%H:%M:%SZ}",
            "data": dict(reversed(delivery.event["data"].items())),
        }
        yield Delivery(later + timedelta(seconds=5), dict(reversed(event.items())))


def feed() -> list[dict[str, Any]]:
    """Give the events of the trial in the order in which they arrive."""
    posted = deliveries(all_records())
    everything = [*posted, *sent_twice(posted)]
    return [d.event for d in sorted(everything, key=lambda delivery: delivery.arrives)]


GOOD: dict[str, dict[str, Any]] = {
    "lab.result.reported": {
        "parameter": "viral-load",
        "collected": "2015-09-08T09:10",
        "result": "1200",
        "unit": "copies/mL",
        "lloq": 20,
        "uloq": 10000000,
    },
    "visit.recorded": {"visit": "week-13", "date": "2015-09-08", "measurements": []},
    "adverse-event.reported": {
        "term": "headache",
        "onset": "2015-09-08",
        "grade": 1,
        "serious": False,
        "causality": "NOT RELATED",
    },
    "subject.enrolled": {"date": "2015-09-14", "site": "101", "country": "USA", "age": 40},
}
ABSENT = object()
WRONG: list[tuple[str, str, str, object]] = [  # what, kind, pointer of the fault, what stands there
    ("a negative viral load", "lab.result.reported", "/data/result", "-120"),
    ("an unknown visit", "visit.recorded", "/data/visit", "week-8"),
    ("an end before its start", "adverse-event.reported", "/data/end", "2015-09-06"),
    ("a future year", "visit.recorded", "/data/date", "2061-09-08"),
    ("a wrong unit", "lab.result.reported", "/data/unit", "log10 copies/mL"),
    ("an unknown parameter", "lab.result.reported", "/data/parameter", "viral-laod"),
    ("no revision", "visit.recorded", "/data/revision", ABSENT),
    ("revision 2 without a reason", "visit.recorded", "/data/reason_for_change", ABSENT),
    ("an unknown type of event", "visit.recorded", "/type", "org.livetlf.visit.noted.v1"),
    ("another study's event", "visit.recorded", "/study", "TMB-302"),
    ("a grade of 6", "adverse-event.reported", "/data/grade", 6),
    ("an age of 400", "subject.enrolled", "/data/age", 400),
    ("a partial date where a complete one is needed", "visit.recorded", "/data/date", "2015-09"),
    ("a 30th of February", "visit.recorded", "/data/date", "2016-02-30"),
    ("a result that is no number", "lab.result.reported", "/data/result", "pending"),
    ("an unknown field", "visit.recorded", "/data/comment", "patient late"),
    ("a time without its offset", "visit.recorded", "/time", "2015-09-20T12:00:00"),
]


def good_event(kind: str, number: int) -> dict[str, Any]:
    """Give a well-formed event of a record that the feed does not know."""
    subject = "TMB301-041" if kind == "subject.enrolled" else "TMB301-007"
    sent = datetime(2015, 9, 20, 12, 0, tzinfo=UTC)
    record = Record(subject, kind, f"WRONG-{number:02}", (Version(sent, EDC, GOOD[kind]),))
    return cloud_event(record, 1, record.versions[0], new_id(dice("wrong", str(number))))


def wrong_event(kind: str, number: int, pointer: str, value: object) -> str:
    """Spoil one field of a good event."""
    event = good_event(kind, number)
    *way, field = pointer.strip("/").split("/")
    place = event["data"] if way else event
    if field == "reason_for_change":
        place["revision"] = 2
    if value is ABSENT:
        place.pop(field, None)
    else:
        place[field] = value
    return compact(event)


def broken_lines(first: int) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Give bodies that are not JSON, or no event at all: what, line, what is expected of it."""
    texts = [compact(good_event("lab.result.reported", first + i)) for i in range(4)]
    comma = texts[0].replace(',"revision"', '"revision"')
    half = texts[1][: len(texts[1]) // 2]
    no_number = texts[2].replace('"lloq":20', '"lloq":NaN')
    twice = texts[3].replace('"revision":1', '"revision":1,"revision":1')
    yield "a missing comma", comma, {"status": 400, "place": place_of_break(comma)}
    yield "JSON cut off in the middle", half, {"status": 400, "place": place_of_break(half)}
    yield "NaN, which JSON does not know", no_number, {"status": 400}
    yield "a member named twice", twice, {"status": 400}
    yield "a text instead of an object", '"visit week-9 done"', {"status": 422, "pointer": ""}


def place_of_break(line: str) -> str:
    """Say where a line ceases to be JSON."""
    try:
        json.loads(line)
    except json.JSONDecodeError as error:
        return f"line {error.lineno} column {error.colno}"
    raise AssertionError(line)


def conflict(events: Iterable[dict[str, Any]]) -> str:
    """Contradict a viral load of the feed under its own revision."""
    first = next(event for event in events if event["data"].get("result") == "<20")
    rng = dice("conflict")
    return compact(
        first
        | {"id": new_id(rng), "time": "2016-11-02T12:00:00Z"}
        | {"data": first["data"] | {"result": "85"}}
    )


def wrong(events: Iterable[dict[str, Any]]) -> list[tuple[str, str, dict[str, Any]]]:
    """Give the wrong events: what is wrong, the line, and what is expected of it."""
    lines = [
        (what, wrong_event(kind, number, pointer, value), {"status": 422, "pointer": pointer})
        for number, (what, kind, pointer, value) in enumerate(WRONG, start=1)
    ]
    lines += broken_lines(len(lines) + 1)
    lines.append(("other content for a revision of the feed", conflict(events), {"status": 409}))
    return lines


def compact(value: object) -> str:
    """Write JSON on one line."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def write(path: Path, lines: Iterable[str]) -> None:
    """Write lines, the same on every platform."""
    path.write_bytes("".join(f"{line}\n" for line in lines).encode())


def main(folder: Path) -> None:
    """Write the feed, the wrong events and what is expected of them."""
    events = feed()
    write(folder / "feed.ndjson", map(compact, events))
    lines = wrong(events)
    write(folder / "wrong.ndjson", (line for _, line, _ in lines))
    expected = [
        {"line": number, "what": what, **outcome}
        for number, (what, _, outcome) in enumerate(lines, start=1)
    ]
    write(folder / "wrong.expected.json", [json.dumps(expected, indent=2)])


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
