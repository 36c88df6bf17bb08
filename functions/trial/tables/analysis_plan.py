"""Of which records of the analysis data each statistic of a table is, for renderers to say.

The analysis data is a data set in which a subject has a record or more for each row of a table
that it can count in; `tables/analysis` makes it. A statistic is of the records that pass some
tests, each of one variable.
"""

from collections.abc import Mapping
from dataclasses import field
from typing import Literal

from trial.deferred import dataclass

type Variable = tuple[str, str]
"""A data set and a variable of it."""


@dataclass(frozen=True)
class RecordTest:
    """A variable of the analysis data, and which values pass."""

    variable: str
    comparator: Literal["EQ", "NE", "IN"]
    values: tuple[str, ...]


type RecordTests = tuple[RecordTest, ...]


def equal(variable: str, *values: str) -> RecordTest:
    """Return the test of a variable for one of some values."""
    return RecordTest(variable, "EQ" if len(values) == 1 else "IN", values)


@dataclass(frozen=True)
class RowRecords:
    """Of which records the statistics of a kind of row are.

    `variable` is what is analysed: of counts, the answer or the subjects. `selections` gives the
    tests by the name of a statistic; '' stands for all others. Columns that compare are of the
    records of `compared`. `factors` gives the variable that the levels, terms or classes of a
    row's groups are values of, by the factors down to it, such as `soc,pt`. `arm` is the variable
    of the arm that a model has a subject in, where one model is of all columns of arms together.
    `compared_rows` has the records of rows below the first that are of fewer of them, by the end of
    their ids.
    With `by_visit` the records of one model name the visits that its rows are of.
    `within` is the factor at the same level of which a row's denominator is, if at one.
    A name with a number, `undated/2`, is for rows at that depth of groups.
    """

    variable: str
    selections: Mapping[str, RecordTests]
    compared: RecordTests = ()
    factors: Mapping[str, str] = field(default_factory=dict)
    arm: str = ""
    within: str = ""
    compared_rows: Mapping[str, RecordTests] = field(default_factory=dict)
    by_visit: bool = False

    def compared_in(self, row: str) -> RecordTests:
        """Return the records that a column compares in a row, by the end of its id."""
        return self.compared_rows.get(row, self.compared)

    def part(self, statistic: str, depth: int) -> str:
        """Return the name of the first statistic of the same records, in a row at a depth."""
        by_depth = f"{statistic}/{depth}"
        name = by_depth if by_depth in self.selections else statistic
        tests = self.selections.get(name, self.selections[""])
        return next(
            selection_name
            for selection_name, selected in self.selections.items()
            if selected == tests
        )


@dataclass(frozen=True)
class CellRecords:
    """Of which records the statistics of a row in a column are: those of a parameter."""

    parameter: str
    records: RowRecords
    by_visit: bool = False


@dataclass(frozen=True)
class AnalysisPlan:
    """Where what analyses refer to stands in the data sets that are delivered.

    `cells` is by table, row of the definition and column; `visits` gives the text that stands for
    a visit; `sets` the flag of each analysis set; `arms` the arm, as planned and as received.
    """

    dataset: str = ""
    cells: Mapping[tuple[str, str, str], CellRecords] = field(default_factory=dict)
    visits: Mapping[str, str] = field(default_factory=dict)
    sets: Mapping[str, Variable] = field(default_factory=dict)
    arms: Mapping[str, Variable] = field(default_factory=dict)


NO_PLAN = AnalysisPlan()
"""That of a report without analysis data."""
