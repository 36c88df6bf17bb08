"""What renderers receive: results as data, each statistic rounded once.

A renderer formats and lays out; it never computes. A `Report` shows one consistent state of a
study.
"""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Literal

from trial.deferred import dataclass
from trial.tables.analysis_plan import NO_PLAN, AnalysisPlan

Value = str | int | Decimal | None

NOT_REPORTED = "not reported"
"""Shown where nothing of the kind was ever reported."""
INTERVAL = "95% CI"
"""What the interval of a cell is called unless it is another."""
MISSING = "Missing"
"""Shown where a value is due and was not reported."""


class Absent(str):
    """The reason why there is no value, in its place: a text for a reader, null for a machine."""

    __slots__ = ()


NOT_YET_DUE, NOT_COLLECTED = Absent("Not yet due"), Absent("Not collected")


P_MARGIN, CONCLUSION = "p_margin", "conclusion"
"""The one-sided P value of a margin, and what the interval shows of it, in words."""
TIPPING_DELTA = "tipping_delta"
"""The delta on imputed values with which a conclusion first is another."""
P_ADJUSTED = "p_adjusted"
"""A confirmatory test's P value, adjusted for all of them."""
TESTED = frozenset(("p", P_MARGIN, CONCLUSION))
"""What is nominal unless it is of a confirmatory test."""


@dataclass(frozen=True)
class Statistic:
    """One result: `raw` is an integer or an exact decimal string, `text` what a reader sees.

    Where there is none, `raw` is None and `text` says why, if that is known. A P value is `nominal`
    unless it is one of the confirmatory tests, and every test before it succeeded.

    Names in use: n, N (denominator), percent, not_due and missing (who is in neither), events,
    observed, imputed, baseline (of the imputed), undated (subjects whose event has no date), mean,
    sd, se, median, q1, q3, min, max, ci_low, ci_high, p, p_margin, conclusion, p_adjusted,
    difference, odds_ratio, relative_risk, hazard_ratio, mean_ratio, lsmean, years, rate,
    dispersion, tipping_delta, censored, competing, days, survival, incidence, restricted_mean and
    the four pairs both, first, second, neither.
    """

    name: str
    raw: int | str | None
    text: str
    nominal: bool = False


_ESTIMATES = (
    "rate_ratio",
    "odds_ratio",
    "relative_risk",
    "hazard_ratio",
    "mean_ratio",
    "difference",
    "lsmean",
    "rate",
    "survival",
    "incidence",
    "restricted_mean",
    "days",
    "mean",
)


@dataclass(frozen=True)
class Cell:
    """The statistics that stand where a row meets a column, in reading order.

    `interval` is what its intervals are called: by their level, and by the limit where it is one.
    """

    column: str
    statistics: tuple[Statistic, ...] = ()
    method: str = ""
    interval: str = INTERVAL

    def get(self, name: str) -> Statistic | None:
        """Find a statistic by its name."""
        return next((statistic for statistic in self.statistics if statistic.name == name), None)

    @property
    def tested(self) -> Statistic | None:
        """The P value by which it is tested: that of its margin, where it has one."""
        return self.get(P_MARGIN) or self.get("p")

    @property
    def estimate(self) -> str:
        """The name of the statistic that the cell's interval is of; '' where it is the count."""
        return next((name for name in _ESTIMATES if self.get(name) is not None), "")


@dataclass(frozen=True)
class Column:
    """A column and its denominator: the subjects of its analysis set; None where it compares."""

    id: str
    label: str
    n: int | None
    under: str = ""
    """The head that it shares with the columns beside it; '' where it has none."""

    @property
    def name(self) -> str:
        """Its label where it stands alone, after that of the head it is under."""
        return ", ".join(filter(None, (self.under, self.label)))

    @property
    def size(self) -> str:
        """Its denominator as a heading shows it; '' where it has none."""
        return "" if self.n is None else f"(N = {self.n})"


@dataclass(frozen=True)
class Row:
    """A row; `level` 0 is not indented, 1 once.

    `groups` are the levels, terms or visit that it is of, each after the factor it belongs to; the
    id of the row ends with them. `unit` is that of the measure described. `direction` says what a
    positive or a negative change means; the footnotes of the table say both to the reader.
    """

    id: str
    label: str
    level: int
    cells: tuple[Cell, ...] = ()
    groups: tuple[tuple[str, str], ...] = ()
    unit: str = ""
    direction: str = ""
    notes: tuple[str, ...] = ()
    """Footnotes of its table that follow from what the row counted."""


@dataclass(frozen=True)
class Grid:
    """One table."""

    id: str
    title: str
    population: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    footnotes: tuple[str, ...] = ()

    def name(self, row: str) -> str:
        """Return a row's label where it stands alone, after that of the heading it is under."""
        labels = {named_row.id: named_row.label for named_row in self.rows}
        above = labels.get(row.partition("/")[0], "") if "/" in row else ""
        return ", ".join(filter(None, (above, labels.get(row, ""))))


@dataclass(frozen=True)
class ListingColumn:
    """A listing's column; one whose source the trial does not collect says so in every row.

    `integer` tells that its numbers are integers; `key` is its position among the columns that
    identify a row, 0 if it is not one of them.
    """

    id: str
    label: str
    kind: str = "text"
    """text, number, date (ISO text as collected, that may be partial) or day (YYYY-MM-DD, whole)"""
    integer: bool = False
    key: int = 0


@dataclass(frozen=True)
class Listing:
    """One listing: a record a row, sorted as its footnote says.

    There may be more rows than memory holds: each iteration makes them anew, one at a time.
    `dataset` names it as data.
    """

    id: str
    title: str
    population: str
    columns: tuple[ListingColumn, ...]
    rows: Iterable[tuple[Value, ...]]
    footnotes: tuple[str, ...] = ()
    dataset: str = ""


@dataclass(frozen=True)
class Narratives:
    """Narratives by one template, a subject a row: its id, then its paragraphs.

    As those of a listing, the rows are made anew by each iteration.
    """

    id: str
    title: str
    population: str
    rows: Iterable[tuple[Value, ...]]


@dataclass(frozen=True)
class Quartiles:
    """What a box shows beside its median and its whiskers, which are the limits of its mark.

    `outside` are the values beyond the whiskers, each with how many subjects have it.
    """

    q1: str
    q3: str
    mean: str
    outside: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Lane:
    """What happened in a subject's lane: which of the figure's `heads`, and when.

    `goes_on` says that it is still in it.
    """

    happened: tuple[tuple[int, str], ...]
    goes_on: bool


@dataclass(frozen=True)
class Mark:
    """A mark of a figure: numbers are exact decimal strings, None where there is none.

    `x` is a number (a day, a time, a rank from 1) or, of dots, the value along the horizontal axis;
    `label` names the visit, the subject or the term; `low` and `high` are the ends of an interval.
    """

    x: str | None
    y: str | None
    low: str | None = None
    high: str | None = None
    label: str = ""
    n: int | None = None
    level: int = 0
    """How far its label is indented."""
    beside: tuple[str, ...] = ()
    """What stands beside it in words and figures, under the heads of its figure."""
    is_heading: bool = False
    """Whether it is no mark, but what the marks below it stand under."""
    lane: Lane | None = None
    """What happened to the subject of a lane."""
    quartiles: Quartiles | None = None
    """What else there is to draw where it is a box."""
    cell: tuple[str, str] | None = None
    """The row and the column of its figure's table that it is of, where one cell holds it."""


@dataclass(frozen=True)
class Series:
    """The marks of one arm or column, in order; `n` are the subjects that it is about.

    Of a curve of survival, `censored` are the times at which follow-up ended without an event, and
    `at_risk` says of some times how many had neither before.
    """

    id: str
    label: str
    marks: tuple[Mark, ...]
    censored: tuple[str, ...] = ()
    n: int | None = None
    at_risk: tuple[tuple[str, int], ...] = ()


FigureKind = Literal[
    "line", "step", "bars", "dots", "forest", "boxes", "cumulative", "stacked", "scatter",
    "swimmer", "profiles",
]  # fmt: skip


@dataclass(frozen=True)
class Figure:
    """One figure: means or shares by visit, curves of survival, a waterfall, dots by term.

    `line` joins its marks, `step` stays level between them, `bars` stand side by side in the
    order given, `dots` have a line a term (`label`), from the top; so has a `forest` for each row,
    with an interval along it. `boxes` stand side by side at each place, `cumulative` ones are steps
    that rise to 100 along the values; `stacked` ones lie from the top, what each is called and of
    how many in `sizes`, a series a category. Of a `scatter` the `quadrants` say by series how many
    are in each part; of a `swimmer` the `heads` say what its lanes are marked with.
    Beside dots there may be a `panel` of estimates, each
    on its term's line. `references` are levels of the axis of values that the eye
    should find, each with its name. It is read out of the same sums as the table named by `source`.
    `places` are the decimals that its numbers are told with, `y_range` what the vertical axis shows
    in any case. `heads` are those of what stands beside its marks. Ratios stand on a `log` axis,
    and `neutral` is where neither side is better.
    """

    id: str
    title: str
    population: str
    kind: FigureKind
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    source: str
    references: tuple[tuple[str, str], ...] = ()
    method: str = ""
    footnotes: tuple[str, ...] = ()
    places: int = 1
    y_range: tuple[str, str] | None = None
    heads: tuple[str, ...] = ()
    log: bool = False
    neutral: str | None = None
    sizes: tuple[tuple[str, int], ...] = ()
    x_references: tuple[tuple[str, str], ...] = ()
    quadrants: tuple[tuple[tuple[str, int], ...], ...] = ()
    panel: Series | None = None
    panel_label: str = ""
    x_names: tuple[tuple[str, str], ...] = ()
    """Of a `line`: what places along its axis are called, where that is not their number."""


@dataclass(frozen=True)
class Box:
    """A box of the flow: where `n` is None, `absent` says why.

    `not_due` counts subjects who may still come into it. A box of nobody is not `shown` in
    pictures and words, unless the definition asks for zero counts.
    """

    id: str
    label: str
    n: int | None
    reasons: tuple[tuple[str, int], ...] = ()
    arm: str = ""
    """The label of the arm it is of; '' where it is of all."""
    absent: str = NOT_REPORTED
    not_due: int | None = None
    shown: bool = True


@dataclass(frozen=True)
class Stage:
    """A level of the flow: one box, or one an arm; in `side` those who left before the next.

    Subjects in a stage that is `apart` need not be in the stage above it.
    """

    id: str
    label: str
    boxes: tuple[Box, ...]
    side: tuple[Box, ...] = ()
    apart: bool = False

    @property
    def visible_side(self) -> tuple[Box, ...]:
        """The side boxes that pictures and words show."""
        return tuple(box for box in self.side if box.shown)


@dataclass(frozen=True)
class Flow:
    """A participant flow; `discrepancies` name the identities that do not hold."""

    title: str
    design: str
    stages: tuple[Stage, ...]
    discrepancies: tuple[str, ...] = ()


@dataclass(frozen=True)
class KeyResult:
    """One key result of the summary: numerator or subjects with a value `n`, denominator `N`.

    The interval `ci` is exact, `ci_text` is what a reader sees of it, `interval` what it is called;
    a limit that was not asked for is None. `direction` and `nominal` are
    those of the row and of the P value that it shows. Without a `value`, `text` says why there is
    none.
    """

    id: str
    label: str
    population: str
    n: int | None
    N: int | None
    value: str | None
    unit: str
    text: str
    ci: tuple[str | None, str | None] | None
    method: str
    rule: str
    observed: int | None
    imputed: int | None
    ci_text: tuple[str | None, str | None] | None = None
    interval: str = INTERVAL
    direction: str = ""
    nominal: bool = False
    primary: bool = False
    """Whether it shows the primary end point."""
    not_due: int | None = None
    missing: int | None = None
    """Who is in neither n nor N: not yet due, and missing. None where it counts no subjects."""
    without_row: str = ""
    """The row that it is of, where its table has none: no event of that term, for one."""

    @property
    def left_out(self) -> str:
        """State how many are in neither n nor N, if any; or that the table has no such row."""
        if self.without_row:
            return f"there is no row {self.without_row}"
        counts = ((self.not_due, "not yet due"), (self.missing, "missing"))
        return ", ".join(f"{n} {status}" for n, status in counts if n)

    @property
    def imputation(self) -> str:
        """How many values were observed and imputed, and how; '' where nothing may be imputed."""
        if self.observed is None or self.imputed is None:
            return ""
        return imputation(str(self.observed), str(self.imputed), self.method)


def imputation(observed: str, imputed: str, method: str) -> str:
    """State what a mean is made of: `observed 31, imputed 9 (BOCF)`."""
    return f"observed {observed}, imputed {imputed}" + (f" ({method})" if method else "")


@dataclass(frozen=True)
class Section:
    """A part of the Methods: words in rows, the first of which name what the others are about."""

    id: str
    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Completion:
    """Whether what is shown is final or interim, and why; `text` says both to a reader.

    `n` of the `N` subjects who have to be complete are; None where the definition says of nobody
    when that is. `look` is the planned look that this is; '' where it is none.
    """

    final: bool
    text: str
    n: int | None = None
    N: int | None = None
    look: str = ""

    @property
    def state(self) -> str:
        """The state in a word: Interim, or Final."""
        return "Final" if self.final else "Interim"


UNDECLARED = Completion(final=False, text="Interim: no condition of completion is declared")


@dataclass(frozen=True)
class Cut:
    """Which state of which study a document shows; the same state gives the same cut.

    `blinded` says that what tells the arm is hidden: the study is shown pooled.
    """

    id: str
    study: str
    title: str
    registry: str
    notice: str
    definition: str
    contribution_version: int
    audience: str
    accepted: int
    content_root: str
    data_date: str
    dictionaries: tuple[str, ...] = ()
    as_of: str = ""
    cutoff: str = ""
    blinded: bool = False
    completion: Completion = UNDECLARED
    is_named: bool = True

    def unnamed(self) -> "Cut":
        """Return it without what any event changes, for files that stay as long as their numbers.

        Those that are requested keep their names: a file of theirs may be looked at by itself.
        """
        return self if self.as_of else replace(self, id="", content_root="", is_named=False)


@dataclass(frozen=True)
class RuleCount:
    """How many discrepancies a rule finds, and the listing that names each of them."""

    rule: str
    label: str
    severity: Literal["contradictory", "notable"]
    count: int
    listing: str

    @property
    def text(self) -> str:
        """What there is to say of them in a line."""
        return f"{self.label}: {self.count} (see listing {self.listing})"


@dataclass(frozen=True)
class Report:
    """Everything one cut publishes."""

    cut: Cut
    key_results: tuple[KeyResult, ...]
    flow: Flow
    grids: tuple[Grid, ...]
    listings: tuple[Listing, ...]
    discrepancies: tuple[RuleCount, ...] = ()
    figures: tuple[Figure, ...] = ()
    sets: tuple[tuple[str, int], ...] = ()
    """The analysis sets by what they are called, and how many subjects each has."""
    methods: tuple[Section, ...] = ()
    """How all of it is counted, in words."""
    analysis_data: tuple[Listing, ...] = ()
    """What the tables are of, as data: delivered as data sets, and listed nowhere."""
    analysis_plan: AnalysisPlan = NO_PLAN
    """Where in the data sets each statistic has what it is of."""
    narratives: tuple[Narratives, ...] = ()

    def discrepancy_count(self, severity: Literal["contradictory", "notable"]) -> int:
        """Return the number of discrepancies of a severity, with those of the flow."""
        flow = len(self.flow.discrepancies) if severity == "contradictory" else 0
        return flow + sum(rule.count for rule in self.discrepancies if rule.severity == severity)

    @property
    def contradictions(self) -> tuple[str, ...]:
        """The identities of the flow that do not hold, then records of which one must be wrong."""
        texts = (rule.text for rule in self.discrepancies if rule.severity == "contradictory")
        return (*self.flow.discrepancies, *texts)

    @property
    def notable(self) -> tuple[str, ...]:
        """What is missing or unusual, and may yet be right."""
        return tuple(rule.text for rule in self.discrepancies if rule.severity == "notable")

    @property
    def discrepancy_texts(self) -> tuple[str, ...]:
        """All discrepancies in words, the contradictory first."""
        return (*self.contradictions, *self.notable)
