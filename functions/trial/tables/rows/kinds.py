"""What all kinds of row have in common: columns, cells of a share, statistics ready to print.

What a kind contributes and how its sums are read stand side by side, so that they never drift
apart. Cells are named `<row>.<column>.<statistic>` by position: the digest of the definition is
part of the name of the sums and fixes the positions.
"""

from collections.abc import Sequence
from dataclasses import field, replace
from decimal import Decimal
from fractions import Fraction
from typing import Protocol

from trial.deferred import dataclass
from trial.definition.precision import NONTERMINATING_PLACES, Precision
from trial.events import json_pointer
from trial.rules.matching import refused
from trial.statistics.association import WorkBudget
from trial.statistics.cells import Share, Sums
from trial.statistics.inference import CONFIDENCE_95, Confidence
from trial.statistics.proportions import proportion
from trial.statistics.risks import DIFFERENCE
from trial.subject.derivation import Derivation
from trial.subject.truth import Truth
from trial.tables import rounding
from trial.tables.grid import Row, Statistic


@dataclass(frozen=True)
class Comparison:
    """Which columns a column compares, by position, the reference first; and how."""

    columns: tuple[int, ...]
    counts: str
    means: str
    confidence: Confidence = CONFIDENCE_95
    rates: str | None = None
    contrast: str = DIFFERENCE
    standard_error: bool = False


@dataclass(frozen=True)
class ColumnHead:
    """A column when its table is read: the size of its set, or what it compares.

    Of a column that shows only some of its set, `hidden` counts the subjects that it does not
    show, and `undetermined` those for whom that is not known: they are in no percentage. `budget`
    is the work that is left for the exact tests of all columns and rows of the table.
    """

    id: str
    label: str
    n: int
    arm: str | None = None
    comparison: Comparison | None = None
    percent_places: int = 0
    hidden: int = 0
    undetermined: int = 0
    budget: WorkBudget = field(default_factory=WorkBudget, compare=False)

    def of(self, size: int) -> "ColumnHead":
        """Return the column with another denominator: one that a row names itself."""
        return replace(self, n=size, hidden=0, undetermined=0)

    @property
    def shown(self) -> int:
        """How many subjects it shows."""
        return self.n - self.hidden - self.undetermined

    @property
    def determined(self) -> int:
        """The denominator of percentages: subjects known to be shown or not to be."""
        return self.n - self.undetermined


class Members(list[bool]):
    """Whether a subject is shown in each column.

    `belongs` tells by column whether the subject is in the column's set, `where` whether the
    column shows it then; None where that is not known.
    """

    def __init__(self, belongs: Sequence[bool], where: Sequence[Truth]) -> None:
        """Show the subject in the columns whose set it is in and that are known to show it."""
        super().__init__(
            [in_set and bool(is_shown) for in_set, is_shown in zip(belongs, where, strict=True)]
        )
        self.belongs = belongs
        self.where = where

    @property
    def determined(self) -> list[int]:
        """The columns whose set the subject is in and of which it is known if they show it."""
        return [
            i
            for i, (belongs, where) in enumerate(zip(self.belongs, self.where, strict=True))
            if belongs and where is not None
        ]

    def without(self, columns: frozenset[int]) -> "Members":
        """Return the subject as a member of all its columns but some."""
        if not columns:
            return self
        return Members(
            [belongs and i not in columns for i, belongs in enumerate(self.belongs)], self.where
        )

    def only(self, column: int) -> "Members":
        """Return the subject as a member of one column alone."""
        return Members(
            [belongs and i == column for i, belongs in enumerate(self.belongs)], self.where
        )


class CompiledRow(Protocol):
    """A row of a definition, ready to count and to read."""

    @property
    def id(self) -> str:
        """The id of the row; those of the rows that it prints are it, or begin with it and `/`."""

    def contribute(self, derivation: Derivation, members: Members, share: Share) -> None:
        """Add the subject's contribution to its share, in the columns it is a member of.

        No subject is a member of a column that compares others.
        """

    def read(self, sums: Sums, heads: Sequence[ColumnHead]) -> list[Row]:
        """Return the rows to print, read out of the sums."""

    def touched(self) -> set[str]:
        """Return names of the rows of sums that one subject's change can touch.

        Only their number matters: where the rows depend on values, distinct names stand for them.
        """


def row_id(row: str, *parts: str) -> str:
    """Return the id of a printed row, of its level, terms or visit: `<row>/<part>/…`.

    A slash in a part is written as JSON Pointer writes it, `~1` (and a tilde `~0`), so that two
    rows never share a name.
    """
    return "/".join((row, *map(json_pointer.escape, parts)))


def column_groups(arms: Sequence[str | None]) -> list[str]:
    """Return a name by column that columns of different arms share: no subject is in two of them.

    A subject's change touches the sums of one column of such a group only.
    """
    return [
        str(place) if arm is None else f"arm{arms[:place].count(arm)}"
        for place, arm in enumerate(arms)
    ]


def put_cell(share: Share, row: str, cell: str, value: int) -> None:
    """Add a value to one cell of a share."""
    cells = share.get(row)
    if cells is None:
        share[row] = {cell: value}
    else:
        cells[cell] = cells.get(cell, 0) + value


def count_statistics(
    n: int, head: ColumnHead, *, denominator: int | None = None
) -> tuple[Statistic, ...]:
    """Return a count of subjects with its denominator and percentage.

    The denominator is the column's unless it is given.
    """
    size = head.determined if denominator is None else denominator
    percent = proportion(n, size)
    return (
        integer_statistic("n", n),
        integer_statistic("N", size),
        Statistic(
            "percent",
            None if percent is None else rounding.exact_text(percent),
            rounding.percent_text(n, size, head.percent_places),
        ),
    )


def integer_statistic(name: str, n: int) -> Statistic:
    """Return a whole number."""
    return Statistic(name, n, str(n))


def undated_statistic(n: int) -> tuple[Statistic, ...]:
    """Return the number of subjects whose events have no date, where there are any."""
    return (integer_statistic("undated", n),) if n else ()


def fewest_places(*precisions: Precision) -> int | None:
    """Return the fewest places that rounded values are kept to; None if all are exact."""
    return min((precision.places for precision in precisions if not precision.exact), default=None)


def check_printed(precision: Precision, decimals: int, path: str) -> None:
    """Refuse more decimals of values without a last one than are exact after their rounding."""
    max_decimals = precision.max_decimals
    if max_decimals is not None and decimals > max_decimals:
        instead = (
            f"ask for at most {max_decimals}"
            if precision.places >= NONTERMINATING_PLACES
            else f"ask for at most {max_decimals}, or leave out the parameter's `places`"
        )
        detail = f"asks for {decimals} decimals of values that are rounded to {precision.places}: "
        raise refused(path, detail + instead)


def number_statistic(
    name: str,
    value: Fraction | Decimal | None,
    places: int,
    absent: str = "",
    places_kept: int | None = None,
) -> Statistic:
    """Return a number rounded to its places, and exactly; where there is none, say why if known.

    `kept` are the places of the rounded values that it was made of, if it was.
    """
    if value is None:
        return Statistic(name, None, absent)
    exact = value if places_kept is None else rounding.nearest_short_decimal(value, places_kept)
    return Statistic(name, rounding.exact_text(exact), rounding.decimal_text(exact, places))


def p_value(p: Fraction | Decimal | None, absent: str = "") -> Statistic:
    """Return a P value; where the test cannot be made, say why if that is known."""
    if p is None:
        return Statistic("p", None, absent)
    return Statistic("p", rounding.exact_text(p), rounding.p_text(Fraction(p)))
