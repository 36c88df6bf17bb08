"""The rows of a listing as XML: made by hand, for there may be more of them than memory holds.

Every text is an inline string; what it looks like is a number of the workbook's table of styles.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from xml.sax.saxutils import escape

from openpyxl.cell.cell import Cell
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from trial.render.workbook.cell_values import (
    EXACT_DIGITS,
    FORMULA_LIKE,
    LONGEST_TEXT,
    Item,
    dated,
    line_count,
    numeric,
    storable,
)
from trial.render.workbook.styles import dress, height
from trial.tables.grid import ListingColumn, Value

type _Written = tuple[str, int]
"""A cell's XML from behind its row's number, and how many lines it takes."""

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


class _Column(dict[str | int | None, _Written]):
    """A column's cells by their values, made when first met; those of short values are kept.

    A cell reaches from behind its row's number up to that of the cell after it. Decimals are not
    kept: equal ones may show different digits.
    """

    def __init__(self, styles: Styles, kind: str, look: str, width: int, ending: str) -> None:
        super().__init__()
        self._styles, self._kind, self._look = styles, kind, look
        self._width, self._ending = width, ending
        self._plain = styles.number(Item("", look))
        self._of_places: dict[int, str] = {}

    def __missing__(self, value: str | int | None) -> _Written:
        if isinstance(value, str):
            written = self._text(value)
            if len(value) > _SHORT:
                return written
        else:
            item = Item("", self._look) if value is None else numeric(str(value))
            written = self._cell(item), 1
        if len(self) >= _KEPT:
            self.clear()
        self[value] = written
        return written

    def decimal(self, value: Decimal) -> _Written:
        """Write a decimal, by the shortest way if a spreadsheet holds it for sure."""
        text = f"{value:f}"
        if not value or len(text) > EXACT_DIGITS or not value.is_finite():
            return self._cell(numeric(text)), 1
        places = len(text.partition(".")[2])
        if places not in self._of_places:
            self._of_places[places] = f'" s="{self._styles.number(numeric(text))}"><v>'
        return f"{self._of_places[places]}{text}</v></c>{self._ending}", 1

    def _text(self, text: str) -> _Written:
        item = Item(text, self._look)
        if self._kind == "number":
            item = numeric(text)
        elif self._kind == "day":
            item = dated(text) or item
        if not isinstance(item.value, str):
            return self._cell(item), 1
        if item.style != self._look or text.startswith(FORMULA_LIKE) or not text:
            return self._cell(item), line_count(text, self._width)
        cell = f'" s="{self._plain}" t="inlineStr"><is>{_string(text)}</is></c>{self._ending}'
        return cell, line_count(text, self._width)

    def _cell(self, item: Item) -> str:
        return f'"{_xml(self._styles, item)}{self._ending}'


class RowWriter:
    """Writes the rows of one listing, each as high as its texts need."""

    def __init__(
        self, styles: Styles, columns: Sequence[ListingColumn], widths: Sequence[int]
    ) -> None:
        self._styles = styles
        endings = [f'<c r="{get_column_letter(n)}' for n in range(2, len(columns) + 1)]
        self._columns = [
            _Column(styles, column.kind, "text" if n else "label", width, ending)
            for n, (column, width, ending) in enumerate(
                zip(columns, widths, (*endings, "</row>"), strict=True)
            )
        ]

    def row(self, number: int, values: Sequence[Value]) -> str:
        """Write a record as the row of this number."""
        written = [
            column.decimal(value) if isinstance(value, Decimal) else column[value]
            for column, value in zip(self._columns, values, strict=True)
        ]
        cells, lines = zip(*written, strict=True)
        # The row's number is what stands between the pieces: it is in every cell's address.
        return str(number).join((_opened(max(lines)), _FIRST, *cells))

    def line(self, number: int, item: Item | None) -> str:
        """Write a row of one text that runs on over the empty cells beside it, or of none."""
        if item is None:
            return f'<row r="{number}"></row>'
        return f'<row r="{number}"><c r="A{number}"{_xml(self._styles, item)}</row>'


_FIRST = '"><c r="A'


def _opened(lines: int) -> str:
    high = height(lines)
    return '<row r="' if high is None else f'<row ht="{high}" customHeight="1" r="'


def _xml(styles: Styles, item: Item) -> str:
    """Write a cell from behind its address."""
    style = f' s="{styles.number(item)}"'
    if item.value == "":
        return f"{style}/>"
    if isinstance(item.value, str):
        return f'{style} t="inlineStr"><is>{_string(item.value)}</is></c>'
    return f"{style}><v>{item.value}</v></c>"


def _string(text: str) -> str:
    if len(text) * 2 > LONGEST_TEXT or not _SIMPLE.fullmatch(text):
        text = escape(storable(text))
    kept = ' xml:space="preserve"' if text != text.strip() else ""
    return f"<t{kept}>{text}</t>"
