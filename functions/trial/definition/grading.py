"""Grading scales: what makes a result of a grade, as data; and the grade of a parameter by one.

A scale is part of the definition, shipped as a piece of the library or the study's own. Conditions
are on the value itself, or on it against a limit of its reference range or the baseline.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from trial.deferred import dataclass
from trial.definition.base import BOUNDS, Bounds, Model, Name, RefersTo
from trial.definition.formulas import Conversion

UPPER, LOWER, BASELINE = "upper-limit", "lower-limit", "baseline"
Reference = Literal["upper-limit", "lower-limit", "baseline"]
Sex = Literal["F", "M"]
BaselineClass = Literal["high", "not-high", "low", "not-low"]
MAX_GRADE = 5


class Premise(Model):
    """What is supposed of a subject or a sample; all that is given must hold.

    `age` is in years at enrolment, `age_in_days` that when the sample was taken; `baseline` is the
    baseline's place in its own reference range.
    """

    sex: Sex | None = None
    age_at_least: Annotated[int, Field(ge=0)] | None = None
    age_below: Annotated[int, Field(ge=1)] | None = None
    age_in_days_at_least: Annotated[int, Field(ge=0)] | None = None
    age_in_days_below: Annotated[int, Field(ge=1)] | None = None
    fasting: bool | None = None
    baseline: BaselineClass | None = None


class Comparison(Bounds):
    """A value within bounds: its own, its multiple of a reference, or what it is more than that.

    A reference is a limit of the reference range reported with the result, or the baseline.
    """

    times: Reference | None = None
    beyond: Reference | None = None

    @model_validator(mode="after")
    def _bounded(self) -> "Comparison":
        if self.times is not None and self.beyond is not None:
            raise ValueError("takes one of times, beyond")
        if all(getattr(self, name) is None for name in BOUNDS):
            raise ValueError(f"a criterion takes {', '.join(BOUNDS)}")
        return self

    @property
    def reference(self) -> Reference | None:
        """What the value is compared with, if not with a number."""
        return self.times or self.beyond


class Criterion(Comparison, Premise):
    """One way to be of a grade: a comparison, `also` a second one, and what both suppose."""

    also: Comparison | None = None

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """Both comparisons, or the only one."""
        return (self,) if self.also is None else (self, self.also)


class GradeRule(Model):
    """A grade, and the criteria of which any one makes a result of it, unless of a worse one."""

    grade: Annotated[int, Field(ge=1, le=MAX_GRADE)]
    any: Annotated[list[Criterion], Field(min_length=1, max_length=20)]


def _worst_first(rules: list[GradeRule]) -> None:
    if any(rule.grade <= following.grade for rule, following in pairwise(rules)):
        raise ValueError("lists grades from the worst down, each once")


class GradedTerm(Model):
    """How results are graded for one term of a scale, in one direction.

    `by_unit` has the rules for each unit that the scale gives numbers in; `any_unit` those that
    compare with limits or the baseline alone. `only` says whose results are graded at all. A
    result that meets no rule is of grade 0. `assumed` says which clinical qualifiers of the scale
    are taken for granted, and what else it leaves open.
    """

    label: str
    direction: Literal["low", "high"]
    any_unit: list[GradeRule] = []
    by_unit: dict[str, Annotated[list[GradeRule], Field(min_length=1)]] = {}
    only: Premise | None = None
    assumed: str = ""

    @model_validator(mode="after")
    def _one_form(self) -> "GradedTerm":
        if bool(self.any_unit) == bool(self.by_unit):
            raise ValueError("a term takes exactly one of any_unit, by_unit")
        for rules in (self.any_unit, *self.by_unit.values()):
            _worst_first(rules)
        if any(_is_number(comparison) for comparison in _comparisons(self.any_unit)):
            raise ValueError("`any_unit` compares with limits or the baseline: take `by_unit`")
        return self


def _comparisons(rules: list[GradeRule]) -> Iterator[Comparison]:
    for rule in rules:
        for criterion in rule.any:
            yield from criterion.comparisons


def _is_number(comparison: Comparison) -> bool:
    """Return whether a comparison's bounds are in the unit of the value."""
    return comparison.times is None


class Scale(Model):
    """A grading scale: its terms by name, its version and where it is from.

    `counting` says how tables of it count by custom: `worst`, each subject once by the worst grade,
    or `cumulative`, with the milder ones too. `noun` is what its grades are called, `synonyms` are
    other names of the units that it uses.
    """

    label: str
    version: str
    source: str = ""
    counting: Literal["worst", "cumulative"] = "worst"
    noun: str = "grade"
    synonyms: dict[str, str] = {}
    terms: Annotated[dict[Name, GradedTerm], Field(min_length=1)]


class Grades(Model):
    """The grades of a parameter's results by a term of a scale.

    `baseline` is named where the term compares with one; `fasting` says how samples are taken,
    where that matters: it is unknown unless given.
    """

    of: Annotated[Name, RefersTo("gradable parameter")]
    scale: Annotated[Name, RefersTo("grading scale")]
    term: Annotated[Name, RefersTo("term of the scale")]
    baseline: Annotated[Name, RefersTo("named baseline")] | None = None
    fasting: bool | None = None


@dataclass(frozen=True)
class Grading:
    """A term's rules as they apply to a parameter: in which unit, and how that converts."""

    grades: Grades
    term: GradedTerm
    unit: str
    """The unit of the scale that was taken; '' where any will do."""
    rules: tuple[GradeRule, ...]
    conversion: Conversion | None
    """How a number of that unit becomes one of the parameter's; None where they are one."""

    @property
    def references(self) -> frozenset[str]:
        """What results are compared with: limits, the baseline."""
        references = {comparison.reference for comparison in _comparisons([*self.rules])}
        premises = {BASELINE for part in self.premises if part.baseline is not None}
        return frozenset(name for name in (*references, *premises) if name is not None)

    @property
    def years_of_age(self) -> tuple[int, ...]:
        """The ages in years at enrolment from which on other rules apply, in order."""
        return _ordered(
            bound for part in self.premises for bound in (part.age_at_least, part.age_below)
        )

    @property
    def days_of_age(self) -> tuple[int, ...]:
        """The same of ages in days when the sample was taken."""
        return _ordered(
            bound
            for part in self.premises
            for bound in (part.age_in_days_at_least, part.age_in_days_below)
        )

    @property
    def premises(self) -> tuple[Premise, ...]:
        """All that is supposed somewhere: by a criterion, or of whose results are graded."""
        supposed = [criterion for rule in self.rules for criterion in rule.any]
        return (*supposed, *([] if self.term.only is None else [self.term.only]))


def _ordered(bounds: Iterable[int | None]) -> tuple[int, ...]:
    return tuple(sorted({bound for bound in bounds if bound is not None}))


def rules_for(
    scale: Scale, term: GradedTerm, unit: str, conversions: Mapping[str, Conversion]
) -> tuple[str, tuple[GradeRule, ...], Conversion | None] | None:
    """Return a term's rules for a parameter of a unit: their unit, and how it converts.

    The parameter's own unit comes first, then the units it may be reported in; None where the scale
    has rules for none of them.
    """
    if term.any_unit:
        return "", tuple(term.any_unit), None
    for name in (unit, *conversions):
        if rules := term.by_unit.get(scale.synonyms.get(name, name)):
            return (
                scale.synonyms.get(name, name),
                tuple(rules),
                conversions.get(name) if name != unit else None,
            )
    return None
