"""Of how many a row counts: those of whom it is settled; beside it stand who waits and who misses.

What the answer is not known of is in neither number of a percentage. The settled are counted and
not the open, so that a subject newly enrolled, of whom all is open, changes no row. Where nothing
can wait the missing are counted alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from trial.rules.determination import PendingTest, Undetermined
from trial.rules.matching import Test, Truth
from trial.statistics.cells import Cells, Share, Sums
from trial.subject.derivation import Derivation
from trial.tables.grid import Statistic
from trial.tables.rows.kinds import ColumnHead, Members, integer_statistic

_SETTLED, _MISSING, _BASE, _LACKING = "0.n", "1.n", "2.n", "3.n"
"""What the cells of a question are called: as counts of columns are, which deflate well."""


@dataclass(frozen=True)
class OwnDenominator:
    """The subjects of a column that a row is about, where it names a denominator of its own."""

    test: Test
    label: str


@dataclass(frozen=True)
class Denominator:
    """How many a count is of: the denominator, and who is in neither number."""

    size: int
    not_due: int = 0
    missing: int = 0

    @property
    def not_counted(self) -> tuple[Statistic, ...]:
        """Say beside a count who is not counted, if anybody."""
        return not_counted_statistics(self.not_due, self.missing)


def not_counted_statistics(not_due: int, missing: int) -> tuple[Statistic, ...]:
    """Say who is not yet due and who is missing, where anybody is."""
    counts = (("not_due", not_due), ("missing", missing))
    return tuple(integer_statistic(name, n) for name, n in counts if n)


@dataclass(frozen=True)
class ConditionCount:
    """A question asked of the subjects of a column: who is settled, who waits, who is missing.

    `sums` and `index` say where that is counted: the settled, the missing and, where it is of some
    of the column alone, those. Questions that are settled alike share these cells, so
    they are set and not added to. `everybody` in the column is the denominator where it is asked
    for, whether settled or not. What adverse events may `lack` counts as a no; `strictly` leaves it
    open, and whom that makes a difference to is counted too.
    """

    column: int
    test: Test
    pending: PendingTest
    indeterminacy: Undetermined
    sums: str
    index: int
    base: OwnDenominator | None = None
    whole_column: bool = False
    optional_fields: Sequence[str] = ()
    strict_test: Test | None = None

    def ask(self, derivation: Derivation, members: Members, share: Share) -> Truth:
        """Ask a subject of the column; count it as settled or missing, and give the answer."""
        if not members.belongs[self.column]:
            return None
        if self.base is not None:
            if not self.base.test(derivation):
                return None
            self._set(share, _BASE)
        truth = self.test(derivation)
        if truth is not None:
            if self.indeterminacy is Undetermined.PENDING:
                self._set(share, _SETTLED)
            if self.strict_test is not None and self.strict_test(derivation) is None:
                self._set(share, _LACKING)
        elif not self.pending(derivation):
            self._set(share, _MISSING)
        return truth

    def _set(self, share: Share, cell: str) -> None:
        share.setdefault(self.sums, {})[f"{self.index}.{cell}"] = 1

    def whom(self, sums: Sums, head: ColumnHead) -> Denominator:
        """Read how many are counted, wait and are missing."""
        cells = sums.get(self.sums, {})
        size = self._cell(cells, _BASE) if self.base else head.n
        missing = self._cell(cells, _MISSING)
        pending = self.indeterminacy is Undetermined.PENDING
        not_due = size - self._cell(cells, _SETTLED) - missing if pending else 0
        return Denominator(
            size if self.whole_column else size - not_due - missing, not_due, missing
        )

    def _cell(self, cells: Cells, cell: str) -> int:
        return cells.get(f"{self.index}.{cell}", 0)

    @property
    def touched(self) -> set[str]:
        """The row of sums that it can touch, if any."""
        return {self.sums} if self.sums else set()

    def lacking(self, sums: Sums) -> int:
        """Read of how many the answer is open to what adverse events lack, and counted as no."""
        return self._cell(sums.get(self.sums, {}), _LACKING)
