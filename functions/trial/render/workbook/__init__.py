"""The workbook: a cover with the contents, then a sheet for each table, figure and listing.

A listing too long for it is in workbooks of its own, which name it as it names them (`parts`).

Every text is stored as text, whatever it begins with; numbers are numbers that show the report's
own digits. No cell is merged, nothing is computed, and the bytes follow from the report alone.
openpyxl makes the workbook but for the rows of listings: these go into the file as they are read.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from openpyxl import Workbook

from trial.render import legible
from trial.render.workbook.archive import MAKER, Archive, finish, stamp
from trial.render.workbook.cell_values import Names
from trial.render.workbook.cover import write_cover, write_part_cover
from trial.render.workbook.definitions import write_definitions
from trial.render.workbook.figures import write_figure
from trial.render.workbook.methods import write_methods
from trial.render.workbook.parts import ListingPart
from trial.render.workbook.rows import register_styles
from trial.render.workbook.rows_apart import RowsApart
from trial.render.workbook.segments import Segments
from trial.render.workbook.sheets import COVER, DEFINITIONS, METHODS, ContentsEntry, write_sheet
from trial.render.workbook.streaming import MOST_ROWS, ListingTarget, stream
from trial.render.workbook.styles import add_styles
from trial.render.workbook.tables import lay_out
from trial.tables.file_names import WORKBOOK
from trial.tables.grid import Cut, Report


def workbook(
    report: Report,
    most_rows: int = MOST_ROWS,
    segments: Segments | None = None,
    parts: Mapping[str, Sequence[ListingPart]] | None = None,
) -> Iterator[bytes]:
    """Make the .xlsx file in pieces, as they are asked for: the same report, the same bytes.

    A listing that is longer than `most_rows`, the rows of a sheet, goes on in further sheets.
    `segments` are those of an earlier file, taken where they are the same, and note those of this.
    `parts` are those of the listings, by id, that are not in this workbook.
    """
    book = _book(report.cut)
    cover = book.create_sheet(COVER)
    register_styles(cover)
    write_definitions(book.create_sheet(DEFINITIONS), report)
    if report.methods:
        write_methods(book.create_sheet(METHODS), report)
    names = Names(book.sheetnames)
    segments = segments or Segments()
    apart = RowsApart(segments)
    entries: list[ContentsEntry | ListingPart] = [
        *_tables(book, names, report),
        *_figures(book, names, report, apart),
    ]
    streamed, archive = set[str](), Archive()
    target = ListingTarget(book, archive, names, report.cut, most_rows, segments)
    for listing in report.listings:
        if listing_parts := (parts or {}).get(listing.id):
            entries += listing_parts
            continue
        sheets = yield from stream(listing, target)
        streamed |= {sheet.name for sheet in sheets}
        entries += sheets
    write_cover(cover, report, entries)
    finish(book, archive, streamed, apart.runs)
    yield from archive.pieces(1)


def part_workbook(
    part: ListingPart,
    cut: Cut,
    widths: tuple[int, ...] = (),
    segments: Segments | None = None,
    most_rows: int = MOST_ROWS,
) -> Iterator[bytes]:
    """Make the .xlsx file of a part of a long listing in pieces, as `workbook` does."""
    book = _book(cut)
    cover = book.create_sheet(COVER)
    register_styles(cover)
    archive = Archive()
    line = f"Part {part.number} of {part.total}, in {part.file}; {WORKBOOK} names all parts"
    target = ListingTarget(
        book, archive, Names(book.sheetnames), cut, most_rows, segments or Segments(),
        part.file, line,
    )  # fmt: skip
    sheets = yield from stream(part.listing, target, widths)
    write_part_cover(cover, cut, part, sheets)
    finish(book, archive, {sheet.name for sheet in sheets}, {})
    yield from archive.pieces(1)


def part_cut(cut: Cut) -> Cut:
    """Return a cut as the workbook of a part shows it: without what any event changes."""
    unnamed = cut.unnamed()
    return unnamed if unnamed.is_named else replace(unnamed, accepted=0)


def _book(cut: Cut) -> Workbook:
    book = Workbook()
    book.remove(book.worksheets[0])
    add_styles(book)
    properties = book.properties
    properties.creator = MAKER
    properties.title = legible(f"{cut.study}: {cut.title}")
    properties.description = legible(f"Cut {cut.id}") if cut.is_named else None
    properties.created = properties.modified = stamp(cut)
    return book


def _tables(book: Workbook, names: Names, report: Report) -> Iterator[ContentsEntry]:
    for grid in report.grids:
        layout, body = lay_out(grid)
        entry = ContentsEntry(layout, names.take(grid.id))
        write_sheet(book.create_sheet(entry.name), layout, body, report.cut)
        yield entry


def _figures(
    book: Workbook, names: Names, report: Report, apart: RowsApart
) -> Iterator[ContentsEntry]:
    for figure in report.figures:
        name = names.take(f"Figure {figure.id}")
        layout = write_figure(book.create_sheet(name), figure, report.cut, apart)
        yield ContentsEntry(layout, name)
