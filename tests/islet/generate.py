"""ISLET-9's events, invented: a tablet, a device without doses and a sham against diabetes.

`PYTHONPATH=tests python -m islet.generate FILE` writes the feed. One seed gives one feed. The
trial is running: what happens after `FROZEN` is not there yet, so late subjects have visits that
are not due.
"""

import json
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

from islet import collected

SEED = 90417
SUBJECTS = 64
FROZEN = date(2024, 12, 16)
STUDY = "ISLET-9"
VISITS = {"screening": -14, "baseline": 0, "week-4": 28, "week-8": 56, "week-12": 84}
TERMS = {  # term: class, preferred term
    "low sugar": ("Metabolism and nutrition disorders", "Hypoglycaemia"),
    "shaky, low glucose": ("Metabolism and nutrition disorders", "Hypoglycaemia"),
    "thirst": ("Metabolism and nutrition disorders", "Polydipsia"),
    "feeling sick": ("Gastrointestinal disorders", "Nausea"),
    "threw up": ("Gastrointestinal disorders", "Vomiting"),
    "loose stools": ("Gastrointestinal disorders", "Diarrhoea"),
    "rash under patch": ("Skin and subcutaneous tissue disorders", "Application site rash"),
    "itching": ("Skin and subcutaneous tissue disorders", "Pruritus"),
    "heart attack": ("Cardiac disorders", "Myocardial infarction"),
}
Data = dict[str, Any]


class Person:
    """One subject's course; `events` are (day, hour, kind, data)."""

    def __init__(self, number: int, random: Random) -> None:
        """Nobody has a course yet."""
        self.number, self.random, self.id = number, random, f"I9-{number:03d}"
        self.events: list[tuple[date, int, str, Data]] = []
        self.screened = date(2024, 1, 8) + timedelta(days=5 * number + random.randrange(4))
        self.enrolled = self.screened + timedelta(days=random.randrange(3, 9))
        self.randomised = self.enrolled + timedelta(days=random.randrange(8, 15))
        self.arm = ("tablet", "device", "sham")[(number + number // 3) % 3]
        self.end: date | None = None  # of its part in the study

    def add(
        self, day: date, hour: int, kind: str, record: str, /, revision: int = 1, **data: Any
    ) -> None:
        """Give a revision of a record, sent on `day`; what is None was not reported."""
        values = {name: value for name, value in data.items() if value is not None}
        self.events.append((day, hour, kind, {"record": record, "revision": revision, **values}))

    def day(self, protocol_day: int) -> date:
        """Give a day counted from randomisation, which is day 0."""
        return self.randomised + timedelta(days=protocol_day)


def entry(p: Person) -> None:
    """Screening, consent and, unless it fails, enrolment and randomisation."""
    site = f"S{p.number % 3 + 1}"
    p.add(p.screened, 8, "subject.screened", "SCREENING", date=str(p.screened), site=site)
    p.add(p.screened, 9, "consent.recorded", "CONSENT", date=str(p.screened))
    if p.number % 13 == 7:
        p.add(
            p.enrolled,
            9,
            "screening.failed",
            "FAILURE",
            date=str(p.enrolled),
            reason="Glucose too low",
            criteria=["I3"],
        )
        return
    facts: Data = {"smoker": p.random.choice(["never", "never", "former", "current"])}
    if p.number % 9:
        facts["bmi"] = p.random.randrange(215, 405) / 10
    p.add(
        p.enrolled,
        9,
        "subject.enrolled",
        "ENROLMENT",
        date=str(p.enrolled),
        site=site,
        age=p.random.randrange(34, 79) if p.number != 20 else None,
        sex=p.random.choice("FM"),
        race=p.random.choice(["WHITE", "WHITE", "ASIAN", "BLACK OR AFRICAN AMERICAN"]),
        country=p.random.choice(["DEU", "USA", "FRA"]),
        characteristics=facts,
    )
    if p.number in {11, 50}:
        return  # enrolled, never randomised
    strata = {
        "region": p.random.choice(["EU", "US"]),
        "control": p.random.choice(["moderate", "poor"]),
    }
    p.add(
        p.randomised,
        10,
        "subject.randomised",
        "RANDOMISATION",
        date=str(p.randomised),
        arm=p.arm,
        strata=strata,
    )
    course(p)


def course(p: Person) -> None:
    """All that follows randomisation."""
    leaves(p)
    doses(p)
    level = p.random.randrange(88, 140)
    for index, (visit, planned) in enumerate(VISITS.items()):
        attend(p, visit, planned, level, index)
    unscheduled(p)
    events(p)
    collected.collect(p)


def leaves(p: Person) -> None:
    """Who ends when, and how.

    Completion, discontinuation, death, or two dispositions of the study.
    """
    n = p.number
    if n % 8 == 3:
        p.end = p.day(p.random.randrange(20, 80))
        reason = p.random.choice(["WITHDRAWAL BY SUBJECT", "ADVERSE EVENT", "LOST TO FOLLOW-UP"])
        p.add(
            p.end,
            15,
            "disposition.recorded",
            "STUDY",
            of="study",
            status="discontinued",
            date=str(p.end),
            reason=reason,
        )
        p.add(
            p.end,
            15,
            "disposition.recorded",
            "TREATMENT",
            of="treatment",
            status="discontinued",
            date=str(p.end),
            reason=reason,
        )
    elif n in {14, 29, 42}:
        death(p)
    else:
        day = p.day(p.random.randrange(85, 96))
        p.add(
            day, 16, "disposition.recorded", "STUDY", of="study", status="completed", date=str(day)
        )
        if n == 17:  # found to have left before, recorded beside
            earlier = p.day(70)
            p.add(
                day,
                17,
                "disposition.recorded",
                "STUDY-2",
                of="study",
                status="discontinued",
                date=str(earlier),
                reason="WITHDRAWAL BY SUBJECT",
            )


def death(p: Person) -> None:
    """One exact death, two of which the month alone is known."""
    p.end = p.day({14: 47, 29: 61, 42: 33}[p.number])
    text = str(p.end) if p.number == 14 else f"{p.end:%Y-%m}"
    p.add(
        p.end + timedelta(days=3),
        12,
        "death.reported",
        "DEATH",
        date=text,
        cause="Myocardial infarction",
    )
    p.add(
        p.end + timedelta(days=3),
        13,
        "disposition.recorded",
        "STUDY",
        of="study",
        status="discontinued",
        date=str(p.end),
        reason="DEATH",
    )


def doses(p: Person) -> None:
    """Tablets in three packs.

    The device has none, one gets a tablet by mistake and one tablet patient a sham.
    """
    if p.arm == "device" and p.number != 24:
        return
    if p.number == 33:
        return  # randomised, never dosed
    for index, start in enumerate((0, 28, 56)):
        first = p.day(start + (p.number % 3 if not index else 0))
        last = p.day(start + 27)
        if p.end and first > p.end:
            break
        if p.end and last > p.end:
            last = p.end
        give(p, index, first, last)
        if p.arm == "device":
            break


def give(p: Person, index: int, first: date, last: date) -> None:
    """Give a pack of tablets, from its first day to its last; the first at ten in the morning."""
    is_wrong_tablet = p.number in {5, 24} and not index  # the other tablet, in the first pack
    if p.arm == "sham" and not is_wrong_tablet:
        treatment, amount = "SHAM", 0
    elif p.number == 37:
        treatment, amount = "SHAM", 0  # a tablet patient who was given the sham throughout
    else:
        treatment, amount = ("ISL-10", 10) if not index else ("ISL-20", 20)
    when = f"{first}T10:00" if not index else str(first)
    planned = (10, 20, None)[index] if treatment != "SHAM" else (0, None, None)[index]
    unit = "mg"
    if p.number % 9 == 4 and index == 2 and amount:
        amount, unit = 0.02, "g"
    if p.number in {28, 55} and index == 1:
        unit = "ug"  # a unit that nobody converts
    p.add(
        last,
        18,
        "dose.administered",
        f"PACK-{index + 1}",
        start=when,
        end=str(last),
        amount=amount,
        unit=unit,
        treatment=treatment,
        planned=planned,
    )


def attend(p: Person, visit: str, planned: int, level: int, index: int) -> None:
    """Give a visit with weight and pressures, and its laboratory results; or a missed one."""
    day = p.day(
        planned
        + (
            p.random.randrange(-5, 7)
            if planned > 0
            else -p.random.randrange(0, 5)
            if planned
            else 0
        )
    )
    if p.end and day > p.end:
        return
    if visit != "baseline" and p.random.random() < 0.07:
        p.add(
            day,
            11,
            "visit.missed",
            f"MISSED-{index}",
            visit=visit,
            reason="Travel",
            date=str(day) if p.random.random() < 0.5 else None,
        )
        return
    time = f"T{8 + p.number % 4:02d}:30" if visit == "baseline" else ""
    p.add(
        day,
        11,
        "visit.recorded",
        f"VISIT-{index}",
        visit=visit,
        date=f"{day}{time}",
        measurements=examined(p, index),
    )
    laboratory(p, day, time, level, index)
    if p.number % 11 == 2 and visit in {"week-4", "week-8", "week-12"}:
        repeat_day = day + timedelta(days=2)
        laboratory(p, repeat_day, "", level + 3, index + 10)


def examined(p: Person, index: int) -> list[Data]:
    """Weight, in pounds in the United States' site, and pressure in two positions."""
    pounds = p.number % 3 == 1
    weight = (
        820
        + 7 * (p.number % 30)
        - (12 if p.arm != "sham" else 2) * index
        + p.random.randrange(-15, 16)
    )
    kilograms = f"{weight / 10}"
    measured = [
        {
            "parameter": "weight",
            "result": f"{weight * 22046 // 100000 / 1}" if pounds else kilograms,
            "unit": "lb" if pounds else "kg",
        }
    ]
    if p.number % 17 == 4 and index == 1:
        measured = []  # weighed at baseline not
    sitting = 128 + p.random.randrange(-14, 22) - (2 * index if p.arm == "tablet" else 0)
    for position, result in (("SITTING", 0), ("STANDING", p.random.randrange(-9, 4))):
        if p.random.random() < 0.95:
            measured.append(
                {
                    "parameter": "sbp",
                    "result": str(sitting + result),
                    "unit": "mmHg",
                    "position": position,
                }
            )
    return measured


def laboratory(p: Person, day: date, time: str, level: int, index: int) -> None:
    """Glucose in two units.

    C-reactive protein with a limit of quantification, ALT beside its range.
    """
    r = p.random
    fall = {"tablet": 5, "device": 3, "sham": 1}[p.arm] * (index % 10 - 1 if index % 10 > 1 else 0)
    glucose = level - fall + r.randrange(-8, 9)
    if r.random() < 0.94:
        unit, text = (
            ("mg/dL", f"{glucose * 18 // 10}")
            if p.number % 3 == 1
            else ("mmol/L", f"{glucose / 10}")
        )
        p.add(
            day + timedelta(days=1),
            7,
            "lab.result.reported",
            f"GLU-{index}",
            parameter="glucose",
            collected=f"{day}{time}",
            result=text,
            unit=unit,
        )
    crp = r.choice(
        ["<0.5", "0.6", "1.24", "3.1", "7.85", "12.4", ">200"]
        if index != 1
        else ["0.9", "2.5", "4.75"]
    )
    p.add(
        day + timedelta(days=1),
        7,
        "lab.result.reported",
        f"CRP-{index}",
        parameter="crp",
        collected=f"{day}{time}",
        result=crp,
        unit="mg/L",
        specimen="SERUM",
    )
    high = r.choice([40, 45]) if r.random() < 0.9 else None
    p.add(
        day + timedelta(days=1),
        8,
        "lab.result.reported",
        f"ALT-{index}",
        parameter="alt",
        collected=f"{day}{time}",
        result=str(
            r.randrange(12, 60) + (r.randrange(0, 140) if p.number % 6 == 2 and index > 1 else 0)
        ),
        unit="U/L",
        range_high=high,
    )


def unscheduled(p: Person) -> None:
    """Give a named visit beyond the schedule, with a glucose of its own.

    Twice under one name once.
    """
    if p.number % 7 != 1 or (p.end and p.day(40) > p.end):
        return
    for turn in range(2 if p.number == 22 else 1):
        day = p.day(40 + turn)
        p.add(
            day,
            14,
            "visit.recorded",
            f"EXTRA-{turn + 1}",
            visit="unscheduled",
            date=str(day),
            measurements=[
                {
                    "parameter": "glucose",
                    "result": f"{90 + p.number + turn}.5"[:-3] + ".5",
                    "unit": "mmol/L",
                }
            ],
        )


def events(p: Person) -> None:
    """Adverse events, most of them coded, dated exactly, in part or not at all.

    One coding corrected, one event void.
    """
    for index in range(p.random.randrange(4) + (p.number % 4 == 1)):
        onset = p.day(p.random.randrange(-12, 92))
        if p.end and onset > p.end:
            continue
        adverse_event(p, f"AE-{index + 1}", onset)
    if p.number in {9, 21}:
        day = p.day(50)
        p.add(
            day,
            9,
            "adverse-event.reported",
            "AE-9",
            term="thirst",
            onset=str(day),
            serious=False,
            severity="MILD",
        )
        p.add(
            day + timedelta(days=2),
            9,
            "adverse-event.reported",
            "AE-9",
            revision=2,
            action="void",
            reason_for_change="Entered for another subject",
        )


def adverse_event(p: Person, record: str, onset: date) -> None:
    """One event, its end in a second revision, and its coding."""
    r = p.random
    term = r.choice(list(TERMS)[:-1]) if r.random() < 0.95 else "heart attack"
    text = r.choice([str(onset)] * 6 + [f"{onset:%Y-%m}", f"{onset:%Y}", None])
    severity = r.choice(["MILD", "MILD", "MODERATE", "SEVERE", None])
    serious = term == "heart attack" or r.random() < 0.08
    data = {
        "term": term,
        "onset": text,
        "serious": serious,
        "severity": severity,
        "grade": r.choice([1, 1, 2, 3, None]),
        "causality": r.choice(["RELATED", "NOT RELATED", "NOT RELATED", None]),
        "seriousness": ["HOSPITALISATION"] if serious else None,
    }
    p.add(onset + timedelta(days=1), 9, "adverse-event.reported", record, **data)
    end = onset + timedelta(days=r.randrange(0, 15))
    if r.random() < 0.6 and not (p.end and end > p.end):
        p.add(
            end + timedelta(days=1),
            9,
            "adverse-event.reported",
            record,
            revision=2,
            reason_for_change="Ended",
            end=r.choice([str(end), str(end), f"{end:%Y-%m}"]),
            outcome="RECOVERED/RESOLVED",
            **data,
        )
    if r.random() < 0.85:
        soc, pt = TERMS[term]
        high_level = {"hlgt": f"{soc}, general", "hlt": f"{pt} and the like", "llt": term}
        p.add(
            onset + timedelta(days=3),
            9,
            "adverse-event.coded",
            f"CODE-{record}",
            adverse_event=record,
            dictionary="MedDRA",
            version="27.0",
            soc=soc,
            pt=pt,
            **(high_level if p.number % 2 else {}),
        )


def extras(people: dict[int, Person]) -> None:
    """Ids that were superseded, a corrected arm, medication and deviations."""
    for old, new in ((26, 27), (60, 61)):
        day = people[old].day(9)
        people[old].add(day, 9, "subject.superseded", "SUPERSEDED", by=people[new].id)
    p = people[13]
    strata = next(data["strata"] for _, _, kind, data in p.events if kind == "subject.randomised")
    p.add(
        p.day(6),
        9,
        "subject.randomised",
        "RANDOMISATION",
        revision=2,
        reason_for_change="Read wrongly",
        date=str(p.randomised),
        arm=p.arm,
        strata={**strata, "region": "EU"},
    )
    for number in range(2, SUBJECTS, 5):
        p = people[number]
        p.add(
            p.day(15), 9, "conmed.recorded", "CM-1", drug="metformin", start=f"{p.day(-30):%Y-%m}"
        )
        if number % 10 == 2:
            p.add(
                p.day(33),
                9,
                "deviation.recorded",
                "DV-1",
                date=str(p.day(33)),
                category="VISIT WINDOW",
                description="Late",
                severity="minor",
            )


def feed() -> Iterator[Data]:
    """Give the events in the order in which they were sent, up to `FROZEN`."""
    random = Random(SEED)  # noqa: S311 - an invented trial
    people = {number: Person(number, random) for number in range(1, SUBJECTS + 1)}
    for person in people.values():
        entry(person)
    extras({n: p for n, p in people.items() if p.events})
    items = sorted(
        (
            (day, hour, p.id, turn, kind, data)
            for p in people.values()
            for turn, (day, hour, kind, data) in enumerate(p.events)
        ),
        key=lambda e: e[:4],
    )
    for number, (day, hour, subject, _, kind, data) in enumerate(items, start=1):
        if day <= FROZEN:
            time = f"{day}T{hour:02d}:00:00Z"
            yield {
                "specversion": "1.0",
                "id": f"islet-{number}",
                "source": "urn:islet:edc",
                "type": f"org.livetlf.{kind}.v1",
                "subject": subject,
                "time": time,
                "study": STUDY,
                "data": data,
            }


if __name__ == "__main__":
    Path(sys.argv[1]).write_text("".join(json.dumps(event) + "\n" for event in feed()))
