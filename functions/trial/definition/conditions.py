"""What is asked of a subject: dates, measures, classes, conditions, analysis sets, events."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from trial.deferred import dataclass
from trial.definition.base import (
    BOUNDS,
    ArmName,
    BaselineName,
    Bounds,
    CategoryName,
    ConditionName,
    Kind,
    Level,
    MeasureName,
    Model,
    Name,
    ParameterName,
    RefersTo,
    Term,
    VisitName,
    check_unique,
    inline_model,
    only_form,
)
from trial.definition.exposure import Exposure
from trial.events.fields import term
from trial.events.kinds import DOSES


def _as_text(value: object) -> object:
    """Return a truth or a number, which YAML and JSON have, as the text that stands for it."""
    return str(value) if isinstance(value, bool | int | Decimal) else value


FieldValue = Annotated[str, BeforeValidator(_as_text, json_schema_input_type=str | bool | float)]
Where = Annotated[dict[str, FieldValue | list[FieldValue]], RefersTo("fields")]
"""Fields of a record and the value, or the values, of which each must have one."""
Selection = tuple[tuple[str, frozenset[str]], ...]
"""The same in a form that can be a key."""


def selection(where: Where) -> Selection:
    """Return what is wanted of fields as a key."""
    return tuple(
        (name, frozenset(map(term, [values] if isinstance(values, str) else values)))
        for name, values in sorted(where.items())
    )


PREVIOUS_VISIT = "previous-visit"
"""Stands for a baseline in a change: the result of the visit before."""
MOST_ABNORMAL = "most-abnormal"
FARTHEST = "farthest"
"""The result that lies farthest from 0, to either side."""
EITHER_SIDE = (FARTHEST, MOST_ABNORMAL)
"""The extremes that can lie to two sides: results that are equally extreme can differ."""
CHANGES = ("decrease_from", "change_from", "percent_change_from")
MEASURE_FORMS: Mapping[str, tuple[str, ...]] = {
    "characteristic": (),
    "parameter": (
        "at",
        "after_first_dose",
        "days_after_last_dose",
        "at_visits",
        "tie",
        "where",
        *CHANGES,
        "missing",
    ),
    "records": ("where",),
    "days": (),
    "exposure": (),
    "by_arm": (),
    "difference": (),
}
"""The forms of a measure, and what each takes beside itself."""


@dataclass(frozen=True)
class AfterFirstDose:
    """Which result after the first dose is taken, and of which of them.

    Of those not later than some days after the last dose and, if `visits` are named, of theirs.
    """

    choice: str
    until: int | None = None
    visits: tuple[str, ...] = ()
    tie: Literal["earlier", "later"] | None = None
    """Which of equally extreme results it is, where the definition says so."""


class Measure(Model):
    """A number per subject; exactly one of the forms below.

    A characteristic; a parameter, at a visit or baseline or the extreme after the first dose, if
    asked not later than `days_after_last_dose`, and of the results of `at_visits` alone: the first,
    the last, the highest, the lowest, the one farthest from 0, or the one that lies farthest beyond
    the limits of its reference range; of two that lie equally far `tie` takes the earlier or the
    later;
    how many records there are; the days from one date to another, both counted; how much of
    treatment there was; another measure by arm; or the `difference` of two measures, the first
    less the second. `decrease_from` and `change_from` name a baseline and subtract, and
    `percent_change_from` also divides by it; `previous-visit` names the visit before;
    `where` takes only results that were obtained so (position, location, laterality, method,
    specimen), its baseline's too. `missing` says what stands in for a visit that is due and has no
    value: nothing, the baseline (bocf), the last value (locf), or the last that an earlier visit
    has (locf-visit); where there is none after the first dose, the baseline.
    """

    characteristic: Annotated[Name, RefersTo("characteristic that is a number")] | None = None
    parameter: ParameterName | None = None
    at: Annotated[Name, RefersTo("visit or baseline")] | None = None
    after_first_dose: (
        Literal["first", "last", "highest", "lowest", "farthest", "most-abnormal"] | None
    ) = None
    days_after_last_dose: Annotated[int, Field(ge=0)] | None = None
    at_visits: (
        Annotated[list[VisitName], Field(min_length=1), AfterValidator(check_unique)] | None
    ) = None
    tie: Literal["earlier", "later"] = "earlier"
    decrease_from: BaselineName | None = None
    change_from: BaselineName | None = None
    percent_change_from: BaselineName | None = None
    missing: Literal["observed", "bocf", "locf", "locf-visit"] = "observed"
    records: Kind | None = None
    where: Where = {}
    days: "Span | None" = None
    exposure: Exposure | None = None
    by_arm: Annotated[dict[ArmName, MeasureName], Field(min_length=1)] | None = None
    difference: tuple[MeasureName, MeasureName] | None = None
    label: str = ""

    @model_validator(mode="after")
    def _one_form(self) -> "Measure":
        only_form(self, MEASURE_FORMS, "a measure", ["label"])
        for names in (("at", "after_first_dose"), CHANGES):
            if sum(getattr(self, name) is not None for name in names) > 1:
                raise ValueError(f"a measure takes one of {', '.join(names)}")
        for name in ("days_after_last_dose", "at_visits"):
            if getattr(self, name) is not None and self.after_first_dose is None:
                raise ValueError(f"`{name}` needs `after_first_dose`")
        if "tie" in self.model_fields_set and self.after_first_dose not in EITHER_SIDE:
            raise ValueError(f"`tie` needs `after_first_dose: {' or '.join(EITHER_SIDE)}`")
        if self.missing == "bocf" and self.baseline is None:
            raise ValueError(f"`missing: bocf` needs one of {', '.join(CHANGES)}")
        return self

    @property
    def without_date(self) -> bool:
        """Whether it is of a parameter, and does not say when."""
        return self.parameter is not None and self.at is None and self.after_first_dose is None

    @property
    def after(self) -> AfterFirstDose | None:
        """Which result after the first dose is taken, and of which; None where none is."""
        if self.after_first_dose is None:
            return None
        return AfterFirstDose(
            self.after_first_dose,
            self.days_after_last_dose,
            tuple(self.at_visits or ()),
            self.tie if "tie" in self.model_fields_set else None,
        )

    @property
    def baseline(self) -> str | None:
        """The baseline that a change is from."""
        return self.decrease_from or self.change_from or self.percent_change_from


MeasureRef = Annotated[MeasureName | Measure, inline_model(Measure)]
"""A measure, by its name or as written in place."""


class RecordDate(Model):
    """The date of the first record of a kind, or of the last."""

    recorded: Kind
    where: Where = {}
    which: Literal["first", "last"] = "first"


class EventDate(Model):
    """The onset of the first adverse event of a description, or of the last."""

    adverse_event: "AdverseEventFilter"
    which: Literal["first", "last"] = "first"


class ResultDate(Bounds):
    """The day of the first result of a parameter within bounds, after the first dose."""

    parameter: ParameterName
    where: Where = {}


DateRef = (
    Literal[
        "enrolment",
        "randomisation",
        "first-dose",
        "last-dose",
        "end-of-study",
        "death",
        "last-contact",
    ]
    | RecordDate
    | EventDate
    | ResultDate
)


class Span(Model):
    """From one date to another; the day of each counts."""

    start: DateRef
    end: DateRef


class TimeToEvent(Model):
    """Days from a start to the first of some events, or to where follow-up ends.

    What lies before the start is passed over: of records the first on or after it counts. Who has
    no event is censored at the earliest of `censored`, or else at the last recorded contact. The
    first of the `competing` events ends the time too, as the event can no longer come; on the day
    of an event that counts, and on the day of a censoring the competing event does.
    """

    label: str
    start: DateRef
    events: Annotated[list[DateRef], Field(min_length=1)]
    censored: list[DateRef] = []
    competing: list[DateRef] = []


class ResultFilter(Bounds):
    """Results of a parameter within bounds; any where none is given."""

    parameter: ParameterName
    where: Where = {}


class Coincident(Bounds):
    """Results of a parameter within bounds, or adverse events, that come together with others.

    An adverse event is there on the day of its onset. With `number` so many must be there.
    """

    parameter: ParameterName | None = None
    where: Where = {}
    adverse_event: "AdverseEventFilter | None" = None
    number: Annotated[int, Field(ge=1, le=100)] = 1

    @model_validator(mode="after")
    def _one_form(self) -> "Coincident":
        forms = {"parameter": (*BOUNDS, "where"), "adverse_event": ()}
        only_form(self, forms, "such a part", ["number"])
        return self


CONDITION_FORMS: Mapping[str, tuple[str, ...]] = {
    "all": (),
    "any": (),
    "none": (),
    "recorded": ("where", "period"),
    "characteristic": ("levels",),
    "adverse_event": (),
    "measure": (*BOUNDS, "assessed", "not_done", "missing"),
    "results": ("within_days", "in_order", "one_sample", "days_after_last_dose"),
}
"""The forms of a condition, and what each takes beside itself."""


class Condition(Bounds):
    """True or false of a subject, or not yet due; exactly one of the forms below.

    `characteristic` is any that sorts subjects: one of enrolment, `arm`, a stratum, classes.
    A threshold on a measure whose visit is due and missing is false where `missing` is failure;
    `assessed` asks only whether there is a value; until it is due, that is unknown. `not_done` asks
    whether the result that is taken of a parameter is reported as not done. `results` come
    together: after the first dose (not later than `days_after_last_dose`) there is one of each
    within so many days, 0 for one day; `in_order` none before the one listed before it;
    `one_sample` at one moment of collection. Some may be adverse events, by their onset. Unknown
    until each of their parameters has a result.
    """

    all: list["Ref"] | None = None
    any: list["Ref"] | None = None
    none: list["Ref"] | None = None
    recorded: Kind | None = None
    where: Where = {}
    period: Annotated[Name, RefersTo("period")] | None = None
    characteristic: CategoryName | None = None
    levels: list[Annotated[Term, RefersTo("level")]] = []
    adverse_event: "AdverseEventFilter | None" = None
    measure: MeasureRef | None = None
    assessed: Literal[True] | None = None
    not_done: Literal[True] | None = None
    missing: Literal["excluded", "failure"] = "excluded"
    results: Annotated[list[Coincident], Field(min_length=1, max_length=10)] | None = None
    within_days: Annotated[int, Field(ge=0, le=36_525)] = 0
    in_order: bool = False
    one_sample: bool = False
    days_after_last_dose: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _one_form(self) -> "Condition":
        kind = only_form(self, CONDITION_FORMS, "a condition")
        if kind == "characteristic" and not self.levels:
            raise ValueError("a condition on a characteristic needs `levels`")
        required = (*BOUNDS, "assessed", "not_done")
        if kind == "measure" and self.model_fields_set.isdisjoint(required):
            raise ValueError(f"a condition on a measure takes {', '.join(required)}")
        if self.not_done and not self.model_fields_set.isdisjoint((*BOUNDS, "assessed", "missing")):
            raise ValueError("`not_done` takes neither bounds nor `assessed` nor `missing`")
        if self.one_sample and (self.within_days or self.in_order):
            raise ValueError("`one_sample` takes neither `within_days` nor `in_order`")
        if self.one_sample and any(part.adverse_event for part in self.results or ()):
            raise ValueError("`one_sample` is of results, and not of adverse events")
        if (self.one_sample or self.in_order) and any(p.number > 1 for p in self.results or ()):
            raise ValueError("`number` goes with `within_days` alone")
        return self

    @property
    def asks_for_any_dose(self) -> bool:
        """Whether it only asks if the subject was treated: whoever has a first dose was."""
        return self.recorded == DOSES and not self.where and self.period is None

    def at_visit(self, visit: str) -> "Condition":
        """Return it with a visit filled in where an inline measure names none."""
        for name in ("all", "any", "none"):
            if (refs := getattr(self, name)) is not None:
                filled = [ref if isinstance(ref, str) else ref.at_visit(visit) for ref in refs]
                return self.model_copy(update={name: filled})
        if not isinstance(self.measure, Measure) or not self.measure.without_date:
            return self
        return self.model_copy(update={"measure": self.measure.model_copy(update={"at": visit})})


Scope = Literal["narrow", "broad"]
"""How far a group of terms goes; what is narrow is broad too."""
Grade = Annotated[int, RefersTo("grade")]
StudyDay = int


class AdverseEventFilter(Model):
    """Which adverse events of a subject are meant; every part given must hold.

    `treatment` is that of the last dose before the onset; `groups` and `terms` add up. `grouped`
    says whether the term is in any group at all; what is not coded is in none. `scope` says how far
    the groups go: `narrow` unless given. `onset_days` are the first and the last
    study day of the onset, either of which may be null; without a first dose there are none.
    """

    emergent: bool | None = None
    related: bool | None = None
    serious: bool | None = None
    grade_at_least: Grade | None = None
    grade: Grade | Annotated[list[Grade], Field(min_length=1)] | None = None
    severity: list[Annotated[str, RefersTo("severity")]] = []
    seriousness: Annotated[str, RefersTo("seriousness")] | None = None
    action_taken: Annotated[str, RefersTo("action_taken")] | None = None
    outcome: Annotated[str, RefersTo("outcome")] | None = None
    treatment: Annotated[str, RefersTo("treatment")] | None = None
    groups: list[Annotated[str, RefersTo("group of terms")]] = []
    grouped: bool | None = None
    scope: Scope | None = None
    terms: list[Term] = []
    onset_days: tuple[StudyDay | None, StudyDay | None] | None = None

    @model_validator(mode="after")
    def _onset_days_are_study_days(self) -> "AdverseEventFilter":
        first, last = self.onset_days or (None, None)
        if self.onset_days is not None and first is None and last is None:
            raise ValueError("onset_days needs a first or a last study day")
        if 0 in (first, last):
            raise ValueError("onset_days counts study days: day 1 follows day -1")
        if first is not None and last is not None and last < first:
            raise ValueError(f"onset_days ends on day {last}, before it begins on day {first}")
        return self

    @model_validator(mode="after")
    def _some_grade_is_left(self) -> "AdverseEventFilter":
        if self.grades and max(self.grades) < (self.grade_at_least or 0):
            raise ValueError(
                f"no grade is in `grade` and at least {self.grade_at_least}: no event would match"
            )
        return self

    @property
    def asks_for_groups(self) -> bool:
        """Whether what it selects depends on groups of terms, and on how far they go."""
        return bool(self.groups) or self.grouped is not None

    @property
    def grades(self) -> list[int]:
        """The grades of which an event must have one; none where any will do."""
        return self.grade if isinstance(self.grade, list) else [self.grade] if self.grade else []


Ref = Annotated[ConditionName | Condition, inline_model(Condition)]
"""A condition, by its name or as written in place."""


class Class(Bounds, Level):
    """A class: the values of a measure, or the condition, that it holds; what it is called."""

    condition: Ref | None = None

    @model_validator(mode="after")
    def _holds_something(self) -> "Class":
        bounded = not self.model_fields_set.isdisjoint(BOUNDS)
        if bounded == (self.condition is not None):
            raise ValueError(f"a class takes either {', '.join(BOUNDS)}, or a `condition`")
        return self

    def at_visit(self, visit: str) -> "Class":
        """Return it with a visit filled in where an inline measure names none."""
        if not isinstance(self.condition, Condition):
            return self
        dated = self.condition.at_visit(visit)
        return self if dated == self.condition else self.model_copy(update={"condition": dated})


class Classes(Model):
    """Subjects in classes, such as an age group or a grade.

    Of a `measure` the first class whose bounds hold; without one the first whose `condition` is
    true. While an earlier condition is unknown, so is the class. `missing` is the class of a
    subject without a value, or of whom a condition stays unknown; else such a subject has none.
    """

    label: str
    measure: MeasureRef | None = None
    classes: Annotated[list[Class], Field(min_length=1), AfterValidator(check_unique)]
    missing: Annotated[str, RefersTo("class")] | None = None

    @model_validator(mode="after")
    def _of_one_form(self) -> "Classes":
        by_condition = [class_.condition is not None for class_ in self.classes]
        if self.measure is None and not all(by_condition):
            raise ValueError("classes without a `measure` take a `condition` each")
        if self.measure is not None and any(by_condition):
            raise ValueError("classes of a `measure` take bounds, and no `condition`")
        return self

    @property
    def conditions(self) -> list[Ref]:
        """The conditions of the classes, in their order; none of classes of a measure."""
        return [class_.condition for class_ in self.classes if class_.condition is not None]

    def at_visit(self, visit: str) -> "Classes":
        """Return them with a visit filled in where a measure in place names none."""
        if isinstance(self.measure, Measure):
            dated = self.measure.model_copy(update={"at": visit})
            return self.model_copy(update={"measure": dated}) if self.measure.without_date else self
        classes = [class_.at_visit(visit) for class_ in self.classes]
        return self if classes == self.classes else self.model_copy(update={"classes": classes})


class AnalysisSet(Model):
    """The subjects an output is about, and by which arm they are sorted.

    The planned arm is that of randomisation, the received one that whose treatment came first.
    """

    label: str
    condition: Ref
    arm: Literal["planned", "received"] = "planned"


class TermGroup(Model):
    """Preferred terms counted as one, or of special interest.

    `terms` are those of the narrow scope; the broad one has those of `broad` too.
    """

    label: str
    terms: list[Term]
    broad: list[Term] = []

    def of_scope(self, scope: Scope | None) -> list[Term]:
        """Return the terms of a scope: the narrow ones unless it is broad."""
        return [*self.terms, *self.broad] if scope == "broad" else self.terms


class AdverseEvents(Model):
    """How this study reads adverse events.

    Of `causality` those in `related` are. An event is treatment-emergent from the first dose until
    `days_after_last_dose`, or without an end; partial dates are imputed (`imputation`).
    """

    dictionary: str = ""
    grading: str = ""
    causality: list[str] = []
    related: list[Annotated[str, RefersTo("causality")]] = []
    missing_causality: Literal["related", "not-related"] = "related"
    days_after_last_dose: Annotated[int, Field(ge=0)] | None = None
    missing_onset: Literal["emergent", "not-emergent"] = "emergent"
    groups: list[TermGroup] = []
