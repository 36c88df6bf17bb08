"""Listings as they are written: each row is read once, over as many sheets as the rows take."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice

from openpyxl import Workbook
from openpyxl.utils import get_column_letter

from trial.render.workbook.archive import Archive, split
from trial.render.workbook.cell_values import Item, Names
from trial.render.workbook.listings import SAMPLE, lay_out
from trial.render.workbook.rows import RowWriter, Styles
from trial.render.workbook.sheets import Entry, below, write_head
from trial.tables.grid import Cut, Listing, Value

MOST_ROWS = 1_048_576  # a sheet holds no more
MOST_BYTES = 2_000_000_000  # nor does a member of an archive that every program reads
_RUN = 64  # rows that are compressed together
_NOTHING = Item("No records", "line")

type _Rows = Iterator[tuple[Value, ...]]


@dataclass(frozen=True)
class Target:
    """Where listings go: the workbook that is being made, and its archive."""

    book: Workbook
    archive: Archive
    names: Names
    cut: Cut
    most_rows: int = MOST_ROWS


@dataclass(frozen=True)
class _Part:
    """One sheet of a listing; `first` is the number of its first record."""

    entry: Entry
    first: int = 1
    continued_from: str = ""

    @property
    def line(self) -> str:
        """What its head says of where it comes from."""
        if not self.continued_from:
            return ""
        return (
            f"Part {self.entry.part}: records from {self.first:,} on, "
            f"continued from sheet {self.continued_from}"
        )

    def next(self, name: str, records: int) -> "_Part":
        """Give the part that goes on after so many records."""
        entry = replace(self.entry, name=name, part=self.entry.part + 1)
        return _Part(entry, self.first + records, self.entry.name)


def stream(listing: Listing, to: Target) -> Generator[bytes, None, list[Entry]]:
    """Write a listing, giving the file's bytes as they come; say which sheets hold it."""
    rows = iter(listing.rows)
    sample = list(islice(rows, SAMPLE))
    part = _Part(Entry(lay_out(listing, sample), to.names.take(listing.id)))
    rows = chain(sample, rows)
    del sample
    entries: list[Entry] = []
    while True:
        records, following = yield from _stream_part(listing, part, rows, to)
        entries.append(replace(part.entry, records=records))
        if following is None:
            return entries
        part = part.next(to.names.take(listing.id, part.entry.part + 1), records)
        rows = chain([following], rows)


def _stream_part(
    listing: Listing, part: _Part, rows: _Rows, to: Target
) -> Generator[bytes, None, tuple[int, tuple[Value, ...] | None]]:
    """Write a part; give how many records it holds, and the next part's first record."""
    layout = part.entry.layout
    sheet = to.book.create_sheet(part.entry.name)
    head = write_head(sheet, layout, to.cut, part.line)
    notes = list(below(layout, to.cut))
    room = max(to.most_rows - head - len(notes) - 2, 1)  # an empty row, and where it goes on
    writer = RowWriter(Styles(sheet), listing.columns, layout.widths)
    records = 0
    with to.archive.member(f"xl/worksheets/sheet{len(to.book.worksheets)}.xml") as member:
        size = member.write(split(sheet)[0])
        while size < MOST_BYTES and (run := list(islice(rows, min(_RUN, room - records)))):
            numbers = range(head + 1 + records, head + 1 + records + len(run))
            size += member.write("".join(map(writer.row, numbers, run)).encode())
            records += len(run)
            yield from to.archive.pieces()
        following = next(rows, None)
        lines = _lines_after(part, records, notes, goes_on=following is not None)
        for number, line in enumerate(lines, head + 1 + records):
            member.write(writer.line(number, line).encode())
        last = f"{get_column_letter(len(layout.widths))}{head + records}"
        sheet.auto_filter.ref = f"A{head}:{last}"
        member.write(split(sheet)[1])
    return records, following


def _lines_after(
    part: _Part, records: int, notes: list[Item], *, goes_on: bool
) -> Iterator[Item | None]:
    if not records:
        yield _NOTHING
    yield None
    if goes_on:
        last = part.first + records - 1
        words = f"Part {part.entry.part}: records {part.first:,} to {last:,}; it goes on"
        yield Item(f"{words} in the next sheet", "strong")
    yield from notes
