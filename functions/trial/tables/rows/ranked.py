"""Rows that compare a measure by ranks within strata: a tally of values by column and stratum."""

import json
from collections.abc import Mapping, Sequence

from trial.deferred import dataclass
from trial.events.json_body import canonical
from trial.rules.categories import Category
from trial.rules.determination import PendingTest
from trial.rules.measures import Quantity
from trial.statistics.cells import Share, Sums
from trial.statistics.ranks import VAN_ELTEREN, RankSum, van_elteren
from trial.subject.derivation import Derivation
from trial.tables import notes
from trial.tables.grid import Cell, Row
from trial.tables.rows.counting import not_counted_statistics
from trial.tables.rows.counts import PlacedRow
from trial.tables.rows.kinds import (
    ColumnHead,
    Members,
    column_groups,
    integer_statistic,
    p_value,
    put_cell,
)
from trial.tables.rows.summaries import tally_reach

type _Tallies = Mapping[str, Mapping[int, int]]
"""By stratum, as it is named in cells: how often each value occurs."""

_PAIR = 2


@dataclass(frozen=True)
class StratifiedRanksRow(PlacedRow):
    """A measure by arm and stratum, for van Elteren's test in columns that compare two."""

    table: str
    quantity: Quantity
    strata: Sequence[Category]
    pending: PendingTest
    arms: Sequence[str | None]

    def contribute(self, derivation: Derivation, members: Members, share: Share) -> None:
        """Count the subject's value in its stratum; or the subject as missing (`m`)."""
        stratum = [stratum_of(derivation) for stratum_of in self.strata]
        value = self.quantity.evaluate(derivation)
        for column, member in enumerate(members):
            if not member:
                continue
            if value is not None and None not in stratum:
                near = value.units // tally_reach(self.quantity.precision)
                cell = f"{value.units}{canonical(stratum)}"
                put_cell(share, f"{self._tally(column)}#{near}", cell, 1)
            elif not self.pending(derivation):
                put_cell(share, self.sums, f"{self.index}.{column}.m", 1)

    def _tally(self, column: int | str) -> str:
        return f"{self.table}#ranks{self.index}.{column}"

    def touched(self) -> set[str]:
        """Return the row of who is missing, and the tallies that a value moves between."""
        columns = dict.fromkeys(column_groups(self.arms))
        return {self.sums} | {
            f"{self._tally(column)}#{end}" for column in columns for end in ("from", "to")
        }

    def read(self, sums: Sums, heads: Sequence[ColumnHead]) -> list[Row]:
        """Return the subjects counted of all strata; columns are compared within strata."""
        tallies = {
            i: self._tallies(sums, i) for i, head in enumerate(heads) if head.comparison is None
        }
        cells, left_out = [], []
        for i, head in enumerate(heads):
            if head.comparison is None:
                size = sum(n for tally in tallies[i].values() for n in tally.values())
                missing = sums.get(self.sums, {}).get(f"{self.index}.{i}.m", 0)
                not_counted = not_counted_statistics(head.shown - size - missing, missing)
                cells.append(Cell(head.id, (integer_statistic("n", size), *not_counted)))
            elif len(head.comparison.columns) == _PAIR:
                reference, compared = (tallies[column] for column in head.comparison.columns)
                shared = sorted(reference.keys() & compared.keys())
                test = van_elteren([RankSum(compared[name], reference[name]) for name in shared])
                method = VAN_ELTEREN if test else ""
                cells.append(Cell(head.id, (p_value(test.p),) if test else (), method))
                lone = sorted(reference.keys() ^ compared.keys())
                left_out.append((head.label, [json.loads(name) for name in lone]))
        footnotes = tuple(notes.strata_left_out(self.label, left_out))
        return [Row(self.id, self.label, self.level, tuple(cells), notes=footnotes)]

    def _tallies(self, sums: Sums, column: int) -> _Tallies:
        """Read how often each value occurs in a column, by stratum."""
        tallies: dict[str, dict[int, int]] = {}
        for cells in sums.spread(self._tally(column)):
            for cell, n in cells.items():
                units, start, levels = cell.partition("[")
                if n:
                    tallies.setdefault(start + levels, {})[int(units)] = n
        return tallies
