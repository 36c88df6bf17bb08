"""Blocks with what they were made of, as they are kept: a head, and parts that it tells of.

While documents are made a spool holds the bytes. In memory remains of a block of some 16 subjects
what is asked for again and again: of each listing's rows their number, digest and place.
"""

import json
import struct
import zlib
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

from trial.deferred import dataclass
from trial.reporting.blocks import Block, PackedRows
from trial.reporting.spool import Packed, Span, Spans, Spool
from trial.store.encoding import subjects
from trial.subject.fold import Subject

_LENGTH = struct.Struct(">I")
_LEVEL = 1
_BESIDE = 3  # parts beside subjects and rows


@dataclass(frozen=True, slots=True)
class KeptBlock:
    """A block with the subjects that it was made from."""

    block: Block
    packed: Spans | Sequence[bytes]
    packed_verdicts: Packed
    """The marks of what subjects together decide that these depend on, a line a subject."""

    @classmethod
    def of(
        cls, block: Block, packed: Sequence[bytes], marks: Sequence[str], spool: Spool
    ) -> "KeptBlock":
        """Keep a block in a spool, with its subjects, packed, and of each its verdicts' marks."""
        in_memory = cls(block, packed, "\n".join(marks).encode())
        return cls.decode(block.ids, in_memory.encode(), spool)

    @property
    def verdicts(self) -> frozenset[str]:
        """The marks of what subjects together decide that these depend on."""
        return frozenset(bytes(self.packed_verdicts).decode().split())

    @property
    def marks(self) -> Sequence[str]:
        """Those of each subject."""
        return bytes(self.packed_verdicts).decode().split("\n")

    def subject(self, name: str) -> Subject:
        """Unpack one of the subjects."""
        return subjects.decode(Subject(name), bytes(self.packed[self.block.ids.index(name)]))

    def encode(self) -> bytes:
        """Write it: a head, and the parts that the head tells the lengths of."""
        block = self.block
        parts = [
            block.packed_root_lines, block.packed_facts, self.packed_verdicts, *self.packed
        ]  # fmt: skip
        rows = {}
        for name, packed_rows in block.rows.items():
            encoded = [*packed_rows.parts, packed_rows.packed_template]
            description = (packed_rows.count, packed_rows.digest, packed_rows.shape)
            rows[name] = [*description, *map(len, encoded)]
            parts += encoded
        head = {
            "last_contact": block.last_contact,
            "uncounted": block.uncounted,
            "parts": [len(part) for part in parts[:_BESIDE]],
            "packed": [len(body) for body in self.packed],
            "rows": rows,
        }
        text = zlib.compress(json.dumps(head).encode(), _LEVEL)
        return b"".join((_LENGTH.pack(len(text)), text, *map(bytes, parts)))

    @classmethod
    def decode(cls, ids: tuple[str, ...], content: bytes, spool: Spool) -> "KeptBlock":
        """Read the block of these subjects into a spool; its digest is known to be right."""
        (length,) = _LENGTH.unpack_from(content)
        start = _LENGTH.size + length
        head = json.loads(zlib.decompress(content[_LENGTH.size : start]))
        parts = Spans(spool, spool.add(content[start:]), head["parts"])
        packed = Spans(spool, parts.offset + sum(head["parts"]), array("I", head["packed"]))
        rows = _SpooledRows(head["rows"], spool, packed.offset + sum(head["packed"]))
        root_lines, facts, verdicts = parts
        block = Block(ids, head["last_contact"], head["uncounted"], root_lines, rows, facts)
        return cls(block, packed, verdicts)


_DESCRIPTION = struct.Struct(">I32s16s4IQIQ")
"""Of some rows in a spool: number, digest, shape, the lengths of the parts and where these begin,
and the length of the template, which has a place of its own."""
_NO_SHAPE = bytes(16)


class _SpooledRows(Mapping[str, PackedRows]):
    """The rows of a block by data set, each described in few bytes until it is asked for."""

    __slots__ = ("_descriptions", "_numbers", "_spool")

    def __init__(self, rows: Mapping[str, Sequence[Any]], spool: Spool, offset: int) -> None:
        self._numbers, self._spool = _numbered(tuple(rows)), spool
        self._descriptions = bytearray(len(rows) * _DESCRIPTION.size)
        for number, (count, digest, shape, *lengths) in enumerate(rows.values()):
            *parts, template = lengths
            template_offset = offset + sum(parts)
            _DESCRIPTION.pack_into(
                self._descriptions, number * _DESCRIPTION.size, count, bytes.fromhex(digest),
                bytes.fromhex(shape) or _NO_SHAPE, *parts, offset, template, template_offset,
            )  # fmt: skip
            offset = template_offset + template

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def __getitem__(self, name: str) -> PackedRows:
        number = self._numbers[name]
        count, digest, shape, *lengths, offset, template_length, template_offset = (
            _DESCRIPTION.unpack_from(self._descriptions, number * _DESCRIPTION.size)
        )
        parts = Spans(self._spool, offset, lengths)
        template = Span(self._spool, template_offset, template_length)
        shape_name = "" if shape == _NO_SHAPE else shape.hex()
        rows = _RowsInSpool(count, digest.hex(), parts, template, shape_name)
        rows.remember = partial(self._remember, number)
        return rows

    def _remember(self, number: int, shape: str, packed: bytes) -> None:
        """Describe other bytes of a template."""
        place = number * _DESCRIPTION.size
        count, digest, _, *parts, _, _ = _DESCRIPTION.unpack_from(self._descriptions, place)
        template = bytes.fromhex(shape), *parts, len(packed), self._spool.add(packed)
        _DESCRIPTION.pack_into(self._descriptions, place, count, digest, *template)


@lru_cache
def _numbered(names: tuple[str, ...]) -> Mapping[str, int]:
    """Return the places of data sets' names: all blocks of a study share them."""
    return {name: number for number, name in enumerate(names)}


class _RowsInSpool(PackedRows):
    """Rows as they are described when they are asked for; a new template is kept in the spool."""

    remember: Callable[[str, bytes], None]

    def remember_template(self, shape: str, packed: bytes) -> None:
        """Keep a template for a sheet of some shape."""
        super().remember_template(shape, packed)
        self.remember(shape, packed)
