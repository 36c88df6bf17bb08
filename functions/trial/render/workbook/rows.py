"""The rows of a listing as XML: made by hand, for there may be more of them than memory holds.

Every text is an inline string; what it looks like is a number of the workbook's table of styles.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from xml.sax.saxutils import escape

from openpyxl.cell.cell import Cell
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from trial.render.workbook.looks import dress, height
from trial.render.workbook.texts import (
    FORMULA_LIKE,
    LONGEST_TEXT,
    Item,
    dated,
    line_count,
    numeric,
    storable,
)
from trial.tables.grid import ListingColumn, Value

type _Written = tuple[str, int]
"""A cell's XML after its address, and how many lines it takes."""

# Texts of these characters alone, not at the edge of what a cell holds, need no second look.
_SIMPLE = re.compile("[^\x00-\x1f&<>_\x7f\ud800-\udfff\ufffe\uffff]*")
_SHORT = 200  # characters: what is longer seldom comes again, and would fill the memory
_KEPT = 2_048  # cells of a column that are remembered


class Styles:
    """The numbers that the workbook's table of styles gives to looks."""

    def __init__(self, sheet: Worksheet) -> None:
        self._sheet = sheet
        self._known: dict[tuple[str, str, bool], int] = {}

    def number(self, item: Item) -> int:
        """Find an item's look in the table of styles, or add it there."""
        quoted = isinstance(item.value, str) and item.value.startswith(FORMULA_LIKE)
        key = item.style, item.number, quoted
        if key not in self._known:
            cell = Cell(self._sheet, 1, 1)  # it stands in no sheet
            dress(cell, item)
            self._known[key] = cell.style_id
        return self._known[key]


class RowWriter:
    """Writes the rows of one listing, each as high as its texts need."""

    def __init__(
        self, styles: Styles, columns: Sequence[ListingColumn], widths: Sequence[int]
    ) -> None:
        self._styles = styles
        self._cells = [
            (f'<c r="{get_column_letter(n)}', self._column(column.kind, width, first=n == 1))
            for n, (column, width) in enumerate(zip(columns, widths, strict=True), 1)
        ]

    def row(self, number: int, values: Sequence[Value]) -> str:
        """Write a record as the row of this number."""
        address = f'{number}"'
        parts, lines = [""], 1
        for (opening, written), value in zip(self._cells, values, strict=True):
            xml, taken = written(value)
            parts += (opening, address, xml)
            if taken > lines:  # noqa: PLR1730 (a call to max for each cell is felt)
                lines = taken
        parts[0] = _opened(number, lines)
        parts.append("</row>")
        return "".join(parts)

    def line(self, number: int, item: Item | None) -> str:
        """Write a row of one text that runs on over the empty cells beside it, or of none."""
        if item is None:
            return f'<row r="{number}"></row>'
        return f'<row r="{number}"><c r="A{number}"{self._xml(item)}</row>'

    def _column(self, kind: str, width: int, *, first: bool) -> Callable[[Value], _Written]:
        """Make the function that writes a column's cells; it remembers the short ones."""
        style = "label" if first else "text"
        fresh = partial(self._text, kind, style, width)
        kept = lru_cache(_KEPT)(fresh)
        plain = lru_cache(_KEPT)(lambda text: (self._xml(numeric(text)), 1))
        empty = self._xml(Item("", style)), 1

        def written(value: Value) -> _Written:
            if isinstance(value, str):
                return kept(value) if len(value) <= _SHORT else fresh(value)
            if value is None:
                return empty
            return plain(str(value) if isinstance(value, int) else f"{value:f}")

        return written

    def _text(self, kind: str, style: str, width: int, text: str) -> _Written:
        item = Item(text, style)
        if kind == "number":
            item = numeric(text)
        elif kind == "day" and not isinstance((day := dated(text)).value, str):
            item = day
        lines = line_count(text, width) if isinstance(item.value, str) else 1
        return self._xml(item), lines

    def _xml(self, item: Item) -> str:
        style = f' s="{self._styles.number(item)}"'
        if item.value == "":
            return f"{style}/>"
        if isinstance(item.value, str):
            return f'{style} t="inlineStr"><is>{_string(item.value)}</is></c>'
        return f"{style}><v>{item.value}</v></c>"


def _opened(number: int, lines: int) -> str:
    high = height(lines)
    return f'<row r="{number}"' + (">" if high is None else f' ht="{high}" customHeight="1">')


def _string(text: str) -> str:
    if len(text) * 2 > LONGEST_TEXT or not _SIMPLE.fullmatch(text):
        text = escape(storable(text))
    kept = ' xml:space="preserve"' if text != text.strip() else ""
    return f"<t{kept}>{text}</t>"
