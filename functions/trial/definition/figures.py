"""What is drawn: figures, each another read-out of one row of a table."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from trial.definition.base import Model, Name, RefersTo, check_unique
from trial.definition.intervals import USUAL_INTERVAL
from trial.definition.outputs import Table, TableColumn, TableRow
from trial.statistics.risks import CONTRAST_STATISTICS, DIFFERENCE

_OF_PROPORTIONS = ("count", "graded", "events", "levels")
_OF_MEANS = ("summary", "ancova", "mmrm")
FIGURE_KINDS: Mapping[str, tuple[str, ...]] = {
    "mean": ("summary",),
    "share": ("count",),
    "survival": ("survival",),
    "waterfall": ("summary",),
    "dots": ("terms",),
    "box": ("summary",),
    "cumulative": ("summary",),
    "scatter": ("summary",),
    "swimmer": ("summary",),
    "profiles": ("summary",),
    "stacked": ("levels", "worst", "shift", "cross"),
    "forest": (
        *_OF_PROPORTIONS,
        *_OF_MEANS,
        "stratified",
        "survival",
        "incidence",
        "logistic",
        "event_rate",
    ),
}
"""The kinds of figure, and the kinds of row that each is read out of."""
BY_VISIT = frozenset(("mean", "share"))
"""The kinds whose row takes `visits`."""
WITH_OR_WITHOUT_VISITS = frozenset(("box", "forest", "stacked"))
"""The kinds whose row may take `visits`."""
OF_VALUES = frozenset(("waterfall", "box", "cumulative"))
"""The kinds that show every value, which sums keep only for order statistics."""
INTERACTING = ("count", "graded", "events", "summary", "survival")
"""The kinds of row whose estimates in subgroups can be tested for being one."""
HAZARD_RATIO, RATE_RATIO = "hazard_ratio", "rate_ratio"
_WITH_INTERVALS = ("stratified", "survival", "ancova", "mmrm", "logistic", "event_rate")
"""The kinds of row whose own interval is that of their contrasts, unless a column has one."""
_OF_MODELS: Mapping[str | None, tuple[str, str]] = {
    "logistic": ("odds_ratio", "odds by a model"),
    "event_rate": (RATE_RATIO, "rates by a model"),
}
"""The kinds of row that are a regression: the ratio that each estimates, and of what."""
_PAIR = 2


class FigureSource(Model):
    """The row of a table that a figure shows, and in which columns: all that it fills.

    A `forest` shows further `rows` below it, of the one column that compares two.
    """

    table: Annotated[Name, RefersTo("table")]
    row: Annotated[Name, RefersTo("row of its own")]
    rows: Annotated[
        list[Annotated[Name, RefersTo("row of its own")]],
        Field(max_length=100),
        AfterValidator(check_unique),
    ] = []
    columns: list[Annotated[Name, RefersTo("column")]] = []

    @property
    def all_rows(self) -> list[str]:
        """The rows that it shows, in their order."""
        return [self.row, *self.rows]


class Reference(Model):
    """A level of the axis of values that the eye should find, and what it is called."""

    value: Decimal
    label: str


OF_SUBJECTS: Mapping[str, str] = {
    "scatter": "one other measure, of the vertical axis",
    "swimmer": "a measure for each of its `marks`",
    "profiles": "the measures at the earlier visits",
}
"""The kinds that draw what subjects have together, and what its row keeps as `joint`."""


_WITHOUT_REFERENCES = frozenset(("dots", "stacked", "swimmer"))
_ONLY_OF = {
    "most": "dots",
    "differences": "dots",
    "interaction": "forest",
    "whiskers": "box",
    "x_references": "scatter",
    "log": "scatter",
    "marks": "swimmer",
}
"""What one kind of figure alone takes."""


class LaneMark(Model):
    """What the measure of the same place in `joint` marks in a swimmer's lanes.

    A subject who lacks what `ends` the lane is still in it: then it has an arrow.
    """

    label: str
    ends: bool = False


class FigureDefinition(Model):
    """A figure that is drawn, from what a table counts: it adds nothing to the sums.

    `mean` and `share` go by visit, with their confidence intervals; `survival` is Kaplan-Meier's
    curve; a `waterfall` has a bar a subject; `dots` show how many subjects had each of the `most`
    frequent terms, and with a column of `differences` these beside them; a `box` stands on the
    quartiles, its `whiskers` reach to the farthest values within 1.5 times their distance (`iqr`,
    the default) or to all (`range`); a `cumulative` one shows how many values are at most each
    value; `stacked` bars show the levels or classes of a row, in percent, on one another; a
    `scatter` has a point a subject, with `log` axes if asked for, and lines also at `x_references`;
    a `swimmer` a lane a subject with its `marks`; `profiles` a line a subject over visits; a
    `forest` has a line for each estimate of a column that compares two, and with `interaction`
    tests whether the subgroups of a row have the same.
    """

    id: Name
    title: str
    population: str
    kind: Literal[
        "mean", "share", "survival", "waterfall", "dots", "box", "cumulative", "stacked", "forest",
        "scatter", "swimmer", "profiles",
    ]  # fmt: skip
    source: FigureSource
    x_label: str
    y_label: str
    references: list[Reference] = []
    differences: Annotated[Name, RefersTo("column")] | None = None
    most: Annotated[int, Field(ge=1, le=100)] | None = None
    interaction: bool = False
    x_references: list[Reference] = []
    log: bool = False
    marks: Annotated[list[LaneMark], Field(max_length=12)] = []
    whiskers: Literal["iqr", "range"] | None = None
    footnotes: list[str] = []

    @model_validator(mode="after")
    def _only_its_own(self) -> "FigureDefinition":
        if self.kind in _WITHOUT_REFERENCES and self.references:
            raise ValueError(f"a figure of {self.kind} takes no `references`")
        for name, kind in _ONLY_OF.items():
            if kind != self.kind and getattr(self, name) not in (None, False, []):
                raise ValueError(f"a figure of {self.kind} takes no `{name}`: only {kind} does")
        if self.kind != "forest" and self.source.rows:
            raise ValueError(f"a figure of {self.kind} takes no `rows`: only a forest does")
        levels = (*self.references, *self.x_references)
        if self.log and any(level.value <= 0 for level in levels):
            raise ValueError("must have levels above 0 on `log` axes")
        if self.source.row in self.source.rows:
            raise ValueError(f"lists row {self.source.row} twice")
        return self

    def columns_of(self, table: Table, row: TableRow) -> list[str]:
        """Return the columns it shows: those it names or, without any, all that it can show."""
        return self.source.columns or self.fitting(table, row)

    def rows_of(self, table: Table) -> list[TableRow]:
        """Return the rows that it shows, as far as its table has them."""
        rows = {row.id: row for row in table.rows}
        return [rows[name] for name in self.source.all_rows if name in rows]

    def fitting(self, table: Table, row: TableRow) -> list[str]:
        """Return the columns of subjects in which a row holds what a figure of this kind shows.

        What shows each value needs them to be kept (`OF_VALUES`). A forest is of the columns that
        compare two, and has both limits of their intervals.
        """
        if self.kind == "forest":
            return [
                column.id for column in table.columns if estimated(table, row, column) is not None
            ]
        by_column = getattr(row, row.kind) if row.kind else {}
        return [
            column.id
            for column in table.columns
            if column.set is not None
            and row.subgroups is None
            and not (self.kind == "stacked" and row.levels is not None and row.levels.recorded)
            and (self.kind not in OF_SUBJECTS or bool(row.joint))
            and row.fills(column)
            and (column.id in by_column if isinstance(by_column, dict) else True)
            and (self.kind not in OF_VALUES or row.tallied(column.id))
        ]


def estimated(table: Table, row: TableRow, column: TableColumn) -> tuple[str, str] | None:
    """Return what a row estimates with two limits in a column that compares two, and of what.

    The first is the statistic's name; estimates of one name and one kind stand on one axis.
    """
    compared = column.compare or ()
    if len(compared) != _PAIR or not _filled(table, row, compared):
        return None
    interval = column.interval or (row.interval_asked if row.kind in _WITH_INTERVALS else None)
    if (interval or USUAL_INTERVAL).limits != "both":
        return None
    return _OF_MODELS.get(row.kind) or _estimated(row, column)


def _estimated(row: TableRow, column: TableColumn) -> tuple[str, str] | None:
    if row.kind in (*_OF_PROPORTIONS, "terms"):
        return (CONTRAST_STATISTICS[column.contrast], "proportions") if column.contrasts else None
    if row.kind in _OF_MEANS:
        tested = row.kind == "summary" and column.means == "anova"
        return None if tested else (CONTRAST_STATISTICS[DIFFERENCE], "means")
    if row.stratified is not None and row.stratified.contrast is not None:
        return CONTRAST_STATISTICS[row.stratified.contrast], "proportions"
    if row.survival is not None and row.survival.hazard_ratio_asked is not None:
        return HAZARD_RATIO, "hazards"
    if row.incidence is not None and row.by_term is None and column.rates is not None:
        ratio = column.rates == "ratio"
        return RATE_RATIO if ratio else CONTRAST_STATISTICS[DIFFERENCE], "rates"
    return None


def _filled(table: Table, row: TableRow, compared: Sequence[str]) -> bool:
    """Return whether a row shows something in all columns that one compares."""
    by_column = getattr(row, row.kind) if row.kind else None
    return all(
        row.fills(column) and (not isinstance(by_column, dict) or column.id in by_column)
        for column in table.columns
        if column.id in compared
    )
