"""What stands beside dots: the estimate of each term in a column that compares two."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from trial.deferred import dataclass
from trial.definition.figures import FigureDefinition, estimated
from trial.statistics.cells import Sums
from trial.tables.compiled import CompiledTable
from trial.tables.forest import DIFFERENCE, RATIOS
from trial.tables.grid import Cell, Mark, Series
from trial.tables.rows.terms import TermPath, TermsRow


@dataclass(frozen=True)
class Panel:
    """The estimates of the terms of a row, by the ids of their rows, in one column."""

    row: TermsRow
    column: str
    head: str
    statistic: str
    cells: Mapping[str, Cell]

    @classmethod
    def of(cls, figure: FigureDefinition, table: CompiledTable, sums: Sums) -> "Panel | None":
        """Return the panel of a figure, if it has one."""
        if figure.differences is None:
            return None
        (row,) = (
            row for row in table.rows if isinstance(row, TermsRow) and row.id == figure.source.row
        )
        column = next(column for column in table.columns if column.id == figure.differences)
        (definition,) = figure.rows_of(table.definition)
        estimate = estimated(table.definition, definition, column.definition)
        cells = {
            line.id: cell
            for line in table.read(sums, {row.id}).rows
            for cell in line.cells
            if cell.column == column.id
        }
        return cls(row, column.id, column.label, estimate[0] if estimate else "", cells)

    @property
    def is_ratio(self) -> bool:
        """Whether what is estimated is a ratio."""
        return self.statistic in RATIOS

    @property
    def neutral(self) -> str:
        """Where neither column is better."""
        return "1" if self.is_ratio else "0"

    @property
    def label(self) -> str:
        """What is estimated, with the level of its interval."""
        name = RATIOS.get(self.statistic, DIFFERENCE)
        interval = next((cell.interval for cell in self.cells.values()), "")
        return f"{name} ({interval})" if interval else name

    def sorted(self, terms: Sequence[TermPath]) -> list[TermPath]:
        """Return terms by their estimates, the greatest first, those without one last."""

        def rank(term: TermPath) -> tuple[bool, Decimal]:
            value = self._number(term, self.statistic)
            return value is None, -Decimal(value or 0)

        return sorted(terms, key=rank)

    def series(self, terms: Iterable[TermPath]) -> Series:
        """Return the estimates of terms, each on its line."""
        names = (self.statistic, "ci_low", "ci_high")
        marks = (
            Mark(
                middle,
                str(rank),
                low,
                high,
                term[-1],
                cell=(self.row.term_row_id(term), self.column),
            )
            for rank, term in enumerate(terms, 1)
            for middle, low, high in [tuple(self._number(term, name) for name in names)]
        )
        return Series(self.column, self.head, tuple(marks))

    def _number(self, term: TermPath, name: str) -> str | None:
        cell = self.cells.get(self.row.term_row_id(term))
        statistic = cell.get(name) if cell is not None else None
        return None if statistic is None or statistic.raw is None else str(statistic.raw)
