"""Listings as they are written: block by block, over as many sheets as the rows take.

A listing can have more rows than memory holds. Its sheet is therefore split: openpyxl writes what
stands before and after the rows, and the rows go into the archive's member between the two. A block
whose rows and their numbers are those of an earlier workbook is taken from there, as compressed.
"""

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import field, replace
from itertools import chain, islice

from openpyxl import Workbook
from openpyxl.utils import get_column_letter

from trial.deferred import dataclass
from trial.render.workbook.archive import Archive, Member, split
from trial.render.workbook.cell_values import CellValue, Names
from trial.render.workbook.listings import SAMPLE, fitting_widths, lay_out
from trial.render.workbook.rows import RowWriter, Styles
from trial.render.workbook.segments import Segments, name_of
from trial.render.workbook.sheets import ContentsEntry, below, write_head
from trial.tables.file_names import WORKBOOK
from trial.tables.grid import Cut, Listing
from trial.tables.row_blocks import Row, RowBlock, Run, blocks_of

MOST_ROWS = 1_048_576  # a sheet holds no more
MOST_BYTES = 2_000_000_000  # nor does a member of an archive that every program reads
_NOTHING = CellValue("No records", "line")


@dataclass(frozen=True)
class ListingTarget:
    """Where listings go: the workbook that is being made, and its archive."""

    book: Workbook
    archive: Archive
    names: Names
    cut: Cut
    most_rows: int = MOST_ROWS
    segments: Segments = field(default_factory=Segments)
    file: str = WORKBOOK
    part_line: str = ""
    """What the head of each sheet says of a listing of which this workbook has a part."""


class _Blocks:
    """The blocks of a listing, one after the other; those read ahead wait."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._blocks = blocks_of(rows)
        self._waiting: deque[RowBlock] = deque()

    def read_ahead(self, size: int) -> Sequence[RowBlock]:
        """Return the blocks that hold the first rows, so many or all; nothing is taken."""
        rows = 0
        while rows < size and (block := next(self._blocks, None)) is not None:
            self._waiting.append(block)
            rows += block.count
        return tuple(self._waiting)

    def sample(self, size: int) -> list[Row]:
        """Return the first rows of those that were read ahead, at most so many."""
        return list(islice(chain.from_iterable(self._waiting), size))

    def take(self, limit: int) -> RowBlock | None:
        """Return the next block that is not empty, or as much of it as there is room for."""
        block = self._next()
        if block is None or block.count <= limit:
            return block
        rows = list(block)
        self._waiting.appendleft(Run(rows[limit:]))
        return Run(rows[:limit])

    def is_empty(self) -> bool:
        """Return whether there are no more rows."""
        block = self._next()
        if block is not None:
            self._waiting.appendleft(block)
        return block is None

    def _next(self) -> RowBlock | None:
        while True:
            block = self._waiting.popleft() if self._waiting else next(self._blocks, None)
            if block is None or block.count:
                return block


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


def listing_widths(listing: Listing, segments: Segments) -> tuple[int, ...]:
    """Return the widths of a listing's columns: its first rows decide them."""
    return _widths(listing, _Blocks(listing.rows), segments)


def _widths(listing: Listing, blocks: _Blocks, segments: Segments) -> tuple[int, ...]:
    return segments.widths(
        _sample_name(listing, blocks.read_ahead(SAMPLE)),
        lambda: fitting_widths(listing.columns, blocks.sample(SAMPLE)),
    )


def stream(
    listing: Listing, target: ListingTarget, widths: tuple[int, ...] = ()
) -> Generator[bytes, None, list[ContentsEntry]]:
    """Write a listing, yielding the file's bytes as they come; return the sheets that hold it.

    Its first rows decide the widths of its columns, unless these are given.
    """
    blocks = _Blocks(listing.rows)
    layout = lay_out(listing, widths or _widths(listing, blocks, target.segments))
    part = _Part(ContentsEntry(layout, target.names.take(listing.id)))
    entries: list[ContentsEntry] = []
    while True:
        records, continues = yield from _stream_part(listing, part, blocks, target)
        entries.append(replace(part.entry, records=records))
        if not continues:
            return entries
        part = part.next(target.names.take(listing.id, part.entry.part + 1), records)


def _stream_part(
    listing: Listing, part: _Part, blocks: _Blocks, target: ListingTarget
) -> Generator[bytes, None, tuple[int, bool]]:
    """Write a part; return its number of records, and whether another part follows."""
    layout = part.entry.layout
    sheet = target.book.create_sheet(part.entry.name)
    head = write_head(sheet, layout, target.cut, (target.part_line, part.line))
    notes = list(below(layout, target.cut))
    room = max(
        target.most_rows - head - len(notes) - 2, 1
    )  # an empty row, and the line on the next part
    writer = RowWriter(Styles(sheet), listing.columns, layout.widths)
    rows = _RowsOfSheet(writer, target.segments, target.file, _shape(listing, layout.widths))
    records, letter = 0, get_column_letter(len(layout.widths))
    sheet.auto_filter.ref = longest = f"A{head}:{letter}{MOST_ROWS}"
    before, after = split(sheet)
    with target.archive.member(f"xl/worksheets/sheet{len(target.book.worksheets)}.xml") as member:
        size = member.write(before)
        while size < MOST_BYTES and records < room:
            block = blocks.take(room - records)
            if block is None:
                break
            size += rows.write(member, block, head + 1 + records)
            records += block.count
            yield from target.archive.pieces()
        continues = not blocks.is_empty()
        lines = _lines_after(part, records, notes, continues=continues)
        numbered = enumerate(lines, head + 1 + records)
        tail = "".join(rows.writer.line(number, line) for number, line in numbered)
        sheet.auto_filter.ref = reach = f"A{head}:{letter}{head + records}"
        member.write(tail.encode() + after.replace(longest.encode(), reach.encode()))
    return records, continues


def _shape(listing: Listing, widths: Sequence[int]) -> str:
    """Return a name for all but the rows that decides the bytes of a listing's rows."""
    return name_of(*(column.kind for column in listing.columns), *map(str, widths))


def _sample_name(listing: Listing, blocks: Sequence[RowBlock]) -> str:
    """Return a name for all that decides a listing's widths; '' where that is not known."""
    if not all(block.digest for block in blocks):
        return ""
    columns = (f"{column.kind} {column.label}" for column in listing.columns)
    return name_of(*columns, *(block.digest for block in blocks))


@dataclass(frozen=True)
class _RowsOfSheet:
    """Writes the rows of a sheet, block by block."""

    writer: RowWriter
    segments: Segments
    file: str
    shape: str

    def write(self, member: Member, block: RowBlock, first: int) -> int:
        """Write a block from a row of this number on; return the length of its XML."""
        if not block.digest:
            return member.write(self._xml(block, first))
        name = name_of(self.shape, block.digest, str(first))
        earlier = self.segments.find(name)
        if earlier is not None:
            self.segments.move(name, self.file, member.offset)
            return member.copy(earlier)
        xml = self._xml(block, first)
        return member.copy(self.segments.note(name, self.file, member.offset, xml))

    def _xml(self, block: RowBlock, first: int) -> bytes:
        template = block.template(self.shape, lambda: self.writer.template(block))
        return self.writer.numbered(template, first).encode()


def _lines_after(
    part: _Part, records: int, notes: Sequence[CellValue], *, continues: bool
) -> Iterator[CellValue | None]:
    if not records:
        yield _NOTHING
    yield None
    if continues:
        last = part.first + records - 1
        words = f"Part {part.entry.part}: records {part.first:,} to {last:,}; it goes on"
        yield CellValue(f"{words} in the next sheet", "strong")
    yield from notes
