"""How a trial is laid out: calendar, arms, periods, visits, and what is recorded and measured."""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from itertools import chain, pairwise
from math import inf
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from trial.definition import formulas
from trial.definition.base import (
    Day,
    Model,
    Name,
    ParameterName,
    RefersTo,
    Term,
    VisitName,
    check_unique,
)
from trial.definition.grading import Grades
from trial.definition.precision import MAX_STORED_PLACES, Measured, Precision, decimals_of
from trial.events import fields

RESULT = re.compile(r"\s*(<=|>=|<|>)?\s*(-?\d{1,15}(?:\.\d{1,18})?)\s*", re.ASCII)
"""A result that is a number, or lies beyond one."""


class Calendar(Model):
    """The dates a record of this study can bear."""

    earliest: fields.FullDate
    latest: fields.FullDate

    @model_validator(mode="after")
    def _in_order(self) -> "Calendar":
        if self.latest < self.earliest:
            raise ValueError("`latest` is before `earliest`: no date would be accepted")
        return self


ARM = "arm"
"""The characteristic that is the arm: no other may be called so."""


class Arm(Model):
    """An arm or, in a crossover, a sequence; `treatments` name the doses that it gives."""

    id: Name
    label: str
    treatments: list[str] = []


class Period(Model):
    """A stretch of protocol days; the last may be open."""

    id: Name
    label: str
    first_day: Day
    last_day: Day | None = None


class Visit(Model):
    """A visit: its day, and the days (both included) that a sample of it may bear.

    One without a window is known by the name that it is recorded under, with or without a planned
    `day`. Days count from enrolment, randomisation or the last dose, which is day 0, or from the
    first dose, which is day 1 after a day -1 (CDISC's study day). A side of the window may stay
    open. Of several results `choose` takes one, or their mean; of those that are equally close to
    the day `tie` takes the later, the earlier, or their mean. `limit` keeps out samples taken after
    the first dose, or after a regimen that began within the window. Windows of one `schedule` do
    not overlap.
    """

    id: Name
    label: str
    day: Day | None = None
    window: tuple[Day | None, Day | None] | None = None
    days_from: Literal["enrolment", "randomisation", "first-dose", "last-dose"] = "enrolment"
    choose: Literal["closest", "first", "last", "highest", "lowest", "mean"] = "closest"
    tie: Literal["later", "earlier", "mean"] = "later"
    limit: Literal["before-first-dose", "before-regimen"] | None = None
    schedule: Name = "main"

    @model_validator(mode="after")
    def _window_holds_day(self) -> "Visit":
        if self.day is None and self.window is not None:
            raise ValueError("a visit with a `window` needs a `day`")
        if "tie" in self.model_fields_set and (self.choose != "closest" or self.day is None):
            raise ValueError("`tie` needs a `day` and `choose: closest`")
        if self.day is None:
            return self
        if self.window is None and self.limit is not None:
            raise ValueError("`limit` needs a `window`")
        low, high = self.window or (None, None)
        if (low is not None and self.day < low) or (high is not None and self.day > high):
            raise ValueError("a visit's `window` must contain its `day`")
        if self.days_from == "first-dose" and 0 in (self.day, low, high):
            raise ValueError(
                "study day 0 does not exist: the day before the first dose is -1, its own day 1"
            )
        return self

    @property
    def choice(self) -> str:
        """Which of the results that may count for it does; of equally close ones by their tie."""
        return _OF_TIES[self.tie] if self.choose == "closest" else self.choose

    @property
    def averages(self) -> bool:
        """Whether the mean of several results may stand for it."""
        return "mean" in (self.choose, self.tie)


_OF_TIES = {"later": "last", "earlier": "first", "mean": "mean"}


def _window(visit: Visit) -> tuple[float, float]:
    low, high = visit.window or (None, None)
    return -inf if low is None else low, inf if high is None else high


def check_no_overlap(visits: list[Visit]) -> list[Visit]:
    """Refuse windows that overlap within a schedule: one result would stand for two visits."""
    for schedule in {visit.schedule for visit in visits}:
        planned = [
            visit for visit in visits if visit.schedule == schedule and visit.day is not None
        ]
        if len({visit.days_from for visit in planned}) > 1:
            raise ValueError(f"the visits of schedule {schedule} count days from different dates")
        scheduled = [visit for visit in planned if visit.window]
        for previous, following in pairwise(sorted(scheduled, key=_window)):
            if _window(following)[0] <= _window(previous)[1]:
                raise ValueError(f"the windows of {previous.id} and {following.id} overlap")
    return visits


class Characteristic(Measured):
    """A trial-specific fact recorded at enrolment: a number, or one of some levels."""

    label: str
    levels: Annotated[list[Term], AfterValidator(check_unique)] | None = None
    unit: str = ""


def _as_number(value: object) -> object:
    """Take a text that is a number for one: other texts are formulas."""
    try:
        return Decimal(value) if isinstance(value, str) else value
    except InvalidOperation:
        return value


def _as_text(value: object) -> object:
    """Take a number for the text of it: that is how results are reported."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return f"{Decimal(value):f}"
    return value


def _converts(factor: Decimal | str) -> Decimal | str:
    if isinstance(factor, str):
        formulas.conversion(factor)
    return factor


def _can_be_read(text: str) -> str:
    formulas.parsed(text)
    return text


_UnitConversion = Annotated[Decimal | str, BeforeValidator(_as_number), AfterValidator(_converts)]
_OF_FORMULAS = ("together", "replicates", "carried", "at_visits")
_OF_REPORTED = (
    "units", "minimum", "maximum", "rounded", "below_quantification", "texts", "abnormal",
)  # fmt: skip
_NOT_OF_GRADES = (*_OF_REPORTED, "places", "order_places")
BELOW_LLOQ = "<lloq"
"""What a text counts as that says a result lies below the limit reported with it."""


class Abnormal(Model):
    """What is abnormal: below a multiple of the lower limit of a range, above one of the upper."""

    below: Annotated[Decimal, Field(gt=0)] = Decimal(1)
    above: Annotated[Decimal, Field(gt=0)] = Decimal(1)


class Parameter(Measured):
    """Something measured: units, precision, and what a value beyond quantification counts as.

    It is reported, or derived from one that is: its logarithm, or multiples of the upper or lower
    limit of the laboratory's reference range; or `grades` grades the results of another by a
    scale; or a `formula` makes it of several that belong
    together: those of one moment, day or recorded visit, of `replicates` one or their mean; one
    that is `carried` need not be there, its last result up to then counts; with `at_visits` the
    others are results of these visits alone. `units` are further
    units in which it may be reported, and their factor into `unit`, or a formula of x. `texts` that
    may be reported count as the result beside them, such as `<20`, or `<lloq`. `abnormal` moves
    the limits beyond which the most abnormal result lies farthest. What lies outside
    `minimum` and `maximum` is refused, and what has more decimals than `places`; a derived value
    is rounded to them where they are given, and kept more finely than it is printed where they are
    not.
    """

    label: str
    unit: str
    units: dict[str, _UnitConversion] = {}
    log10_of: Annotated[Name, RefersTo("reported parameter")] | None = None
    upper_limits_of: Annotated[Name, RefersTo("reported parameter")] | None = None
    lower_limits_of: Annotated[Name, RefersTo("reported parameter")] | None = None
    formula: Annotated[str, AfterValidator(_can_be_read), RefersTo("formula")] | None = None
    together: Literal["moment", "day", "visit"] = "day"
    replicates: Literal["last", "first", "mean", "highest", "lowest"] = "last"
    carried: Annotated[list[ParameterName], AfterValidator(check_unique)] = []
    at_visits: (
        Annotated[list[VisitName], Field(min_length=1), AfterValidator(check_unique)] | None
    ) = None
    grades: Grades | None = None
    below_quantification: Literal["lloq", "half", "missing"] = "lloq"
    texts: dict[Term, Annotated[str, BeforeValidator(_as_text)]] = {}
    abnormal: Abnormal | None = None

    @model_validator(mode="after")
    def _one_source(self) -> "Parameter":
        names = ("log10_of", "upper_limits_of", "lower_limits_of", "formula", "grades")
        if sum(getattr(self, name) is not None for name in names) > 1:
            raise ValueError(f"takes one of {', '.join(names)}")
        if self.grades is not None and (
            stray := [name for name in _NOT_OF_GRADES if name in self.model_fields_set]
        ):
            raise ValueError(f"a parameter of grades takes no {', '.join(stray)}")
        if self.derived_from is not None and self.rounded:
            raise ValueError(
                "takes no `rounded`: a derived value is rounded to its `places`, if given"
            )
        return self

    @model_validator(mode="after")
    def _of_its_form(self) -> "Parameter":
        stray = _OF_FORMULAS if self.formula is None else _OF_REPORTED
        if names := [name for name in stray if name in self.model_fields_set]:
            form = "without a formula" if self.formula is None else "of a formula"
            raise ValueError(f"a parameter {form} takes no {', '.join(names)}")
        if self.formula is None:
            return self
        operand_names = formulas.operands(self.expression)
        if unnamed := [name for name in self.carried if name not in operand_names]:
            raise ValueError(f"carries what its formula does not name: {', '.join(unnamed)}")
        if set(operand_names) <= set(self.carried):
            raise ValueError("must have an operand in its formula that is not carried")
        return self

    @model_validator(mode="after")
    def _units_convert(self) -> "Parameter":
        for name, factor in self.units.items():
            if isinstance(factor, Decimal) and (not factor.is_finite() or factor <= 0):
                raise ValueError(f"the factor of unit {name} must be greater than 0")
            if name == self.unit and self.conversions[name] != formulas.Conversion(Fraction(1)):
                raise ValueError(
                    f"{name} is the unit that results are kept in: its factor must be 1"
                )
        return self

    @model_validator(mode="after")
    def _texts_count(self) -> "Parameter":
        for text, counts_as in self.texts.items():
            result = RESULT.fullmatch(counts_as)
            if counts_as != BELOW_LLOQ and result is None:
                raise ValueError(
                    f"{text} must count as a number, a number after <, <=, > or >=, or {BELOW_LLOQ}"
                )
            if RESULT.fullmatch(text):
                raise ValueError(f"{text} is a number: it counts as itself")
            decimals = decimals_of(Decimal(result[2])) if result else 0
            if decimals > self.result_places and not self.rounded:
                raise ValueError(f"{text} counts as a number with more decimals than are kept")
        return self

    def __hash__(self) -> int:
        """Hash what tells most parameters apart: what results count as is remembered by it."""
        return hash((self.label, self.unit))

    @cached_property
    def conversions(self) -> Mapping[str, formulas.Conversion]:
        """How each of `units` converts into `unit`."""
        return {
            name: (
                formulas.Conversion(Fraction(factor))
                if isinstance(factor, Decimal)
                else formulas.conversion(factor)
            )
            for name, factor in self.units.items()
        }

    @cached_property
    def expression(self) -> formulas.Node:
        """The formula as a tree."""
        return formulas.parsed(self.formula or "")

    @property
    def is_derived(self) -> bool:
        """Whether it is made of results of other parameters, and not reported."""
        return any((self.derived_from, self.formula, self.grades))

    @property
    def derived_from(self) -> str | None:
        """The parameter of whose reported result this is another form; None where there is none."""
        return self.log10_of or self.upper_limits_of or self.lower_limits_of

    @cached_property
    def precision(self) -> Precision:
        """How finely a value is kept and printed: with what a conversion and a half add to it."""
        if self.formula is not None and self.places is not None:
            return self._ruled(self.places)
        if self.grades is not None:
            return self._reported(0)
        if self.is_derived:
            return self._derived()
        decimals = [conversion.decimals for conversion in self.conversions.values()]
        converted = max(MAX_STORED_PLACES if n is None else n for n in (0, *decimals))
        halved = self.below_quantification == "half"
        return self._reported(self.result_places + converted + halved, endless=None in decimals)


def check_no_circle(parameters: dict[str, Parameter]) -> dict[str, Parameter]:
    """Refuse formulas and grades that are made of each other in a circle, or in a long chain."""
    sources = {
        name: _made_of(parameter)
        for name, parameter in parameters.items()
        if parameter.formula is not None or parameter.grades is not None
    }
    try:
        order = list(TopologicalSorter(sources).static_order())
    except CycleError as error:
        raise ValueError(f"are made of each other: {', '.join(error.args[1])}") from None
    length = dict.fromkeys(order, 0)
    for name in order:
        length[name] = max((length[source] + 1 for source in sources.get(name, ())), default=0)
        if length[name] > MAX_DERIVATIONS:
            raise ValueError(f"are made of each other more than {MAX_DERIVATIONS} times: {name}")
    return parameters


def reported_sources(parameters: Mapping[str, Parameter], name: str) -> Iterable[str]:
    """Return the reported parameters that one is made of, however often over; itself if it is."""
    parameter = parameters[name]
    if not parameter.is_derived:
        return [name]
    sources = (reported_sources(parameters, source) for source in sorted(_made_of(parameter)))
    return dict.fromkeys(chain.from_iterable(sources))


def _made_of(parameter: Parameter) -> set[str]:
    if parameter.derived_from is not None:
        return {parameter.derived_from}
    if parameter.grades is not None:
        return {parameter.grades.of}
    return set(formulas.operands(parameter.expression))


MAX_DERIVATIONS = 20
"""Parameters of which each is made of the next."""


class Baseline(Model):
    """A named baseline: the last value at or before the first dose, or the one of a visit."""

    visit: VisitName | None = None
    last_before_first_dose: bool = False

    @model_validator(mode="after")
    def _one_form(self) -> "Baseline":
        if (self.visit is None) != self.last_before_first_dose:
            raise ValueError("a baseline takes `visit` or `last_before_first_dose`, and not both")
        return self
