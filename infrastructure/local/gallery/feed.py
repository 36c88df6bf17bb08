"""The events of an invented trial of two doses against placebo, in hypertension.

One seed gives one feed. The trial is still running: what happens after `FROZEN` is not there yet,
so that late subjects have visits that are not due.
"""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from typing import Any

STUDY = "GALLERY-1"
FROZEN = date(2024, 11, 8)
_SEED = 20241108
_SCREENED = 56
_FAILS = 8  # one of so many is not randomised
_LLOQ = 0.5
_WORST = 3  # grade
_ARMS = ("placebo", "low", "high")
_TREATMENTS = {"placebo": ("PLACEBO", 0), "low": ("DRUG 5", 5), "high": ("DRUG 10", 10)}
_FALL = {"placebo": 3, "low": 9, "high": 15}
_LAST = 84  # the day of the last visit, and of the last dose
_VISITS = {"baseline": 0, "week-4": 28, "week-8": 56, "week-12": _LAST}
_EVENTS = (  # term, class, preferred term, how likely by arm
    ("light-headed", "Nervous system disorders", "Dizziness", (2, 4, 7)),
    ("headache", "Nervous system disorders", "Headache", (5, 4, 3)),
    ("dry cough", "Respiratory, thoracic and mediastinal disorders", "Cough", (1, 3, 4)),
    ("feeling sick", "Gastrointestinal disorders", "Nausea", (2, 3, 3)),
    ("loose stools", "Gastrointestinal disorders", "Diarrhoea", (2, 2, 3)),
    ("itchy rash", "Skin and subcutaneous tissue disorders", "Rash", (1, 1, 3)),
    ("raised liver tests", "Investigations", "Alanine aminotransferase increased", (0, 1, 2)),
)
_HISTORY = (
    ("asthma", "Respiratory, thoracic and mediastinal disorders", "Asthma"),
    ("diabetes", "Metabolism and nutrition disorders", "Type 2 diabetes mellitus"),
    ("high cholesterol", "Metabolism and nutrition disorders", "Hypercholesterolaemia"),
    ("migraine", "Nervous system disorders", "Migraine"),
)
_DRUGS = (
    ("paracetamol 500", "PARACETAMOL", "N02BE01", "ANALGESICS"),
    ("ibuprofen", "IBUPROFEN", "M01AE01", "ANTIINFLAMMATORY AND ANTIRHEUMATIC PRODUCTS"),
    ("simvastatin", "SIMVASTATIN", "C10AA01", "LIPID MODIFYING AGENTS"),
    ("metformin", "METFORMIN", "A10BA02", "DRUGS USED IN DIABETES"),
)

type Data = dict[str, Any]


def feed() -> list[str]:
    """Return the events, one CloudEvent a line."""
    return [line for number in range(_SCREENED) for line in _Person(number).lines()]


class _Person:
    """One subject's course through the trial."""

    def __init__(self, number: int) -> None:
        """Nobody has a course yet; each has a source of chance of its own."""
        self.id = f"G-{number + 1:03d}"
        self.random = Random(_SEED + number)  # noqa: S311 (an invented feed, not a secret)
        self.start = date(2024, 1, 8) + timedelta(days=5 * number)
        self.number = number
        self.arm = _ARMS[(number + number // 3) % 3]
        self.weight = self.random.uniform(60, 105)
        self.events: list[tuple[date, str, Data]] = []

    def lines(self) -> Iterator[str]:
        """Yield the events that are known by the day on which the feed was frozen."""
        self._course()
        for number, (day, kind, data) in enumerate(self.events):
            if day > FROZEN:
                continue
            yield json.dumps(
                {
                    "specversion": "1.0",
                    "id": f"{self.id}-{number:03d}",
                    "source": "urn:gallery:edc",
                    "type": f"org.livetlf.{kind}.v1",
                    "subject": self.id,
                    "time": f"{day}T20:00:00Z",
                    "study": STUDY,
                    "data": {"revision": 1, **data},
                }
            )

    def _happens(self, probability: float) -> bool:
        return self.random.random() < probability

    def _add(self, day: int, kind: str, record: str, **data: object) -> None:
        """Add an event of a day from the first dose, which is day 0."""
        self.events.append((self.day(day), kind, {"record": record, **data}))

    def day(self, day: int) -> date:
        """Return a day counted from the first dose."""
        return self.start + timedelta(days=day)

    def _course(self) -> None:
        self._add(-21, "subject.screened", "SCREENING", date=str(self.day(-21)), site="01")
        if self.number % _FAILS == _FAILS - 1:
            reason = self.random.choice(("BLOOD PRESSURE TOO LOW", "CONSENT NOT GIVEN"))
            date_ = str(self.day(-14))
            self._add(-14, "screening.failed", "FAILURE", date=date_, reason=reason)
            return
        self._enrol()
        last = self._last_day()
        self._treat(last)
        self._visit(last)
        self._suffer(last)
        self._remember()
        self._leave(last)

    def _enrol(self) -> None:
        self._add(
            -7,
            "subject.enrolled",
            "ENROLMENT",
            date=str(self.day(-7)),
            site=("01", "02")[self.number % 2],
            age=self.random.randint(38, 79),
            sex=self.random.choice("FM"),
            race=self.random.choice(("WHITE", "WHITE", "ASIAN", "BLACK OR AFRICAN AMERICAN")),
        )
        strata = {"region": self.random.choice(("north", "south"))}
        day = str(self.day(-1))
        self._add(-1, "subject.randomised", "RANDOMISATION", date=day, arm=self.arm, strata=strata)

    def _last_day(self) -> int:
        """Return the last day of treatment: that of the last visit unless somebody left early."""
        return self.random.randint(20, 70) if self._happens(0.2) else _LAST

    def _treat(self, last: int) -> None:
        treatment, amount = _TREATMENTS[self.arm]
        for number, first in enumerate(range(0, last + 1, 28)):
            end = min(first + 27, last)
            self._add(
                end,
                "dose.administered",
                f"DOSE-{number}",
                start=f"{self.day(first)}T10:00" if first == 0 else str(self.day(first)),
                end=str(self.day(end)),
                amount=amount,
                planned=amount,
                unit="mg",
                treatment=treatment,
            )

    def _visit(self, last: int) -> None:
        pressure = self.random.gauss(156, 9)
        crp = self.random.lognormvariate(0.9, 0.8)
        alt = self.random.uniform(14, 44)
        for visit, planned in _VISITS.items():
            day = planned + (self.random.randint(-3, 3) if planned else -1)
            if planned > last or (planned and self._happens(0.06)):
                continue
            fall = _FALL[self.arm] * (planned / _LAST) ** 0.5
            readings = {
                "sbp": round(pressure - fall + self.random.gauss(0, 6)),
                "weight": round(self.weight + self.random.gauss(0, 1), 1),
            } | ({} if planned else {"height": self.random.randint(155, 190)})
            self._add(
                day,
                "visit.recorded",
                f"VISIT-{visit}",
                visit=visit,
                date=f"{self.day(day)}T09:00",
                measurements=[{"parameter": p, "result": str(v)} for p, v in readings.items()],
            )
            high = 2.2 if self.arm == "high" and planned and self._happens(0.2) else 1
            self._sample(day, "alt", str(round(alt * high + self.random.uniform(-6, 6))), "U/L", 40)
            bili = self.random.uniform(5, 22) * high
            self._sample(day, "bili", f"{bili:.1f}", "umol/L", 21)
            level = crp * self.random.lognormvariate(0, 0.3)
            text = f"<{_LLOQ}" if level < _LLOQ else f"{level:.1f}"
            self._sample(day, "crp", text, "mg/L", 5)

    def _sample(self, day: int, parameter: str, result: str, unit: str, high: int) -> None:
        self._add(
            day,
            "lab.result.reported",
            f"{parameter.upper()}-{day}",
            parameter=parameter,
            collected=f"{self.day(day)}T09:00",
            result=result,
            unit=unit,
            range_low=0,
            range_high=high,
        )

    def _suffer(self, last: int) -> None:
        arm = _ARMS.index(self.arm)
        number = 0
        for term, soc, pt, likely in _EVENTS:
            for _ in range(2):
                if self._happens(likely[arm] / 22):
                    number += 1
                    self._event(f"AE-{number}", last, (term, soc, pt))

    def _event(self, record: str, last: int, term: tuple[str, str, str]) -> None:
        verbatim, soc, pt = term
        onset = self.random.randint(1, last)
        end = onset + self.random.randint(1, 21)
        grade = self.random.choice((1, 1, 1, 2, 2, 3))
        ongoing = self._happens(0.2)
        serious = grade == _WORST and self._happens(0.5)
        details: Data = {
            "term": verbatim,
            "onset": str(self.day(onset)),
            "grade": grade,
            "severity": ("MILD", "MODERATE", "SEVERE")[grade - 1],
            "serious": serious,
            "causality": self.random.choice(("RELATED", "NOT RELATED", "NOT RELATED")),
            "action_taken": "DOSE NOT CHANGED",
            "outcome": "NOT RECOVERED/NOT RESOLVED" if ongoing else "RECOVERED/RESOLVED",
        }
        details |= {} if ongoing else {"end": str(self.day(end))}
        details |= {"seriousness": ["HOSPITALISATION"]} if serious else {}
        self._add(onset if ongoing else end, "adverse-event.reported", record, **details)
        coding = {"dictionary": "MedDRA", "version": "27.0", "soc": soc, "pt": pt}
        self._add(onset, "adverse-event.coded", f"C-{record}", adverse_event=record, **coding)

    def _remember(self) -> None:
        """Report what the subject had before, and what it takes."""
        for number, (verbatim, soc, pt) in enumerate(_HISTORY):
            if self._happens(0.3):
                record = f"MH-{number}"
                start = str(self.start.year - self.random.randint(1, 15))
                self._add(-7, "medical-history.reported", record, term=verbatim, start=start)
                coding = {"dictionary": "MedDRA", "version": "27.0", "soc": soc, "pt": pt}
                self._add(
                    -6, "medical-history.coded", f"C-{record}", medical_history=record, **coding
                )
        for number, (drug, name, code, group) in enumerate(_DRUGS):
            if self._happens(0.3):
                record = f"CM-{number}"
                first = self.random.choice((-60, 12))
                self._add(
                    12, "conmed.recorded", record, drug=drug, start=str(self.day(first)),
                    ongoing=True,
                )  # fmt: skip
                atc = [{"code": code, "atc2": group}]
                coding = {"dictionary": "WHODrug", "version": "2024-03", "preferred_name": name}
                self._add(13, "conmed.coded", f"C-{record}", medication=record, atc=atc, **coding)

    def _leave(self, last: int) -> None:
        """End treatment and study; who left early has a reason."""
        outcome: Data = {"status": "completed"}
        if last < _LAST:
            reasons = ("ADVERSE EVENT", "WITHDRAWAL BY SUBJECT", "LOST TO FOLLOW-UP")
            outcome = {"status": "discontinued", "reason": self.random.choice(reasons)}
        for period, day in (("treatment", last), ("study", last + 14)):
            date_ = str(self.day(day))
            self._add(day, "disposition.recorded", period.upper(), of=period, date=date_, **outcome)
