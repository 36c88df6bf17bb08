"""What is published: tables, the summary's key results and listings."""

import re
from collections.abc import Mapping
from decimal import Decimal
from math import prod
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from trial.definition.base import (
    ArmName,
    CategoryName,
    ConditionName,
    Decimals,
    Kind,
    Level,
    MeasureName,
    Model,
    Name,
    RefersTo,
    SetName,
    SubjectsColumn,
    TimeName,
    VisitName,
    check_unique,
    inline_model,
    only_form,
)
from trial.definition.conditions import (
    AdverseEventFilter,
    Classes,
    Condition,
    Measure,
    MeasureRef,
    Ref,
    ResultFilter,
    Where,
)
from trial.definition.design import ARM
from trial.definition.grading import MAX_GRADE
from trial.definition.intervals import USUAL_INTERVAL, IntervalDefinition, IntervalRef
from trial.definition.summary_statistics import (
    DEFAULT_STATISTICS,
    ORDER_STATISTICS,
    Statistic,
)
from trial.events.field_errors import DATASET
from trial.statistics.risks import CONTRASTS, DIFFERENCE
from trial.statistics.strata import COMMON_CONTRASTS

Statistics = list[Statistic]
ContrastName = Literal["difference", "odds-ratio", "relative-risk"]
"""What two proportions are contrasted by."""

COLUMN_FORMS: Mapping[str, tuple[str, ...]] = {
    "set": ("arm", "arms", "where", "events", "worst"),
    "compare": ("counts", "contrast", "means", "rates", "interval", "standard_error"),
}
"""The forms of a column, and what each takes beside itself."""


class WorstGrade(Model):
    """The grades that a column is for: of each subject the worst of what a row counts decides.

    With `grade` a subject is in the column of its worst grade and in no other; with
    `grade_at_least` in those of milder ones too. `severity` and `severity_at_least` are the same of
    the severity of adverse events, whose order is that of the study's vocabulary.
    """

    grade: Annotated[
        list[Annotated[int, Field(ge=0, le=MAX_GRADE)]], AfterValidator(check_unique)
    ] = []
    grade_at_least: Annotated[int, Field(ge=1, le=MAX_GRADE)] | None = None
    severity: Annotated[
        list[Annotated[str, RefersTo("severity")]], AfterValidator(check_unique)
    ] = []
    severity_at_least: Annotated[str, RefersTo("severity")] | None = None

    @model_validator(mode="after")
    def _one_form(self) -> "WorstGrade":
        forms = self.grade, self.grade_at_least, self.severity, self.severity_at_least
        if len([form for form in forms if form]) != 1:
            raise ValueError(
                "takes exactly one of grade, grade_at_least, severity, severity_at_least"
            )
        return self

    @property
    def field(self) -> Literal["grade", "severity"]:
        """What of an adverse event it is the worst of."""
        return "severity" if self.severity or self.severity_at_least else "grade"

    @property
    def grades(self) -> tuple[int, ...]:
        """All grades that it is for, the mildest first."""
        if self.grade_at_least is not None:
            return tuple(range(self.grade_at_least, MAX_GRADE + 1))
        return tuple(sorted(self.grade))


class TableColumn(Model):
    """A column: the analysis set whose size is its denominator, and who of it is shown.

    With `arm` both are of that arm, with `arms` of these together. With `events` only rows of
    adverse events show something in it: of those events that meet its filter and the row's. With
    `worst` only these and, by grade, rows of graded results do: of subjects whose worst it is. A
    column that compares stands for no subjects: of the counts and means that others show in the
    same row, it gives a test or a difference. The first named is the reference. `under` is the
    head that columns side by side share.
    `contrast` is what two proportions are contrasted by, with the interval that `counts` names: a
    `difference` by `newcombe`, `miettinen-nurminen`, `mee` or `wald`, an `odds-ratio` by `wald` (of
    its logarithm: Woolf), `miettinen-nurminen` or `exact` (conditional), a `relative-risk` by
    `wald` (of its logarithm: Katz), `miettinen-nurminen` or `koopman`. A measure is compared by
    `means`, or by ranks: `wilcoxon` is the rank-sum test by the normal distribution,
    `wilcoxon-corrected` for continuity, `wilcoxon-exact` given the midranks, each with the
    Hodges-Lehmann difference. `interval` gives the level and the limits of a difference or a ratio.
    `standard_error` shows that of a difference: of means by `t`, `welch`, of proportions by `wald`.
    """

    id: Name
    label: str
    under: str = ""
    set: SetName | None = None
    arm: ArmName | None = None
    arms: Annotated[list[ArmName], Field(min_length=2), AfterValidator(check_unique)] | None = None
    where: Ref | None = None
    events: AdverseEventFilter | None = None
    worst: WorstGrade | None = None
    compare: Annotated[list[SubjectsColumn], Field(min_length=2)] | None = None
    counts: Literal[
        "fisher", "pearson", "newcombe", "miettinen-nurminen", "mee", "wald", "koopman", "exact"
    ] = "fisher"
    contrast: ContrastName = DIFFERENCE
    means: Literal["anova", "t", "welch", "wilcoxon", "wilcoxon-corrected", "wilcoxon-exact"] = (
        "anova"
    )
    rates: Literal["ratio", "difference"] | None = None
    interval: IntervalDefinition | None = None
    standard_error: bool = False

    @model_validator(mode="after")
    def _one_form(self) -> "TableColumn":
        only_form(self, COLUMN_FORMS, "a column", ["id", "label", "under"])
        if self.arm is not None and self.arms is not None:
            raise ValueError("a column takes one arm, or several arms together")
        if self.compare is not None:
            self._check_contrast()
        pairwise: list[str] = [self.counts] if self.contrasts else []
        pairwise += [self.means] if self.means != "anova" else []
        if self.compare is not None and pairwise and len(self.compare) > 2:  # noqa: PLR2004 (a pair)
            raise ValueError(
                f"{', '.join(sorted(pairwise))} compares exactly two columns: `compare` names"
                f" {len(self.compare)}"
            )
        if self.compare is not None and self.rates is not None and len(self.compare) > 2:  # noqa: PLR2004 (a pair)
            raise ValueError(
                f"the {self.rates} of rates compares exactly two columns: `compare` names"
                f" {len(self.compare)}"
            )
        if self.interval is not None and not pairwise and self.rates is None:
            raise ValueError(
                "`interval` is of a difference or a ratio: with counts other than fisher and"
                " pearson, with means other than anova, or with rates"
            )
        if self.standard_error and not (self.means in ("t", "welch") or self.waldian):
            raise ValueError(
                "`standard_error` is of a difference: of means t or welch, or of counts wald"
            )
        if self.interval is not None and self.interval.method is not None:
            raise ValueError(
                "the interval of a difference takes no method: `counts` and `means` name it"
            )
        return self

    def _check_contrast(self) -> None:
        """Refuse a method that is of another contrast, or a contrast without a method."""
        methods = CONTRASTS[self.contrast]
        if self.contrasts and self.counts not in methods:
            raise ValueError(
                f"contrast {self.contrast} takes counts {', '.join(methods)}: not {self.counts}"
            )
        if not self.contrasts and self.contrast != DIFFERENCE:
            raise ValueError(
                f"contrast {self.contrast} needs its method: counts {', '.join(methods)}"
            )

    @property
    def contrasts(self) -> bool:
        """Whether it contrasts two proportions, rather than testing counts."""
        return self.counts not in ("fisher", "pearson")

    @property
    def waldian(self) -> bool:
        """Whether it shows a difference of proportions by Wald's method."""
        return self.counts == "wald" and self.contrast == DIFFERENCE

    @property
    def name(self) -> str:
        """Its label where it stands alone, after that of the head it is under."""
        return ", ".join(filter(None, (self.under, self.label)))

    @property
    def narrows(self) -> bool:
        """Whether it is for part of what some kinds of row count; others leave it empty."""
        return self.events is not None or self.worst is not None

    @property
    def arms_counted(self) -> tuple[str, ...]:
        """The arms that its subjects are of; none where the arm does not matter."""
        return tuple(self.arms or filter(None, [self.arm]))


if TYPE_CHECKING:
    CategoryRef = str  # once a definition is loaded: see `in_place`
    ClassesRef = str
else:
    CategoryRef = Annotated[CategoryName | Classes, inline_model(Classes)]
    ClassesRef = Annotated[Annotated[Name, RefersTo("classes")] | Classes, inline_model(Classes)]
"""What sorts subjects, by its name; or classes of a measure, written in place."""


class Levels(Model):
    """The levels of a characteristic or of a record's field.

    Those of `values` are shown in their order, even with nobody; others as they occur. A
    characteristic is any that sorts subjects: one of enrolment, `arm`, a stratum, classes by name
    or written in place.
    """

    characteristic: CategoryRef | None = None
    recorded: Kind | None = None
    where: Where = {}
    field: Annotated[str, RefersTo("field")] | None = None
    values: Annotated[list[Level], AfterValidator(check_unique), RefersTo("values")] = []


CodingLevel = Literal["soc", "hlgt", "hlt", "pt", "llt", "group"]
"""A level of the dictionary, from the highest down; or the definition's groups of terms."""
TermLevels = (
    Literal["soc-pt", "soc", "pt"]
    | Annotated[list[CodingLevel], Field(min_length=1), AfterValidator(check_unique)]
)
"""What terms are sorted into, the outermost first: a list, or one of three that are usual."""
TermOrder = Literal["frequency", "alphabetical", "difference"]


class TermSorting(Model):
    """The order of rows by term, and over how many rows of sums their cells are spread.

    The `order` at each level is by `frequency`, `alphabetical`, or by the `difference` that
    `order_by`, a column that compares two, shows; of frequencies `order_by` is the column that
    decides, and without it the sum over the columns does.
    """

    order: TermOrder = "frequency"
    order_by: Annotated[Name, RefersTo("column")] | None = None
    chunks: Annotated[int, Field(ge=1, le=64)] = 4

    @model_validator(mode="after")
    def _ordered_by_columns(self) -> "TermSorting":
        if self.order == "alphabetical" and self.order_by is not None:
            raise ValueError("an alphabetical order takes no order_by")
        return self


class ByTerm(TermSorting):
    """What rows by term have in common: which events, by which levels, in which order.

    `by` lists levels of the dictionary (`soc`, `hlgt`, `hlt`, `pt`, `llt`) or `group`, the
    outermost first. A term of several groups counts in each; with `pooled` a group of terms counts
    as one term.
    """

    filter: AdverseEventFilter
    by: TermLevels | None = None
    pooled: bool = False

    @model_validator(mode="after")
    def _groups_once(self) -> "ByTerm":
        if self.pooled and "group" in self.levels:
            raise ValueError("takes groups as a level or pooled as terms, not both")
        return self

    @property
    def levels(self) -> tuple[str, ...]:
        """The levels, the outermost first; none where all terms are together."""
        if self.by is None:
            return ()
        return tuple(self.by.split("-")) if isinstance(self.by, str) else tuple(self.by)


class Subgroups(Model):
    """The classification whose levels make subgroups: those of `values`, or all that are declared.

    Each gives a block of the row, of its subjects alone; denominators are those of the subgroup.
    """

    characteristic: CategoryName
    values: Annotated[list[Level], AfterValidator(check_unique), RefersTo("values")] = []


class Excess(Model):
    """How much more frequent a term is in one column than in another, in percent of subjects.

    Both are columns of subjects of one set and of different arms.
    """

    column: SubjectsColumn
    over: SubjectsColumn
    percent: Annotated[Decimal, Field(ge=0, le=100)]


class Terms(ByTerm):
    """Adverse events by class and term: subjects and events; pooled terms count as one.

    With `worst` each subject counts once a class and term, at the last of these levels that an
    event of its reached. `minimum_percent` shows terms that as many of some column have,
    `minimum_excess` those that are so much more frequent in one column than in another.
    """

    by: TermLevels = "soc-pt"
    minimum_percent: Annotated[Decimal, Field(ge=0, le=100)] | None = None
    minimum_excess: Excess | None = None
    worst: "Worst | None" = None


class RecordTerms(TermSorting):
    """Records of a kind by their fields, the outermost first: subjects, and records.

    A subject counts once at each value, a record once too. A medication with several ATC classes
    is in each of them (`medications`), level by level along each class.
    """

    recorded: Kind
    where: Where = {}
    by: Annotated[
        list[Annotated[str, RefersTo("field")]], Field(min_length=1), AfterValidator(check_unique)
    ]
    minimum_percent: Annotated[Decimal, Field(ge=0, le=100)] | None = None


class Worst(Model):
    """The field of an adverse event that says how bad it was, and its levels, mildest first."""

    field: Literal["severity", "grade"]
    levels: Annotated[
        list[Level],
        Field(min_length=1),
        AfterValidator(check_unique),
        RefersTo("values of the field"),
    ]


class WorstRow(Worst):
    """Subjects by the worst of their adverse events."""

    filter: AdverseEventFilter


class Stratified(Model):
    """A condition, levels or a measure, compared across strata.

    Columns that compare give the test, by Cochran-Mantel-Haenszel; of `levels` it is that of
    general association, of a `measure` van Elteren's, of ranks within strata. With a
    `contrast` those that compare two columns by a `count` also give what is common to the strata:
    a `difference` by `mantel-haenszel` (the variance of Greenland and Robins; the default), `sato`
    (Sato's), `newcombe` or `miettinen-nurminen` (both with Mantel-Haenszel weights), an
    `odds-ratio` or a `relative-risk` by `mantel-haenszel`.
    """

    count: Ref | None = None
    levels: CategoryName | None = None
    measure: MeasureRef | None = None
    strata: Annotated[list[CategoryName], Field(min_length=1)]
    contrast: ContrastName | None = None
    method: Literal["mantel-haenszel", "sato", "newcombe", "miettinen-nurminen"] = "mantel-haenszel"

    @model_validator(mode="after")
    def _one(self) -> "Stratified":
        if sum(part is not None for part in (self.count, self.levels, self.measure)) != 1:
            raise ValueError("compares one of `count`, `levels` and `measure`")
        if self.levels is not None and self.levels in self.strata:
            raise ValueError("must not be stratified by the levels that are compared")
        return self

    @model_validator(mode="after")
    def _contrast_of_counts(self) -> "Stratified":
        if self.contrast is None:
            if "method" in self.model_fields_set:
                raise ValueError("takes `method` only beside `contrast`")
            return self
        if self.count is None:
            raise ValueError("takes `contrast` only of a `count`")
        if self.method not in (methods := COMMON_CONTRASTS[self.contrast]):
            raise ValueError(
                f"contrast {self.contrast} takes method {', '.join(methods)}: not {self.method}"
            )
        return self


class Pooling(Model):
    """Levels of a factor with fewer subjects than this in any arm become one."""

    set: SetName
    minimum: Annotated[int, Field(ge=1)]


class Ancova(Model):
    """Analysis of covariance of a measure: arm, further factors and covariates.

    Columns show least-squares means; those that compare, differences with confidence interval
    and P. `scores` give each arm's dose, for a test of trend. `interaction` names a factor: rows
    below show P of its interaction with the arm, and means and differences at each level.
    """

    measure: MeasureRef
    covariates: list[MeasureRef] = []
    factors: list[CategoryName] = []
    pool: dict[Annotated[Name, RefersTo("factor")], Pooling] = {}
    weights: Literal["equal", "observed"] = "equal"
    scores: dict[Annotated[Name, RefersTo("arm of a column")], Decimal] | None = None
    interaction: CategoryName | None = None

    @model_validator(mode="after")
    def _terms_differ(self) -> "Ancova":
        if self.interaction is not None and self.interaction not in self.factors:
            raise ValueError(f"`interaction` is with a factor: {self.interaction} is none")
        if self.measure in self.covariates:
            raise ValueError(
                "must not list its own measure as a covariate: no difference would remain"
            )
        if ARM in self.factors:
            raise ValueError("must not list the arm: it is always a factor")
        return self


class RatioModelDefinition(Model):
    """What models of odds and of rates have in common: they are of the columns compared alone.

    `covariates` sort subjects, and who lacks one is not in the model. P is by the `test` of the
    columns given the covariates. `interaction` names one of them: rows below show its P, and the
    ratio at each level.
    """

    covariates: Annotated[
        list[CategoryName], Field(max_length=6), AfterValidator(check_unique)
    ] = []
    interaction: CategoryName | None = None
    test: Literal["wald", "likelihood-ratio"] = "wald"
    decimals: Decimals = 2

    @model_validator(mode="after")
    def _terms_differ(self) -> "RatioModelDefinition":
        if ARM in self.covariates:
            raise ValueError("must not list the arm: the columns compared are of arms")
        if self.interaction is not None and self.interaction not in self.covariates:
            raise ValueError(f"`interaction` is with a covariate: {self.interaction} is none")
        return self


class Logistic(RatioModelDefinition):
    """A logistic regression of a condition: who meets it, and the odds ratio of two columns."""

    count: Ref


class EventRate(RatioModelDefinition):
    """A regression of how often adverse events come, and the rate ratio of two columns.

    All events at risk count, by the logarithm of the days at risk as offset. The `distribution` is
    `negative-binomial`, whose variance grows with the square of the mean (NB2), or `poisson`. Rates
    are a year's, or `per` so many.
    """

    filter: AdverseEventFilter
    distribution: Literal["negative-binomial", "poisson"] = "negative-binomial"
    per: Annotated[int, Field(ge=1)] = 1


def _distinct(numbers: list[Decimal]) -> list[Decimal]:
    """Refuse a number that stands twice, however it is written: rows are named by them."""
    if len(set(numbers)) < len(numbers):
        raise ValueError("names a number more than once")
    return numbers


MOST_COVARIATES = 6
"""The covariates of a model of hazards, of both kinds together."""


class HazardRatio(Model):
    """Cox's model of the columns that a column compares: the hazard ratio, its interval and P.

    Each of the strata of the row has hazards of its own; `covariates` sort subjects, `continuous`
    ones are measures that the logarithm of the hazard is linear in, and who lacks one is not in the
    model. `ties` are events on one day. P is by the `test` of the columns given
    the covariates. `proportional_hazards` adds a row with the test of that, and names the function
    of time in which the effect may be linear instead: `km`, 1 minus the Kaplan-Meier estimate;
    `rank` of the times of events; `identity`, the time itself; or its `log`.
    """

    covariates: Annotated[
        list[CategoryName], Field(max_length=MOST_COVARIATES), AfterValidator(check_unique)
    ] = []
    continuous: Annotated[list[MeasureRef], Field(max_length=MOST_COVARIATES)] = []
    ties: Literal["efron", "breslow"] = "efron"
    test: Literal["wald", "score", "likelihood-ratio"] = "wald"
    proportional_hazards: Literal["km", "rank", "identity", "log"] | None = None
    decimals: Decimals = 2

    @model_validator(mode="after")
    def _terms_differ(self) -> "HazardRatio":
        if ARM in self.covariates:
            raise ValueError("must not list the arm: the columns compared are of arms")
        if (n := len(self.covariates) + len(self.continuous)) > MOST_COVARIATES:
            raise ValueError(
                f"takes at most {MOST_COVARIATES} `covariates` and `continuous` ones together: {n}"
            )
        return self


MOST_REPEATED_VISITS = 10
"""The visits of a model for repeated measures; its covariance has a parameter for each pair."""


class Mmrm(Model):
    """A mixed model for repeated measures: a measure at the visits of the row, by REML.

    The arm has a mean at each visit; `covariates` have an effect at each visit and `factors` one
    effect, or `by_visit` `all` have one at each or `none` has. The values of one subject are
    correlated by the `covariance`: of `ar1` by a power of how many visits lie between. Estimates
    are referred to Student's t by `degrees_of_freedom`; `kenward-roger` adjusts standard errors
    too. A visit without a value is left out, the subject's others stay.
    Columns show least-squares means, with the factors' levels weighted by `weights`; those that
    compare two, differences.
    """

    measure: MeasureRef
    covariates: list[MeasureRef] = []
    factors: Annotated[list[CategoryName], AfterValidator(check_unique)] = []
    by_visit: Literal["covariates", "all", "none"] = "covariates"
    covariance: Literal["unstructured", "toeplitz", "compound-symmetry", "ar1"] = "unstructured"
    degrees_of_freedom: Literal["satterthwaite", "kenward-roger"] = "satterthwaite"
    weights: Literal["equal", "observed"] = "equal"

    @model_validator(mode="after")
    def _without_the_arm(self) -> "Mmrm":
        if ARM in self.factors:
            raise ValueError("must not list the arm: it always has a mean at each visit")
        return self


MOST_IMPUTATIONS = 1_000
MOST_DELTAS = 100
"""The combinations of deltas of all arms that a row can show."""


class Deltas(Model):
    """What is added to imputed values at the last visit, by arm: a row a combination.

    Of each arm the mildest comes first. The tipping point is the first delta of the arm that stands
    last among the columns with which P exceeds `alpha`, given those of the others.
    """

    by_arm: Annotated[
        dict[
            Annotated[Name, RefersTo("arm of a column")],
            Annotated[list[Decimal], Field(min_length=1), AfterValidator(_distinct)],
        ],
        Field(min_length=1),
    ]
    alpha: Annotated[Decimal, Field(gt=0, lt=1)] = Decimal("0.05")

    @model_validator(mode="after")
    def _not_too_many(self) -> "Deltas":
        if (n := prod(map(len, self.by_arm.values()))) > MOST_DELTAS:
            raise ValueError(f"takes at most {MOST_DELTAS} combinations of deltas: {n}")
        return self


class MultipleImputation(Model):
    """A measure at the visits of the row, missing values imputed: an analysis of covariance each.

    It is of all to whom the visit is due. Imputed is by regression of each visit on the arm, the
    covariates, the factors and the visits before it, with parameters drawn from their posterior,
    so many times (`imputations`); the analyses are combined by Rubin's rules. By `method`, who is
    not observed to the end goes on as its own arm does (`missing-at-random`), or as the `reference`
    arm: jumps to its mean, copies it from the beginning, or copies its increments. `deltas` are
    added to what was imputed at the last visit. Columns show least-squares means, with the factors'
    levels weighted by `weights`; those that compare two, differences.
    """

    measure: MeasureRef
    covariates: list[MeasureRef] = []
    factors: Annotated[list[CategoryName], AfterValidator(check_unique)] = []
    method: Literal[
        "missing-at-random",
        "jump-to-reference",
        "copy-reference",
        "copy-increments-in-reference",
    ] = "missing-at-random"
    reference: Annotated[Name, RefersTo("arm of a column")] | None = None
    imputations: Annotated[int, Field(ge=2, le=MOST_IMPUTATIONS)] = 100
    weights: Literal["equal", "observed"] = "equal"
    deltas: Deltas | None = None

    @model_validator(mode="after")
    def _as_its_method_needs(self) -> "MultipleImputation":
        if ARM in self.factors:
            raise ValueError("must not list the arm: it always has a mean at each visit")
        if (self.method == "missing-at-random") != (self.reference is None):
            raise ValueError(
                "takes `reference`, an arm, with a method that refers to one, and with no other"
            )
        return self


class RestrictedMean(Model):
    """The mean of times up to each of some days: the area under Kaplan-Meier's curve to there.

    Columns that compare two have the `contrasts`: their `difference`, their `ratio` in a row of its
    own. `decimals` are of days.
    """

    to: Annotated[
        list[Annotated[int, Field(ge=1)]], Field(min_length=1), AfterValidator(check_unique)
    ]
    contrasts: Annotated[list[Literal["difference", "ratio"]], AfterValidator(check_unique)] = [
        "difference"
    ]
    decimals: Decimals = 1


class Survival(Model):
    """Time to event by Kaplan-Meier; in columns that compare, the log-rank test.

    With `hazard_ratio` these also give the ratio of the hazards: `true`, or as it says. The
    `estimate` of a time with competing events is `cumulative-incidence`, by Aalen and Johansen and
    compared by Gray's test; a ratio of hazards is of those of the event, whoever had another being
    censored.
    """

    time: TimeName
    at: Annotated[list[Annotated[int, Field(ge=0)]], AfterValidator(check_unique)] = []
    strata: list[CategoryName] = []
    hazard_ratio: Annotated[bool | HazardRatio, inline_model(HazardRatio)] = False
    restricted_mean: RestrictedMean | None = None
    estimate: Literal["survival", "cumulative-incidence"] = "survival"

    @model_validator(mode="after")
    def _of_its_curve(self) -> "Survival":
        if self.estimate == "cumulative-incidence" and self.restricted_mean is not None:
            raise ValueError("a `restricted_mean` is of the survival: no `cumulative-incidence`")
        return self

    @model_validator(mode="after")
    def _strata_are_no_covariates(self) -> "Survival":
        hazard_ratio = self.hazard_ratio_asked
        if hazard_ratio is not None and (
            repeated := sorted({*hazard_ratio.covariates} & {*self.strata})
        ):
            raise ValueError(f"must not list a stratum as a covariate too: {', '.join(repeated)}")
        return self

    @property
    def hazard_ratio_asked(self) -> HazardRatio | None:
        """The model of hazards that it asks for, if any; `true` asks for the usual one."""
        if isinstance(self.hazard_ratio, HazardRatio):
            return self.hazard_ratio
        return HazardRatio.model_construct() if self.hazard_ratio else None


class Incidence(ByTerm):
    """Events of a description by time at risk: how many, patient-years, rate, interval.

    `occurrences` are the `first` of each subject, which ends its time at risk, or `all`. With `by`
    there is a row a term, of the first event of that term.
    """

    per: Annotated[int, Field(ge=1)] = 100
    occurrences: Literal["first", "all"] = "first"

    @model_validator(mode="after")
    def _only_by_term(self) -> "Incidence":
        stray = self.model_fields_set & {"pooled", "order", "order_by", "chunks"}
        if self.by is None and stray:
            raise ValueError(f"takes {', '.join(sorted(stray))} only beside `by`")
        return self


class Durations(Model):
    """The days of adverse events, each by itself: how long those lasted that ended, or the onset.

    A `duration` counts both days; an `onset-day` is the study day. Events without an end or a date
    are left out, and a footnote says how many there are.
    """

    filter: AdverseEventFilter
    of: Literal["duration", "onset-day"] = "duration"


class Resolution(ByTerm):
    """How long adverse events took to resolve, by Kaplan-Meier; those that go on are censored.

    `occurrences` are `all`, each by itself, or the `first` of each subject. Without `by` there are
    quartiles and, `at` these days, the share not resolved; with it a row a term, with the median.
    """

    occurrences: Literal["all", "first"] = "all"
    at: Annotated[list[Annotated[int, Field(ge=0)]], AfterValidator(check_unique)] = []

    @model_validator(mode="after")
    def _as_it_is_sorted(self) -> "Resolution":
        stray = self.model_fields_set & {"pooled", "order", "order_by", "chunks"}
        if self.by is None and stray:
            raise ValueError(f"takes {', '.join(sorted(stray))} only beside `by`")
        if self.by is not None and self.at:
            raise ValueError("takes `at` only without `by`: a term shows its median")
        if self.order == "difference":
            raise ValueError("sorts terms by frequency or alphabetical: there is no difference")
        return self


class Shift(Model):
    """Subjects by class before and class after, each by name or written in place.

    Percentages are of those with both classes known or, by `percent_of`, of the same class before
    or after, or of the whole column. With `missing`, who has no value at one of them is in a class
    of its own, Missing; with `zero_counts` classes that nobody has are shown too.
    """

    before: ClassesRef
    after: ClassesRef
    percent_of: Literal["known", "before", "after", "column"] = "known"
    missing: bool = False
    zero_counts: bool = False


class Cross(Model):
    """Subjects by two classifications of any kind, the second within the first.

    Percentages are of those with both known or, by `percent_of`, of the same level of the first or
    of the second, or of the whole column. `missing` and `zero_counts` are as in a shift.
    """

    first: CategoryRef
    second: CategoryRef
    percent_of: Literal["known", "first", "second", "column"] = "known"
    missing: bool = False
    zero_counts: bool = False

    @model_validator(mode="after")
    def _two(self) -> "Cross":
        if self.first == self.second:
            raise ValueError("crosses a classification with itself: give two different ones")
        return self


class ByColumn(dict[str, Any]):
    """A row's value that has one entry per column; its table has found that it is one."""


def is_by_column(value: Mapping[str, Any], table: Mapping[str, Any], model: type[Model]) -> bool:
    """Return whether a row's value is one entry per column, or one inline part.

    The columns of its table decide; where it names none of them, whether it looks like the part.
    Both are as posted, and may be anything.
    """
    columns = table.get("columns")
    listed = columns if isinstance(columns, list) else []
    ids = [column.get("id") for column in listed if isinstance(column, dict)]
    has_column = any(id_ in value for id_ in ids if isinstance(id_, str))
    return has_column or value.keys().isdisjoint(model.model_fields)


def _by_shape(model: type[Model], entries: Any) -> WrapValidator:  # noqa: ANN401 (a type's form)
    """Validate a row's value as the one form its shape shows, so that errors are of that form."""
    columns: TypeAdapter[Any] = TypeAdapter(entries, config=ConfigDict(defer_build=True))

    def read(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:  # noqa: ANN401 (any JSON)
        if not isinstance(value, dict):
            return handler(value)
        if isinstance(value, ByColumn) or is_by_column(value, {}, model):
            return columns.validate_python(dict(value))
        return model.model_validate(value)

    return WrapValidator(read)


_Refs = dict[SubjectsColumn, Ref]
_Measures = dict[SubjectsColumn, MeasureRef]
Refs = Annotated[ConditionName | Condition | _Refs, _by_shape(Condition, _Refs)]
"""A condition for all columns, or one by column."""
Measures = Annotated[MeasureName | Measure | _Measures, _by_shape(Measure, _Measures)]
"""A measure for all columns, or one by column."""


class MarginDefinition(Model):
    """What a difference or a ratio must lie above (`lower`), below (`upper`), or between.

    In the unit in which it is shown: percent of a count, the measure's own, a ratio itself. One
    side shows non-inferiority, both show equivalence, each side at the one-sided `alpha`: the
    interval that is shown has the level 1 - 2 alpha, so that it and the test agree.
    """

    lower: Decimal | None = None
    upper: Decimal | None = None
    alpha: Annotated[Decimal, Field(gt=0, le=Decimal("0.25"))] = Decimal("0.025")

    @model_validator(mode="after")
    def _a_side(self) -> "MarginDefinition":
        if self.lower is None and self.upper is None:
            raise ValueError("takes `lower`, `upper` or both")
        if self.lower is not None and self.upper is not None and self.lower >= self.upper:
            raise ValueError("must have `lower` below `upper`")
        return self


class SetDenominator(Model):
    """The subjects of the column that are in another analysis set."""

    set: SetName


def _read_denominator(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:  # noqa: ANN401
    """Read an object as the one form that its shape shows."""
    if not isinstance(value, dict):
        return handler(value)
    return (SetDenominator if "set" in value else Condition).model_validate(value)


Denominator = Annotated[
    Literal["determined", "column", "assessed"] | ConditionName | Condition | SetDenominator,
    WrapValidator(_read_denominator),
]
"""What percentages are of: those with a known answer, the whole column, the assessed, those of a
condition or of another set."""
_BY_COLUMN: Mapping[str, type[Model]] = {
    "count": Condition,
    "not_due": Condition,
    "summary": Measure,
}


MOST_JOINT = 12
"""The measures that a summary keeps beside each value at most."""


class TableRow(Model):
    """One row, or the rows that one rule gives; exactly one of the kinds below, or a heading.

    A kind that takes a reference takes either one for all columns or one by column. With `visits`
    there is a row a visit, which is filled in where a measure says no `at`. `decimals` are those
    of the data, to which a mean adds one and an SD two; or those of each statistic. `where` takes
    only subjects of whom a condition is true; by visit, its measures too.

    `denominator` is what percentages are of: those for whom it is known (`determined`, as always
    unless it is given), all of the `column`, the `assessed` (of whom every measure concerned has a
    value), those of whom a condition is true or who are in another set. `interval` is that of
    what the row estimates: method, level and limits, or `true` for the usual one.
    `margin` is what the difference or the ratio of columns that compare two must keep.
    `per` is what a `sum` is divided by, such as 365.25 days for person-years. `graded` counts the
    subjects whose measure is at the grades of each column (`worst`); in others those above 0. With
    `of_records` events and records are in percent too: of all that the row selects in the column
    (`events`: of all adverse events, or of those that meet this filter, of which alone the row then
    is). `joint` keeps, with each value of a summary, those of other measures of the same subject,
    which figures of a mark a subject show.
    """

    id: Name
    label: str
    level: int = 0
    where: Ref | None = None
    subgroups: Subgroups | None = None
    count: Refs | None = None
    denominator: Denominator | None = None
    interval: IntervalRef = False
    levels: Levels | None = None
    summary: Measures | None = None
    visits: Annotated[list[VisitName], AfterValidator(check_unique)] | Literal["all"] | None = None
    statistics: Statistics | dict[SubjectsColumn, Statistics] | None = None
    decimals: Decimals | dict[Statistic, Decimals] | None = None
    per: Annotated[Decimal, Field(gt=0)] | None = None
    margin: MarginDefinition | None = None
    joint: Annotated[list[MeasureRef], Field(max_length=MOST_JOINT)] = []
    of_records: Annotated[bool | AdverseEventFilter, inline_model(AdverseEventFilter)] = False
    pairs: tuple[Ref, Ref] | None = None
    not_due: Refs | None = None
    graded: MeasureRef | None = None
    column: SubjectsColumn | None = None  # where a row of pairs stands; the last unless named
    events: AdverseEventFilter | None = None
    terms: Terms | None = None
    record_terms: RecordTerms | None = None
    worst: WorstRow | None = None
    shift: Shift | None = None
    cross: Cross | None = None
    stratified: Stratified | None = None
    ancova: Ancova | None = None
    mmrm: Mmrm | None = None
    multiple_imputation: MultipleImputation | None = None
    logistic: Logistic | None = None
    event_rate: EventRate | None = None
    survival: Survival | None = None
    incidence: Incidence | None = None
    durations: Durations | None = None
    resolution: Resolution | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> "TableRow":
        common = ("id", "label", "level", "subgroups")
        if not self.model_fields_set.issubset(common):
            only_form(self, ROW_KINDS, "a row", common)
        if self.subgroups is not None and self.kind not in SUBGROUP_KINDS:
            raise ValueError(f"`subgroups` are of a row of {', '.join(SUBGROUP_KINDS)}")
        if isinstance(self.of_records, AdverseEventFilter) and self.events is None:
            raise ValueError(
                "`of_records` is a filter of rows of `events` alone: by term percentages are of all"
                " that the row selects"
            )
        if self.stratified is not None and self.interval and self.stratified.contrast is None:
            raise ValueError("`interval` of a stratified row is that of its `contrast`: name one")
        if self.kind in MODELS_OF_MEANS and isinstance(self.decimals, dict):
            raise ValueError(
                f"`decimals` of an {self.kind} row must be one number: the decimals of the data"
            )
        if self.joint and (self.visits is not None or self.subgroups is not None):
            raise ValueError("takes `joint` only without `visits` and `subgroups`")
        if self.repeated is not None and self.visits is None:
            article = "an" if self.mmrm is not None else "a"
            raise ValueError(
                f"{article} {self.kind} row needs `visits`: those that its model is of"
            )
        return self

    @property
    def repeated(self) -> Mmrm | MultipleImputation | None:
        """Its model of a measure at all its visits together, if it has one."""
        return self.mmrm or self.multiple_imputation

    @property
    def kind(self) -> str | None:
        """Which kind of row it is; None for a heading."""
        return next((kind for kind in ROW_KINDS if getattr(self, kind) is not None), None)

    @property
    def interval_asked(self) -> IntervalDefinition | None:
        """The interval that it asks for, if any; `true` asks for the usual one."""
        if isinstance(self.interval, IntervalDefinition):
            return self.interval
        return USUAL_INTERVAL if self.interval else None

    @property
    def by_term(self) -> ByTerm | None:
        """What it sorts adverse events into by term; None where it does not."""
        terms = self.terms or self.incidence or self.resolution
        return terms if terms is not None and terms.levels else None

    @property
    def counts_events(self) -> bool:
        """Whether it counts adverse events, so that a column can narrow which."""
        return self.kind in EVENT_ROWS

    def fills(self, column: TableColumn) -> bool:
        """Return whether it can show something in a column, by what that narrows."""
        if column.worst is None:
            return column.events is None or self.counts_events
        graded = column.events is None and column.worst.field == "grade"
        return self.kind in WORST_ROWS or (self.kind == "graded" and graded)

    def statistics_of(self, column: str) -> Statistics:
        """Return the statistics that a summary shows in a column."""
        statistics = self.statistics
        if isinstance(statistics, dict):
            return statistics.get(column, DEFAULT_STATISTICS)
        return statistics or DEFAULT_STATISTICS

    def tallied(self, column: str) -> bool:
        """Return whether a summary keeps each value of a column, for order statistics."""
        return not ORDER_STATISTICS.isdisjoint(self.statistics_of(column))


SUBGROUP_KINDS = (
    "count",
    "graded",
    "levels",
    "summary",
    "pairs",
    "not_due",
    "events",
    "worst",
    "terms",
    "record_terms",
    "shift",
    "cross",
    "stratified",
    "ancova",
    "mmrm",
    "multiple_imputation",
    "incidence",
    "durations",
    "resolution",
    "survival",
    "logistic",
    "event_rate",
)
"""The kinds of row that can be made once for each subgroup."""
ROW_KINDS: Mapping[str, tuple[str, ...]] = {
    "count": ("where", "visits", "interval", "denominator", "margin"),
    "levels": ("visits", "denominator", "interval"),
    "summary": ("where", "visits", "statistics", "decimals", "interval", "per", "margin", "joint"),
    "graded": ("where", "visits", "interval", "denominator"),
    "pairs": ("column", "interval"),
    "not_due": (),
    "events": ("denominator", "of_records"),
    "terms": ("denominator", "of_records"),
    "record_terms": ("of_records",),
    "worst": ("denominator",),
    "shift": ("where", "visits"),
    "cross": ("where", "visits"),
    "stratified": ("interval", "margin"),
    "ancova": ("decimals", "interval", "margin"),
    "mmrm": ("visits", "decimals", "interval"),
    "multiple_imputation": ("visits", "decimals", "interval"),
    "logistic": ("interval", "margin"),
    "event_rate": ("interval", "margin"),
    "survival": ("interval", "margin"),
    "incidence": ("interval",),
    "durations": ("statistics", "decimals", "interval"),
    "resolution": ("interval",),
}
"""The kinds of row, and what each takes beside itself."""
MODELS_OF_MEANS = ("ancova", "mmrm", "multiple_imputation")
"""Those that show least-squares means."""
EVENT_ROWS = ("events", "terms", "worst", "incidence", "event_rate", "durations", "resolution")
"""The kinds of row that count adverse events."""
WORST_ROWS = ("events", "terms", "worst")
"""Those of them that count subjects once, so that a column can be of their worst grade."""


DENOMINATORS = ("determined", "column")
"""The words that a `denominator` can be; any other is a condition."""


class Table(Model):
    """A table: its columns, and its rows in the order they are printed."""

    id: Name
    title: str
    population: str
    columns: Annotated[list[TableColumn], Field(min_length=1), AfterValidator(check_unique)]
    rows: Annotated[list[TableRow], Field(min_length=1), AfterValidator(check_unique)]
    percent_decimals: Decimals = 0
    footnotes: list[str] = []

    @model_validator(mode="before")
    @classmethod
    def _with_columns_marked(cls, table: Any) -> Any:  # noqa: ANN401 (any JSON)
        """Mark what its rows have by column: a row by itself does not know the columns."""
        if not isinstance(table, dict) or not isinstance(table.get("rows"), list):
            return table
        return {**table, "rows": [_with_columns_marked(row, table) for row in table["rows"]]}


def _with_columns_marked(row: Any, table: Mapping[str, Any]) -> Any:  # noqa: ANN401 (any JSON)
    if not isinstance(row, dict):
        return row
    by_column = {
        name: ByColumn(row[name])
        for name, model in _BY_COLUMN.items()
        if isinstance(row.get(name), dict) and is_by_column(row[name], table, model)
    }
    return {**row, **by_column}


def _power_of_ten(value: Decimal) -> Decimal:
    if not 0 < value < 1 or value.normalize().as_tuple().digits != (1,):
        raise ValueError("must be a power of ten below 1, such as 0.001")
    return value


class CellRef(Model):
    """A cell of a table: a row that a rule gives is named as the table shows it."""

    table: Annotated[Name, RefersTo("table")]
    row: Annotated[str, RefersTo("row")]
    column: Annotated[Name, RefersTo("column")]


class KeyResultDefinition(Model):
    """A key result of the summary: which cell of which table, and how it is shown.

    It is printed as its table does, unless it names its `decimals`: then its interval has as many.
    A P value below `floor` is shown as less than it; the `primary` end point is shown first. Its
    population is that of the table unless another is given.
    """

    id: Name
    label: str
    source: CellRef
    show: Literal[
        "n", "count-percent", "events", "mean", "median", "difference", "odds-ratio",
        "relative-risk", "hazard-ratio", "rate-ratio", "p", "p-adjusted",
    ]  # fmt: skip
    decimals: Decimals | None = None
    floor: Annotated[Decimal, AfterValidator(_power_of_ten)] | None = None
    unit: str = ""
    rule: str = ""
    population: str = ""
    primary: bool = False

    @model_validator(mode="after")
    def _only_its_own(self) -> "KeyResultDefinition":
        if self.decimals is not None and self.show in ("n", "events", "p", "p-adjusted"):
            raise ValueError(f"a key result of {self.show} takes no `decimals`")
        if self.floor is not None and self.show != "p":
            raise ValueError(f"a key result of {self.show} takes no `floor`: only p does")
        return self


DatasetName = Annotated[str, Field(pattern=DATASET)]


class ListingColumnDefinition(Model):
    """A listing's column: a name `listings` knows, or a source the trial does not collect.

    A `date` is shown as collected, as the day it counts as, with its study day and whether it was
    imputed; a `day` as the day it counts as, alone.
    """

    id: Name
    label: str
    source: Annotated[str, RefersTo("source")] | None = None
    kind: Literal["text", "number", "date", "day"] = "text"


class RecordSelection(Model):
    """Which records are shown one by one, in a listing or in a paragraph.

    `records` is a kind of event, `subjects`, `discrepancies`, or `observations:` and parameters
    with commas between them. Of observations `results` selects those within the bounds of any of
    these, `out_of_range` those beyond the reference range that was reported with each, and
    `after_first_dose` those that came then; all may be given. Of adverse events `events` selects
    those that meet a filter.
    """

    records: Annotated[str, RefersTo("records")]
    where: Where = {}
    results: list[ResultFilter] = []
    out_of_range: bool = False
    after_first_dose: bool = False
    events: AdverseEventFilter | None = None

    @model_validator(mode="after")
    def _of_what_is_selected(self) -> "RecordSelection":
        of_results = self.results or self.out_of_range or self.after_first_dose
        if of_results and not self.records.startswith("observations:"):
            names = "`results`, `out_of_range` and `after_first_dose`"
            raise ValueError(f"takes {names} of observations alone")
        if self.events is not None and self.records != "adverse-event.reported":
            raise ValueError("takes `events` of records adverse-event.reported alone")
        return self


class ListingDefinition(RecordSelection):
    """A listing: which records it shows, of which subjects, in which columns.

    `dataset` names it as data: letters and digits, as CDISC's data sets are named; its id does
    where none is given.
    """

    id: Name
    title: str
    population: str
    subjects: Ref | None = None
    columns: Annotated[
        list[ListingColumnDefinition], Field(min_length=1), AfterValidator(check_unique)
    ]
    footnotes: list[str] = []
    dataset: DatasetName | None = None

    @property
    def data_name(self) -> str:
        """The name of its data: the one given, or one made of its id."""
        return self.dataset or default_dataset_name(self.id)


def default_dataset_name(listing: str) -> str:
    """Return the name of a listing's data by its id: 16.2.7 is l1627; eight characters at most."""
    name = re.sub(r"[^a-z0-9]", "", listing.lower())
    return (name if name[:1].isalpha() else f"l{name}")[:8]


def check_unique_dataset_names(listings: list[ListingDefinition]) -> list[ListingDefinition]:
    """Refuse two listings whose data would be one file."""
    names = [listing.data_name for listing in listings]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(
            f"each listing needs its own data set name: {', '.join(repeated)} is used twice"
        )
    return listings
