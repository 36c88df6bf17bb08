#!/usr/bin/env python3
"""Make the events of AIRWAY-2X2, an invented crossover of two inhalers, in order of arrival.

    python events/airway-2x2/generate.py [folder]

Everything comes from a fixed seed. A record is made in its final state first; then its history is
told backwards (what was first mistyped or taken back), and last come the ways of the post: late,
overtaken, sent twice. What is sent after the last day of the feed is not in it, so that the
subjects who were enrolled last are still on treatment.
"""

import json
import random
import sys
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SEED = "AIRWAY-2X2 invented 1"
STUDY = "AIRWAY-2X2"
EDC, LABORATORY, SAFETY = (f"urn:airway-2x2:{name}" for name in ("edc", "laboratory", "safety"))
COMMITTEE = "urn:airway-2x2:adjudication-committee"

SUBJECTS = 74
FIRST_DAY, LAST_OF_FEED = date(2024, 1, 8), date(2024, 10, 2)
SITES = {"DNK": ["11", "12"], "PRT": ["21", "22", "23"], "CAN": ["31"]}
MILLILITRES = ("22", "31")  # sites that report volumes in mL, and potassium in mEq/L
TREATMENTS = {"A": "AVESTEROL", "B": "BREMOTEROL"}
GAIN = {"A": 190, "B": 105}  # mL of FEV1 after four weeks
VISITS = {"p1-baseline": 1, "p1-week-2": 15, "p1-week-4": 29, "p2-baseline": 43,
          "p2-week-2": 57, "p2-week-4": 71, "follow-up": 85}  # fmt: skip
SAMPLED = ("p1-baseline", "p1-week-4", "p2-baseline", "p2-week-4")

NOT_RANDOMISED = {"006": "WITHDRAWAL BY SUBJECT", "049": "PROTOCOL DEVIATION"}
NOT_TREATED = "027"
WRONG_KITS = "033"  # got the other sequence's inhalers, in both periods
SECOND_ID = ("901", "041")  # a person known by two ids, and the one that stands
LEFT = {  # subject: the last study day, the period, why
    "009": (19, "period-1", "ADVERSE EVENT"),
    "022": (24, "period-1", "LACK OF EFFICACY"),
    "038": (12, "period-1", "WITHDRAWAL BY SUBJECT"),
    "056": (26, "period-1", "ADVERSE EVENT"),
    "013": (33, "washout", "LOST TO FOLLOW-UP"),
    "045": (40, "washout", "WITHDRAWAL BY SUBJECT"),
    "019": (52, "period-2", "ADVERSE EVENT"),
    "030": (60, "period-2", "LACK OF EFFICACY"),
    "064": (66, "period-2", "PROTOCOL DEVIATION"),
}
RETRIEVED = ("022", 29)  # measured after discontinuation, which does not count
MISSED = {("004", "p1-week-4"): "Travelling", ("017", "p2-week-4"): "Illness",
          ("025", "p1-week-2"): "Could not leave work", ("052", "p1-week-4"): "Illness",
          ("060", "p2-baseline"): "Travelling"}  # fmt: skip
NOT_BLOWN = {("011", "p2-week-4"), ("047", "p1-week-4")}  # visits held without spirometry
UNSCHEDULED = {"004": 27, "002": 73, "016": 31, "036": 26, "060": 41}  # subject: study day
CORRECTED_SEQUENCE = {"018": "AB", "042": "BA"}  # as first reported, in error
CORRECTED_STRATUM = {"035": {"severity": "severe", "steroid": "low"}}
TERMS = {
    "Respiratory, thoracic and mediastinal disorders": ["Cough", "Dysphonia", "Throat irritation"],
    "Nervous system disorders": ["Headache", "Tremor", "Dizziness"],
    "Cardiac disorders": ["Palpitations", "Tachycardia"],
    "Infections and infestations": ["Nasopharyngitis", "Oral candidiasis", "Bronchitis"],
    "Musculoskeletal and connective tissue disorders": ["Muscle spasms", "Back pain"],
}
FAILED = ("FEV1 NOT BELOW 80 % PREDICTED", "NOT REVERSIBLE", "RECENT EXACERBATION")


def dice(*names: object) -> random.Random:
    """Give a source of chance that no other part of the invention disturbs."""
    return random.Random("/".join(map(str, (SEED, *names))))  # noqa: S311 (an invention)


@dataclass(frozen=True)
class Version:
    """A record as one revision tells it; without data it is taken back."""

    sent: datetime
    source: str
    data: Mapping[str, Any] | None
    reason: str | None = None


@dataclass(frozen=True)
class Record:
    """A record and its history."""

    subject: str
    kind: str
    id: str
    versions: tuple[Version, ...]


@dataclass(frozen=True)
class Person:
    """Who takes part: what is known at enrolment, and what chance had in store."""

    number: str
    site: str
    country: str
    enrolled: date
    strata: Mapping[str, str]
    arm: str

    @cached_property
    def id(self) -> str:
        """The subject's id."""
        return f"AX-{self.number}"

    def dice(self, *names: object) -> random.Random:
        """Give chance for one part of this person's course."""
        return dice(self.number, *names)

    @cached_property
    def first_dose(self) -> date:
        """Study day 1: two weeks of run-in after enrolment."""
        return self.enrolled + timedelta(14 + self.dice("run-in").randint(-2, 2))

    def day(self, study_day: int) -> date:
        """Give the date of a study day after the first dose."""
        return self.first_dose + timedelta(study_day - 1)

    @cached_property
    def last_day(self) -> int:
        """The last study day that the person takes part."""
        return LEFT[self.number][0] if self.number in LEFT else 120

    @cached_property
    def treated(self) -> bool:
        """Whether a dose was ever given."""
        return self.number not in (*NOT_RANDOMISED, NOT_TREATED)

    @cached_property
    def visits(self) -> Mapping[str, int]:
        """Visits that were due while the person took part, and their study day."""
        if not self.treated:
            return {}
        rng = self.dice("visits")
        days = {
            v: d if d == 1 else d + rng.choice((-2, -1, 0, 0, 0, 1, 2)) for v, d in VISITS.items()
        }
        return {visit: day for visit, day in days.items() if day <= self.last_day}

    @cached_property
    def held(self) -> Mapping[str, int]:
        """Visits that took place."""
        return {v: day for v, day in self.visits.items() if (self.number, v) not in MISSED}

    @cached_property
    def given(self) -> str:
        """The sequence of inhalers that was given."""
        return self.arm[::-1] if self.number == WRONG_KITS else self.arm

    def record(self, kind: str, name: str, day: date, source: str = EDC, **data: object) -> Record:
        """Make a record with one revision, sent within two days of what it tells."""
        hours = self.dice("sent", kind, name).randint(2 * 60, 46 * 60)
        sent = datetime.combine(day, time(12)) + timedelta(minutes=hours)
        return Record(self.id, kind, name, (Version(sent, source, data),))


def people() -> list[Person]:
    """Invent the people; blocks of four, by stratum, draw their sequence."""
    rng, blocks, found = dice("people"), {}, []
    for number in range(1, SUBJECTS + 1):
        country = rng.choice(("DNK", "PRT", "PRT", "CAN"))
        strata = {"severity": rng.choice(("moderate", "moderate", "severe")),
                  "steroid": rng.choice(("low", "medium"))}  # fmt: skip
        block = blocks.setdefault(tuple(strata.values()), [])
        if not block:
            block += rng.sample(["AB", "AB", "BA", "BA"], 4)
        enrolled = FIRST_DAY + timedelta(number * 230 // SUBJECTS + rng.randint(0, 4))
        site = rng.choice(SITES[country])
        found.append(Person(f"{number:03}", site, country, enrolled, strata, block.pop()))
    second, stands = SECOND_ID
    same = next(each for each in found if each.number == stands)
    later = same.enrolled + timedelta(9)
    return [*found, replace(same, number=second, site="23", enrolled=later)]


def entry(person: Person) -> Iterator[Record]:
    """Screen, enrol and randomise."""
    rng = person.dice("entry")
    screened = person.enrolled - timedelta(rng.randint(2, 6))
    yield person.record("subject.screened", "SCR", screened, date=f"{screened}", site=person.site)
    yield person.record("consent.recorded", "CONSENT", screened, date=f"{screened}")
    yield person.record(
        "subject.enrolled", "ENROLMENT", person.enrolled,
        date=f"{person.enrolled}", site=person.site, country=person.country,
        age=rng.randint(19, 71), sex=rng.choice("FFM"),
        race=rng.choice(("WHITE",) * 6 + ("ASIAN", "BLACK OR AFRICAN AMERICAN", "OTHER")),
        characteristics={"years-with-asthma": rng.randint(1, 38),
                         "fev1-predicted": rng.randint(480, 790) / 10},
    )  # fmt: skip
    if person.number not in NOT_RANDOMISED:
        day = person.first_dose
        drawn = {"date": f"{day}", "arm": person.arm, "strata": dict(person.strata)}
        yield person.record("subject.randomised", "RANDOMISATION", day, **drawn)


def volume(person: Person, visit: str, rng: random.Random) -> int:
    """Blow FEV1, in mL: what the person has, a gain by inhaler and weeks, and chance."""
    own = person.dice("lungs")
    base, answer = own.randint(1450, 3100), own.randint(-160, 160)
    noise = rng.randint(-70, 70) + rng.randint(-70, 70)
    if not visit.startswith("p") or visit.endswith("baseline"):
        return base + noise
    gain = GAIN[person.given[int(visit[1]) - 1]] + answer - 15 * int(visit[1])
    return base + noise + (gain if visit.endswith("week-4") else gain * 2 // 3)


def spirometry(person: Person, visit: str, *, blown: bool = True) -> list[dict[str, str]]:
    """Give what is measured at a visit."""
    rng = person.dice("measured", visit)
    millilitres = volume(person, visit, rng)
    fev1 = (
        (str(millilitres), "mL")
        if person.site in MILLILITRES
        else (f"{millilitres / 1000:.3f}", "L")
    )
    pulse = {"parameter": "pulse", "result": str(rng.randint(56, 96)), "unit": "beats/min"}
    return [{"parameter": "fev1", "result": fev1[0], "unit": fev1[1]}] * blown + [pulse]


def visits(person: Person) -> Iterator[Record]:
    """Hold the visits, or miss them."""
    seen = {"run-in": person.enrolled, **{v: person.day(d) for v, d in person.visits.items()}}
    for visit, day in seen.items():
        if why := MISSED.get((person.number, visit)):
            yield person.record("visit.missed", visit, day, visit=visit, date=f"{day}", reason=why)
            continue
        measured = spirometry(person, visit, blown=(person.number, visit) not in NOT_BLOWN)
        data = {"visit": visit, "date": f"{day}", "measurements": measured}
        yield person.record("visit.recorded", visit, day, **data)
    extra = UNSCHEDULED.get(person.number)
    if person.number == RETRIEVED[0]:
        extra = RETRIEVED[1]
    if extra:
        day, measured = person.day(extra), spirometry(person, "unscheduled")
        data = {"visit": "unscheduled", "date": f"{day}", "measurements": measured}
        yield person.record("visit.recorded", "unscheduled-1", day, **data)


def laboratory(person: Person) -> Iterator[Record]:
    """Draw blood before and at the end of each period."""
    metric = person.site not in MILLILITRES
    for visit in set(SAMPLED) & person.held.keys():
        rng, day = person.dice("laboratory", visit), person.day(person.held[visit])
        raised = visit.endswith("week-4") and rng.randrange(8) == 0
        eosinophils = rng.randint(1, 9) * rng.randint(1, 9)
        results = {
            "alt": (rng.randint(38, 170) if raised else rng.randint(9, 44), "U/L", (None, 40)),
            "potassium": (f"{rng.randint(27 if raised else 34, 51) / 10:.1f}",
                          "mmol/L" if metric else "mEq/L", ("3.5", "5.1")),
            "eosinophils": (f"0.{eosinophils:02}" if eosinophils // 3 else "<0.03",
                            "10^9/L", (0, "0.5")),
        }  # fmt: skip
        for parameter, (result, unit, (low, high)) in results.items():
            name = f"L{day:%y%m%d}-{person.number}-{parameter[:3].upper()}"
            data: dict[str, Any] = {"parameter": parameter, "result": str(result), "unit": unit}
            data |= {"collected": f"{day}T{rng.randint(7, 10):02}:{rng.randint(0, 59):02}"}
            ranges = {"range_low": low, "range_high": high}
            data |= {k: float(v) for k, v in ranges.items() if v is not None}
            data |= {"lloq": 0.03} if parameter == "eosinophils" else {}
            made = person.record("lab.result.reported", name, day, LABORATORY, **data)
            yield person_delayed(made, rng.randint(1, 5))


def person_delayed(record: Record, days: int) -> Record:
    """Send a record some days later."""
    versions = tuple(replace(v, sent=v.sent + timedelta(days)) for v in record.versions)
    return replace(record, versions=versions)


def dispensed(person: Person) -> Iterator[Record]:
    """Give an inhaler for each half of each period; none at a visit that was missed."""
    for period in (1, 2):
        treatment = TREATMENTS[person.given[period - 1]]
        begin = person.visits.get(f"p{period}-baseline")
        if begin is None:
            continue
        last = min(person.visits.get(f"p{period}-week-4", 999) - 1, person.last_day, begin + 27)
        half = person.visits.get(f"p{period}-week-2", 999)
        for part, (first, to) in enumerate(((begin, min(half - 1, last)), (half, last)), start=1):
            if first > last:
                continue
            name, visit = f"INH-{period}{part}", f"p{period}-{('baseline', 'week-2')[part - 1]}"
            if (person.number, visit) in MISSED and part == 2:  # noqa: PLR2004 (the second half)
                data = {"visit": visit, "date": f"{person.day(first)}", "reason": "Visit missed"}
                yield person.record("dose.missed", name, person.day(first), **data)
                continue
            clock = f"T11:{person.dice(name).randint(0, 59):02}"
            data = {"visit": visit, "treatment": treatment, "amount": 200, "unit": "ug",
                    "start": f"{person.day(first)}{clock}", "end": f"{person.day(to)}"}  # fmt: skip
            yield person.record("dose.administered", name, person.day(to), **data)


def endings(person: Person) -> Iterator[Record]:
    """End each period's treatment, and the study."""
    kind = "disposition.recorded"
    if person.number in NOT_RANDOMISED or not person.treated:
        why = NOT_RANDOMISED.get(person.number, "WITHDRAWAL BY SUBJECT")
        day = person.enrolled + timedelta(12 if person.treated else 16)
        data = {"of": "study", "status": "discontinued", "reason": why, "period": "run-in"}
        yield person.record(kind, "STUDY", day, date=f"{day}", **data)
        return
    left_day, left_in, why = LEFT.get(person.number, (None, None, None))
    for period in (1, 2):
        if f"p{period}-baseline" not in person.visits:
            continue
        gone = left_in == f"period-{period}"
        end = left_day if gone else person.visits.get(f"p{period}-week-4", 70)
        status = {"status": "discontinued", "reason": why} if gone else {"status": "completed"}
        day = person.day(int(end or 0))
        data = {"of": "treatment", "period": f"period-{period}", "date": f"{day}", **status}
        yield person.record(kind, f"TREATMENT-{period}", day, **data)
    if why:
        day = person.day(int(left_day or 0))
        data = {"of": "study", "status": "discontinued", "reason": why, "period": left_in}
    else:
        day = person.day(person.visits["follow-up"])
        data = {"of": "study", "status": "completed"}
    yield person.record(kind, "STUDY", day, date=f"{day}", **data)


def exacerbations(person: Person) -> Iterator[Record]:
    """Adjudicate exacerbations; oral steroids can start before, and without one."""
    rng = person.dice("exacerbations")
    for number, period in enumerate((1, 2), start=1):
        risk = {"A": 22, "B": 40}[person.given[period - 1]] + 15 * (
            person.strata["severity"] == "severe"
        )
        if rng.randrange(100) >= risk or not person.treated:
            continue
        study_day = VISITS[f"p{period}-baseline"] + rng.randint(2, 37)
        if study_day > person.last_day:
            continue
        day, what = person.day(study_day), rng.randrange(5)
        if what:
            data = {"outcome": "exacerbation", "date": f"{day}", "committee": "Adjudication"}
            yield person.record("outcome.adjudicated", f"EX-{number}", day, COMMITTEE, **data)
        if what < 3:  # noqa: PLR2004 (three of five take steroids)
            start = day - timedelta(rng.choice((0, 0, 1)))
            end = start + timedelta(rng.randint(4, 8))
            data = {"drug": "prednisolone", "indication": "Asthma exacerbation"}
            yield person.record(
                "conmed.recorded", f"CM-{number}", end, start=f"{start}", end=f"{end}", **data
            )


def adverse_events(person: Person) -> Iterator[Record]:
    """Report adverse events, open at first; some are never coded, some have partial dates."""
    rng = person.dice("adverse events")
    if not person.treated:
        return
    for number in range(1, rng.choice((0, 1, 1, 2, 2, 3, 4)) + 1):
        study_day = rng.randint(-8, min(person.last_day, 88))
        onset = person.first_dose + timedelta(study_day)
        soc = rng.choice(list(TERMS))
        pt, chance = rng.choice(TERMS[soc]), rng.randrange(100)
        severity = rng.choice(("MILD",) * 7 + ("MODERATE",) * 4 + ("SEVERE",))
        serious = severity == "SEVERE" and rng.randrange(2) == 0
        data: dict[str, Any] = {
            "term": pt.lower(), "onset": f"{onset:%Y-%m}" if chance % 14 == 0 else f"{onset}",
            "severity": severity, "serious": serious, "outcome": "NOT RECOVERED/NOT RESOLVED",
            "causality": rng.choice(("RELATED", "NOT RELATED", "NOT RELATED")),
            "action_taken": "DOSE NOT CHANGED",
        }  # fmt: skip
        data |= {"seriousness": ["HOSPITALISATION"]} if serious else {}
        if chance % 11 == 0:
            del data["causality"]
        record = person.record("adverse-event.reported", f"AE-{number}", onset, SAFETY, **data)
        end = onset + timedelta(rng.randint(2, 20))
        closed = {**data, "end": f"{end}", "outcome": "RECOVERED/RESOLVED"}
        sent = datetime.combine(end, time(15)) + timedelta(1)
        yield replace(
            record, versions=(*record.versions, Version(sent, SAFETY, closed, "Follow-up"))
        )
        if chance % 17:
            coding = {"dictionary": "MedDRA", "version": "26.1", "soc": soc, "pt": pt}
            day = onset + timedelta(rng.randint(1, 9))
            name = f"AE-{number}"
            yield person.record(
                "adverse-event.coded", f"C-{name}", day, SAFETY, adverse_event=name, **coding
            )


def deviations(person: Person) -> Iterator[Record]:
    """Report what was missed, and the wrong inhalers."""
    for visit, day in person.visits.items():
        if (person.number, visit) in MISSED:
            data = {
                "category": "Missed visit",
                "description": f"{visit} not held",
                "severity": "minor",
            }
            yield person.record(
                "deviation.recorded",
                f"DV-{visit}",
                person.day(day),
                date=f"{person.day(day)}",
                **data,
            )
    if person.number == WRONG_KITS:
        data = {
            "category": "Wrong treatment",
            "description": "Inhalers of the other sequence",
            "severity": "major",
        }
        yield person.record(
            "deviation.recorded", "DV-KITS", person.day(1), date=f"{person.day(1)}", **data
        )


def not_enrolled() -> Iterator[Record]:
    """Screen those who were not taken."""
    for number in range(501, 515):
        rng = dice("screening", number)
        person = Person(f"{number}", rng.choice(("11", "21", "31")), "", FIRST_DAY, {}, "")
        day = FIRST_DAY + timedelta(rng.randint(0, 200))
        yield person.record("subject.screened", "SCR", day, date=f"{day}", site=person.site)
        yield person.record("consent.recorded", "CONSENT", day, date=f"{day}")
        later = day + timedelta(rng.randint(1, 5))
        yield person.record(
            "screening.failed", "FAILED", later, date=f"{later}", reason=rng.choice(FAILED)
        )


def mistaken(record: Record, wrong: Mapping[str, Any], reason: str, days: int = 20) -> Record:
    """Tell a record's first revision wrong, and the right one later."""
    first, *later = record.versions
    right = replace(first, sent=first.sent + timedelta(days), reason=reason)
    later = [replace(each, sent=max(each.sent, right.sent + timedelta(1))) for each in later]
    told = replace(first, data={**(first.data or {}), **wrong})
    return replace(record, versions=(told, right, *later))


def with_history(record: Record) -> Record:
    """Give some records what was first told of them, and a few an end: entered in error."""
    rng, number, first = (
        dice("history", record.subject, record.kind, record.id),
        record.subject[3:],
        record.versions[0],
    )
    if record.kind == "subject.randomised" and number in CORRECTED_SEQUENCE:
        return mistaken(record, {"arm": CORRECTED_SEQUENCE[number]}, "Sequence mistyped")
    if record.kind == "subject.randomised" and number in CORRECTED_STRATUM:
        return mistaken(record, {"strata": CORRECTED_STRATUM[number]}, "Stratum as randomised")
    if record.kind == "lab.result.reported" and rng.randrange(100) < 5:  # noqa: PLR2004 (percent)
        wrong = str((first.data or {})["result"]).replace("1", "7").replace("2", "3")
        return mistaken(record, {"result": wrong}, "Result amended by the laboratory", 12)
    if record.kind == "visit.recorded" and rng.randrange(100) < 4 and record.id.startswith("p"):  # noqa: PLR2004
        return mistaken(record, {"measurements": []}, "Spirometry added", 8)
    if record.kind in ("lab.result.reported", "adverse-event.reported") and rng.randrange(100) < 2:  # noqa: PLR2004
        last = record.versions[-1]
        void = Version(last.sent + timedelta(6), last.source, None, "Entered in error")
        return replace(record, versions=(*record.versions, void))
    return record


def all_records() -> list[Record]:
    """Give every record of the trial with its history."""
    parts = (
        entry,
        visits,
        laboratory,
        dispensed,
        endings,
        exacerbations,
        adverse_events,
        deviations,
    )
    made = [record for person in people() for part in parts for record in part(person)]
    second, stands = SECOND_ID
    person = next(each for each in people() if each.number == second)
    made.append(person.record("subject.superseded", "SECOND-ID", person.day(8), by=f"AX-{stands}"))
    records = sorted((*made, *not_enrolled()), key=lambda each: (each.subject, each.kind, each.id))
    return [with_history(record) for record in records]


def cloud_event(
    record: Record, revision: int, version: Version, rng: random.Random
) -> dict[str, Any]:
    """Write one revision as a CloudEvent."""
    data: dict[str, Any] = {"record": record.id, "revision": revision}
    data |= {"action": "void"} if version.data is None else {}
    data |= {"reason_for_change": version.reason} if version.reason else {}
    return {
        "specversion": "1.0",
        "id": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        "source": version.source,
        "type": f"org.livetlf.{record.kind}.v1",
        "subject": record.subject,
        "time": f"{version.sent:%Y-%m-%dT%H:%M:%SZ}",
        "study": STUDY,
        "data": data | dict(version.data or {}),
    }


def deliveries(records: Iterable[Record]) -> Iterator[tuple[datetime, dict[str, Any]]]:
    """Send every revision: corrections can overtake, some events come twice."""
    rng = dice("post")
    last = datetime.combine(LAST_OF_FEED, time(23, 59))
    for record in records:
        known = [version for version in record.versions if version.sent <= last]
        overtaken = len(known) > 1 and rng.randrange(4) == 0
        for revision, version in enumerate(known, start=1):
            arrives = version.sent + timedelta(seconds=rng.randint(1, 900))
            if overtaken and revision == 1:
                arrives = known[1].sent + timedelta(days=1)
            event = cloud_event(record, revision, version, rng)
            yield arrives, event
            if rng.randrange(60) == 0:
                yield arrives + timedelta(minutes=rng.randint(1, 9000)), event


def feed() -> list[dict[str, Any]]:
    """Give the events of the trial in the order in which they arrive."""
    sent = sorted(deliveries(all_records()), key=lambda each: (each[0], each[1]["id"]))
    return [event for _, event in sent]


def main() -> None:
    """Write the feed."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    lines = (json.dumps(event, ensure_ascii=False, separators=(",", ":")) for event in feed())
    (folder / "feed.ndjson").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    main()
