"""The shipped grading scales: each term at each of its bounds, and on both sides of it."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from itertools import product
from typing import Any

import pytest

from trial.definition import library
from trial.definition.design import Parameter
from trial.definition.grading import Grades, Grading, Scale, rules_for
from trial.subject.grading import Grader
from trial.subject.results import Observation, read_value

V4, V5, V6, DAIDS, FDA = SCALES = (
    "ctcae-4.03", "ctcae-5.0", "ctcae-6.0", "daids-2.1", "fda-levels",
)  # fmt: skip


def written(scale: str) -> dict[str, Any]:
    return library.pieces()[scale]["definition"]["scales"][scale]


ANY_UNIT = Parameter(label="X", unit="u")

ELAPSED = 1
"""Days from enrolment to each sample."""


class Person:
    """A subject of whom all is known, and the limits that are reported with each result."""

    def __init__(
        self, low: str, high: str, base: str, sex: str, age: int, days: int | None = None, *,
        fasting: bool,
    ):  # fmt: skip
        """Write down what a grade may depend on; `days` are an infant's at the sample."""
        self.days = days
        self.low, self.high, self.base = Decimal(low), Decimal(high), Decimal(base)
        self.sex, self.age, self.fasting = sex, age, fasting

    def grader(self, scale: Scale, term: str, unit: str) -> Grader:
        """Return what grades results of this subject by a term."""
        graded = scale.terms[term]
        rules = rules_for(scale, graded, unit, {})
        assert rules is not None
        grades = Grades(of="x", scale="s", term=term, baseline="b", fasting=self.fasting)
        facts = {"sex": self.sex, "age": self.age}
        return Grader(
            Grading(grades, graded, *rules),
            Parameter(label="X", unit=unit),
            self.result(self.base),
            facts.get,
            None if self.days is None else self.days - ELAPSED,
            lambda _: ELAPSED,
        )

    def result(self, value: Decimal) -> Observation:
        """Return a result with these limits, in the unit of the term."""
        item = {"result": f"{value:f}", "range_low": self.low, "range_high": self.high}
        counted = read_value(item, ANY_UNIT, ANY_UNIT)
        assert counted is not None
        return Observation("R", "2020-01-01", 1, item["result"], counted, item=item)

    def supposed(self, premise: Mapping[str, Any]) -> bool:
        """Recount whether what a rule supposes is so."""
        days = 366 * self.age if self.days is None else self.days
        places = {
            "high": self.base > self.high, "not-high": self.base <= self.high,
            "low": self.base < self.low, "not-low": self.base >= self.low,
        }  # fmt: skip
        return (
            premise.get("sex", self.sex) == self.sex
            and premise.get("age_at_least", 0) <= self.age < premise.get("age_below", 999)
            and premise.get("age_in_days_at_least", 0) <= days
            and days < premise.get("age_in_days_below", 99999)
            and premise.get("fasting", self.fasting) == self.fasting
            and ("baseline" not in premise or places[premise["baseline"]])
        )

    def bounds(self, comparison: Mapping[str, Any]) -> Iterator[tuple[str, Fraction]]:
        """Recount the bounds of a comparison as numbers."""
        references = {"upper-limit": self.high, "lower-limit": self.low, "baseline": self.base}
        for name in ("at_least", "more_than", "at_most", "below"):
            if name in comparison:
                bound = Fraction(str(comparison[name]))
                if "times" in comparison:
                    bound *= Fraction(references[comparison["times"]])
                if "beyond" in comparison:
                    bound += Fraction(references[comparison["beyond"]])
                yield name, bound

    def meets(self, criterion: Mapping[str, Any], value: Fraction) -> bool:
        """Recount whether a result meets a criterion."""
        tests = {
            "at_least": value.__ge__, "more_than": value.__gt__,
            "at_most": value.__le__, "below": value.__lt__,
        }  # fmt: skip
        comparisons = [criterion, *([criterion["also"]] if "also" in criterion else [])]
        return self.supposed(criterion) and all(
            tests[name](bound) for part in comparisons for name, bound in self.bounds(part)
        )

    def expected(
        self, rules: list[dict[str, Any]], criteria: Mapping[str, Any], value: Fraction
    ) -> int | None:
        """Recount a grade: the worst of which any criterion is met."""
        if not self.supposed(criteria):
            return None
        met = [rule["grade"] for rule in rules for part in rule["any"] if self.meets(part, value)]
        return max(met, default=0)


LIMITS = [("10", "50", "40"), ("10", "50", "80"), ("10", "50", "5"), ("100", "300", "100")]
PEOPLE = [
    Person(low, high, base, sex, age, days, fasting=fasting)
    for (low, high, base), (sex, age, days, fasting) in [
        *product(LIMITS, [("F", 40, None, True), ("M", 16, None, False), ("M", 10, None, True),
                          ("F", 0, 1, False)]),
        *product(LIMITS[:1], [("M", 0, days, False) for days in (5, 14, 28, 40, 57)]),
    ]
]  # fmt: skip
STEP = Fraction(1, 10**9)


def values(person: Person, rules: list[dict[str, Any]]) -> list[Fraction]:
    """List, for one person, all bounds of a term and what lies beside them, in order."""
    parts = [part for rule in rules for part in rule["any"]]
    parts += [part["also"] for part in parts if "also" in part]
    bounds = {bound for part in parts for _, bound in person.bounds(part)}
    return sorted({bound + step for bound in bounds for step in (-STEP, 0, STEP)})


@pytest.mark.parametrize("scale", SCALES)
def test_each_term_is_counted_right_at_its_bounds_and_never_falls_as_results_get_worse(scale):
    loaded = Scale.model_validate(written(scale))
    for name, term in written(scale)["terms"].items():
        ungraded = graded_worst = 0
        for unit, rules in (term.get("by_unit") or {"u": term["any_unit"]}).items():
            worst = rules[0]["grade"]
            for person in PEOPLE:
                grades, grader = [], person.grader(loaded, name, unit)
                for value in values(person, rules):
                    number = Decimal(value.numerator) / Decimal(value.denominator)
                    assert Fraction(number) == value
                    grade = grader.grade(person.result(number))
                    assert grade == person.expected(rules, term.get("only", {}), value), (
                        name, unit, number,
                    )  # fmt: skip
                    grades.append(grade)
                if None in grades:
                    ungraded += 1
                    assert set(grades) == {None}
                    continue
                rising = grades[::-1] if term["direction"] == "low" else grades
                assert rising == sorted(rising), (name, unit, grades)
                graded_worst += worst in grades
        assert graded_worst, name
        assert bool(ungraded) == ("only" in term), name


EDGES: list[tuple[tuple[str, ...], str, str, tuple[str, str], str]] = [
    # the scales, the term, the unit, the limits, and values with the grade of each
    ((V4, V5, V6), "anemia", "g/dL", ("12", "16"), "12 0, 11.9 1, 10 1, 9.9 2, 8 2, 7.9 3, 4 3"),
    ((V4, V5, V6), "anemia", "mmol/L", ("7.4", "9.9"), "7.4 0, 7.3 1, 6.2 1, 6.1 2, 4.8 3"),
    ((DAIDS,), "hemoglobin-low", "g/dL", ("12", "16"),
     "10.5 0, 10.4 1, 9.5 1, 9.4 2, 8.5 2, 8.4 3, 6.5 3, 6.4 4"),
    ((FDA,), "hemoglobin-low", "g/dL", ("12", "16"), "12.1 0, 12 1, 11 1, 10.9 2, 9.5 2, 9.4 3"),
    ((V4, V5), "neutrophil-count-decreased", "10^9/L", ("2", "7"),
     "2 0, 1.99 1, 1.5 1, 1.49 2, 1 2, 0.99 3, 0.5 3, 0.49 4"),
    ((V6,), "neutrophil-count-decreased", "10^9/L", ("2", "7"),
     "1.5 0, 1.49 1, 1 1, 0.99 2, 0.5 2, 0.49 3, 0.1 3, 0.09 4"),
    ((DAIDS,), "absolute-neutrophil-count-low", "10^3/uL", ("2", "7"),
     "1.01 0, 1 1, 0.8 1, 0.799 2, 0.6 2, 0.599 3, 0.4 3, 0.399 4"),
    ((V4, V5), "platelet-count-decreased", "10^9/L", ("150", "400"),
     "150 0, 149 1, 75 1, 74 2, 50 2, 49 3, 25 3, 24 4"),
    ((V6,), "thrombocytopenia", "10^9/L", ("150", "400"),
     "150 0, 149 1, 75 1, 74 2, 50 2, 49 3, 10 3, 9 4"),
    ((DAIDS,), "platelets-decreased", "10^9/L", ("150", "400"),
     "125 0, 124 1, 100 1, 99 2, 50 2, 49 3, 25 3, 24 4"),
    ((FDA,), "platelets-low", "10^9/L", ("150", "400"), "140 0, 139 1, 125 1, 124 2, 100 2, 99 3"),
    ((V4, V5, V6), "alanine-aminotransferase-increased", "U/L", ("7", "40"),
     "40 0, 41 1, 120 1, 121 2, 200 2, 201 3, 800 3, 801 4"),
    ((DAIDS,), "alt-high", "U/L", ("7", "40"),
     "49 0, 50 1, 99 1, 100 2, 199 2, 200 3, 399 3, 400 4"),
    ((FDA,), "alt-high", "U/L", ("7", "40"), "120 0, 121 1, 200 1, 201 2, 400 2, 401 3"),
    ((V4, V5, V6), "blood-bilirubin-increased", "umol/L", ("3", "20"),
     "20 0, 21 1, 30 1, 31 2, 60 2, 61 3, 200 3, 201 4"),
    ((DAIDS,), "total-bilirubin-high", "umol/L", ("3", "20"),
     "21.9 0, 22 1, 31.9 1, 32 2, 51.9 2, 52 3, 99.9 3, 100 4"),
    ((FDA,), "bilirubin-high", "umol/L", ("3", "20"), "30 0, 31 1, 40 1, 41 2, 60 2, 61 3"),
    ((V4, V5), "cpk-increased", "U/L", ("20", "200"),
     "200 0, 201 1, 500 1, 501 2, 1000 2, 1001 3, 2000 3, 2001 4"),
    ((DAIDS,), "creatine-kinase-high", "U/L", ("20", "200"),
     "599 0, 600 1, 1199 1, 1200 2, 1999 2, 2000 3, 3999 3, 4000 4"),
    ((V4, V5, V6), "hyperkalemia", "mmol/L", ("3.5", "5"),
     "5 0, 5.1 1, 5.5 1, 5.6 2, 6 2, 6.1 3, 7 3, 7.1 4"),
    ((DAIDS,), "potassium-high", "mmol/L", ("3.5", "5"),
     "5.5 0, 5.6 1, 5.9 1, 6 2, 6.4 2, 6.5 3, 6.9 3, 7 4"),
    ((DAIDS,), "potassium-low", "mEq/L", ("3.5", "5"),
     "3.4 0, 3.3 1, 3 1, 2.9 2, 2.5 2, 2.4 3, 2 3, 1.9 4"),
    ((V4, V5, V6), "hypernatremia", "mmol/L", ("135", "145"),
     "145 0, 146 1, 150 1, 151 2, 155 2, 156 3, 160 3, 161 4"),
    ((DAIDS,), "sodium-low", "mmol/L", ("135", "145"),
     "135 0, 134 1, 130 1, 129 2, 125 2, 124 3, 121 3, 120 4"),
    ((V4, V5, V6), "hypoglycemia", "mg/dL", ("70", "99"),
     "70 0, 69 1, 55 1, 54 2, 40 2, 39 3, 30 3, 29 4"),
    ((DAIDS,), "glucose-low", "mg/dL", ("70", "99"),
     "65 0, 64 1, 55 1, 54 2, 40 2, 39 3, 30 3, 29 4"),
    ((V4, V5, V6), "hypertriglyceridemia", "mg/dL", ("40", "150"),
     "149 0, 150 1, 300 1, 301 2, 500 2, 501 3, 1000 3, 1001 4"),
    ((V4, V5, V6), "hypoalbuminemia", "g/L", ("35", "50"), "35 0, 34 1, 30 1, 29 2, 20 2, 19 3"),
    ((V6,), "creatinine-clearance-decreased", "mL/min", ("90", "140"),
     "50 0, 49 2, 26 2, 25 3, 10 3, 9 3"),
    ((V4, V5, V6), "white-blood-cell-decreased", "/uL", ("4000", "11000"),
     "4000 0, 3999 1, 3000 1, 2999 2, 2000 2, 1999 3, 1000 3, 999 4"),
    ((FDA,), "eosinophils-high", "/uL", ("0", "500"),
     "650 0, 651 1, 1500 1, 1501 2, 5000 2, 5001 3"),
]  # fmt: skip


@pytest.mark.parametrize(("scales", "term", "unit", "limits", "graded"), EDGES)
def test_bounds_are_those_published(scales, term, unit, limits, graded):
    """Of a woman whose baseline lies within the limits."""
    low, high = limits
    person = Person(low, high, high, "F", 40, fasting=True)
    for scale in scales:
        loaded = Scale.model_validate(written(scale))
        grader = person.grader(loaded, term, unit)
        for value, grade in (pair.split() for pair in graded.split(", ")):
            assert grader.grade(person.result(Decimal(value))) == int(grade), (scale, value)


INFANTS: list[tuple[str, str, str, str]] = [
    # the term, the unit, the first and the last day of a group, and values with the grade of each
    ("absolute-neutrophil-count-low", "/uL", "0 1",
     "5001 0, 5000 1, 4000 1, 3999 2, 3000 2, 2999 3, 1500 3, 1499 4"),
    ("absolute-neutrophil-count-low", "10^9/L", "2 7",
     "1.501 0, 1.5 1, 1.25 1, 1.249 2, 1 2, 0.999 3, 0.75 3, 0.749 4"),
    ("absolute-neutrophil-count-low", "/uL", "8 300",
     "1001 0, 1000 1, 800 1, 799 2, 600 2, 599 3, 400 3, 399 4"),
    ("hemoglobin-low", "g/dL", "0 7",
     "14.1 0, 14 1, 13 1, 12.9 2, 10 2, 9.9 3, 9 3, 8.9 4"),
    ("hemoglobin-low", "g/dL", "8 21",
     "13.1 0, 13 1, 11 1, 10.9 2, 9 2, 8.9 3, 8 3, 7.9 4"),
    ("hemoglobin-low", "g/L", "22 35",
     "111 0, 110 1, 95 1, 94 2, 80 2, 79 3, 67 3, 66 4"),
    ("hemoglobin-low", "mmol/L", "36 56",
     "6 0, 5.99 1, 5.26 1, 5.25 2, 4.32 2, 4.31 3, 3.72 3, 3.71 4"),
    ("hemoglobin-low", "g/dL", "57 300",
     "10.5 0, 10.4 1, 9.5 1, 9.4 2, 8.5 2, 8.4 3, 6.5 3, 6.4 4"),
    ("wbc-decreased", "/uL", "0 7",
     "7000 0, 6999 1, 5500 1, 5499 2, 4000 2, 3999 3, 2500 3, 2499 4"),
    ("wbc-decreased", "10^9/L", "8 300",
     "2.5 0, 2.499 1, 2 1, 1.999 2, 1.5 2, 1.499 3, 1 3, 0.999 4"),
    ("calcium-high", "mg/dL", "0 6",
     "11.4 0, 11.5 1, 12.3 1, 12.4 2, 12.8 2, 12.9 3, 13.4 3, 13.5 4"),
    ("calcium-high", "mmol/L", "7 300",
     "2.64 0, 2.65 1, 2.87 1, 2.88 2, 3.12 2, 3.13 3, 3.37 3, 3.38 4"),
    ("calcium-low", "mmol/L", "0 6",
     "1.88 0, 1.87 1, 1.63 1, 1.62 2, 1.5 2, 1.49 3, 1.38 3, 1.37 4"),
    ("calcium-low", "mg/dL", "7 300",
     "8.4 0, 8.3 1, 7.8 1, 7.7 2, 7 2, 6.9 3, 6.1 3, 6 4"),
    ("glucose-low", "mg/dL", "0 29",
     "55 0, 54 1, 50 1, 49 2, 40 2, 39 3, 30 3, 29 4"),
    ("glucose-low", "mmol/L", "30 300",
     "3.55 0, 3.54 1, 3.05 1, 3.04 2, 2.22 2, 2.21 3, 1.67 3, 1.66 4"),
    ("direct-bilirubin-high", "mg/dL", "0 28",
     "0.3 0, 0.4 1, 1 1, 1.1 2, 1.5 2, 1.6 3, 2 3, 2.1 4"),
    ("direct-bilirubin-high", "mg/dL", "29 300",
     "0.4 0, 0.5 4"),
    ("total-bilirubin-high", "mg/dL", "29 300",
     "0.43 0, 0.44 1, 0.64 2, 1.04 3, 2 4"),
]  # fmt: skip


@pytest.mark.parametrize(("term", "unit", "ends", "graded"), INFANTS)
def test_bounds_by_days_of_age_are_those_published(term, unit, ends, graded):
    """Of a boy and a girl on the first and the last day of each group, with a limit of 0.4."""
    loaded = Scale.model_validate(written(DAIDS))
    for days, sex in product(map(int, ends.split()), "FM"):
        person = Person("0.2", "0.4", "0.4", sex, 0, days, fasting=False)
        grader = person.grader(loaded, term, unit)
        for value, grade in (pair.split() for pair in graded.split(", ")):
            assert grader.grade(person.result(Decimal(value))) == int(grade), (days, value)


@pytest.mark.parametrize("days", [0, 28])
def test_total_bilirubin_of_newborns_is_not_graded(days):
    person = Person("0.2", "0.4", "0.4", "F", 0, days, fasting=False)
    grader = person.grader(Scale.model_validate(written(DAIDS)), "total-bilirubin-high", "mg/dL")
    assert grader.grade(person.result(Decimal(9))) is None
