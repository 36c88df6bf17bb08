"""The styles of the workbook: one face, black on white, a grey head between two rules."""

from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from typing import Any
from urllib.parse import quote

from openpyxl import Workbook
from openpyxl.cell.cell import Cell, MergedCell
from openpyxl.styles import Alignment, Border, Font, NamedStyle, PatternFill, Side
from openpyxl.styles.cell_style import StyleArray
from openpyxl.worksheet.hyperlink import Hyperlink
from openpyxl.worksheet.worksheet import Worksheet

from trial.render.workbook.cell_values import FORMULA_LIKE, CellValue, line_count, storable

_EDGE = Side(style="thin", color="7F7F7F")
_HAIR = Side(style="hair", color="A6A6A6")
_GREY = PatternFill("solid", fgColor="E7E9ED")
_PLAIN, _BOLD = Font("Arial", 10), Font("Arial", 10, bold=True)
_OVER = Alignment(vertical="center")  # runs on over the empty cells beside it
_LABEL = Alignment(horizontal="left", vertical="top", wrap_text=True)
_INSET = Alignment(horizontal="left", vertical="top", wrap_text=True, indent=1)
_RIGHT = Alignment(horizontal="right", vertical="top", wrap_text=True)
_HEAD_LEFT = Alignment(horizontal="left", vertical="bottom", wrap_text=True)
_HEAD_INSET = Alignment(horizontal="left", vertical="bottom", wrap_text=True, indent=1)
_HEAD_RIGHT = Alignment(horizontal="right", vertical="bottom", wrap_text=True)
_ACROSS = Alignment(horizontal="centerContinuous", vertical="bottom")
_HEIGHTS = {"banner": 26.0, "title": 19.0}  # of the rows that begin with such a style
_RUNNING = {"line", "strong", "note", "title", "banner", "link", "band"}  # unwrapped
_LINE_HEIGHT, _LINE_GAP, _HIGHEST = 12.75, 2.25, 409.0


def add_styles(book: Workbook) -> None:
    """Add every style to the workbook, by its name."""
    for style in _styles():
        book.add_named_style(style)


def _styles() -> Iterator[NamedStyle]:
    ruled_below, ruled_above, hair = Border(bottom=_EDGE), Border(top=_EDGE), Border(bottom=_HAIR)
    link = Font("Arial", 10, underline="single", color="1F4E9E")
    for name, font in (
        ("line", _PLAIN),
        ("strong", _BOLD),
        ("note", Font("Arial", 9)),
        ("title", Font("Arial", 12, bold=True)),
        ("banner", Font("Arial", 16, bold=True)),
        ("link", link),
    ):
        yield NamedStyle(f"TLF {name}", font=font, alignment=_OVER)
    for name, border, alignment in (
        ("head", ruled_below, _HEAD_LEFT),
        ("head text", ruled_below, _HEAD_INSET),
        ("head number", ruled_below, _HEAD_RIGHT),
        ("band", ruled_above, _ACROSS),
        ("band alone", ruled_above, _HEAD_RIGHT),
    ):
        yield NamedStyle(f"TLF {name}", _BOLD, _GREY, border, alignment)
    for name, font, alignment in (
        ("label", _PLAIN, _LABEL),
        ("group", _BOLD, _LABEL),
        ("entry", link, _LABEL),
        ("text", _PLAIN, _INSET),
        ("day", _PLAIN, _INSET),
        ("number", _PLAIN, _RIGHT),
    ):
        yield NamedStyle(f"TLF {name}", font=font, border=hair, alignment=alignment)


def fill(
    target: Worksheet, widths: Sequence[int], rows: Iterable[Sequence[CellValue]], first: int = 1
) -> int:
    """Write rows from the first on, as high as their texts need; return the next row's number."""
    number, dressed = first - 1, _Dressed()
    for number, row in enumerate(rows, first):
        for column, item in enumerate(row, 1):
            write(target.cell(number, column), item, dressed)
        if height := row_height(row, widths):
            target.row_dimensions[number].height = height
    return number + 1


def row_height(row: Sequence[CellValue], widths: Sequence[int]) -> float | None:
    """Return the height of a row in columns of these widths; None where it is the usual one."""
    if row and row[0].style in _HEIGHTS:
        return _HEIGHTS[row[0].style]
    line_counts = (_lines(item, width) for item, width in zip(row, widths, strict=False))
    return height(max(line_counts, default=1))


def _lines(item: CellValue, width: int) -> int:
    if item.style in _RUNNING or not isinstance(item.value, str):
        return 1
    return line_count(item.value, width - 2 * item.indent)


def height(lines: int) -> float | None:
    """Return the height of a row of so many lines: not every program fits heights itself."""
    return min(lines * _LINE_HEIGHT + _LINE_GAP, _HIGHEST) if lines > 1 else None


class _Dressed(dict[tuple[str, str, int, bool], StyleArray]):
    """A sheet's styles by what decides them: openpyxl looks up each part of each cell's style."""

    def dress(self, cell: Any, item: CellValue) -> None:  # noqa: ANN401 - its stubs know no style
        """Set a cell's style to an item's, as an earlier one of its kind has it."""
        key = item.style, item.number, item.indent, _looks_like_formula(item)
        if key in self:
            cell._style = copy(self[key])
            return
        dress(cell, item)
        self[key] = cell._style


def write(cell: Cell | MergedCell, item: CellValue, dressed: _Dressed) -> None:
    """Put an item into a cell: a text as text, whatever it begins with."""
    if not isinstance(item.value, str):
        cell.value = item.value
    elif item.value:
        cell.value = storable(item.value)
        cell.data_type = "s"  # openpyxl would make a formula of "=", an error of "#N/A"
    dressed.dress(cell, item)
    if item.file:
        cell.hyperlink = Hyperlink(ref=cell.coordinate, target=quote(item.file))
    elif item.link:
        target = item.link.replace("'", "''")
        cell.hyperlink = Hyperlink(ref=cell.coordinate, location=f"'{target}'!A1")


def dress(cell: Cell | MergedCell, item: CellValue) -> None:
    """Set a cell's style to an item's."""
    cell.style = f"TLF {item.style}"
    if item.number:
        cell.number_format = item.number
    if item.indent:
        cell.alignment = Alignment("left", "top", wrap_text=True, indent=item.indent)
    if _looks_like_formula(item):
        cell.quotePrefix = True  # it stays text even when somebody edits the cell


def _looks_like_formula(item: CellValue) -> bool:
    return isinstance(item.value, str) and item.value.startswith(FORMULA_LIKE)
