"""A study's definition: everything that differs from trial to trial, as data.

The models are the language; `Study` is a definition ready for use. Nothing here knows a trial.
"""

import json
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any, Literal, Protocol

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from trial import messages
from trial.errors import Fault, Rejected

CONTRIBUTION_VERSION = 1
"""Raise this whenever a subject's share of any table changes; a golden test watches it."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Day = int
STATISTICS = ("n", "mean", "sd", "median", "min", "max")
Statistics = list[Literal["n", "mean", "sd", "median", "min", "max"]]


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Named(Protocol):
    """Anything with an id."""

    @property
    def id(self) -> str:
        """The name it goes by among its like."""


def _distinct[Part: Named](parts: list[Part]) -> list[Part]:
    """Refuse two parts of one name: they would be counted into the same cells."""
    names = [part.id for part in parts]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"names {', '.join(twice)} more than once")
    return parts


class Calendar(Model):
    """The dates a record of this study can bear."""

    earliest: messages.FullDate
    latest: messages.FullDate


class Arm(Model):
    id: Name
    label: str


class Period(Model):
    """A stretch of protocol days; the last may be open."""

    id: Name
    label: str
    first_day: Day
    last_day: Day | None = None


class Visit(Model):
    """A planned visit: its protocol day, and the days (both included) a sample of it may bear.

    `limit` keeps out samples taken after the first dose, or after a regimen that began within
    the window.
    """

    id: Name
    label: str
    day: Day
    window: tuple[Day, Day]
    limit: Literal["before-first-dose", "before-regimen"] | None = None

    @model_validator(mode="after")
    def _window_holds_day(self) -> "Visit":
        if not self.window[0] <= self.day <= self.window[1]:
            raise ValueError("a visit's window must hold its day")
        return self


def _apart(visits: list[Visit]) -> list[Visit]:
    """Refuse windows that overlap: one result would stand for two visits."""
    ordered = sorted(visits, key=lambda visit: visit.window)
    for one, next_one in pairwise(ordered):
        if next_one.window[0] <= one.window[1]:
            raise ValueError(f"the windows of {one.id} and {next_one.id} overlap")
    return visits


class Characteristic(Model):
    """A trial-specific fact recorded at enrolment: a number, or one of some levels."""

    label: str
    levels: list[str] | None = None
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    places: Annotated[int, Field(ge=0, le=9)] = 0
    order_places: Annotated[int, Field(ge=0, le=9)] = 0
    decimals: Annotated[int, Field(ge=0, le=9)] = 0
    unit: str = ""


class Parameter(Model):
    """Something measured: units, precision, and what a value beyond quantification counts as.

    Values are kept as integers in units of `places`; order statistics use `order_places`.
    """

    label: str
    unit: str
    units: dict[str, Decimal] = {}  # further accepted units and their factor into `unit`
    log10_of: Name | None = None
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    places: Annotated[int, Field(ge=0, le=9)] = 0
    order_places: Annotated[int, Field(ge=0, le=9)] = 0
    decimals: Annotated[int, Field(ge=0, le=9)] = 0
    below_quantification: Literal["lloq", "half"] = "lloq"

    @model_validator(mode="after")
    def _coarser(self) -> "Parameter":
        if self.order_places > self.places:
            raise ValueError("order_places must not exceed places")
        return self


class Baseline(Model):
    """A named baseline: the last value at or before the first dose, or the one of a visit."""

    visit: Name | None = None
    last_before_first_dose: bool = False

    @model_validator(mode="after")
    def _one_form(self) -> "Baseline":
        if (self.visit is None) != self.last_before_first_dose:
            raise ValueError("a baseline is of a visit, or the last before the first dose")
        return self


class Measure(Model):
    """A number per subject: a characteristic, or a parameter at a visit or baseline.

    `decrease_from` and `change_from` name a baseline and subtract; `missing` says what stands in
    for a visit that is due and has no value: nothing, the baseline (bocf) or the last (locf).
    """

    characteristic: Name | None = None
    parameter: Name | None = None
    at: Name | None = None
    decrease_from: Name | None = None
    change_from: Name | None = None
    missing: Literal["observed", "bocf", "locf"] = "observed"
    label: str = ""


_THRESHOLDS = ("at_least", "more_than", "at_most", "below")
_PARTS: Mapping[str, tuple[str, ...]] = {
    "all": (),
    "any": (),
    "none": (),
    "recorded": ("where", "period"),
    "characteristic": ("levels",),
    "adverse_event": (),
    "measure": (*_THRESHOLDS, "missing"),
}
"""The forms of a condition, and what each takes beside itself."""


class Condition(Model):
    """True or false of a subject, or not yet due; exactly one of the forms below.

    A threshold on a measure whose visit is due and missing is false where `missing` is failure.
    """

    all: list["Ref"] | None = None
    any: list["Ref"] | None = None
    none: list["Ref"] | None = None
    recorded: str | None = None
    where: dict[str, str | list[str]] = {}
    period: Name | None = None
    characteristic: Name | None = None
    levels: list[str] = []
    adverse_event: "AdverseEventFilter | None" = None
    measure: "Name | Measure | None" = None
    at_least: Decimal | None = None
    more_than: Decimal | None = None
    at_most: Decimal | None = None
    below: Decimal | None = None
    missing: Literal["excluded", "failure"] = "excluded"

    @model_validator(mode="after")
    def _one_form(self) -> "Condition":
        given = [form for form in _PARTS if getattr(self, form) is not None]
        if len(given) != 1:
            raise ValueError(f"a condition takes exactly one of {', '.join(_PARTS)}")
        (form,) = given
        if stray := sorted(self.model_fields_set - {form, *_PARTS[form]}):
            raise ValueError(f"a condition on {form} takes no {', '.join(stray)}")
        if form == "characteristic" and not self.levels:
            raise ValueError("a condition on a characteristic names its levels")
        if form == "measure" and self.model_fields_set.isdisjoint(_THRESHOLDS):
            raise ValueError(f"a condition on a measure takes {', '.join(_THRESHOLDS)}")
        return self


class AdverseEventFilter(Model):
    """Which adverse events of a subject are meant; every part given must hold."""

    emergent: bool | None = None
    related: bool | None = None
    serious: bool | None = None
    grade_at_least: int | None = None
    grade: int | None = None
    seriousness: str | None = None
    action_taken: str | None = None
    outcome: str | None = None
    terms: list[str] = []


Ref = Name | Condition


class AnalysisSet(Model):
    """The subjects an output is about."""

    label: str
    condition: Ref


class TermGroup(Model):
    """Preferred terms counted as one."""

    label: str
    terms: list[str]


class AdverseEvents(Model):
    """How this study reads adverse events."""

    dictionary: str = ""
    grading: str = ""
    causality: list[str] = []
    related: list[str] = []
    missing_causality: Literal["related", "not-related"] = "related"
    days_after_last_dose: int | None = None
    missing_onset: Literal["emergent", "not-emergent"] = "emergent"
    groups: list[TermGroup] = []


class TableColumn(Model):
    """A column: the analysis set whose size is its denominator, and who of it is shown."""

    id: Name
    label: str
    set: Name
    where: Ref | None = None


class Level(Model):
    """A value as recorded, and what it is called in a table."""

    value: str
    label: str


class Levels(Model):
    """The levels of a characteristic or of a record's field.

    Those of `values` are shown in their order, even with nobody; others as they occur.
    """

    characteristic: Name | None = None
    recorded: str | None = None
    where: dict[str, str | list[str]] = {}
    field: str | None = None
    values: list[Level] = []


class Terms(Model):
    """Adverse events by class and term: subjects and events; pooled terms count as one."""

    filter: AdverseEventFilter
    by: Literal["soc-pt", "pt"] = "soc-pt"
    pooled: bool = False
    minimum_percent: Decimal | None = None
    chunks: Annotated[int, Field(ge=1, le=64)] = 4


class TableRow(Model):
    """One row, or the rows that one rule gives; exactly one of the kinds below, or a heading.

    A kind that takes a reference takes either one for all columns or one by column.
    """

    id: Name
    label: str
    level: int = 0
    where: Ref | None = None
    count: Ref | dict[Name, Ref] | None = None
    interval: bool = False
    levels: Levels | None = None
    summary: Name | Measure | dict[Name, Name | Measure] | None = None
    visits: list[Name] | Literal["all"] | None = None
    statistics: Statistics | dict[Name, Statistics] | None = None
    decimals: Annotated[int, Field(ge=0, le=9)] | None = None
    pairs: tuple[Ref, Ref] | None = None
    not_due: Ref | dict[Name, Ref] | None = None
    column: Name | None = None  # where a row of pairs stands; the last column unless named
    events: AdverseEventFilter | None = None
    terms: Terms | None = None


class Table(Model):
    id: Name
    title: str
    population: str
    columns: Annotated[list[TableColumn], Field(min_length=1), AfterValidator(_distinct)]
    rows: Annotated[list[TableRow], Field(min_length=1), AfterValidator(_distinct)]
    footnotes: list[str] = []


def _power_of_ten(value: Decimal) -> Decimal:
    if not 0 < value < 1 or value.normalize().as_tuple().digits != (1,):
        raise ValueError("must be a power of ten below 1, such as 0.001")
    return value


class FigureSource(Model):
    table: Name
    row: str
    column: Name


class FigureDefinition(Model):
    """A figure of the summary: which cell of which table, and how it is shown."""

    id: Name
    label: str
    source: FigureSource
    show: Literal["n", "count-percent", "events", "mean", "median", "p"]
    decimals: Annotated[int, Field(ge=0, le=9)] = 0
    floor: Annotated[Decimal, AfterValidator(_power_of_ten)] | None = None
    unit: str = ""
    rule: str = ""


class FlowBox(Model):
    """A box of the flow: how many subjects, or `absent` where none was ever reported."""

    id: Name
    label: str
    count: Ref
    absent: Literal["not reported"] | None = None
    reasons: Levels | None = None


class FlowStage(Model):
    id: Name
    label: str
    box: FlowBox
    side: list[FlowBox] = []


class Identity(Model):
    """A box that must equal the sum of others, or the flow names the difference."""

    total: Name
    parts: list[Name]


class FlowDefinition(Model):
    title: str
    stages: Annotated[list[FlowStage], AfterValidator(_distinct)]
    identities: list[Identity] = []

    @model_validator(mode="after")
    def _boxes_distinct(self) -> "FlowDefinition":
        _distinct([box for stage in self.stages for box in (stage.box, *stage.side)])
        return self


class ListingColumnDefinition(Model):
    """A listing's column: a name `listings` knows, or a source the trial does not collect."""

    id: Name
    label: str
    source: str | None = None
    kind: Literal["text", "number", "date"] = "text"


class ListingDefinition(Model):
    id: Name
    title: str
    population: str
    records: str
    where: dict[str, str | list[str]] = {}
    subjects: Ref | None = None
    columns: Annotated[
        list[ListingColumnDefinition], Field(min_length=1), AfterValidator(_distinct)
    ]
    footnotes: list[str] = []


class Definition(Model):
    """A study, as its sponsor writes it."""

    study: Name
    title: str
    registry: str = ""
    notice: str = ""
    design: Literal["single-group", "parallel", "crossover"]
    shards: Annotated[int, Field(ge=1, le=24)] = 8  # of four generations in one transaction
    retention: Annotated[int, Field(ge=0, le=100)] = 25  # years, from when the study is retired
    calendar: Calendar
    arms: Annotated[list[Arm], AfterValidator(_distinct)] = []
    periods: Annotated[list[Period], AfterValidator(_distinct)] = []
    visits: Annotated[list[Visit], AfterValidator(_distinct), AfterValidator(_apart)] = []
    samples_after_discontinuation: bool = False
    characteristics: dict[Name, Characteristic] = {}
    parameters: dict[Name, Parameter] = {}
    baselines: dict[Name, Baseline] = {}
    outcomes: list[str] = []
    measures: dict[Name, Measure] = {}
    conditions: dict[Name, Condition] = {}
    sets: dict[Name, AnalysisSet]
    adverse_events: AdverseEvents = AdverseEvents()
    tables: Annotated[list[Table], AfterValidator(_distinct)] = []
    figures: Annotated[list[FigureDefinition], AfterValidator(_distinct)] = []
    flow: FlowDefinition
    listings: Annotated[list[ListingDefinition], AfterValidator(_distinct)] = []


@dataclass(frozen=True)
class Study:
    """A definition in use, and the identity of the sums made under it."""

    definition: Definition
    digest: str
    source: str = ""
    """The definition as canonical JSON, defaults left out as its sponsor left them out."""
    version: int = field(default_factory=lambda: CONTRIBUTION_VERSION)
    """Of the code that computes the contributions."""

    @property
    def id(self) -> str:
        """The study's name, as events and addresses give it."""
        return self.definition.study

    @cached_property
    def generation(self) -> str:
        """Name the sums that this definition and this code's contributions give."""
        return generation(self.digest, self.version)

    @cached_property
    def visits(self) -> Mapping[str, Visit]:
        """The planned visits by id."""
        return {visit.id: visit for visit in self.definition.visits}

    @cached_property
    def _in_order(self) -> list[Visit]:
        return sorted(self.definition.visits, key=lambda visit: visit.window)

    def visit_of(self, day: int) -> Visit | None:
        """Find the visit whose window holds a protocol day; windows do not overlap."""
        at = bisect_right(self._in_order, day, key=lambda visit: visit.window[0])
        found = self._in_order[at - 1] if at else None
        return found if found is not None and day <= found.window[1] else None


def generation(digest: str, version: int) -> str:
    """Name the sums of a definition as one version of the contributions makes them."""
    return messages.digest(f"{digest}/{version}")[:4].hex()


def load(text: str | bytes, version: int | None = None) -> Study:
    """Read a definition; raises `Rejected` naming every path at fault."""
    value: Any = messages.read_json(text)
    try:
        definition = Definition.model_validate_json(json.dumps(value, default=str))
    except ValidationError as error:
        raise _refused(error) from None
    study = Study(definition, messages.digest(value).hex(), messages.canonical(value))
    return study if version is None else replace(study, version=version)


def _refused(error: ValidationError) -> Rejected:
    faults = tuple(
        Fault("/" + "/".join(map(str, each["loc"])), each["msg"].removeprefix("Value error, "))
        for each in error.errors(include_input=False, include_url=False, include_context=False)
    )
    return Rejected(422, "Definition not accepted", "", *faults)
