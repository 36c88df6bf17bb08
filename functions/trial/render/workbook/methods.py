"""The Methods on one sheet, part below part: what a row is about, and what is to be said of it."""

from collections.abc import Iterator

from openpyxl.worksheet.worksheet import Worksheet

from trial.render import legible, wrap
from trial.render.workbook.cell_values import DIGIT, CellValue
from trial.render.workbook.sheets import COVER, banners, set_page
from trial.render.workbook.styles import fill
from trial.tables.bidi import isolated
from trial.tables.grid import Report, Section

_WIDTHS = (44, 112)
_TABLE = "Table"


def write_methods(target: Worksheet, report: Report) -> None:
    """Write how everything is counted."""
    set_page(target, _WIDTHS, report.cut)
    fill(target, _WIDTHS, _rows(report))
    target.print_title_rows = "1:1"


def _rows(report: Report) -> Iterator[list[CellValue]]:
    for banner in banners(report.cut):
        lines = wrap(legible(banner).split(), sum(_WIDTHS) * DIGIT)
        yield from ([CellValue(line, "strong")] for line in lines)
    yield [CellValue(f"{report.cut.study}: methods", "title")]
    yield [
        CellValue("Written from the definition: how every number of this cut is counted", "line")
    ]
    yield [CellValue("Back to contents", "link", link=COVER)]
    for section in report.methods:
        yield []
        yield [CellValue(section.title, "strong")]
        first_head, second_head = _heads(section)
        yield [CellValue(first_head, "head"), CellValue(second_head, "head text")]
        for row in section.rows:
            name, text = _pair(section, row)
            yield [CellValue(name, "label"), CellValue(text)]


def _heads(section: Section) -> tuple[str, str]:
    first, second, *rest = section.heads
    if first == _TABLE:
        return f"{first} and {second.lower()}", rest[0]
    return first, "" if rest else second


def _pair(section: Section, row: tuple[str, ...]) -> tuple[str, str]:
    """Put a row into two cells: a table with what is of it, or several columns by their heads."""
    first, second, *rest = row
    if section.heads[0] == _TABLE:
        return f"{first}: {isolated(second)}", rest[0]
    if not rest:
        return first, second
    cells = zip(section.heads[1:], row[1:], strict=True)
    return first, "; ".join(f"{head}: {text}" for head, text in cells if text)
