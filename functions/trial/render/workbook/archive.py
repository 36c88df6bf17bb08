"""The file as it is made: an archive written to nowhere, and taken in pieces.

The sink has no `seek`, so `ZipFile` writes each member's sizes behind it instead of before it; that
is what lets bytes leave before the member is complete. Nothing is kept in a file.
A sheet of a listing is compressed segment by segment, each for itself: a segment of an earlier file
can stand in a new one as it is.
Every member carries the same stamp, and the properties the report's own date: there is no clock.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from heapq import merge
from io import BytesIO
from operator import itemgetter
from posixpath import dirname, relpath
from typing import Any, NamedTuple, Protocol, Self
from xml.sax.saxutils import escape
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo
from zlib import DEFLATED, MAX_WBITS, Z_FULL_FLUSH, compressobj, crc32

from openpyxl import Workbook
from openpyxl.compat import safe_string
from openpyxl.drawing.spreadsheet_drawing import SpreadsheetDrawing
from openpyxl.packaging.extended import ExtendedProperties
from openpyxl.packaging.relationship import RelationshipList
from openpyxl.worksheet._writer import WorksheetWriter
from openpyxl.worksheet.dimensions import SheetDimension
from openpyxl.worksheet.worksheet import Worksheet
from openpyxl.writer.excel import ExcelWriter
from openpyxl.xml.functions import fromstring, tostring

from trial.tables.grid import Cut

FIRST_STAMP = datetime(1980, 1, 1)  # noqa: DTZ001 - the earliest a member can carry, in no zone
MAKER = "LiveTLF"
_LEVEL = 5  # a fiftieth larger than by 6, in three quarters of the time; by 4 it is a tenth
_PIECE = 1 << 16
_APPLICATION = "docProps/app.xml"
_ROWS_END = b"</sheetData>"
_DRAWN = ("xl/drawings/", "xl/charts/")
_RELATIONSHIPS = ".rels"


class _Sink:
    """Takes what is written until it is asked for."""

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self.size = 0
        self.total = 0

    def write(self, data: bytes, /) -> int:
        self._held.append(bytes(data))
        self.size += len(data)
        self.total += len(data)
        return len(data)

    def flush(self) -> None:
        """Do nothing: what is written is there."""

    close = flush

    def take(self) -> bytes:
        content, self._held, self.size = b"".join(self._held), [], 0
        return content


class Segment(NamedTuple):
    """A part of a member, compressed for itself: it can stand in another as it is, unread."""

    packed: bytes
    size: int
    """Its length as it is read."""
    crc: int
    """CRC-32 of what is read."""


def segment_of(data: bytes) -> Segment:
    """Compress a segment: it ends at a byte, and refers to nothing before it."""
    compressor = compressobj(_LEVEL, DEFLATED, -MAX_WBITS)
    packed = compressor.compress(data) + compressor.flush(Z_FULL_FLUSH)
    return Segment(packed, len(data), crc32(data))


_ONES = 0xFFFFFFFF
_ZEROS = memoryview(bytes(1 << 16))


def joined_crc(first: int, second: int, size: int) -> int:
    """Return the CRC-32 of two texts, one after the other, by theirs and the size of the second.

    CRC-32 is linear: the text before adds what it would if so many zeros followed it.
    """
    before = first ^ _ONES
    for start in range(0, size, len(_ZEROS)):
        before = crc32(_ZEROS[: size - start], before)
    return before ^ _ONES ^ second


_NO_MORE = b"\x03\x00"
"""The last block of a member that is compressed so: it is empty."""


class _Precompressed:
    """Stands for a member's compressor: what is written is compressed already."""

    def flush(self) -> bytes:
        return _NO_MORE


class Member:
    """A member of an archive that is written segment by segment."""

    def __init__(self, opened: Any, sink: _Sink) -> None:
        self._opened, self._sink = opened, sink
        opened._compressor = _Precompressed()

    def __enter__(self) -> Self:
        """Write to it until the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self._opened.close()

    @property
    def offset(self) -> int:
        """Where in the file the next segment begins."""
        return self._sink.total

    def write(self, data: bytes) -> int:
        """Compress and write a segment; return its length as it is read."""
        return self.copy(segment_of(data))

    def copy(self, segment: Segment) -> int:
        """Write a segment as it is; return its length as it is read.

        What `ZipFile` counts of a member as it is written is counted here: it would read the data.
        """
        opened = self._opened
        opened._crc = joined_crc(opened._crc, segment.crc, segment.size)
        opened._file_size += segment.size
        opened._compress_size += len(segment.packed)
        opened._fileobj.write(segment.packed)
        return segment.size


class Archive(ZipFile):
    """A workbook's members, in the order in which they are written."""

    def __init__(self) -> None:
        self._sink = _Sink()
        super().__init__(self._sink, "w")

    def member(self, name: str) -> Member:
        """Open a member to write it segment by segment."""
        return Member(self.open(_stamped(name), "w"), self._sink)

    def writestr(self, zinfo_or_arcname: Any, data: Any, *_: Any) -> None:
        """Write a whole member, which openpyxl names, without the clock's stamp."""
        super().writestr(_stamped(zinfo_or_arcname), _content(zinfo_or_arcname, data))

    def pieces(self, least: int = _PIECE) -> Iterator[bytes]:
        """Yield what has been written since the last piece, if it is at least so many bytes."""
        if self._sink.size >= max(least, 1):
            yield self._sink.take()


def _stamped(name: str) -> ZipInfo:
    member = ZipInfo(name, FIRST_STAMP.timetuple()[:6])
    member.create_system, member.external_attr = 3, 0o644 << 16
    member.compress_type, member.compress_level = ZIP_DEFLATED, _LEVEL
    return member


def stamp(cut: Cut) -> datetime:
    """Return the date in the workbook's properties: that of its data."""
    with suppress(ValueError):
        return datetime.fromisoformat(cut.data_date).replace(tzinfo=None)
    return FIRST_STAMP


def _content(name: str, data: bytes) -> bytes:
    """Return what a member holds: openpyxl's bytes, but where Excel writes others."""
    if name == _APPLICATION:
        return _application()
    if name.endswith(_RELATIONSHIPS):
        return _relative(name, data)
    return _prefixed(data) if name.startswith(_DRAWN) else data


def _prefixed(data: bytes) -> bytes:
    """Write a drawing or a chart again, each element with its namespace's prefix.

    Some readers know the elements of a drawing by `xdr:` alone; openpyxl writes them without.
    """
    return _xml(fromstring(data))


def _application() -> bytes:
    properties = ExtendedProperties()
    properties.Application = MAKER
    return _xml(properties.to_tree())


def _relative(name: str, data: bytes) -> bytes:
    """Rewrite the targets of a list of relationships as where they are from the part that has them.

    openpyxl names them from the archive's root, and some viewers then leave a chart out.
    """
    folder = dirname(dirname(name))
    relationships: Any = RelationshipList.from_tree(fromstring(data))
    for relationship in relationships:
        if relationship.Target.startswith("/"):
            relationship.Target = relpath(relationship.Target[1:], folder or ".")
    return _xml(relationships.to_tree())


def _xml(tree: Any) -> bytes:
    return bytes(tostring(tree))


class RunOfRows(Protocol):
    """Rows that are no cells of a sheet, but stand in it where it has none."""

    @property
    def first(self) -> int:
        """The number of the first."""

    @property
    def last(self) -> int:
        """The number of the last."""

    def write(self, member: Member) -> None:
        """Write them, segment by segment."""


_RUN = "<!--run-->"
"""Stands in a sheet where a run of rows is to stand; no text in a cell holds it, as `<` is none."""


class _SheetWriter(WorksheetWriter):
    """Writes rows as text: openpyxl makes three elements of a cell, for the same bytes."""

    ws: Any

    def __init__(self, ws: Worksheet, out: Any, runs: Sequence[RunOfRows] = ()) -> None:
        super().__init__(ws, out)
        self._runs = runs

    def write_dimensions(self) -> None:
        """Write from which cell to which the sheet reaches."""
        reach = self.ws.calculate_dimension()
        start, _, end = reach.rpartition(":")
        last = max((run.last for run in self._runs), default=0)
        if last > self.ws.max_row:
            reach = f"{start}:{end.rstrip('0123456789')}{last}"
        self.xf.send(SheetDimension(reach).to_tree())

    def rows(self) -> Any:
        """Yield the sheet's rows in their order, and a mark where a run of rows begins."""
        marks = ((run.first, _RUN) for run in self._runs)
        return merge(super().rows(), marks, key=itemgetter(0))

    def write_row(self, xf: Any, row: Any, row_idx: int) -> None:
        """Write a mark, or a row of cells that hold a text, a number or a style alone."""
        if row is _RUN:
            xf._file(row)
            return
        dimension = self.ws.row_dimensions.get(row_idx)
        cells = (_cell(cell) for cell in row if cell.value is not None or cell.has_style)
        xf._file(row_xml(row_idx, dimension.ht if dimension else None, "".join(cells)))


def row_xml(number: int, height: float | None, cells: str) -> str:
    """Return a row as it stands in a sheet."""
    high = "" if height is None else f' ht="{height:g}" customHeight="1"'
    return f'<row r="{number}"{high}>{cells}</row>'


def _cell(cell: Any) -> str:
    if cell.hyperlink:
        cell.parent._hyperlinks.append(cell.hyperlink)
    assert cell.data_type in "sn", "a text or a number"
    return cell_xml(cell.coordinate, cell.style_id if cell.has_style else None, cell.value)


def cell_xml(coordinate: str, style: int | None, value: str | Decimal | float | None) -> str:
    """Return a cell as it stands in a sheet; None is a cell of a style alone."""
    opened = f'<c r="{coordinate}"{"" if style is None else f' s="{style}"'} t="'
    if not isinstance(value, str):
        return f'{opened}n" />' if value is None else f'{opened}n"><v>{safe_string(value)}</v></c>'
    if value == "":
        return f'{opened}inlineStr" />'
    stripped = value.strip()
    space = ' xml:space="preserve"' if stripped and stripped != value else ""
    return f'{opened}inlineStr"><is><t{space}>{escape(value)}</t></is></c>'


class _HeadWriter(_SheetWriter):
    """Writes a sheet whose rows come from elsewhere: how many there will be is not known."""

    def write_dimensions(self) -> None:
        """Leave the dimensions out: openpyxl knows only the head, and readers would trust them."""


def split(sheet: Worksheet) -> tuple[bytes, bytes]:
    """Return a sheet's XML up to where its further rows belong, and from there on."""
    before, end, after = _written(_HeadWriter(sheet, BytesIO())).partition(_ROWS_END)
    return before, end + after


def _written(writer: WorksheetWriter) -> bytes:
    writer.write()
    content: bytes = writer.read()
    return content


class _Writer(ExcelWriter):
    """openpyxl's writer, told which sheets are written already; it needs no temporary file."""

    def __init__(
        self,
        book: Workbook,
        archive: Archive,
        streamed: Container[str],
        runs: Mapping[str, Sequence[RunOfRows]],
    ) -> None:
        super().__init__(book, archive)
        self._members, self._streamed, self._runs = archive, streamed, runs

    def write_worksheet(self, ws: Any) -> None:
        """Write a sheet, with its drawing, unless it is written."""
        if ws.title not in self._streamed:
            ws._drawing = SpreadsheetDrawing()
            ws._drawing.charts = ws._charts
            runs = self._runs.get(ws.title, ())
            writer: Any = _SheetWriter(ws, BytesIO(), runs)
            before, *between = _written(writer).split(_RUN.encode())
            with self._members.member(ws.path[1:]) as member:
                member.write(before)
                for run, after in zip(runs, between, strict=True):
                    run.write(member)
                    member.write(after)
            ws._rels = writer._rels
        self.manifest.append(ws)


def finish(
    book: Workbook,
    archive: Archive,
    streamed: Container[str],
    runs: Mapping[str, Sequence[RunOfRows]],
) -> None:
    """Write all that is left, from the other sheets to the list of members, and close.

    `runs` are the rows of sheets, by their titles and in their order, that are no cells of theirs.
    """
    _Writer(book, archive, streamed, runs).save()
