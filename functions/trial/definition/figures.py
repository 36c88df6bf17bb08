"""What is drawn: figures, each another read-out of one row of a table."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, model_validator

from trial.definition.base import Model, Name, RefersTo
from trial.definition.outputs import Table, TableRow

FIGURE_KINDS: Mapping[str, str] = {
    "mean": "summary",
    "share": "count",
    "survival": "survival",
    "waterfall": "summary",
    "dots": "terms",
}
"""The kinds of figure, and the kind of row that each is read out of."""
BY_VISIT = frozenset(("mean", "share"))
"""The kinds whose row takes `visits`."""


class FigureSource(Model):
    """The row of a table that a figure shows, and in which columns: all that it fills."""

    table: Annotated[Name, RefersTo("table")]
    row: Annotated[Name, RefersTo("row of its own")]
    columns: list[Annotated[Name, RefersTo("column")]] = []


class Reference(Model):
    """A level of the vertical axis that the eye should find, and what it is called."""

    value: Decimal
    label: str


class FigureDefinition(Model):
    """A figure that is drawn, from what a table counts: it adds nothing to the sums.

    `mean` and `share` go by visit, with their confidence intervals; `survival` is Kaplan-Meier's
    curve; a `waterfall` has a bar a subject; `dots` show how many subjects had each of the `most`
    frequent terms.
    """

    id: Name
    title: str
    population: str
    kind: Literal["mean", "share", "survival", "waterfall", "dots"]
    source: FigureSource
    x_label: str
    y_label: str
    references: list[Reference] = []
    most: Annotated[int, Field(ge=1, le=100)] | None = None
    footnotes: list[str] = []

    @model_validator(mode="after")
    def _only_its_own(self) -> "FigureDefinition":
        if self.kind == "dots" and self.references:
            raise ValueError("a figure of dots takes no `references`")
        if self.kind != "dots" and self.most is not None:
            raise ValueError(f"a figure of {self.kind} takes no `most`: only dots do")
        return self

    def columns_of(self, table: Table, row: TableRow) -> list[str]:
        """Return the columns it shows: those it names or, without any, all that it can show."""
        return self.source.columns or self.fitting(table, row)

    def fitting(self, table: Table, row: TableRow) -> list[str]:
        """Return the columns of subjects in which a row holds what a figure of this kind shows.

        A waterfall needs each value, which sums keep only for order statistics.
        """
        by_column = getattr(row, row.kind) if row.kind else {}
        return [
            column.id
            for column in table.columns
            if column.set is not None
            and row.subgroups is None
            and row.fills(column)
            and (column.id in by_column if isinstance(by_column, dict) else True)
            and (self.kind != "waterfall" or row.tallied(column.id))
        ]
