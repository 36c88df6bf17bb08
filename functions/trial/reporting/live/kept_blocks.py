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
from typing import Any, NamedTuple

from trial.deferred import dataclass
from trial.reporting.blocks import Block, PackedRows
from trial.reporting.spool import Packed, Span, Spans, Spool
from trial.store.encoding import subjects
from trial.subject.fold import Subject

_LENGTH = struct.Struct(">I")
_LEVEL = 1


@dataclass(frozen=True, slots=True)
class KeptBlock:
    """A block with the subjects that it was made from."""

    block: Block
    packed: Spans | Sequence[bytes]
    packed_verdicts: Packed
    """The marks of what subjects together decide that these depend on."""

    @classmethod
    def of(
        cls, block: Block, people: Sequence[Subject], verdicts: frozenset[str], spool: Spool
    ) -> "KeptBlock":
        """Keep a block in a spool, with its subjects and the verdicts that it depends on."""
        packed = tuple(map(subjects.encode, people))
        in_memory = cls(block, packed, " ".join(sorted(verdicts)).encode())
        return cls.decode(block.ids, in_memory.encode(), spool)

    @property
    def verdicts(self) -> frozenset[str]:
        """The marks of what subjects together decide that these depend on."""
        return frozenset(bytes(self.packed_verdicts).decode().split())

    def subject(self, name: str) -> Subject:
        """Unpack one of the subjects."""
        return subjects.decode(Subject(name), bytes(self.packed[self.block.ids.index(name)]))

    def encode(self) -> bytes:
        """Write it: a head, and the parts that the head tells the lengths of."""
        block = self.block
        parts = [block.packed_root_lines, self.packed_verdicts, *self.packed]
        rows = {}
        for name, packed_rows in block.rows.items():
            encoded = (
                packed_rows.packed_values, packed_rows.packed_lines, packed_rows.packed_pages,
                packed_rows.packed_columns, packed_rows.packed_template,
            )  # fmt: skip
            description = (packed_rows.count, packed_rows.digest, packed_rows.shape)
            rows[name] = [*description, *map(len, encoded)]
            parts += encoded
        head = {
            "last_contact": block.last_contact,
            "uncounted": block.uncounted,
            "root_lines": len(block.packed_root_lines),
            "verdicts": len(self.packed_verdicts),
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
        offset = spool.add(content[start:])
        root_lines, verdicts, lengths = head["root_lines"], head["verdicts"], head["packed"]
        packed = Spans(spool, offset + root_lines + verdicts, array("I", lengths))
        rows = _SpooledRows(head["rows"], spool, packed.offset + sum(lengths))
        block = Block(
            ids, head["last_contact"], head["uncounted"], Span(spool, offset, root_lines), rows
        )
        return cls(block, packed, Span(spool, offset + root_lines, verdicts))


class _Description(NamedTuple):
    """What is known of some rows in a spool: lengths are those of their parts, in that order."""

    rows: int
    digest: bytes
    shape: bytes
    values: int
    lines: int
    pages: int
    columns: int
    template: int
    offset: int
    template_offset: int


_DESCRIPTION = struct.Struct(">I32s16s5IQQ")
_NO_SHAPE = bytes(16)


class _SpooledRows(Mapping[str, PackedRows]):
    """The rows of a block by data set, each described in few bytes until it is asked for."""

    __slots__ = ("_descriptions", "_numbers", "_spool")

    def __init__(self, rows: Mapping[str, Sequence[Any]], spool: Spool, offset: int) -> None:
        self._numbers, self._spool = _numbered(tuple(rows)), spool
        self._descriptions = bytearray(len(rows) * _DESCRIPTION.size)
        for number, (count, digest, shape, *lengths) in enumerate(rows.values()):
            values, lines, pages, columns, template = lengths
            template_offset = offset + values + lines + pages + columns
            description = _Description(
                count, bytes.fromhex(digest), bytes.fromhex(shape) or _NO_SHAPE,
                values, lines, pages, columns, template, offset, template_offset,
            )  # fmt: skip
            self._describe(number, description)
            offset = template_offset + template

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def __getitem__(self, name: str) -> PackedRows:
        number = self._numbers[name]
        known = self._description(number)
        shape = "" if known.shape == _NO_SHAPE else known.shape.hex()
        template = Span(self._spool, known.template_offset, known.template)
        lengths = known.values, known.lines, known.pages, known.columns
        parts = Spans(self._spool, known.offset, lengths)
        rows = known.rows, known.digest.hex(), *parts, template, shape
        return _RowsInSpool(partial(self._remember, number), *rows)

    def _remember(self, number: int, shape: str, packed: bytes) -> None:
        template = self._spool.add(packed)
        description = self._description(number)._replace(
            shape=bytes.fromhex(shape), template=len(packed), template_offset=template
        )
        self._describe(number, description)

    def _description(self, number: int) -> _Description:
        place = number * _DESCRIPTION.size
        return _Description(*_DESCRIPTION.unpack_from(self._descriptions, place))

    def _describe(self, number: int, description: _Description) -> None:
        _DESCRIPTION.pack_into(self._descriptions, number * _DESCRIPTION.size, *description)


@lru_cache
def _numbered(names: tuple[str, ...]) -> Mapping[str, int]:
    """Return the places of data sets' names: all blocks of a study share them."""
    return {name: number for number, name in enumerate(names)}


class _RowsInSpool(PackedRows):
    """Rows as they are described when they are asked for; a new template is kept in the spool."""

    def __init__(self, remember: Callable[[str, bytes], None], *rows: Any) -> None:  # noqa: ANN401 (a description)
        super().__init__(*rows)
        self._remember = remember

    def remember_template(self, shape: str, packed: bytes) -> None:
        """Keep a template for a sheet of some shape."""
        super().remember_template(shape, packed)
        self._remember(shape, packed)
