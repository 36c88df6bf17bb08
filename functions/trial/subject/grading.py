"""The grade of a result by a term of a scale: exact, and None where it cannot be decided.

Each comparison is true, false or unknown. Where a fact of the subject is not known, each case of it
is tried: if all give one grade, it is that.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from itertools import product
from typing import Any

from trial.deferred import dataclass
from trial.definition.design import Parameter
from trial.definition.grading import (
    BASELINE,
    LOWER,
    UPPER,
    Comparison,
    Criterion,
    Grading,
    Premise,
)
from trial.subject.ages import days_at_sample, years_at_enrolment
from trial.subject.results import Observation, as_number, converted, read_result
from trial.subject.truth import Truth, all_true, any_true, negated

Case = Mapping[str, Any]
"""One way the facts may be that a term supposes: sex, age, fasting, and the baseline's place.

`ages` are the youngest and the oldest in years of those that count alike, `days` the age in days.
"""
_SEXES = ("F", "M")
_LIMITS = {UPPER: "range_high", LOWER: "range_low"}


@dataclass(frozen=True)
class Number:
    """An exact number; `operator` says on which side of it the value lies, if not at it."""

    at: Fraction
    operator: str = ""

    def above(self, threshold: Fraction) -> Truth:
        """Return whether it is greater."""
        match self.operator:
            case "":
                return self.at > threshold
            case "<" | "<=":
                return False if self.at <= threshold else None
            case ">":
                return True if self.at >= threshold else None
            case _:
                return True if self.at > threshold else None

    def at_least(self, threshold: Fraction) -> Truth:
        """Return whether it is as great or greater."""
        match self.operator:
            case "":
                return self.at >= threshold
            case "<":
                return False if self.at <= threshold else None
            case "<=":
                return False if self.at < threshold else None
            case _:
                return True if self.at >= threshold else None


@dataclass(frozen=True)
class Grader:
    """Grades the results of one subject by a term.

    `baseline` is the subject's result at the baseline that the grades name; `fact` gives what was
    recorded of the subject at enrolment, of an infant also `age_in_days`; `protocol_day` counts the
    days from enrolment to a day (ordinal).
    """

    grading: Grading
    parameter: Parameter
    baseline: Observation | None
    fact: Callable[[str], Any]
    age_in_days: int | None
    protocol_day: Callable[[int], int | None]

    def grade(self, observation: Observation) -> int | None:
        """Return a result's grade; None where it has none, or it is not known which."""
        grades = {self._grade(observation, case) for case in self._cases(observation)}
        return grades.pop() if len(grades) == 1 else None

    def _grade(self, observation: Observation, case: Case) -> int | None:
        restriction = self.grading.term.only
        if restriction is not None and not _supposed(restriction, case):
            return None
        for rule in self.grading.rules:
            truth = any_true(self._meets(criterion, observation, case) for criterion in rule.any)
            if truth is None:
                return None
            if truth:
                return rule.grade
        return 0

    def _meets(self, criterion: Criterion, observation: Observation, case: Case) -> Truth:
        if not _supposed(criterion, case):
            return False
        return all_true(self._holds(part, observation) for part in criterion.comparisons)

    def _holds(self, comparison: Comparison, observation: Observation) -> Truth:
        """Return whether a value lies within the bounds of a comparison."""
        reference = Fraction(0)
        if comparison.reference is not None:
            number = self._reference(comparison.reference, observation)
            if number is None or (comparison.times is not None and number <= 0):
                return None
            reference = number

        def threshold(bound: Decimal) -> Fraction:
            if comparison.times is not None:
                return Fraction(bound) * reference
            conversion = self.grading.conversion
            if conversion is None:
                return Fraction(bound) + reference
            # A difference converts by the factor alone.
            offset = reference if comparison.beyond is not None else conversion.offset
            return Fraction(bound) * conversion.factor + offset

        value = _number(observation, self.parameter)
        return all_true(
            test(threshold(bound))
            for bound, test in (
                (comparison.at_least, value.at_least),
                (comparison.more_than, value.above),
                (comparison.at_most, lambda limit: negated(value.above(limit))),
                (comparison.below, lambda limit: negated(value.at_least(limit))),
            )
            if bound is not None
        )

    def _reference(self, name: str, observation: Observation) -> Fraction | None:
        if name != BASELINE:
            return _limit(observation, self.parameter, name)
        number = self._baseline
        return None if number is None or number.operator else number.at

    @cached_property
    def _baseline(self) -> Number | None:
        """The number of the baseline; of a mean of results none, unless all are numbers."""
        if self.baseline is None:
            return None
        numbers = [_number(source, self.parameter) for source in self.baseline.sources]
        if len(numbers) == 1:
            return numbers[0]
        if any(number.operator for number in numbers):
            return None
        return Number(sum((number.at for number in numbers), Fraction(0)) / len(numbers))

    def _cases(self, observation: Observation) -> Iterable[Case]:
        """Return the ways that the facts may be: one where all that matter are known."""
        if not self._days_of_age:
            return self._cases_of_subject
        elapsed = self.protocol_day(observation.day)
        return [
            case | {"days": days}
            for case in self._cases_of_subject
            for days in days_at_sample(case["ages"], self.age_in_days, elapsed, self._days_of_age)
        ]

    @cached_property
    def _cases_of_subject(self) -> list[dict[str, Any]]:
        facts = [(name, list(values)) for name, values in self._possible()]
        names = [name for name, _ in facts]
        return [
            dict(zip(names, values, strict=True))
            for values in product(*(values for _, values in facts))
        ]

    @cached_property
    def _days_of_age(self) -> tuple[int, ...]:
        return self.grading.days_of_age

    def _possible(self) -> Iterator[tuple[str, Iterable[Any]]]:
        """Yield each fact that the term supposes something of, with all it may be."""
        premises = self.grading.premises
        if any(premise.sex is not None for premise in premises):
            sex = self.fact("sex")
            yield "sex", [sex] if sex in _SEXES else _SEXES
        bounds = self.grading.years_of_age
        if bounds or self._days_of_age:
            age = self.fact("age")
            years = None if age is None else int(age)
            yield "ages", years_at_enrolment(years, self.age_in_days, bounds)
        if any(premise.fasting is not None for premise in premises):
            fasting = self.grading.grades.fasting
            yield "fasting", (True, False) if fasting is None else [fasting]
        if any(premise.baseline in ("high", "not-high") for premise in premises):
            yield "high", self._is_beyond(UPPER)
        if any(premise.baseline in ("low", "not-low") for premise in premises):
            yield "low", self._is_beyond(LOWER)

    def _is_beyond(self, limit: str) -> Iterable[bool]:
        """Return whether the baseline lies beyond a limit of its own range: one answer, or both."""
        truth: Truth = None
        number = self._baseline
        if self.baseline is not None and number is not None:
            bound = _limit(self.baseline, self.parameter, limit)
            if bound is not None:
                truth = number.above(bound) if limit == UPPER else negated(number.at_least(bound))
        return (True, False) if truth is None else [truth]


def _supposed(premise: Premise, case: Case) -> bool:
    """Return whether what is supposed is so in a case."""
    if premise.baseline is not None:
        place = premise.baseline.removeprefix("not-")
        if case[place] is (place != premise.baseline):
            return False
    return (
        (premise.sex is None or case["sex"] == premise.sex)
        and (premise.age_at_least is None or case["ages"][0] >= premise.age_at_least)
        and (premise.age_below is None or case["ages"][0] < premise.age_below)
        and (premise.age_in_days_at_least is None or case["days"] >= premise.age_in_days_at_least)
        and (premise.age_in_days_below is None or case["days"] < premise.age_in_days_below)
        and (premise.fasting is None or case["fasting"] is premise.fasting)
    )


def _number(observation: Observation, parameter: Parameter) -> Number:
    """Return the number of a result as it counts, exact; and on which side of it it lies."""
    item = observation.sources[-1].item
    reported = as_number(parameter, item) if item and not parameter.rounded else None
    parsed = None if reported is None else read_result(reported)
    if parsed is not None:
        exact = converted(parsed[1], item.get("unit"), parameter)
        if exact is not None:
            return Number(exact, parsed[0])
    value, places = observation.value, parameter.precision.places
    if value.operator:
        return Number(Fraction(value.bound, 10**places), value.operator)
    return Number(Fraction(value.unrounded(places)))


def _limit(observation: Observation, parameter: Parameter, name: str) -> Fraction | None:
    """Return a limit of the reference range reported with a result, in the parameter's unit."""
    item = observation.sources[-1].item
    limit = item.get(_LIMITS[name])
    return None if limit is None else converted(limit, item.get("unit"), parameter)
