"""Rows of a sheet that never stand in it as cells: they are made when the sheet is written.

A waterfall has a row for each subject, and two for its points. As openpyxl's cells these would take
some 8 KB a subject, and most of the time that a workbook takes of whose listings little changed.
Those of a figure that is as it was are not even made: they are copied from the earlier workbook.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import batched

from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from trial.deferred import dataclass
from trial.render.workbook.archive import Member, cell_xml, row_xml
from trial.render.workbook.cell_values import CellValue, storable
from trial.render.workbook.rows import StyleKey, Styles
from trial.render.workbook.segments import RunShape, Segments, name_of
from trial.render.workbook.styles import row_height
from trial.tables.file_names import WORKBOOK

type MakeRows = Callable[[], Iterable[Sequence[CellValue]]]
"""Makes rows, the same each time that it is called."""

_TOGETHER = 512  # rows that are compressed together


@dataclass(frozen=True)
class _Run:
    """Rows that stand one after the other, from the first on, in columns of these widths."""

    first: int
    last: int
    name: str
    """Names all that decides them but where they stand, and their styles' numbers."""
    make: MakeRows
    widths: Sequence[int]
    styles: Styles
    segments: Segments

    def write(self, member: Member) -> None:
        """Write them, as an earlier workbook has them where it does."""
        name = name_of(self.name, str(self.first), *map(str, self.styles.numbers.values()))
        names = [f"{name}-{first}" for first in range(self.first, self.last + 1, _TOGETHER)]
        earlier = [self.segments.find(name) for name in names]
        if all(earlier):
            for name, segment in zip(names, earlier, strict=True):
                assert segment is not None
                self.segments.move(name, WORKBOOK, member.offset)
                member.copy(segment)
            return
        for name, rows in zip(names, batched(self._rows(), _TOGETHER, strict=False), strict=True):
            xml = "".join(rows).encode("utf-8", "xmlcharrefreplace")
            member.copy(self.segments.note(name, WORKBOOK, member.offset, xml))

    def _rows(self) -> Iterator[str]:
        letters = [get_column_letter(number) for number in range(1, len(self.widths) + 1)]
        for number, row in enumerate(self.make(), self.first):
            cells = (
                self._cell(f"{letter}{number}", item)
                for letter, item in zip(letters, row, strict=False)
            )
            yield row_xml(number, row_height(row, self.widths), "".join(cells))

    def _cell(self, coordinate: str, item: CellValue) -> str:
        value = storable(item.value) or None if isinstance(item.value, str) else item.value
        return cell_xml(coordinate, self.styles.number(item), value)


class RowsApart:
    """The rows of a workbook that stand in its sheets so."""

    def __init__(self, segments: Segments) -> None:
        self.runs: dict[str, list[_Run]] = {}
        self.segments = segments

    def add(
        self, sheet: Worksheet, first: int, name: str, make: MakeRows, widths: Sequence[int]
    ) -> int:
        """Let rows stand in a sheet from the first on; return the next row's number.

        The name is that of all that decides them.
        """
        styles = Styles(sheet)
        shape = self.segments.run(name, lambda: _shape(make()))
        for key in shape.styles:
            styles.number_of(key)  # now: a style's number follows from where it stands
        last = first + shape.rows - 1
        if shape.rows:
            run = _Run(first, last, name, make, widths, styles, self.segments)
            self.runs.setdefault(sheet.title, []).append(run)
        return last + 1


def _shape(rows: Iterable[Sequence[CellValue]]) -> RunShape:
    count, keys = 0, dict[StyleKey, None]()
    for count, row in enumerate(rows, 1):  # noqa: B007 (the last of them)
        keys.update(dict.fromkeys(map(StyleKey.of, row)))
    return RunShape(count, list(keys))
