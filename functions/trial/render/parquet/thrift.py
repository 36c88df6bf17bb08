"""Structures in Thrift's compact protocol: what the headers and the footer of Parquet are in."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

_SHORT_LIST = 15
_MORE = 0x80


class Encoded(NamedTuple):
    """A value as it is written, and the protocol's number for its type."""

    type: int
    content: bytes


def varint(number: int) -> bytes:
    """Write a number that is not negative, seven bits a byte, the lowest first."""
    if number < _MORE:
        return bytes((number,))
    content = bytearray()
    while number >= _MORE:
        content.append(number % _MORE | _MORE)
        number //= _MORE
    content.append(number)
    return bytes(content)


def _zigzag(number: int) -> bytes:
    return varint(2 * number if number >= 0 else -2 * number - 1)


def i16(number: int) -> Encoded:
    """Write a number of 16 bits."""
    return Encoded(4, _zigzag(number))


def i32(number: int) -> Encoded:
    """Write a number of 32 bits."""
    return Encoded(5, _zigzag(number))


def i64(number: int) -> Encoded:
    """Write a number of 64 bits."""
    return Encoded(6, _zigzag(number))


def binary(content: bytes) -> Encoded:
    """Write bytes, or a text in UTF-8."""
    return Encoded(8, varint(len(content)) + content)


def array(items: Sequence[Encoded]) -> Encoded:
    """Write a list of values of one type; one of none is of structures."""
    kind = items[0].type if items else _STRUCT
    size = len(items)
    head = (
        bytes((size << 4 | kind,)) if size < _SHORT_LIST else bytes((0xF0 | kind,)) + varint(size)
    )
    return Encoded(9, head + b"".join(item.content for item in items))


def struct(fields: Mapping[int, Encoded | None]) -> Encoded:
    """Write a structure: its fields by their numbers, which ascend; what is None is left out."""
    content, last = bytearray(), 0
    for number, field in fields.items():
        if field is not None:
            content.append((number - last) << 4 | field.type)
            content += field.content
            last = number
    content.append(0)
    return Encoded(_STRUCT, bytes(content))


_STRUCT = 12
EMPTY = struct({})
