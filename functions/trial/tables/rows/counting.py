"""Denominators: the subjects for whom a condition is determined; beside them pending and missing.

A subject for whom the answer is not known is in neither number of a percentage. The determined are
counted, and not the undetermined: a newly enrolled subject, for whom all is undetermined, changes
no cell. Where a condition cannot be pending, only the missing are counted.
"""

from collections.abc import Sequence

from trial.deferred import dataclass
from trial.rules.determination import PendingTest, Undetermined
from trial.rules.matching import Test
from trial.statistics.cells import Cells, Share, Sums
from trial.subject.derivation import Derivation
from trial.subject.truth import Truth
from trial.tables.grid import Statistic
from trial.tables.rows.kinds import ColumnHead, Members, integer_statistic

_DETERMINED_CELL, _MISSING_CELL, _BASE_CELL, _LACKING_CELL = "0.n", "1.n", "2.n", "3.n"
"""The names of a condition's cells: like those of counts by column, so they compress well."""


@dataclass(frozen=True)
class OwnDenominator:
    """The denominator that a row names itself: the subjects of a column who meet a condition.

    `words` say who they are, where the condition does not.
    """

    test: Test
    label: str
    words: str = ""


@dataclass(frozen=True)
class Denominator:
    """The size of a denominator, and how many subjects are in neither number of the percentage."""

    size: int
    not_due: int = 0
    missing: int = 0

    @property
    def not_counted(self) -> tuple[Statistic, ...]:
        """The subjects in neither number, as statistics; none where there are none."""
        return not_counted_statistics(self.not_due, self.missing)


def not_counted_statistics(not_due: int, missing: int) -> tuple[Statistic, ...]:
    """Return how many subjects are not yet due and missing, each where there are any."""
    counts = (("not_due", not_due), ("missing", missing))
    return tuple(integer_statistic(name, n) for name, n in counts if n)


@dataclass(frozen=True)
class ConditionCount:
    """A condition counted in one column: the subjects determined, pending and missing.

    `sums` and `index` name the cells of the determined, the missing and, with a denominator of the
    row's own (`base`), of its subjects. Conditions that are determined for the same subjects share
    these cells, so they are set to 1 and never added to. With `whole_column` the denominator is
    the column, whether the answer is known or not. An adverse event that lacks one of the
    `optional_fields` counts as a no; `strict_test` leaves it undetermined, and the subjects for
    whom that makes a difference are counted too.
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

    def contribute(self, derivation: Derivation, members: Members, share: Share) -> Truth:
        """Return the answer for a subject of the column, counted as determined or missing."""
        if not members.belongs[self.column]:
            return None
        if self.base is not None:
            if not self.base.test(derivation):
                return None
            self._set(share, _BASE_CELL)
        truth = self.test(derivation)
        if truth is not None:
            if self.indeterminacy is Undetermined.PENDING:
                self._set(share, _DETERMINED_CELL)
            if self.strict_test is not None and self.strict_test(derivation) is None:
                self._set(share, _LACKING_CELL)
        elif not self.pending(derivation):
            self._set(share, _MISSING_CELL)
        return truth

    def _set(self, share: Share, cell: str) -> None:
        name = f"{self.index}.{cell}"
        if (cells := share.get(self.sums)) is None:
            share[self.sums] = {name: 1}
        else:
            cells[name] = 1

    def denominator(self, sums: Sums, head: ColumnHead) -> Denominator:
        """Read the denominator, and how many subjects are not yet due and missing."""
        cells = sums.get(self.sums, {})
        size = self._cell(cells, _BASE_CELL) if self.base else head.n
        missing = self._cell(cells, _MISSING_CELL)
        pending = self.indeterminacy is Undetermined.PENDING
        not_due = size - self._cell(cells, _DETERMINED_CELL) - missing if pending else 0
        return Denominator(
            size if self.whole_column else size - not_due - missing, not_due, missing
        )

    def _cell(self, cells: Cells, cell: str) -> int:
        return cells.get(f"{self.index}.{cell}", 0)

    @property
    def touched(self) -> set[str]:
        """The row of sums that it can change, if any."""
        return {self.sums} if self.sums else set()

    def lacking_count(self, sums: Sums) -> int:
        """Read how many subjects count as a no only for what their adverse events lack."""
        return self._cell(sums.get(self.sums, {}), _LACKING_CELL)
