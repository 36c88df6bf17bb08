"""The rows of a listing as XML: made by hand, for there may be more of them than memory holds.

Every text is an inline string; its style is a number in the workbook's table of styles.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from xml.sax.saxutils import escape

from openpyxl.cell.cell import Cell
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from trial.render.workbook.cell_values import (
    DAY_FORMAT,
    EXACT_DIGITS,
    FORMULA_LIKE,
    LONGEST_TEXT,
    CellValue,
    dated,
    line_count,
    numeric,
    storable,
)
from trial.render.workbook.styles import dress, height
from trial.tables.grid import ListingColumn, Value

type _XmlAndLines = tuple[str, int]
"""A cell's XML from behind its row's number, and how many lines it takes.

The row's number is the only part of a cell that differs from row to row, so what stands around it
is cached by the cell's value: most columns have few different ones.
"""

# A text of these characters alone needs no escaping, if it is short enough for a cell.
_SIMPLE = re.compile("[^\x00-\x1f&<>_\x7f\ud800-\udfff\ufffe\uffff]*")
_SHORT = 200  # characters: what is longer seldom comes again, and would fill the memory
_MOST_CACHED = 2_048  # cells of a column


class Styles:
    """The numbers of styles in the workbook's table of styles."""

    def __init__(self, sheet: Worksheet) -> None:
        self._sheet = sheet
        self._numbers: dict[tuple[str, str, bool], int] = {}

    def number(self, item: CellValue) -> int:
        """Return the number of an item's style in the table of styles."""
        quoted = isinstance(item.value, str) and item.value.startswith(FORMULA_LIKE)
        key = item.style, item.number, quoted
        if key not in self._numbers:
            cell = Cell(self._sheet, 1, 1)  # it stands in no sheet
            dress(cell, item)
            self._numbers[key] = cell.style_id
        return self._numbers[key]


def register_styles(sheet: Worksheet) -> None:
    """Enter every style of a listing's cells into a workbook's table of styles, before any other.

    So the number of a style depends on no table, and on no listing before: rows of an earlier
    workbook can stand in this one.
    """
    styles = Styles(sheet)
    for item in _styled_items():
        styles.number(item)


def _styled_items() -> Iterator[CellValue]:
    for style in ("label", "text", "number"):
        yield from (CellValue("", style), CellValue(FORMULA_LIKE[0], style))
    yield CellValue(0, "day", DAY_FORMAT)
    for places in range(EXACT_DIGITS):
        yield from (numeric(f"{whole}.{'0' * places}".rstrip(".")) for whole in ("1", "1,000"))


class _Column(dict[str | int | None, _XmlAndLines]):
    """A column's cells by their values, made when first needed; those of short values are kept.

    A cell reaches from behind its row's number up to that of the cell after it. Decimals are not
    kept: equal ones may show different digits.
    """

    def __init__(self, styles: Styles, kind: str, style: str, width: int, ending: str) -> None:
        super().__init__()
        self._styles, self._kind, self._style = styles, kind, style
        self._width, self._ending = width, ending
        self._plain = styles.number(CellValue("", style))
        self._of_places: dict[int, str] = {}

    def __missing__(self, value: str | int | None) -> _XmlAndLines:
        if isinstance(value, str):
            xml = self._text(value)
            if len(value) > _SHORT:
                return xml
        else:
            item = CellValue("", self._style) if value is None else numeric(str(value))
            xml = self._cell(item), 1
        if len(self) >= _MOST_CACHED:
            self.clear()
        self[value] = xml
        return xml

    def decimal(self, value: Decimal) -> _XmlAndLines:
        """Write a decimal, by the shortest way if a spreadsheet holds it for sure."""
        text = f"{value:f}"
        if not value or len(text) > EXACT_DIGITS or not value.is_finite():
            return self._cell(numeric(text)), 1
        places = len(text.partition(".")[2])
        if places not in self._of_places:
            self._of_places[places] = f'" s="{self._styles.number(numeric(text))}"><v>'
        return f"{self._of_places[places]}{text}</v></c>{self._ending}", 1

    def _text(self, text: str) -> _XmlAndLines:
        item = CellValue(text, self._style)
        if self._kind == "number":
            item = numeric(text)
        elif self._kind == "day":
            item = dated(text) or item
        if not isinstance(item.value, str):
            return self._cell(item), 1
        if item.style != self._style or text.startswith(FORMULA_LIKE) or not text:
            return self._cell(item), line_count(text, self._width)
        cell = f'" s="{self._plain}" t="inlineStr"><is>{_string(text)}</is></c>{self._ending}'
        return cell, line_count(text, self._width)

    def _cell(self, item: CellValue) -> str:
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

    def template(self, rows: Iterable[Sequence[Value]]) -> str:
        """Write records as rows, with a mark where a row's number belongs."""
        return _ROW_END.join(map(self._row, rows))

    @staticmethod
    def numbered(template: str, first: int) -> str:
        """Return rows with their numbers, from that of the first on."""
        rows = template.split(_ROW_END)
        return "".join(row.replace(_NUMBER, str(number)) for number, row in enumerate(rows, first))

    def _row(self, values: Sequence[Value]) -> str:
        cells_and_lines = [
            column.decimal(value) if isinstance(value, Decimal) else column[value]
            for column, value in zip(self._columns, values, strict=True)
        ]
        cells, lines = zip(*cells_and_lines, strict=True)
        # The row's number is what stands between the pieces: it is in every cell's address.
        return _NUMBER.join((_opened(max(lines)), _FIRST, *cells))

    def line(self, number: int, item: CellValue | None) -> str:
        """Write a row of one text that runs on over the empty cells beside it, or of none."""
        if item is None:
            return f'<row r="{number}"></row>'
        return f'<row r="{number}"><c r="A{number}"{_xml(self._styles, item)}</row>'


_FIRST = '"><c r="A'
_NUMBER, _ROW_END = "\0", "\1"
"""Stand for a row's number, and between rows: characters that XML has not."""


def _opened(lines: int) -> str:
    high = height(lines)
    return '<row r="' if high is None else f'<row ht="{high}" customHeight="1" r="'


def _xml(styles: Styles, item: CellValue) -> str:
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
    attribute = ' xml:space="preserve"' if text != text.strip() else ""
    return f"<t{attribute}>{text}</t>"
