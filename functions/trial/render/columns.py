"""A listing's rows by column, compact: what is read to filter and sort a long data set.

A data set has one JSON array a row, so to sort it by one column all of it would be read. Beside it
stand the same values by column, block by block as documents are made. A block is two numbers (rows,
columns), the length of each column in bytes, and the columns: each a JSON array, compressed. What
is as it was is taken over as it is; a reader unpacks the columns that it is asked for.
"""

import json
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

from trial.deferred import dataclass

_SIZES = struct.Struct(">II")
_CUT_OFF = "the columns of a data set end in their midst"
_LEVEL = 1  # of compression: these bytes are written once and read often
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True)
class ColumnBlock:
    """Some rows that stand together, by column."""

    count: int
    packed: tuple[bytes, ...]

    def text(self, place: int) -> bytes:
        """Return a column as JSON."""
        return zlib.decompress(self.packed[place])

    def column(self, place: int) -> list[Any]:
        """Return the values of a column, as the data set has them."""
        values: list[Any] = json.loads(self.text(place))
        return values


def pack(columns: Sequence[Sequence[object]]) -> bytes:
    """Pack the rows of a block, by column as the data set has them; nothing where none are."""
    count = len(columns[0])
    if not count:
        return b""
    packed = [
        # A lone surrogate cannot be UTF-8; its backslash form is the JSON escape for it.
        zlib.compress(_encode(column).encode("utf-8", "backslashreplace"), _LEVEL)
        for column in columns
    ]
    lengths = struct.pack(f">{len(packed)}I", *map(len, packed))
    return b"".join((_SIZES.pack(count, len(packed)), lengths, *packed))


def read(content: bytes) -> Iterator[ColumnBlock]:
    """Read blocks that stand one after the other; raises `ValueError` for what is none."""
    position = 0
    try:
        while position < len(content):
            count, columns = _SIZES.unpack_from(content, position)
            position += _SIZES.size
            lengths = struct.unpack_from(f">{columns}I", content, position)
            position += 4 * columns
            packed = []
            for length in lengths:
                packed.append(content[position : position + length])
                position += length
            if position > len(content):
                raise ValueError(_CUT_OFF)
            yield ColumnBlock(count, tuple(packed))
    except struct.error as error:
        raise ValueError(_CUT_OFF) from error


def file_name(dataset: str) -> str:
    """Return the name of the file that has a data set's columns."""
    return f"columns/{dataset}.bin"
