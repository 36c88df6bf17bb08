"""Rows of a sheet that never stand in it as cells: they are made when the sheet is written.

A waterfall has a row for each subject, and two for its points. As openpyxl's cells these would take
some 8 KB a subject, and most of the time that a workbook takes of whose listings little changed.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from trial.deferred import dataclass
from trial.render.workbook.archive import cell_xml, row_xml
from trial.render.workbook.cell_values import CellValue, storable
from trial.render.workbook.rows import Styles
from trial.render.workbook.styles import row_height

type MakeRows = Callable[[], Iterable[Sequence[CellValue]]]
"""Makes rows, the same each time that it is called."""


@dataclass(frozen=True)
class _Run:
    """Rows that stand one after the other, from the first on, in columns of these widths."""

    first: int
    last: int
    make: MakeRows
    widths: Sequence[int]
    styles: Styles

    def rows(self) -> Iterator[tuple[int, str]]:
        """Yield each row's number and its XML."""
        letters = [get_column_letter(number) for number in range(1, len(self.widths) + 1)]
        for number, row in enumerate(self.make(), self.first):
            cells = (
                self._cell(f"{letter}{number}", item)
                for letter, item in zip(letters, row, strict=False)
            )
            yield number, row_xml(number, row_height(row, self.widths), "".join(cells))

    def _cell(self, coordinate: str, item: CellValue) -> str:
        value = storable(item.value) or None if isinstance(item.value, str) else item.value
        return cell_xml(coordinate, self.styles.number(item), value)


class RowsApart:
    """The rows of a workbook that stand in its sheets so."""

    def __init__(self) -> None:
        self.runs: dict[str, list[_Run]] = {}

    def add(self, sheet: Worksheet, first: int, make: MakeRows, widths: Sequence[int]) -> int:
        """Let rows stand in a sheet from the first on; return the next row's number."""
        styles, last = Styles(sheet), first - 1
        for last, row in enumerate(make(), first):  # noqa: B007 (the last of them)
            for item in row:
                styles.number(item)  # numbered now: a style's number follows from where it stands
        self.runs.setdefault(sheet.title, []).append(_Run(first, last, make, widths, styles))
        return last + 1
