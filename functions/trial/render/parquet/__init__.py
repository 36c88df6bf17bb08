"""Parquet, as far as data sets need it: files that are put together from pages made before.

Whatever a file is of, its columns are optional and flat; a column chunk is the pages of its blocks,
copied; no dictionary, for that would tie a block's bytes to the other blocks. The format is Apache
Parquet's, as its Thrift definition has it: https://github.com/apache/parquet-format.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate

from trial.render.parquet import pages
from trial.render.parquet.pages import ColumnType, Extreme, PageBlock, PageSummary
from trial.render.parquet.thrift import EMPTY, Encoded, array, binary, i16, i32, i64
from trial.render.parquet.thrift import struct as structure

GROUP_BYTES = 16 * 1024 * 1024
"""How many bytes of pages a row group has at least, but for the last: readers, who unpack a row
group as a whole, want 10 to 100 MB, and a publication holds as much of a file as one has."""
CREATOR = b"LiveTLF version 1"
_MAGIC = b"PAR1"
_OPTIONAL, _GZIP = 1, 2

_STORED: Mapping[ColumnType, tuple[int, Mapping[int, Encoded | None]]] = {
    ColumnType.TEXT: (6, {6: i32(0), 10: structure({1: EMPTY})}),
    ColumnType.INTEGER: (2, {}),
    ColumnType.NUMBER: (5, {}),
    ColumnType.DAY: (1, {6: i32(6), 10: structure({6: EMPTY})}),
}
"""The number of the physical type, and how the schema says what it stands for."""


def file(
    columns: Mapping[str, ColumnType], blocks: Iterable[bytes], about: Mapping[str, str]
) -> Iterator[bytes]:
    """Yield a file of the rows of blocks that `pages.pack` made, in pieces.

    `about` goes into the footer as it is: what there is to know of the data set, by key.
    """
    yield _MAGIC
    groups, offset, rows = list[Encoded](), len(_MAGIC), 0
    for group_blocks in _groups(blocks):
        chunks = _chunks(group_blocks, len(columns))
        groups.append(_row_group(columns, group_blocks, offset, len(groups)))
        rows += sum(block.count for block in group_blocks)
        for chunk in chunks:
            offset += len(chunk)
            yield chunk
    footer = _footer(columns, groups, rows, about)
    yield footer + struct.pack("<I", len(footer)) + _MAGIC


def _groups(blocks: Iterable[bytes]) -> Iterator[list[PageBlock]]:
    """Yield the blocks of each row group: as many as have so many bytes together."""
    group, size = list[PageBlock](), 0
    for block in map(pages.read, filter(None, blocks)):
        group.append(block)
        size += len(block.content)
        if size >= GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _chunks(blocks: Sequence[PageBlock], width: int) -> list[bytes]:
    """Return the pages of each column, which stand together."""
    parts: list[list[memoryview]] = [[] for _ in range(width)]
    for block in blocks:
        content = memoryview(block.content)
        ends = list(accumulate(summary.length for summary in block.summaries))
        for part, start, end in zip(parts, (0, *ends), ends, strict=False):
            part.append(content[start:end])
    return [b"".join(part) for part in parts]


def _row_group(
    columns: Mapping[str, ColumnType], blocks: Sequence[PageBlock], start: int, number: int
) -> Encoded:
    rows = sum(block.count for block in blocks)
    chunks, offset, unpacked = list[Encoded](), start, 0
    for place, (name, kind) in enumerate(columns.items()):
        summaries = [block.summaries[place] for block in blocks]
        values = [block.count - block.summaries[place].nulls for block in blocks]
        size = sum(summary.length for summary in summaries)
        unpacked_size = sum(summary.unpacked for summary in summaries)
        metadata = {
            1: i32(_STORED[kind][0]),
            2: array([i32(pages.PLAIN), i32(pages.RLE)]),
            3: array([binary(name.encode())]),
            4: i32(_GZIP),
            5: i64(rows),
            6: i64(unpacked_size),
            7: i64(size),
            9: i64(offset),
            12: _statistics(kind, summaries, values),
        }
        chunks.append(structure({2: i64(0), 3: structure(metadata)}))
        offset += size
        unpacked += unpacked_size
    fields = {
        1: array(chunks),
        2: i64(unpacked),
        3: i64(rows),
        5: i64(start),
        6: i64(offset - start),
        7: i16(number),
    }
    return structure(fields)


def _statistics(
    kind: ColumnType, summaries: Sequence[PageSummary], values: Sequence[int]
) -> Encoded:
    """Say how many values are missing, and between which the others are, where all tell that."""
    bounds = [
        (summary.least, summary.greatest)
        for summary, count in zip(summaries, values, strict=True)
        if count
    ]
    least = greatest = None
    if bounds and (None, None) not in bounds:
        least = _extreme(kind, min(low for low, _ in bounds))
        greatest = _extreme(kind, max(high for _, high in bounds))
    nulls = i64(sum(summary.nulls for summary in summaries))
    not_a_number = i64(0) if kind is ColumnType.NUMBER else None
    return structure({3: nulls, 5: greatest, 6: least, 9: not_a_number})


def _extreme(kind: ColumnType, value: Extreme) -> Encoded:
    """Write a value as a page has it, a text without its length."""
    if isinstance(value, str):
        return binary(value.encode())
    form = {ColumnType.INTEGER: "<q", ColumnType.NUMBER: "<d", ColumnType.DAY: "<i"}[kind]
    return binary(struct.pack(form, value))


def _footer(
    columns: Mapping[str, ColumnType],
    groups: Sequence[Encoded],
    rows: int,
    about: Mapping[str, str],
) -> bytes:
    root = structure({4: binary(b"schema"), 5: i32(len(columns))})
    leaves = [_column(name, kind) for name, kind in columns.items()]
    pairs = [
        structure({1: binary(key.encode()), 2: binary(value.encode())})
        for key, value in about.items()
    ]
    fields = {
        1: i32(1),
        2: array([root, *leaves]),
        3: i64(rows),
        4: array(groups),
        5: array(pairs),
        6: binary(CREATOR),
        7: array([structure({1: EMPTY})] * len(columns)),
    }
    return structure(fields).content


def _column(name: str, kind: ColumnType) -> Encoded:
    number, meaning = _STORED[kind]
    return structure({1: i32(number), 3: i32(_OPTIONAL), 4: binary(name.encode()), **meaning})
