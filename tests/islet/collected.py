"""What ISLET-9 collects beside visits and adverse events.

History and medication, fasting visits with their laboratory and ECG, missed doses, observations and
who is alive. Each subject has a seed of its own, so that none of this moves another draw.
"""

from datetime import date, timedelta
from random import Random
from typing import Any, Protocol

SEED = 61218
FASTING = {"fasting-1": 0, "fasting-2": 42, "fasting-3": 84}
HISTORY = {  # term: class, preferred term
    "high pressure": ("Vascular disorders", "Hypertension"),
    "heart failure": ("Cardiac disorders", "Cardiac failure"),
    "irregular pulse": ("Cardiac disorders", "Atrial fibrillation"),
    "eyes damaged": ("Eye disorders", "Diabetic retinopathy"),
    "gall stones": ("Hepatobiliary disorders", "Cholelithiasis"),
}
LIPIDS, VESSELS = "LIPID MODIFYING AGENTS", "AGENTS ACTING ON THE RENIN-ANGIOTENSIN SYSTEM"
DRUGS: dict[str, tuple[str, list[dict[str, str]]]] = {  # drug: preferred name, classes
    "statin": ("ATORVASTATIN", [{"code": "C10AA05", "atc2": LIPIDS}]),
    "pressure tablet": ("RAMIPRIL", [{"code": "C09AA05", "atc2": VESSELS}]),
    "both in one": (
        "AMLODIPINE;ATORVASTATIN",
        [{"code": "C10BX03", "atc2": LIPIDS}, {"code": "C09BB07", "atc2": VESSELS}],
    ),
    "herbs": ("HERBAL NOS", []),
}


class Course(Protocol):
    """As much of a subject's course as is asked for here."""

    number: int
    arm: str
    randomised: date
    end: date | None

    def add(
        self, day: date, hour: int, kind: str, record: str, /, revision: int = 1, **data: Any
    ) -> None:
        """Give a revision of a record, sent on `day`."""

    def day(self, protocol_day: int) -> date:
        """Give a day counted from randomisation, which is day 0."""


def collect(p: Course) -> None:
    """Add all of it to a subject's course."""
    r = Random(SEED + p.number)  # noqa: S311 - an invented trial
    histories(p, r)
    medications(p, r)
    heights(p, r)
    for visit, planned in FASTING.items():
        fasting(p, r, visit, p.day(planned + (r.randrange(-3, 4) if planned else 0)))
    missed_doses(p)
    feet(p, r)
    status(p)


def inside(p: Course, day: date) -> bool:
    """Whether a subject is still in the study on a day."""
    return p.end is None or day <= p.end


def shown(r: Random, day: date, *, unknown: bool = True) -> str | None:
    """Give a day as a site may know it: whole, its month, its year or, if it can be, not at all."""
    texts = [str(day)] * 4 + [f"{day:%Y-%m}", f"{day:%Y}"]
    return r.choice([*texts, None] if unknown else texts)


def histories(p: Course, r: Random) -> None:
    """Entries of history: some last, some are not coded, one is coded twice and one is void."""
    day = p.day(-10)
    for index in range(r.randrange(4)):
        term = r.choice(list(HISTORY))
        start = p.day(-r.randrange(20, 180))
        end = start + timedelta(days=r.randrange(0, 15))
        lasts = r.choice([True, False, None])
        p.add(
            day,
            9,
            "medical-history.reported",
            f"MH-{index + 1}",
            term=term,
            start=shown(r, start),
            end=None if lasts or r.random() < 0.4 else str(end),
            ongoing=lasts,
        )
        if r.random() < 0.8:
            coded(p, day, f"MH-{index + 1}", term, "27.0")
            if p.number % 8 == 1:
                coded(p, day, f"MH-{index + 1}", "gall stones", "26.1")
    if p.number % 10 == 4:
        p.add(day, 9, "medical-history.reported", "MH-9", term="irregular pulse", ongoing=True)
        coded(p, day, "MH-9", "irregular pulse", "27.0")
        p.add(
            p.day(20),
            9,
            "medical-history.reported",
            "MH-9",
            revision=2,
            action="void",
            reason_for_change="Of another subject",
        )


def coded(p: Course, day: date, record: str, term: str, version: str) -> None:
    soc, pt = HISTORY[term]
    p.add(
        day,
        10,
        "medical-history.coded",
        f"CODE-{record}-{version}",
        medical_history=record,
        dictionary="MedDRA",
        version=version,
        soc=soc,
        pt=pt,
    )


def medications(p: Course, r: Random) -> None:
    """Medication before, over and after the first dose, its dates known in part or not at all."""
    for index in range(r.randrange(4)):
        drug = r.choice(list(DRUGS))
        start = p.day(r.randrange(-60, 105))
        end = start + timedelta(days=r.randrange(0, 70))
        lasts = r.random() < 0.25
        ended = not lasts and inside(p, end) and r.random() < 0.8
        if not inside(p, start):
            continue
        p.add(
            max(start, p.day(0)) + timedelta(days=1),
            9,
            "conmed.recorded",
            f"CM-{index + 10}",
            drug=drug,
            start=shown(r, start),
            ongoing=lasts or None,
        )
        if ended:
            p.add(
                max(end, p.day(1)) + timedelta(days=2),
                9,
                "conmed.recorded",
                f"CM-{index + 10}",
                revision=2,
                reason_for_change="Ended",
                drug=drug,
                start=str(start) if p.number % 2 else None,
                end=shown(r, end, unknown=False),
            )
        if r.random() < 0.85:
            name, classes = DRUGS[drug]
            p.add(
                max(start, p.day(0)) + timedelta(days=2),
                9,
                "conmed.coded",
                f"CODE-CM-{index + 10}",
                medication=f"CM-{index + 10}",
                dictionary="WHODrug Global B3",
                version="2024.1",
                preferred_name=name,
                atc=classes or None,
            )


def heights(p: Course, r: Random) -> None:
    """Heights as observations: in centimetres or inches, too late, twice, or not done."""
    height = r.randrange(152, 196)
    late = p.number % 7 == 3
    day = p.day(30 if late else -14)
    if not inside(p, day):
        return
    outcome: dict[str, Any] = {"result": str(height), "unit": "cm"}
    if p.number % 3 == 1:
        outcome = {"result": f"{round(height / 2.54, 1)}", "unit": "in"}
    if p.number % 10 == 6:
        outcome = {"reason_not_done": "Stadiometer broken"}
    p.add(day, 12, "observation.recorded", "HEIGHT-1", date=str(day), test="height", **outcome)
    repeat_day = p.day(58)
    if p.number % 5 == 2 and inside(p, repeat_day):
        p.add(
            repeat_day,
            12,
            "observation.recorded",
            "HEIGHT-2",
            date=str(repeat_day),
            test="height",
            result=str(height - 1),
            unit="cm",
        )


def fasting(p: Course, r: Random, visit: str, day: date) -> None:
    """Add a fasting visit, its blood twice under one name, its ECGs; or what of it was missed."""
    if not inside(p, day) or r.random() < 0.1:
        return
    sent_on = day + timedelta(days=1)
    if r.random() < 0.08:
        p.add(
            sent_on,
            9,
            "visit.missed",
            f"MISSED-{visit}",
            visit=visit,
            reason="Had eaten",
            date=str(day) if p.number % 2 else None,
        )
        return
    if r.random() < 0.8:
        warmth = r.randrange(355, 384)
        fahrenheit = p.number % 3 == 1
        p.add(
            sent_on,
            9,
            "visit.recorded",
            f"{visit}-VISIT",
            visit=visit,
            date=f"{day}T07:15",
            measurements=[
                {
                    "parameter": "temperature",
                    "result": f"{round(warmth * 0.18 + 32, 1)}" if fahrenheit else f"{warmth / 10}",
                    "unit": "F" if fahrenheit else "C",
                }
            ],
        )
    blood(p, r, visit, day, 1)
    if r.random() < 0.3:
        blood(p, r, visit, day + timedelta(days=r.choice([0, 1, 2])), 2)
    if visit != "fasting-3":
        electrocardiograms(p, r, visit, day)


def blood(p: Course, r: Random, visit: str, day: date, turn: int) -> None:
    """Lipids and creatinine that name their visit; two creatinines of one day, some in mg/dL."""
    if not inside(p, day):
        return
    sent_on, when = day + timedelta(days=2), f"{day}T0{6 + turn}:40"

    def report(name: str, record: str, result: str, unit: str) -> None:
        p.add(
            sent_on,
            9,
            "lab.result.reported",
            f"{visit}-{record}-{turn}",
            parameter=name,
            visit=visit,
            collected=when,
            result=result,
            unit=unit,
        )

    fat = r.choice(["<0.20", "0.85", "1.10", "1.10", "1.69", "1.70", "2.4", "3.75", "6.01"])
    if p.number in {23, 40} and visit != "fasting-2":
        fat = "0"  # no logarithm
    if r.random() < 0.93:
        report("triglycerides", "TG", fat, "mmol/L")
    if r.random() < 0.85:
        report("hdl", "HDL", r.choice(["0", "0.90", "1.15", "1.33", "1.6"]), "mmol/L")
    level = r.randrange(55, 130)
    american = p.number % 3 == 1
    unit = "mg/dL" if american else "umol/L"
    report("creatinine", "CREA", f"{round(level / 88.4, 2)}" if american else str(level), unit)
    if p.number % 4 == 2:
        report("creatinine", "CREB", f"{round(level / 80, 2)}" if american else "90", unit)


def electrocardiograms(p: Course, r: Random, visit: str, day: date) -> None:
    """Three ECGs of a visit, minutes apart; one may lack its rate, one was not done."""
    sent_on = day + timedelta(days=1)
    for turn in range(3):
        outcome: dict[str, Any] = {
            "measurements": [
                {"parameter": "qt", "result": str(r.randrange(360, 440)), "unit": "ms"},
                {"parameter": "rr", "result": str(r.randrange(620, 1100)), "unit": "ms"},
            ],
            "interpretation": r.choice(["NORMAL", "NORMAL", "NORMAL", "ABNORMAL"]),
        }
        if r.random() < 0.1:
            outcome["measurements"].pop()
        if r.random() < 0.06:
            outcome = {"reason_not_done": "No paper"}
        p.add(
            sent_on,
            9,
            "ecg.recorded",
            f"{visit}-ECG-{turn + 1}",
            visit=visit,
            date=f"{day}T07:{20 + 5 * turn}",
            **outcome,
        )


def missed_doses(p: Course) -> None:
    """Miss a pack, beside those that were."""
    day = p.day(60)
    if p.arm != "device" and p.number % 12 in {1, 6} and inside(p, day):
        p.add(
            day,
            9,
            "dose.missed",
            "MISSED-DOSE",
            visit="week-8",
            reason="Pack lost",
            date=str(day) if p.number % 2 else None,
        )


def feet(p: Course, r: Random) -> None:
    """Feeling in each foot, of two sites only, and its score by a questionnaire."""
    day = p.day(44)
    if p.number % 3 == 2 or not inside(p, day):
        return
    for side in ("LEFT", "RIGHT"):
        result = r.choice(["NORMAL", "NORMAL", "REDUCED", "ABSENT", None])
        p.add(
            day,
            13,
            "observation.recorded",
            f"FOOT-{side}",
            date=str(day),
            category="FOOT",
            test="MONOFILAMENT",
            laterality=side,
            result=result,
            reason_not_done=None if result else "Bandaged",
        )
    if r.random() < 0.8:
        p.add(
            day,
            13,
            "questionnaire.recorded",
            "FOOT-SCORE",
            date=str(day),
            questionnaire="FOOT-10",
            visit="fasting-2",
            measurements=[
                {"parameter": "foot-score", "result": str(r.randrange(5, 11)), "unit": "points"}
            ],
        )


def status(p: Course) -> None:
    """Who was reached after the end, a procedure and an examination: all of them late contacts."""
    day = p.day(110)
    if p.number % 6 == 0:
        reached = "ALIVE" if p.end is None or p.number % 12 else "UNKNOWN"
        p.add(day, 9, "vital-status.recorded", "STATUS-1", date=str(day), status=reached)
    if p.number % 9 == 1 and inside(p, p.day(97)):
        p.add(
            p.day(99),
            9,
            "procedure.recorded",
            "PR-1",
            procedure="Cataract surgery",
            start=f"{p.day(97):%Y-%m}" if p.number % 2 else str(p.day(97)),
        )
    if p.number % 9 == 2 and inside(p, p.day(98)):
        p.add(
            p.day(98),
            9,
            "physical-examination.recorded",
            "PE-1",
            date=str(p.day(98)),
            system="SKIN",
            result="NORMAL",
        )
