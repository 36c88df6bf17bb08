"""What a workbook prints, read as a reviewer reads it: by sheets, column heads and row labels.

Nothing here knows how the workbook was made. A sheet says in a line of title whether it holds a
table or a listing, and which; its column heads end where the panes are frozen, its rows with the
first row that is empty.
"""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import openpyxl
from openpyxl.cell.cell import Cell
from openpyxl.worksheet.worksheet import Worksheet

Line = dict[str, Any]
"""A row of a listing by its column heads; what is blank or not yet due is None.

The heads of what is not yet due are under `WAITS`.
"""
WAITS = "(not yet due)"

_TITLE = re.compile(r"(Table|Listing) (\S+) \u2013 ")
_SIZED = re.compile(r"(.*?)\s*\(N = (\d+)\)", re.DOTALL)
_NO_VALUE = {"not yet due", "not reported"}
_NO_RECORDS = "No records"


@dataclass(frozen=True)
class Printed:
    """A number of a table: its row's labels from the margin in, its line, its column, its text."""

    row: tuple[str, ...]
    statistic: str
    column: str
    head: str
    text: str
    address: str


@dataclass
class Table:
    """What a table prints: the sizes of its columns, and its numbers."""

    sizes: dict[str, int | None] = field(default_factory=dict)
    numbers: list[Printed] = field(default_factory=list)


@dataclass
class Book:
    """The tables and the listings of one workbook, by their numbers."""

    tables: dict[str, Table] = field(default_factory=dict)
    listings: dict[str, list[Line]] = field(default_factory=dict)


def read(workbook: bytes) -> Book:
    """Read every sheet that is a table or a listing; one that goes on in a further sheet is one."""
    book = Book()
    for sheet in openpyxl.load_workbook(io.BytesIO(workbook)):
        titled = _TITLE.match(_title(sheet))
        if titled is None:
            continue
        kind, name = titled.groups()
        if kind == "Table":
            book.tables[name] = _table(sheet)
        else:
            book.listings.setdefault(name, []).extend(_listing(sheet))
    return book


def _title(sheet: Worksheet) -> str:
    above = (str(row[0].value or "") for row in sheet.iter_rows(max_row=_head(sheet), max_col=1))
    return next((text for text in above if _TITLE.match(text)), "")


def _head(sheet: Worksheet) -> int:
    """Give the row of the column heads: the last above the frozen pane."""
    return int(re.sub(r"\D", "", sheet.freeze_panes or "A1")) - 1 or 1


def _body(sheet: Worksheet) -> Iterator[tuple[Cell, ...]]:
    for row in sheet.iter_rows(min_row=_head(sheet) + 1):
        if all(cell.value is None for cell in row):
            return
        yield row


def _listing(sheet: Worksheet) -> Iterator[Line]:
    heads = [str(cell.value) for cell in sheet[_head(sheet)]]
    assert len(set(heads)) == len(heads), f"{sheet.title}: a column head stands twice"
    for row in _body(sheet):
        values = [_value(cell) for cell in row]
        if values[0] == _NO_RECORDS and not any(values[1:]):
            return
        waits = {head for head, cell in zip(heads, row, strict=True) if _waits(cell)}
        yield {**dict(zip(heads, values, strict=True)), WAITS: waits}


def _waits(cell: Cell) -> bool:
    return isinstance(cell.value, str) and cell.value.casefold() == "not yet due"


def _value(cell: Cell) -> Any:
    match cell.value:
        case datetime():
            return cell.value.date().isoformat()
        case date():
            return cell.value.isoformat()
        case bool():
            raise AssertionError(f"{cell.coordinate}: a truth value")
        case int() | float():
            return Decimal(repr(cell.value))
        case str() if cell.value.casefold() in _NO_VALUE:
            return None
        case _:
            return cell.value


def _table(sheet: Worksheet) -> Table:
    table, head = Table(), _head(sheet)
    columns, band = [], ""
    for cell in sheet[head - 1]:
        if cell.value is not None and str(cell.value):
            sized = _SIZED.fullmatch(str(cell.value))
            band = sized[1] if sized else str(cell.value)
            assert band not in table.sizes, f"{sheet.title}: a column stands twice"
            table.sizes[band] = int(sized[2]) if sized else None
        columns.append(band)
    heads = [str(cell.value or "") for cell in sheet[head]]
    has_statistics = "Statistic" in heads
    path: list[tuple[int, str]] = []
    for row in _body(sheet):
        if row[0].value is not None:
            indent = int(row[0].alignment.indent or 0)
            path = [item for item in path if item[0] < indent] + [(indent, str(row[0].value))]
        labels = tuple(label for _, label in path)
        statistic = str(row[1].value or "") if has_statistics else ""
        table.numbers += (
            Printed(labels, statistic, column, sub, text, f"{sheet.title}!{cell.coordinate}")
            for cell, column, sub in zip(row, columns, heads, strict=True)
            if column and (text := _shown(cell)) and text.casefold() not in _NO_VALUE
        )
    return table


def _shown(cell: Cell) -> str:
    """Write a cell as a reader sees it: a number in its format's decimals."""
    if cell.value is None or isinstance(cell.value, str):
        return cell.value or ""
    places = len(cell.number_format.partition(".")[2])
    return f"{Decimal(repr(cell.value)):.{places}f}"
