"""Rows of a logistic regression: a condition by column and covariates, in cells of counts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import field

from trial.deferred import dataclass
from trial.statistics.cells import Sums
from trial.statistics.regression import Tally
from trial.tables.grid import Row
from trial.tables.rows.kinds import ColumnHead
from trial.tables.rows.models import InStrataRow, over_strata
from trial.tables.rows.ratios import Levels, RatioModel

_RESPONDS, _DOES_NOT = (1, 1), (1, 0)


@dataclass(frozen=True)
class LogisticRow(InStrataRow):
    """A condition whose odds a model compares; the covariates are what it is counted by."""

    model: RatioModel = field(kw_only=True)

    def read(self, sums: Sums, heads: Sequence[ColumnHead]) -> list[Row]:
        """Return who meets the condition, of those in the model, and the ratio of odds."""
        strata = self.by_stratum(sums)
        counted = self.counted_cells(sums, heads, over_strata(counts for _, counts in strata))
        tallies: dict[int, dict[Levels, Tally]] = {}
        for stratum, counts in strata:
            for column, (n, others) in counts.items():
                levels = tuple(json.loads(stratum))
                tallies.setdefault(column, {})[levels] = _tally(n, others)
        footnotes = tuple(self.lack_notes(sums, heads))
        row = Row(self.id, self.label, self.level, tuple(counted.values()), notes=footnotes)
        return self.model.rows(row, heads, tallies)


def _tally(n: int, others: int) -> Tally:
    tally: Mapping[tuple[int, int], int] = {_RESPONDS: n, _DOES_NOT: others}
    return {outcome: number for outcome, number in tally.items() if number}
