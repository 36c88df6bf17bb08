"""Random definitions of measures, and random results as text: what a property prints and recounts.

A trial of two arms; each subject has results at a baseline and at two visits, of one parameter.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

from builders import day, dose, enrolment, entry, tiny
from exact import log10, mean, rounded
from parallel import PARALLEL, randomised

from trial.definition.study import Study
from trial.events.envelope import Entry

Optional = Fraction | None
CONDITIONS = ("enrolled", "treated", "randomised")
VISITS = {"baseline": 0, "week-5": 35, "week-9": 60}
AGAIN = "again"
"""A second result at week 9, where the mean of both counts."""
FACTORS = [
    "10",
    "0.1",
    "88.4",
    "0.02586",
    "0.0555074824",
    "0.3333333333333333333",
    "1000",
    f"0.{60 * '3'}",
    "(x - 32) * 5 / 9",
]
POOLS = [
    ["0.2", "0.3", "0.6", "0.4", "3", "9", "7"],
    ["3.4", "3.6", "3.8", "-0.3", "8.04", "150.5"],
    ["20", "50", "100", "1000", "2", "5", "8", "125", "80", "0"],
]


@dataclass
class Result:
    """A result as reported: its text, its unit and the limits of the range beside it."""

    text: str
    unit: str
    high: str
    low: str

    def number(self, definition: Mapping[str, Any]) -> Optional:
        """Give what it counts as in the parameter's own unit."""
        source_value, factor = (
            self.part(definition),
            definition["x"].get("units", {}).get(self.unit, "1"),
        )
        if source_value is None or not str(factor).startswith("("):
            return None if source_value is None else source_value * Fraction(factor)
        return (source_value - 32) * 5 / 9

    def part(self, definition: Mapping[str, Any]) -> Optional:
        """Give what it counts as in the unit that it was reported in."""
        text = definition["x"]["texts"].get(self.text, self.text)
        rule = definition["x"]["below_quantification"]
        if not text.startswith("<"):
            return Fraction(text)
        return None if rule == "missing" else Fraction(text[1:]) / (2 if rule == "half" else 1)


@dataclass
class Person:
    """A subject: its arm, its results by visit and its score."""

    id: str
    arm: str
    results: dict[str, Result] = field(default_factory=dict)
    score: str = ""


@dataclass
class Trial:
    """A random definition with its subjects; measures by name with what recounts each."""

    rng: random.Random
    parameters: dict[str, Any] = field(default_factory=dict)
    score: dict[str, Any] = field(default_factory=dict)
    people: list[Person] = field(default_factory=list)
    averages: bool = False

    def __post_init__(self) -> None:
        """Draw parameters and people."""
        rng = self.rng
        reported = precision(rng, 4) | {
            "label": "X", "unit": "u",
            "below_quantification": rng.choice(["lloq", "half", "missing"]),
            "texts": {"Target not detected": "<2", "TRACE": "3"},
        }  # fmt: skip
        if rng.random() < 0.4:
            reported["units"] = {"v": rng.choice(FACTORS)}
        derived = {
            "x-log": {"log10_of": "x"},
            "x-ratio": {"upper_limits_of": "x"},
            "x-low": {"lower_limits_of": "x"},
            "x-made": {"formula": "(2 * x + 1) / 3 - x / upper(x)"},
        }
        self.parameters = {"x": reported} | {
            name: derived_precision(rng) | {"label": name, "unit": name} | base
            for name, base in derived.items()
        }
        self.averages = rng.random() < 0.3
        if not self.averages:  # a mean of results has no grade
            self.parameters["x-grade"] = {
                "label": "x-grade", "unit": "grade",
                "grades": {"of": "x", "scale": "own", "term": "both"},
            }  # fmt: skip
        self.score = precision(rng, 3) | {"label": "Score"}
        self.people = [
            self.person(f"{arm}-{i}", arm)
            for arm in "ab"
            for i in range(rng.choice([0, 1, 2, 3, 5]))
        ]

    def person(self, name: str, arm: str) -> Person:
        """Draw a subject."""
        rng, pool = self.rng, self.rng.choice(POOLS)
        person = Person(name, arm, score=number(rng, self.score, pool))
        for visit in [*VISITS, *([AGAIN] if self.averages else [])]:
            if rng.random() < 0.9:
                text = number(rng, self.parameters["x"], pool, rng.choice([3, 6, 14]))
                below = "<" if rng.random() < 0.1 and text[0] != "-" else ""
                unit = rng.choice(["u", *self.parameters["x"].get("units", {})])
                word = rng.choice(["Target not detected", "TRACE"])
                person.results[visit] = Result(
                    word if rng.random() < 0.1 else below + text,
                    unit, rng.choice(["3", "7", "40.5"]), rng.choice(["0", "1.5", "6"]),
                )  # fmt: skip
        return person

    def entries(self) -> list[Entry]:
        """Give the events of all."""
        return [event for person in self.people for event in self._events(person)]

    def _events(self, person: Person) -> list[Entry]:
        score = {"score": Decimal(person.score)} if person.score else {}
        events = [
            enrolment(subject=person.id, characteristics={k: float(v) for k, v in score.items()}),
            randomised(person.arm, person.id),
            dose(subject=person.id),
        ]
        for visit, result in person.results.items():
            events.append(
                entry(
                    "lab.result.reported", person.id, record=visit, parameter="x",
                    collected=day(VISITS.get(visit, 61)), result=result.text, unit=result.unit,
                    range_high=float(result.high), range_low=float(result.low),
                )
            )  # fmt: skip
        return events

    def value(self, person: Person, parameter: str, visit: str) -> Optional:
        """Recount a value of a subject; of several results it is the mean of their values."""
        names = (visit, AGAIN) if visit == "week-9" else (visit,)
        values = [self.counted(person.results.get(name), parameter) for name in names]
        numbers = [value for value in values if value is not None]
        return mean(numbers) if numbers else None

    def counted(self, result: Result | None, parameter: str) -> Optional:
        """Recount what a result counts as."""
        if result is None or parameter == "x-grade":
            return None if result is None else self.graded(result)
        value, part = result.number(self.parameters), result.part(self.parameters)
        if parameter == "x" or value is None or part is None:
            return value
        if parameter == "x-ratio":
            return self.ruled(parameter, part / Fraction(result.high))
        if parameter == "x-low":
            return self.ruled(parameter, part / Fraction(result.low)) if result.low != "0" else None
        if parameter == "x-made":
            factor = self.parameters["x"].get("units", {}).get(result.unit, "1")
            linear = str(factor).startswith("(")
            high = (Fraction(result.high) - 32) * 5 / 9 if linear else (
                Fraction(result.high) * Fraction(factor)
            )  # fmt: skip
            return self.ruled(parameter, (2 * value + 1) / 3 - value / high)
        return None if value <= 0 else self.ruled(parameter, log10(value))

    def graded(self, result: Result) -> Optional:
        """Recount a grade: of a result below quantification only what is sure of all below it."""
        text = self.parameters["x"]["texts"].get(result.text, result.text)
        beyond = text.startswith("<")
        if beyond and self.parameters["x"]["below_quantification"] == "missing":
            return None
        number, high, low = (
            self.converted(bound, result.unit)
            for bound in (text.lstrip("<"), result.high, result.low)
        )
        if high <= 0:
            return None
        for grade, multiple, strict in ((4, 3, True), (2, 1, False)):
            limit = multiple * high
            if beyond and number > limit:
                return None
            if not beyond and (number > limit or (number == limit and not strict)):
                return Fraction(grade)
        if low <= 0 or (beyond and number > low):
            return None
        return Fraction(1 if number < low or beyond else 0)

    def converted(self, text: str, unit: str) -> Fraction:
        """Recount a number in the parameter's own unit."""
        factor = str(self.parameters["x"].get("units", {}).get(unit, "1"))
        number = Fraction(text)
        return (number - 32) * 5 / 9 if factor.startswith("(") else number * Fraction(factor)

    def ruled(self, parameter: str, value: Fraction) -> Fraction:
        """Round a derived value where its places are a rule of the study."""
        places = self.parameters[parameter].get("places")
        return value if places is None else rounded(value, places)

    def measures(self) -> dict[str, tuple[dict[str, Any], Callable[[Person], Optional]]]:
        """Give the measures there can be, each with what recounts it."""
        measures: dict[str, tuple[dict[str, Any], Callable[[Person], Optional]]] = {
            "score": ({"characteristic": "score"}, _score),
            "doses": ({"records": "dose.administered"}, lambda _: Fraction(1)),
            "given": (
                {"exposure": {"of": "cumulative-dose", "unit": "g", "units": {"mg": "0.001"}}},
                lambda _: Fraction(4, 5),
            ),
            "kept-to": (
                {
                    "exposure": {
                        "of": "compliance",
                        "unit": "mg",
                        "planned_dose": 900,
                        "decimals": 2,
                    }
                },
                lambda _: Fraction(800, 9),
            ),
        }
        for name in self.parameters:
            for visit in ("week-5", "week-9"):
                for kind, form in FORMS.items():
                    measures[f"{name}-{kind}-{visit}"] = (
                        {"parameter": name, "at": visit} | ({form: "base"} if form else {}),
                        self.recounting(name, kind, visit),
                    )
            for kind in ("change", "percent"):
                first, second = (f"{name}-{kind}-{visit}" for visit in ("week-9", "week-5"))
                measures[f"{name}-{kind}-gain"] = (
                    {"difference": [first, second]},
                    _difference(measures[first][1], measures[second][1]),
                )
            first_change, second_change = (
                measures[f"{name}-change-week-5"][1],
                measures[f"{name}-decrease-week-9"][1],
            )
            measures[f"{name}-arms"] = (
                {"by_arm": {"a": f"{name}-change-week-5", "b": f"{name}-decrease-week-9"}},
                lambda person, first_change=first_change, second_change=second_change: (
                    first_change if person.arm == "a" else second_change
                )(person),
            )
        return measures

    def recounting(self, name: str, kind: str, visit: str) -> Callable[[Person], Optional]:
        """Make what recounts a value or a change of it."""

        def recount(person: Person) -> Optional:
            value, base = (self.value(person, name, timepoint) for timepoint in (visit, "baseline"))
            if value is None or kind == "value":
                return value
            tolerance = Fraction(1, 2 * 10 ** (18 if name == "x" else 12))
            if base is None or (kind == "percent" and abs(base) < tolerance):
                return None
            change = value - base
            return {"change": change, "decrease": -change}.get(kind) or (
                100 * change / abs(base) if kind == "percent" else change * 0
            )

        return recount

    def study(self, tables: list[Any], **options: Any) -> Study:
        """Load the definition with some tables."""
        parts = dict(PARALLEL) | options
        parts |= {"conditions": {name: PARALLEL["conditions"][name] for name in CONDITIONS}}
        return tiny(
            **parts,
            visits=[
                {"id": "baseline", "label": "Baseline", "day": 0, "window": [-1, 7]},
                {"id": "week-5", "label": "Week 5", "day": 35, "window": [25, 42]},
                {
                    "id": "week-9",
                    "label": "Week 9",
                    "day": 60,
                    "window": [50, 70],
                    "choose": "mean" if self.averages else "closest",
                },
            ],
            characteristics={"score": self.score},
            parameters=self.parameters,
            scales=SCALES,
            baselines={"base": {"last_before_first_dose": True}},
            measures={name: measure for name, (measure, _) in self.measures().items()},
            tables=tables,
            listings=[],
        )


SCALES = {
    "own": {"label": "Own", "version": "1", "terms": {"both": {
        "label": "Both", "direction": "high", "any_unit": [
            {"grade": 4, "any": [{"times": "upper-limit", "more_than": 3}]},
            {"grade": 2, "any": [{"times": "upper-limit", "at_least": 1}]},
            {"grade": 1, "any": [{"times": "lower-limit", "below": 1}]}]}}},
}  # fmt: skip
FORMS = {
    "value": "", "change": "change_from", "decrease": "decrease_from",
    "percent": "percent_change_from",
}  # fmt: skip


def _score(person: Person) -> Optional:
    return Fraction(person.score) if person.score else None


def _difference(
    first: Callable[[Person], Optional], second: Callable[[Person], Optional]
) -> Callable[[Person], Optional]:
    def recount(person: Person) -> Optional:
        minuend, subtrahend = first(person), second(person)
        return None if minuend is None or subtrahend is None else minuend - subtrahend

    return recount


def precision(rng: random.Random, highest: int) -> dict[str, int]:
    """Draw places, order_places and decimals, each given or left out."""
    options: dict[str, int] = {}
    if rng.random() < 0.6:
        options["places"] = rng.randint(0, highest)
    limit = options.get("places", highest)
    for name in ("order_places", "decimals"):
        if rng.random() < 0.5:
            options[name] = rng.randint(0, limit)
    return options


def derived_precision(rng: random.Random) -> dict[str, int]:
    """Draw them for what has no last decimal: places that are a rule, or more than are printed."""
    if rng.random() < 0.3:
        places = rng.randint(6, 9)
        return {"places": places, "decimals": rng.randint(0, places - 5)}
    return {name: rng.randint(0, 4) for name in ("order_places", "decimals") if rng.random() < 0.5}


def number(
    rng: random.Random, options: Mapping[str, Any], pool: list[str], highest: int = 6
) -> str:
    """Draw a number with the decimals that may be sent, or `most` where all may be."""
    places = options.get("places", highest)
    candidate = rng.choice(pool)
    if rng.random() < 0.6 and len(candidate.partition(".")[2]) <= places:
        return candidate
    decimals = rng.randint(0, places)
    size = 10 ** rng.choice([1, 2, 3, 6])
    units = rng.randint(-size if rng.random() < 0.2 else 0, size) * 10**decimals
    units += rng.randrange(10**decimals)
    return f"{Decimal(units).scaleb(-decimals):f}"
