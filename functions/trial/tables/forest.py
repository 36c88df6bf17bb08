"""Forest plots: what a column that compares two estimates, a line for each row of its table."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from trial.deferred import dataclass
from trial.definition.figures import (
    HAZARD_RATIO,
    INTERACTING,
    RATE_RATIO,
    FigureDefinition,
    estimated,
)
from trial.definition.outputs import TableRow
from trial.statistics.cells import Sums
from trial.statistics.heterogeneity import (
    COCHRAN_Q,
    cochran_q,
    normal_contrast,
    normal_difference,
)
from trial.statistics.inference import NOT_ESTIMABLE, NormalEstimate
from trial.statistics.risks import katz_relative_risk, wald_difference, woolf_odds_ratio
from trial.tables.compiled import CompiledTable
from trial.tables.grid import Cell, Grid, Mark, Row, Series, Statistic
from trial.tables.rounding import p_text
from trial.tables.rows.hazards import HAZARD_RATIO as HAZARD_ROW
from trial.tables.rows.interactions import INTERACTION
from trial.tables.rows.subgroups import narrowed_row
from trial.tables.rows.summaries import SummaryRow
from trial.tables.rows.survival import SurvivalRow

RATIOS: Mapping[str, str] = {
    "odds_ratio": "Odds ratio",
    "relative_risk": "Relative risk",
    HAZARD_RATIO: "Hazard ratio",
    RATE_RATIO: "Rate ratio",
}
"""The statistics that are ratios, and what a reader calls them."""
DIFFERENCE = "Difference"
"""What a reader calls a difference."""
_ONE_RISK = {
    "difference": (wald_difference, "of Wald's variance"),
    "odds_ratio": (woolf_odds_ratio, "by their logarithms, of Woolf's variance"),
    "relative_risk": (katz_relative_risk, "by their logarithms, of Katz's variance"),
}
"""By contrast: its estimate with a variance, and what the test says of it."""
NOMINAL_INTERACTION = "P values of interaction are nominal."
_OF_MEANS, _OF_HAZARDS = "of Welch's variance", "by their logarithms, of Cox's model"


@dataclass(frozen=True)
class Forest:
    """A forest plot: its figure, its compiled table and the sums."""

    figure: FigureDefinition
    table: CompiledTable
    sums: Sums

    @cached_property
    def _rows(self) -> list[TableRow]:
        return self.figure.rows_of(self.table.definition)

    @cached_property
    def _column(self) -> int:
        """The column that compares, by its position."""
        (name,) = self.figure.columns_of(self.table.definition, self._rows[0])
        return [column.id for column in self.table.columns].index(name)

    @cached_property
    def _compared(self) -> Sequence[int]:
        """The two columns that it compares, in the order of the table."""
        comparison = self.table.columns[self._column].comparison
        return sorted(comparison.columns) if comparison else ()

    @cached_property
    def statistic(self) -> str:
        """The name of what is estimated."""
        definition = self.table.columns[self._column].definition
        statistics = estimated(self.table.definition, self._rows[0], definition)
        return statistics[0] if statistics else ""

    @cached_property
    def _grid(self) -> Grid:
        names = {row.id for row in self._rows}
        compiled_rows = (row.id for row in self.table.rows if row.id.partition("/")[0] in names)
        return self.table.read(self.sums, set(compiled_rows))

    @cached_property
    def _cells(self) -> list[Cell]:
        """The cells that hold an estimate, in their order."""
        name = self.table.columns[self._column].id
        cells = (cell for row in self._grid.rows for cell in row.cells if cell.column == name)
        return [cell for cell in cells if cell.get(self.statistic) is not None]

    @property
    def heads(self) -> tuple[str, ...]:
        """The heads of what stands beside the lines: the columns compared, and the estimate."""
        name = RATIOS.get(self.statistic, DIFFERENCE)
        interval = self._cells[0].interval if self._cells else ""
        labels = (self.table.columns[i].label for i in self._compared)
        return (*labels, f"{name} ({interval})" if interval else name)

    @property
    def places(self) -> int:
        """The decimals that estimates are printed with."""
        texts = [cell.get(self.statistic) for cell in self._cells]
        return max(
            (len(text.text.partition(".")[2]) for text in texts if text and text.raw), default=0
        )

    @property
    def method(self) -> str:
        """How the estimates were made and, if asked for, what tests that they are of one effect."""
        methods = dict.fromkeys(cell.method for cell in self._cells if cell.method)
        tested = dict.fromkeys(
            f"{COCHRAN_Q} {words}"
            for row in self._rows
            if self.figure.interaction and (words := self._tested(row))
        )
        return "; ".join((*methods, *tested))

    def series(self) -> tuple[Series, ...]:
        """Return the one series of the column, a mark for each line, from the top."""
        column = self.table.columns[self._column]
        lines = [line for row in self._rows for line in self._lines(row)]
        least = min((line.level for line in lines), default=0)
        marks = (
            replace(line, y=str(rank), level=line.level - least)
            for rank, line in enumerate(lines, 1)
        )
        return (Series(column.id, column.label, tuple(marks)),)

    def _lines(self, row: TableRow) -> Iterator[Mark]:
        """Yield the lines of a row: one for each estimate, and the headings these stand under."""
        row_lines = [line for line in self._grid.rows if line.id.partition("/")[0] == row.id]
        by_id = {line.id: line for line in row_lines}
        cells_shown = {
            line.id.removesuffix(f"/{HAZARD_ROW}") if row.survival is not None else line.id: cell
            for line in row_lines
            if (cell := self._estimate(line, row)) is not None
        }
        for line in row_lines:
            if line.id in cells_shown:
                yield self._line(by_id[line.id], cells_shown[line.id])
            elif any(name.startswith(f"{line.id}/") for name in cells_shown):
                interaction = self._interaction(row) if line.id == row.id else self._of_model(line)
                beside = ("",) * len(self._compared) + (interaction,)
                yield Mark(
                    None, None, label=line.label, level=line.level, beside=beside, is_heading=True
                )

    def _estimate(self, row: Row, definition: TableRow) -> Cell | None:
        """Return the cell of a row that holds what the forest shows, if the row has any.

        Where there is nothing to compare the cell is empty, and its line says how many there are.
        """
        name = self.table.columns[self._column].id
        cell = next((cell for cell in row.cells if cell.column == name), None)
        if cell is None or row.id.endswith(f"/{HAZARD_ROW}") != (self.statistic == HAZARD_RATIO):
            return None
        is_empty = not cell.statistics and definition.kind in INTERACTING
        return cell if is_empty or cell.get(self.statistic) is not None else None

    def _line(self, row: Row, cell: Cell) -> Mark:
        estimate, low, high = (cell.get(name) for name in (self.statistic, "ci_low", "ci_high"))
        text = estimate.text if estimate is not None else ""
        if low is not None and high is not None and (low.raw is not None or high.raw is not None):
            text = f"{text} ({low.text} to {high.text})"
        sizes = (self._size(row, self.table.columns[i].id) for i in self._compared)
        column = self.table.columns[self._column].id
        return Mark(
            _raw(estimate), None, _raw(low), _raw(high), row.label, None, row.level, (*sizes, text),
            cell=(row.id, column),
        )  # fmt: skip

    def _size(self, row: Row, column: str) -> str:
        """Return how many subjects of a column an estimate is of: of events, with these."""
        cell = next((cell for cell in row.cells if cell.column == column), None)
        n, size, events = (cell.get(name) if cell else None for name in ("n", "N", "events"))
        if n is not None and size is not None:
            return f"{n.text}/{size.text}"
        counted = n or events
        return counted.text if counted else ""

    def _tested(self, row: TableRow) -> str:
        """Return which estimates of a row's subgroups are tested; '' where none are."""
        if row.subgroups is None or row.visits is not None or row.kind not in INTERACTING:
            return ""
        if row.kind == "summary":
            return _OF_MEANS
        if row.kind == "survival":
            return _OF_HAZARDS
        return _ONE_RISK[self.statistic][1] if self.statistic in _ONE_RISK else ""

    def _interaction(self, row: TableRow) -> str:
        """Return the P value of a row's subgroups having one effect, in words."""
        if not self.figure.interaction or not self._tested(row):
            return ""
        estimates = list(self._estimates(row))
        p = (
            None
            if None in estimates
            else cochran_q([estimate for estimate in estimates if estimate])
        )
        text = NOT_ESTIMABLE if p is None else p_text(p)
        return f"P of interaction: {text}"

    def _of_model(self, line: Row) -> str:
        """Return the P value of an interaction in one model, in words, where a line is of that."""
        name = self.table.columns[self._column].id
        cell = next((cell for cell in line.cells if cell.column == name), None)
        p = cell.get("p") if cell is not None and line.id.endswith(f"/{INTERACTION}") else None
        return f"P of interaction: {p.text}" if p is not None else ""

    def _estimates(self, row: TableRow) -> Iterator[NormalEstimate | None]:
        """Yield the estimate of each subgroup with subjects in both columns; None without one."""
        comparison = self.table.columns[self._column].comparison
        assert comparison is not None
        reference, compared = comparison.columns
        if row.kind not in ("summary", "survival"):
            yield from self._of_risks(row, reference, compared)
            return
        for compiled_row in self.table.rows:
            inner = narrowed_row(compiled_row)
            if compiled_row.id.partition("/")[0] != row.id:
                continue
            if isinstance(inner, SummaryRow):
                groups = [inner.moments(self.sums, i) for i in (compared, reference)]
                if all(group.n for group in groups):
                    yield normal_difference(*groups)
            if isinstance(inner, SurvivalRow) and inner.follows(self.sums, comparison.columns):
                yield inner.hazard(self.sums, comparison.columns)

    def _of_risks(
        self, row: TableRow, reference: int, compared: int
    ) -> Iterator[NormalEstimate | None]:
        """Yield the contrast of each subgroup, by that method of its kind that has a variance."""
        names = [self.table.columns[i].id for i in (compared, reference)]
        contrast, _ = _ONE_RISK[self.statistic]
        for line in self._grid.rows:
            cells = {cell.column: cell for cell in line.cells}
            if line.id.startswith(f"{row.id}/") and cells.keys() >= {*names}:
                first, second = (_group(cells[name]) for name in names)
                if first[1] and second[1]:
                    yield normal_contrast(contrast(first, second))


def _raw(statistic: Statistic | None) -> str | None:
    """Return a statistic as it is drawn; None where there is none."""
    return None if statistic is None or statistic.raw is None else str(statistic.raw)


def _group(cell: Cell) -> tuple[int, int]:
    """Return the subjects that a cell counts, and of how many."""
    n, size = (cell.get(name) for name in ("n", "N"))
    return int(n.raw or 0) if n else 0, int(size.raw or 0) if size else 0
