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
from dataclasses import field, replace
from decimal import Decimal
from functools import cached_property, partial
from io import BytesIO
from itertools import chain, islice
from typing import Any, NamedTuple, overload

from trial.deferred import dataclass
from trial.render import columns, datasets
from trial.reporting.spool import Packed, Spans
from trial.subject.derivation import Derivation
from trial.subject.fold import Subject
from trial.tables.grid import Absent, Listing, Narratives, Value
from trial.tables.listings import ListingRows
from trial.tables.row_blocks import Row, RowBlock

_USUAL_SIZE = 16
"""How many subjects a block has on average: a change puts the rows of all of them together anew."""
_ROW_END = "\1"
"""Stands between rows of a sheet: a character that XML has not."""
_LEVEL = 1  # of compression: these bytes are written once and read often
_VALUES, _LINES, _PAGES, _COLUMNS = range(4)


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
    parts: Spans | Sequence[Packed]
    """Values, lines, pages and columns, in this order."""
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
        return zlib.decompress(bytes(self.parts[_LINES]))

    @property
    def pages(self) -> bytes:
        """The rows as they stand in their Parquet file."""
        return bytes(self.parts[_PAGES])

    @property
    def columns(self) -> bytes:
        """The rows by column."""
        return bytes(self.parts[_COLUMNS])

    def __iter__(self) -> Iterator[Row]:
        """Yield the rows."""
        for row in json.loads(zlib.decompress(bytes(self.parts[_VALUES]))):
            if list in map(type, row):
                yield tuple([_read(value) if type(value) is list else value for value in row])
            else:
                yield tuple(row)


class SubjectFacts(NamedTuple):
    """What a block knows of one of its subjects: by that its rows can be told from the others'."""

    last_contact: int
    uncounted: Mapping[str, int]
    root_length: int
    """Of its lines of those that the content root is the digest of, in bytes."""
    row_counts: Sequence[int]
    """How many rows it has, in the order of the block's data sets."""


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
    packed_facts: Packed

    @property
    def facts(self) -> Sequence[SubjectFacts]:
        """What it knows of each subject, in their order."""
        return [SubjectFacts(*facts) for facts in json.loads(bytes(self.packed_facts))]

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

    def make(
        self, ids: Sequence[str], people: Mapping[str, Subject], former: Block | None = None
    ) -> Block:
        """Make the block of subjects; a former one has what is known of those who are not given.

        Rows that the former one has are taken as they are there.
        """
        derivations = {name: self.derive(people[name]) for name in ids if name in people}
        making = _Making(ids, derivations, former)
        rows = dict(self._rows(making, former.rows if former else {}))
        root_lines = making.kept_root_lines()
        root_lines |= {name: self.root_lines(people[name]).encode() for name in derivations}
        facts = [making.facts(name, len(root_lines[name])) for name in ids]
        uncounted = Counter[str]()
        for subject_facts in facts:
            uncounted.update(subject_facts.uncounted)
        return Block(
            tuple(ids),
            max((subject_facts.last_contact for subject_facts in facts), default=0),
            dict(sorted(uncounted.items())),
            zlib.compress(b"".join(root_lines[name] for name in ids), _LEVEL),
            rows,
            _compact(facts).encode(),
        )

    def _rows(
        self, making: "_Making", former: Mapping[str, PackedRows]
    ) -> Iterator[tuple[str, PackedRows]]:
        for listing in self.listings:
            name = _rows_name(listing)
            rows = making.items(name, partial(_rows_of, listing), iter)
            yield name, self._listed(listing, rows, former.get(name))
        for listing in self.analysis_data:
            name = _rows_name(listing)
            yield name, _analysed(listing, self._data(making, listing), former.get(name))
        for narratives in self.narratives:
            name = _rows_name(narratives)
            rows = making.items(name, partial(_rows_of, narratives), iter)
            yield name, _packed_rows(len(rows), _encoded(rows))

    def _listed(
        self, listing: Listing, rows: Sequence[Row], former: PackedRows | None
    ) -> PackedRows:
        values = _encoded(rows)
        if former is not None and former.digest == _digest(values):
            return former  # lines, pages and columns follow from the values
        data = datasets.values(listing, self.study_id, rows)
        lines, pages = datasets.written(data), datasets.packed_pages(listing, data)
        return _packed_rows(len(rows), values, lines, pages, columns.pack(data))

    def _data(self, making: "_Making", listing: Listing) -> Sequence[Sequence[Value]]:
        """Return the rows of a data set that no sheet shows, by column."""
        name, derive = _rows_name(listing), partial(_rows_of, listing)
        if making.is_whole:
            return datasets.values(listing, self.study_id, making.items(name, derive, iter))

        def data_of(derivation: Derivation) -> list[Sequence[Value]]:
            return list(
                zip(*datasets.values(listing, self.study_id, derive(derivation)), strict=True)
            )

        rows = making.items(name, data_of, _data_in)
        return list(zip(*rows, strict=True)) or datasets.values(listing, self.study_id, ())

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


@dataclass(frozen=True)
class _Making:
    """What a block is made of: subjects that are derived, and the block that has the others."""

    ids: Sequence[str]
    derivations: Mapping[str, Derivation | None]
    former: Block | None
    counts: dict[str, list[int]] = field(default_factory=dict)
    """How many rows each of the derived subjects has, data set by data set."""

    @property
    def is_whole(self) -> bool:
        """Whether all subjects are derived."""
        return self.derivations.keys() >= {*self.ids}

    @cached_property
    def _kept(self) -> Mapping[str, SubjectFacts]:
        """What the former block knows of its subjects; nothing where all are derived."""
        if self.former is None or self.is_whole:
            return {}
        return dict(zip(self.former.ids, self.former.facts, strict=True))

    def items[Item](
        self,
        name: str,
        derive: Callable[[Derivation], list[Item]],
        read: Callable[[PackedRows], Iterable[Item]],
    ) -> list[Item]:
        """Return the rows of a data set, subject by subject, as they are derived or were kept."""
        by_subject: dict[str, list[Item]] = {}
        if self.former is not None and self._kept:
            place, kept_items = len(self.counts), iter(read(self.former.rows[name]))
            for subject_id, facts in self._kept.items():
                by_subject[subject_id] = list(islice(kept_items, facts.row_counts[place]))
        counts = self.counts[name] = list[int]()
        for subject_id, derivation in self.derivations.items():
            by_subject[subject_id] = [] if derivation is None else derive(derivation)
            counts.append(len(by_subject[subject_id]))
        return [item for subject_id in self.ids for item in by_subject[subject_id]]

    def kept_root_lines(self) -> dict[str, bytes]:
        """Return the lines of the former block's subjects that the content root is of."""
        if self.former is None or not self._kept:
            return {}
        lines = BytesIO(self.former.root_lines)
        return {name: lines.read(facts.root_length) for name, facts in self._kept.items()}

    def facts(self, name: str, root_length: int) -> SubjectFacts:
        """Return what is known of a subject, once the rows are made."""
        if name not in self.derivations:
            return self._kept[name]
        place, derivation = list(self.derivations).index(name), self.derivations[name]
        across = () if derivation is None else derivation.across
        return SubjectFacts(
            0 if derivation is None else derivation.last_contact,
            Counter(rule for rule, _, _ in across),
            root_length,
            [counts[place] for counts in self.counts.values()],
        )


def _rows_of(part: Listing | Narratives, derivation: Derivation) -> list[Row]:
    assert isinstance(part.rows, ListingRows)
    return list(part.rows.rows_of(derivation))


def _data_in(rows: PackedRows) -> Iterator[Sequence[Value]]:
    """Yield the rows of a data set that no sheet shows, as they were written."""
    return map(json.loads, rows.lines.splitlines())


def _analysed(
    listing: Listing, data: Sequence[Sequence[Value]], former: PackedRows | None
) -> PackedRows:
    lines = datasets.written(data)
    if former is not None and former.digest == _digest(lines):
        return former
    return _packed_rows(len(data[0]), b"", lines, datasets.packed_pages(listing, data))


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
    packed = zlib.compress(values, _LEVEL), zlib.compress(lines, _LEVEL), pages, by_column
    return PackedRows(count, _digest(values or lines), packed)


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
