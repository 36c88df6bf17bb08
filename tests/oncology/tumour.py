"""The people of an invented trial in a solid tumour, and the events that tell of them."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import builders

from trial.events.envelope import Entry

STUDY = "TUMOUR-2"
START = date(2015, 1, 5)
VISITS = (57, 113, 169)
TERMS = ("Nausea", "Fatigue", "Rash", "Neutropenia", "Headache")


@dataclass(frozen=True)
class Person:
    """A subject: days are study days, of which the first dose is day 1."""

    name: str
    arm: str
    ecog: str
    age: int
    sizes: tuple[int | None, ...]
    """The size of the tumour at baseline and at the visits; None where it was not measured."""
    progressed: int | None
    died: int | None
    seen: int
    events: tuple[tuple[str, int, int], ...]
    """Adverse events: term, study day, grade."""
    alt: tuple[int, ...]
    bili: tuple[int, ...]

    @property
    def changes(self) -> list[float]:
        """The percent changes from baseline."""
        start = self.sizes[0]
        return [
            100 * (size - start) / start for size in self.sizes[1:] if size is not None and start
        ]

    @property
    def responded(self) -> int | None:
        """The study day on which the tumour first was at least 30 % smaller."""
        start = self.sizes[0] or 0
        return next((day for day, size in zip(VISITS, self.sizes[1:], strict=True)
                     if size is not None and 10 * size <= 7 * start), None)  # fmt: skip

    @property
    def last(self) -> int:
        """The last study day of any record."""
        days = [self.seen, *(day for _, day, _ in self.events), self.died or 0]
        days += [self.progressed or 0]
        days += [day for day, size in zip(VISITS, self.sizes[1:], strict=True) if size is not None]
        return max(days)


def people(n: int = 70) -> list[Person]:
    """Draw the subjects; the drug works better in those of performance status 0."""
    rng = random.Random(21)  # noqa: S311 (a trial to count)
    return [_person(rng, f"T-{i:03}") for i in range(n)]


def _person(rng: random.Random, name: str) -> Person:
    arm, ecog = rng.choice(("chemo", "drug")), rng.choice("01")
    works = (arm == "drug") * (0.25 if ecog == "0" else 0.1)
    length = int(rng.expovariate(1 / (170 + 500 * works))) + 5
    end = min(length, 300)
    died = end if length < 300 and rng.random() < 0.85 else None
    progressed = rng.randint(4, end) if rng.random() < 0.5 else None
    start = rng.randint(30, 120)
    shrink = [rng.uniform(0.62, 1.35) - works * k for k in (1, 2, 3)]
    sizes = [max(round(start * factor), 0) if day <= end and rng.random() < 0.9 else None
             for day, factor in zip(VISITS, shrink, strict=True)]  # fmt: skip
    events = tuple((rng.choice(TERMS), rng.randint(1, end), rng.randint(1, 4))
                   for _ in range(rng.randint(0, 3)))  # fmt: skip
    alt = tuple(rng.choice((20, 40, 60, 130, 200)) for _ in range(2))
    bili = tuple(rng.choice((8, 15, 22, 45)) for _ in range(2))
    age = rng.randint(40, 85)
    return Person(name, arm, ecog, age, (start, *sizes), progressed, died, end, events, alt, bili)


def on(day: int) -> str:
    """Write a study day as a date: there is no day 0."""
    return (START + timedelta(days=day - (day > 0))).isoformat()


def feed() -> list[Entry]:
    """Return all events, in the order of their subjects."""
    return [entry for person in people() for entry in _events(person)]


def _events(person: Person) -> Iterator[Entry]:
    def entry(kind: str, record: str, **data: Any) -> Entry:
        event = builders.event(kind, person.name, record=record, **data)
        return builders.read(event, STUDY)

    def result(parameter: str, unit: str, day: int, value: int, **more: Any) -> Entry:
        return entry("lab.result.reported", f"{parameter}-{day}", parameter=parameter, unit=unit,
                     collected=on(day), result=str(value), **more)  # fmt: skip

    yield entry("subject.enrolled", "E", date=on(-10), site="1", age=person.age, sex="F")
    yield entry(
        "subject.randomised", "R", date=on(-1), arm=person.arm, strata={"ecog": person.ecog}
    )
    yield entry(
        "dose.administered", "D", start=on(1), treatment=person.arm.upper(), amount=1, unit="mg"
    )
    for day, size in zip((-2, *VISITS), person.sizes, strict=True):
        if size is not None:
            yield result("sld", "mm", day, size)
    if person.responded is not None:
        yield entry(
            "observation.recorded", "O", date=on(person.responded), test="RESPONSE", result="PR"
        )
    for i, (alt, bili) in enumerate(zip(person.alt, person.bili, strict=True), 2):
        yield result("alt", "U/L", i, alt, range_high=40)
        yield result("bili", "umol/L", i, bili, range_high=20)
    for i, (term, day, grade) in enumerate(person.events):
        yield entry(
            "adverse-event.reported",
            f"AE-{i}",
            term=term,
            onset=on(day),
            serious=False,
            grade=grade,
        )
        yield entry("adverse-event.coded", f"C-{i}", adverse_event=f"AE-{i}", pt=term, soc="Any",
                    dictionary="MedDRA", version="27.0")  # fmt: skip
    if person.progressed is not None:
        yield entry("disposition.recorded", "P", of="treatment", status="discontinued",
                    date=on(person.progressed), reason="PROGRESSIVE DISEASE")  # fmt: skip
    if person.died is not None:
        yield entry("death.reported", "X", date=on(person.died), cause="Tumour")
    ended = "discontinued" if person.died is not None else "completed"
    reason = {"reason": "DEATH"} if person.died is not None else {}
    yield entry(
        "disposition.recorded", "S", of="study", status=ended, date=on(person.last), **reason
    )
