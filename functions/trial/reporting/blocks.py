"""Subjects in blocks: what listings, data sets and narratives show of each, made once and packed.

Where a block begins depends on the subjects' ids alone. So one subject's change changes one block,
and a new subject at most splits one. A block is a function of its subjects and of what the study
knows across them; documents are the blocks one after the other.
"""

import hashlib
import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import chain
from typing import Any, overload

from trial.deferred import dataclass
from trial.render import columns, datasets
from trial.reporting.spool import Packed
from trial.subject.derivation import Derivation
from trial.subject.fold import Subject
from trial.tables.grid import Absent, Listing, Narratives, Value
from trial.tables.listings import ListingRows
from trial.tables.row_blocks import Row, RowBlock

_USUAL_SIZE = 16
"""How many subjects a block has on average: a change makes the rows of all of them anew."""
_ROW_END = "\1"
"""Stands between rows of a sheet: a character that XML has not."""
_LEVEL = 1  # of compression: these bytes are written once and read often


def begins_block(subject_id: str) -> bool:
    """Return whether a block begins with a subject."""
    return hashlib.sha256(subject_id.encode()).digest()[0] % _USUAL_SIZE == 0


def in_blocks[Item](
    items: Iterable[Item], subject_id: Callable[[Item], str]
) -> Iterator[list[Item]]:
    """Yield what comes in order of subjects' ids, block by block."""
    block: list[Item] = []
    for item in items:
        if block and begins_block(subject_id(item)):
            yield block
            block = []
        block.append(item)
    if block:
        yield block


def subject_blocks(subjects: Iterable[Subject]) -> Iterator[list[Subject]]:
    """Yield subjects, which come in order of their ids, block by block."""
    return in_blocks(subjects, lambda subject: subject.id)


@dataclass
class PackedRows:
    """The rows of a listing of a block's subjects: as values, and as its data sets have them.

    Data that no sheet shows have no values, and no columns.
    """

    count: int
    digest: str
    packed_values: Packed
    packed_lines: Packed
    packed_pages: Packed = b""
    packed_columns: Packed = b""
    packed_template: Packed = b""
    shape: str = ""
    """Of the sheet that the template is for."""

    def template(self, shape: str, make: Callable[[], list[str]]) -> list[str]:
        """Return each row as it stands in a sheet, but for its number; remember them."""
        if shape == self.shape:
            return zlib.decompress(bytes(self.packed_template)).decode().split(_ROW_END)
        rows = make()
        self.remember_template(shape, zlib.compress(_ROW_END.join(rows).encode(), _LEVEL))
        return rows

    def remember_template(self, shape: str, packed: bytes) -> None:
        """Keep a template for a sheet of some shape."""
        self.shape, self.packed_template = shape, packed

    @property
    def lines(self) -> bytes:
        """The rows as they stand in their data set."""
        return zlib.decompress(bytes(self.packed_lines))

    @property
    def pages(self) -> bytes:
        """The rows as they stand in their Parquet file."""
        return bytes(self.packed_pages)

    @property
    def columns(self) -> bytes:
        """The rows by column."""
        return bytes(self.packed_columns)

    def __iter__(self) -> Iterator[Row]:
        """Yield the rows."""
        for row in json.loads(zlib.decompress(bytes(self.packed_values))):
            if list in map(type, row):
                yield tuple([_read(value) if type(value) is list else value for value in row])
            else:
                yield tuple(row)


@dataclass(frozen=True)
class Block:
    """What documents need of some subjects that stand together."""

    ids: tuple[str, ...]
    last_contact: int
    uncounted: Mapping[str, int]
    """How many discrepancies across subjects there are by rule."""
    packed_root_lines: Packed
    """The lines that the content root is the digest of."""
    rows: Mapping[str, PackedRows]
    """By data set."""

    @property
    def root_lines(self) -> bytes:
        """The lines of these subjects that the content root is the digest of."""
        return zlib.decompress(bytes(self.packed_root_lines))


@dataclass(frozen=True)
class _RowsOf(Sequence[RowBlock]):
    """The rows of one listing in each block; what a spool holds of them is read when asked for."""

    blocks: Sequence[Block]
    name: str

    def __len__(self) -> int:
        return len(self.blocks)

    @overload
    def __getitem__(self, place: int) -> RowBlock: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[RowBlock]: ...
    def __getitem__(self, place: int | slice) -> RowBlock | Sequence[RowBlock]:
        if isinstance(place, slice):
            return _RowsOf(self.blocks[place], self.name)
        return self.blocks[place].rows[self.name]

    def __iter__(self) -> Iterator[RowBlock]:
        return (block.rows[self.name] for block in self.blocks)


@dataclass(frozen=True)
class RowsInBlocks:
    """A listing's rows, of which the blocks are known; read one by one they are made anew."""

    blocks: Sequence[RowBlock]
    rows: Iterable[Row]

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)


@dataclass(frozen=True)
class BlockMaker:
    """Makes the blocks of a study for one audience."""

    study_id: str
    listings: Sequence[Listing]
    """As on the sheets of the workbook, and as data."""
    analysis_data: Sequence[Listing]
    """As data alone."""
    narratives: Sequence[Narratives]
    """In a document of their own alone."""
    derive: Callable[[Subject], Derivation | None]
    root_lines: Callable[[Subject], str]

    def make(self, subjects: Sequence[Subject], former: Block | None = None) -> Block:
        """Make the block of these subjects; of rows that a former one has, as they are there."""
        derivations = [
            derivation for subject in subjects if (derivation := self.derive(subject)) is not None
        ]
        uncounted = Counter(rule for derivation in derivations for rule, _, _ in derivation.across)
        return Block(
            tuple(subject.id for subject in subjects),
            max((derivation.last_contact for derivation in derivations), default=0),
            dict(sorted(uncounted.items())),
            zlib.compress("".join(map(self.root_lines, subjects)).encode(), _LEVEL),
            dict(self._rows(derivations, former.rows if former else {})),
        )

    def _rows(
        self, derivations: Sequence[Derivation], former: Mapping[str, PackedRows]
    ) -> Iterator[tuple[str, PackedRows]]:
        packers = ((self.listings, self._listed), (self.analysis_data, self._analysed))
        for listings, pack in packers:
            for listing in listings:
                name = _rows_name(listing)
                yield name, pack(listing, _rows_of(listing, derivations), former.get(name))
        for narratives in self.narratives:
            rows = _rows_of(narratives, derivations)
            yield _rows_name(narratives), _packed_rows(len(rows), _encoded(rows))

    def _listed(
        self, listing: Listing, rows: Sequence[Row], former: PackedRows | None
    ) -> PackedRows:
        values = _encoded(rows)
        if former is not None and former.digest == _digest(values):
            return former  # lines, pages and columns follow from the values
        data = datasets.values(listing, self.study_id, rows)
        lines, pages = datasets.written(data), datasets.packed_pages(listing, data)
        return _packed_rows(len(rows), values, lines, pages, columns.pack(data))

    def _analysed(
        self, listing: Listing, rows: Sequence[Row], former: PackedRows | None
    ) -> PackedRows:
        data = datasets.values(listing, self.study_id, rows)
        lines = datasets.written(data)
        if former is not None and former.digest == _digest(lines):
            return former
        return _packed_rows(len(rows), b"", lines, datasets.packed_pages(listing, data))

    def blocked(self, blocks: Sequence[Block]) -> "InBlocks":
        """Return what the documents show of subjects, with the rows that these blocks hold."""
        return InBlocks(
            tuple(_blocked(self.listings, blocks)),
            tuple(_blocked(self.analysis_data, blocks)),
            tuple(_blocked(self.narratives, blocks)),
        )


@dataclass(frozen=True)
class InBlocks:
    """What documents show of subjects, its rows in blocks."""

    listings: tuple[Listing, ...]
    analysis_data: tuple[Listing, ...]
    narratives: tuple[Narratives, ...]


def _rows_of(part: Listing | Narratives, derivations: Sequence[Derivation]) -> list[Row]:
    assert isinstance(part.rows, ListingRows)
    return list(ListingRows(derivations, part.rows.rows_of))


def _rows_name(part: Listing | Narratives) -> str:
    """Return the name of rows in a block: no data set's has a slash."""
    if isinstance(part, Narratives):
        return f"narratives/{part.id}"
    return datasets.dataset_name(part)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _packed_rows(
    count: int, values: bytes, lines: bytes = b"", pages: bytes = b"", by_column: bytes = b""
) -> PackedRows:
    return PackedRows(
        count,
        _digest(values or lines),
        zlib.compress(values, _LEVEL),
        zlib.compress(lines, _LEVEL),
        pages,
        by_column,
    )


def _blocked[Shown: (Listing, Narratives)](
    several: Iterable[Shown], blocks: Sequence[Block]
) -> Iterator[Shown]:
    for part in several:
        block_rows = _RowsOf(blocks, _rows_name(part))
        yield replace(part, rows=RowsInBlocks(block_rows, part.rows))


def _encoded(rows: Sequence[Row]) -> bytes:
    """Write values as JSON: a decimal as a list of its text, what is absent with a 0 behind it."""
    plain: Sequence[Sequence[Any]] = rows
    if Absent in set(map(type, chain.from_iterable(rows))):
        plain = [
            [[value, 0] if isinstance(value, Absent) else value for value in row] for row in rows
        ]
    return _compact(plain).encode()


def _plain(value: object) -> list[str]:
    """Write what JSON has not: a decimal."""
    assert isinstance(value, Decimal)
    return [str(value)]


_compact = json.JSONEncoder(separators=(",", ":"), default=_plain).encode


def _read(value: list[Any]) -> Value:
    return Decimal(value[0]) if len(value) == 1 else Absent(value[0])
