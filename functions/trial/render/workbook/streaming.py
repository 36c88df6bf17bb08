"""Listings as they are written: each row is read once, over as many sheets as the rows take.

A listing can have more rows than memory holds. Its sheet is therefore split: openpyxl writes what
stands before and after the rows, and the rows go into the archive's member between the two.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice

from openpyxl import Workbook
from openpyxl.utils import get_column_letter

from trial.render.workbook.archive import Archive, split
from trial.render.workbook.cell_values import CellValue, Names
from trial.render.workbook.listings import SAMPLE, lay_out
from trial.render.workbook.rows import RowWriter, Styles
from trial.render.workbook.sheets import ContentsEntry, below, write_head
from trial.tables.grid import Cut, Listing, Value

MOST_ROWS = 1_048_576  # a sheet holds no more
MOST_BYTES = 2_000_000_000  # nor does a member of an archive that every program reads
_RUN = 64  # rows that are compressed together
_NOTHING = CellValue("No records", "line")

type _Rows = Iterator[tuple[Value, ...]]


@dataclass(frozen=True)
class ListingTarget:
    """Where listings go: the workbook that is being made, and its archive."""

    book: Workbook
    archive: Archive
    names: Names
    cut: Cut
    most_rows: int = MOST_ROWS


@dataclass(frozen=True)
class _Part:
    """One sheet of a listing; `first` is the number of its first record."""

    entry: ContentsEntry
    first: int = 1
    continued_from: str = ""

    @property
    def line(self) -> str:
        """Return the line of its head that says where its records begin."""
        if not self.continued_from:
            return ""
        return (
            f"Part {self.entry.part}: records from {self.first:,} on, "
            f"continued from sheet {self.continued_from}"
        )

    def next(self, name: str, records: int) -> "_Part":
        """Return the part that continues after so many records."""
        entry = replace(self.entry, name=name, part=self.entry.part + 1)
        return _Part(entry, self.first + records, self.entry.name)


def stream(listing: Listing, target: ListingTarget) -> Generator[bytes, None, list[ContentsEntry]]:
    """Write a listing, yielding the file's bytes as they come; return the sheets that hold it."""
    rows = iter(listing.rows)
    sample = list(islice(rows, SAMPLE))
    part = _Part(ContentsEntry(lay_out(listing, sample), target.names.take(listing.id)))
    rows = chain(sample, rows)
    del sample
    entries: list[ContentsEntry] = []
    while True:
        records, next_record = yield from _stream_part(listing, part, rows, target)
        entries.append(replace(part.entry, records=records))
        if next_record is None:
            return entries
        part = part.next(target.names.take(listing.id, part.entry.part + 1), records)
        rows = chain([next_record], rows)


def _stream_part(
    listing: Listing, part: _Part, rows: _Rows, target: ListingTarget
) -> Generator[bytes, None, tuple[int, tuple[Value, ...] | None]]:
    """Write a part; return its number of records, and the next part's first record.

    Whether another part follows is only known once that record has been read.
    """
    layout = part.entry.layout
    sheet = target.book.create_sheet(part.entry.name)
    head = write_head(sheet, layout, target.cut, part.line)
    notes = list(below(layout, target.cut))
    room = max(
        target.most_rows - head - len(notes) - 2, 1
    )  # an empty row, and the line on the next part
    writer = RowWriter(Styles(sheet), listing.columns, layout.widths)
    records = 0
    with target.archive.member(f"xl/worksheets/sheet{len(target.book.worksheets)}.xml") as member:
        size = member.write(split(sheet)[0])
        while size < MOST_BYTES and (run := list(islice(rows, min(_RUN, room - records)))):
            numbers = range(head + 1 + records, head + 1 + records + len(run))
            size += member.write("".join(map(writer.row, numbers, run)).encode())
            records += len(run)
            yield from target.archive.pieces()
        next_record = next(rows, None)
        lines = _lines_after(part, records, notes, continues=next_record is not None)
        for number, line in enumerate(lines, head + 1 + records):
            member.write(writer.line(number, line).encode())
        last = f"{get_column_letter(len(layout.widths))}{head + records}"
        sheet.auto_filter.ref = f"A{head}:{last}"
        member.write(split(sheet)[1])
    return records, next_record


def _lines_after(
    part: _Part, records: int, notes: list[CellValue], *, continues: bool
) -> Iterator[CellValue | None]:
    if not records:
        yield _NOTHING
    yield None
    if continues:
        last = part.first + records - 1
        words = f"Part {part.entry.part}: records {part.first:,} to {last:,}; it goes on"
        yield CellValue(f"{words} in the next sheet", "strong")
    yield from notes
