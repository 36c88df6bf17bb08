"""The rows of a listing as XML: made by hand, for there may be more of them than memory holds.

Every text is an inline string; its style is a number in the workbook's table of styles.
"""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from functools import cache
from itertools import batched, chain, repeat
from typing import NamedTuple
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

_MOST_KEPT = 200_000  # characters of a column's cells
_AT_ONCE = 512  # rows
_CONVERTED = ("number", "day")  # kinds of column whose texts may be stored as something else


class StyleKey(NamedTuple):
    """What decides a cell's style."""

    style: str
    number: str
    """The format of a number."""
    is_quoted: bool

    @classmethod
    def of(cls, item: CellValue) -> "StyleKey":
        """Return what decides an item's."""
        value = item.value
        return cls(
            item.style, item.number, isinstance(value, str) and value.startswith(FORMULA_LIKE)
        )


class Styles:
    """The numbers of styles in the workbook's table of styles."""

    def __init__(self, sheet: Worksheet) -> None:
        self._sheet = sheet
        self.numbers: dict[StyleKey, int] = {}
        """Those that were asked for, in this order."""

    def number(self, item: CellValue) -> int:
        """Return the number of an item's style in the table of styles."""
        return self.number_of(StyleKey.of(item))

    def number_of(self, key: StyleKey) -> int:
        """Return the number of a style in the table of styles, and enter it where it is new."""
        if key not in self.numbers:
            cell = Cell(self._sheet, 1, 1)  # it stands in no sheet
            value = FORMULA_LIKE[0] if key.is_quoted else ""
            dress(cell, CellValue(value, key.style, key.number))
            self.numbers[key] = cell.style_id
        return self.numbers[key]


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


class _Column(dict[Value, str]):
    """A column's cells as XML by their values, made when first needed.

    A cell reaches from behind its row's number up to that of the cell after it: the number is all
    that differs from row to row, and most columns have few different values.
    """

    def __init__(self, styles: Styles, kind: str, style: str, width: int, ending: str) -> None:
        super().__init__()
        self._styles, self._kind, self._style = styles, kind, style
        self._width, self._ending = width, ending
        self._plain = f'" s="{styles.number(CellValue("", style))}" t="inlineStr"><is>'
        self._of_places: dict[int, str] = {}
        self._kept, self._lines = 0, dict[Value, int]()  # of the values that take several

    def __missing__(self, value: Value) -> str:
        cell = self[value] = self._made(value)
        self._kept += len(cell)
        return cell

    def cells(self, values: Sequence[Value]) -> Iterable[str]:
        """Write the cells of some rows. Equal decimals may show different digits: none is kept."""
        if self._kept > _MOST_KEPT:
            self.clear()
            self._lines.clear()
            self._kept = 0
        if Decimal not in set(map(type, values)):
            return map(self.__getitem__, values)
        return [self._decimal(v) if isinstance(v, Decimal) else self[v] for v in values]

    def lines(self, values: Sequence[Value]) -> Iterable[int] | None:
        """Return how many lines each cell takes of the rows written last; None if all take one."""
        return map(self._lines.get, values, repeat(1)) if self._lines else None

    def _made(self, value: Value) -> str:
        if not isinstance(value, str):
            return self._cell(CellValue("", self._style) if value is None else numeric(str(value)))
        if self._kind in _CONVERTED or not value or value.startswith(FORMULA_LIKE):
            item = self._item(value)
            if not isinstance(item.value, str):
                return self._cell(item)
            cell = self._cell(item)
        else:
            cell = f"{self._plain}{_string(value)}</is></c>{self._ending}"
        if (lines := line_count(value, self._width)) > 1:
            self._lines[value] = lines
        return cell

    def _item(self, text: str) -> CellValue:
        if self._kind == "number":
            return numeric(text)
        return (self._kind == "day" and dated(text)) or CellValue(text, self._style)

    def _decimal(self, value: Decimal) -> str:
        """Write a decimal, by the shortest way if a spreadsheet holds it for sure."""
        text = str(value)
        if "E" in text:
            text = f"{value:f}"
        if not value or len(text) > EXACT_DIGITS or not value.is_finite():
            return self._cell(numeric(text))
        places = len(text.partition(".")[2])
        if places not in self._of_places:
            self._of_places[places] = f'" s="{self._styles.number(numeric(text))}"><v>'
        return f"{self._of_places[places]}{text}</v></c>{self._ending}"

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

    def template(self, rows: Iterable[Sequence[Value]]) -> list[str]:
        """Write records as rows, with a mark where a row's number belongs."""
        return [*chain.from_iterable(map(self._rows, batched(rows, _AT_ONCE, strict=False)))]

    @staticmethod
    def numbered(template: Iterable[str], first: int) -> str:
        """Return rows with their numbers, from that of the first on."""
        return "".join([row.replace(_NUMBER, str(n)) for n, row in enumerate(template, first)])

    def _rows(self, rows: Sequence[Sequence[Value]]) -> Iterable[str]:
        """Write some records, column by column: what is done for each cell runs in no Python."""
        columns = list(zip(self._columns, zip(*rows, strict=True), strict=True))
        cells = [list(column.cells(values)) for column, values in columns]
        lines = (column.lines(values) for column, values in columns)
        one = repeat(1, len(rows)), repeat(1)  # `max` wants two at least
        openings = map(_opened, map(max, *one, *filter(None, lines)))
        # The row's number is what stands between the pieces: it is in every cell's address.
        return map(_NUMBER.join, zip(openings, repeat(_FIRST), *cells, strict=False))

    def line(self, number: int, item: CellValue | None) -> str:
        """Write a row of one text that runs on over the empty cells beside it, or of none."""
        if item is None:
            return f'<row r="{number}"></row>'
        return f'<row r="{number}"><c r="A{number}"{_xml(self._styles, item)}</row>'


_FIRST = '"><c r="A'
_NUMBER = "\0"
"""Stands for a row's number: a character that XML has not."""


@cache
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
    if len(text) * 2 > LONGEST_TEXT or not text.isprintable() or _needs_escape(text):
        text = escape(storable(text))
    attribute = ' xml:space="preserve"' if text != text.strip() else ""
    return f"<t{attribute}>{text}</t>"


def _needs_escape(text: str) -> bool:
    """Return whether there may be what stands for something else: tests are cheaper than a look."""
    return "&" in text or "<" in text or ">" in text or "_" in text
