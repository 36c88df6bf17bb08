"""Some rows as pages of Parquet: one a column, compressed, to stand in any file of such columns.

With the pages goes what the footer of a file has to say of each. A page is as the first version of
data pages has it: which rows have a value, and the values one after the other, gzip-compressed.
"""

import json
import struct as binary
import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from enum import Enum
from typing import Any, NamedTuple

from trial.deferred import dataclass
from trial.render.parquet import thrift
from trial.render.parquet.thrift import i32

_LENGTH = binary.Struct("<I")
_LEVEL = 1  # of compression: as of all that a block keeps
_GZIP = 16 + zlib.MAX_WBITS
_EPOCH = date(1970, 1, 1).toordinal()
_LONGEST_EXTREME = 64  # bytes: of a column with longer texts the footer names no least and greatest
DATA_PAGE, PLAIN, RLE = 0, 0, 3
"""As the format numbers kinds of page and encodings."""

type Extreme = Any
"""A text or a number, as the type of its column is; None where there is none."""


class ColumnType(Enum):
    """How the values of a column are stored."""

    TEXT = "text"
    INTEGER = "integer"
    """64 bits."""
    NUMBER = "number"
    """A binary fraction of 64 bits, the nearest to the decimal."""
    DAY = "day"
    """A date, given as YYYY-MM-DD."""


class PageSummary(NamedTuple):
    """What a footer says of the values of a page, which it is made of without reading them."""

    length: int
    """Of header and content, in bytes."""
    unpacked: int
    """Of header and content before compression, in bytes."""
    nulls: int
    least: Extreme
    greatest: Extreme
    """None where there are no values, or too long ones."""


@dataclass(frozen=True)
class PageBlock:
    """The pages of some rows, by column."""

    count: int
    summaries: Sequence[PageSummary]
    content: bytes
    """The pages one after the other."""


def pack(types: Sequence[ColumnType], columns: Sequence[Sequence[Any]]) -> bytes:
    """Write the pages of some rows, given by column as their data set has them.

    A number that is not whole comes as the text of its digits, what is missing as None. Nothing is
    written where there are no rows.
    """
    count = len(columns[0])
    if not count:
        return b""
    pages = [_page(kind, column) for kind, column in zip(types, columns, strict=True)]
    head = json.dumps([count, [summary for _, summary in pages]]).encode()
    return b"".join((_LENGTH.pack(len(head)), head, *(content for content, _ in pages)))


def read(block: bytes) -> PageBlock:
    """Read what `pack` wrote of some rows."""
    start = _LENGTH.size + _LENGTH.unpack_from(block)[0]
    count, summaries = json.loads(block[_LENGTH.size : start])
    return PageBlock(count, [PageSummary(*summary) for summary in summaries], block[start:])


def _page(kind: ColumnType, column: Sequence[Any]) -> tuple[bytes, PageSummary]:
    values = [value for value in column if value is not None]
    plain, least, greatest = _ENCODERS[kind](values)
    content = _presence(column, len(values)) + plain
    packed = zlib.compress(content, _LEVEL, _GZIP)
    of_data = {1: i32(len(column)), 2: i32(PLAIN), 3: i32(RLE), 4: i32(RLE)}
    header = thrift.struct(
        {1: i32(DATA_PAGE), 2: i32(len(content)), 3: i32(len(packed)), 5: thrift.struct(of_data)}
    ).content
    nulls = len(column) - len(values)
    size = len(header)
    summary = PageSummary(size + len(packed), size + len(content), nulls, least, greatest)
    return header + packed, summary


def _presence(column: Sequence[Any], present: int) -> bytes:
    """Write which rows have a value: one run where they are alike, else a bit each."""
    count = len(column)
    if present in (0, count):
        runs = thrift.varint(count << 1) + bytes((present > 0,))
    else:
        groups = (count + 7) // 8
        bits = "".join(["0" if value is None else "1" for value in reversed(column)])
        runs = thrift.varint(groups << 1 | 1) + int(bits, 2).to_bytes(groups, "little")
    return _LENGTH.pack(len(runs)) + runs


def _texts(values: Sequence[str]) -> tuple[bytes, Extreme, Extreme]:
    encoded = {value: _utf_8(value) for value in frozenset(values)}
    plain = {value: _LENGTH.pack(len(text)) + text for value, text in encoded.items()}
    content = b"".join(map(plain.__getitem__, values))
    if not encoded or max(map(len, encoded.values())) > _LONGEST_EXTREME:
        return content, None, None
    return content, min(encoded.values()).decode(), max(encoded.values()).decode()


def _utf_8(text: str) -> bytes:
    """Encode a text; half of a surrogate pair, which UTF-8 cannot have, becomes U+FFFD."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def _integers(values: Sequence[int]) -> tuple[bytes, Extreme, Extreme]:
    return binary.pack(f"<{len(values)}q", *values), *_extremes(values)


def _numbers(values: Sequence[str]) -> tuple[bytes, Extreme, Extreme]:
    numbers = [*map(float, values)]
    content = binary.pack(f"<{len(numbers)}d", *numbers)
    if not numbers:
        return content, None, None
    # Zeros of both signs are equal: the format wants the wider bound.
    return content, min(numbers) or -0.0, max(numbers) or 0.0


def _days(values: Sequence[str]) -> tuple[bytes, Extreme, Extreme]:
    ordinals = {
        value: date.fromisoformat(value).toordinal() - _EPOCH for value in frozenset(values)
    }
    days = [ordinals[value] for value in values]
    return binary.pack(f"<{len(days)}i", *days), *_extremes(days)


def _extremes(values: Sequence[int]) -> tuple[Extreme, Extreme]:
    return min(values, default=None), max(values, default=None)


_ENCODERS: Mapping[ColumnType, Callable[[Sequence[Any]], tuple[bytes, Extreme, Extreme]]] = {
    ColumnType.TEXT: _texts,
    ColumnType.INTEGER: _integers,
    ColumnType.NUMBER: _numbers,
    ColumnType.DAY: _days,
}
